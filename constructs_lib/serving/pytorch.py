"""AWS's PyTorch inference containers, which serve with TorchServe.

Source: github.com/aws/deep-learning-containers, pytorch/inference/docker/2.6/py3/Dockerfile.cpu
(ENTRYPOINT, stage sagemaker); sagemaker_inference, model_server.py: the start installs
``code/requirements.txt``, and ends when that fails. TorchServe, docs/configuration.md: by default
one worker per GPU, else one per CPU.
"""

from __future__ import annotations

from typing import ClassVar, Final, Literal

from constructs_lib.configs.serving import ServingContainer
from constructs_lib.service_model.instances import has_gpu, is_arm64
from constructs_lib.serving.contents import MODULES_OF_PYTORCH
from constructs_lib.serving.images import (
    ImageCriteria,
    InstanceTypeImageError,
    refuse_accelerator,
)
from constructs_lib.serving.profile import ServingProfile

DOCKERD_ENTRYPOINT: Final = ("python", "/usr/local/bin/dockerd-entrypoint.py", "serve")
"""Of AWS's containers with the serving toolkit in them."""

Scope = Literal["inference", "training"]
_SECTIONS: Final = {"inference": "model", "training": "training"}


def pytorch_criteria(
    *, region: str, framework_version: str, py_version: str, instance_type: str, scope: Scope
) -> ImageCriteria:
    """Return what AWS's tables of PyTorch containers are asked for.

    Args:
        region: AWS region, for example ``eu-west-1``.
        framework_version: PyTorch version, for example ``2.1.0``.
        py_version: Python of the container, for example ``py310``.
        instance_type: Decides between the images for CPU, for GPU and for arm64.
        scope: What the container does.

    Raises:
        InstanceTypeImageError: AWS publishes no image of PyTorch for that instance type.
    """
    section = _SECTIONS[scope]
    type_field = f"{section}.{scope}_instance_type"
    refuse_accelerator(instance_type, PytorchProfile.title, type_field)
    if is_arm64(instance_type) and (has_gpu(instance_type) or scope == "training"):
        what = "training" if scope == "training" else "types with both arm64 and GPUs"
        raise InstanceTypeImageError(
            f"{instance_type} has processors of arm64; AWS publishes PyTorch containers of arm64"
            f" for inference on CPUs, none for {what}. Choose a type of x86, such as ml.m5.large or"
            " ml.g5.xlarge.",
            type_field,
        )
    return ImageCriteria(
        framework="pytorch",
        region=region,
        version=framework_version,
        py_version=py_version,
        instance_type=instance_type,
        # By itself the SDK finds it for the first generations of Graviton only.
        image_scope="inference_graviton" if is_arm64(instance_type) else scope,
        version_field=f"{section}.framework_version",
        py_version_field=f"{section}.py_version",
    )


class PytorchProfile(ServingProfile):
    """PyTorch with TorchServe; on Graviton too."""

    name: ClassVar[ServingContainer] = "pytorch"
    title: ClassVar[str] = "PyTorch's containers"
    modules: ClassVar[frozenset[str]] = MODULES_OF_PYTORCH

    @property
    def entrypoint(self) -> tuple[str, ...]:
        """Source: see the module."""
        return DOCKERD_ENTRYPOINT

    @property
    def is_told_to_the_job(self) -> bool:
        """Only what is not as it has always been: files of before stay byte by byte the same."""
        return self.model.model_server_workers is not None

    def image(self, region: str, instance_type: str) -> ImageCriteria:
        """Look it up by the versions of PyTorch and Python."""
        return pytorch_criteria(
            region=region,
            framework_version=self.model.framework_version,
            py_version=self.model.py_version,
            instance_type=instance_type,
            scope="inference",
        )
