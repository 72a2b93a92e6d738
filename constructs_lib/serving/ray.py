"""AWS's Ray Serve container, the one that AWS offers after those with TorchServe.

Source: github.com/aws/deep-learning-containers at e0ecede (2026-08-21): docker/ray/Dockerfile.cpu
(ENTRYPOINT), scripts/docker/ray/sagemaker_entrypoint.sh (installs ``code/requirements.txt``, ends
when that fails, then serves ``config.yaml`` of the model's folder), docker/ray/pyproject.toml.
"""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar, Final

from constructs_lib.configs.model import VARIABLE_OF_TORCHSERVE
from constructs_lib.configs.serving import ServingContainer
from constructs_lib.jobs.ray_serving.layout import MODULES
from constructs_lib.jobs.verify_model.failures import IN_RAYS_CONTAINER
from constructs_lib.service_model.instances import has_gpu
from constructs_lib.serving.images import ImageCriteria
from constructs_lib.serving.profile import ServingProfile

_GPU_AMI: Final = "al2-ami-sagemaker-inference-gpu-3-1"
_VERSION: Final = "1.4"
"""Of the container, as the SDK's table has it: the versions in it belong to this one."""


class RayProfile(ServingProfile):
    """Ray Serve, which runs an adapter that calls the functions of the inference script."""

    name: ClassVar[ServingContainer] = "ray"
    title: ClassVar[str] = "the containers of Ray Serve"
    modules: ClassVar[frozenset[str]] = IN_RAYS_CONTAINER
    knows_all_modules: ClassVar[bool] = True
    has_numpy_2: ClassVar[bool] = True
    loaded_before: ClassVar[frozenset[str]] = frozenset(
        ["ray", "starlette", *(Path(name).stem for name in MODULES)]
    )

    @property
    def entrypoint(self) -> tuple[str, ...]:
        """Source: see the module."""
        return ("/usr/local/bin/sagemaker_entrypoint.sh", "serve")

    def image(self, region: str, instance_type: str) -> ImageCriteria:
        """Look it up by its own version."""
        self._refuse_all_but_x86(instance_type)
        return ImageCriteria(
            framework="ray-serve",
            region=region,
            version=_VERSION,
            instance_type=instance_type,
            version_field="model.serving_container",
        )

    def inference_ami_version(self, instance_type: str) -> str | None:
        """Return the image with the driver that the container's CUDA needs.

        Source: AWS Deep Learning Containers, Ray Serve on SageMaker: a GPU endpoint is created with
        ``InferenceAmiVersion`` ``al2-ami-sagemaker-inference-gpu-3-1``.
        """
        return _GPU_AMI if has_gpu(instance_type) else None

    @property
    def packaging_arguments(self) -> tuple[str, ...]:
        """Let Package put the adapter and its configuration beside ``code/``."""
        workers = self.model.model_server_workers
        return (
            *("--serving", self.name),
            *(("--serving-workers", str(workers)) if workers is not None else ()),
        )

    def environment(self, region: str) -> dict[str, str]:
        """Return it without what only TorchServe reads; workers are in the configuration file."""
        environment = self.model.container_environment(region)
        del environment[VARIABLE_OF_TORCHSERVE]
        return environment
