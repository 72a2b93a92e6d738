"""AWS's Hugging Face containers of PyTorch, for the versions of transformers in the SDK's table.

Source: github.com/aws/deep-learning-containers, huggingface/pytorch/inference/docker/2.6/py3/
Dockerfile.cpu (ENTRYPOINT and CMD). The server is Multi Model Server, started by a toolkit that
installs ``code/requirements.txt``, and ends when that fails.
"""

from __future__ import annotations

from typing import ClassVar

from constructs_lib.configs.serving import ServingContainer
from constructs_lib.serving.contents import MODULES_OF_PYTORCH
from constructs_lib.serving.images import ImageCriteria
from constructs_lib.serving.profile import ServingProfile
from constructs_lib.serving.pytorch import DOCKERD_ENTRYPOINT


class HuggingFaceProfile(ServingProfile):
    """PyTorch and transformers."""

    name: ClassVar[ServingContainer] = "huggingface"
    title: ClassVar[str] = "the containers of Hugging Face"
    modules: ClassVar[frozenset[str]] = frozenset({*MODULES_OF_PYTORCH, "transformers"})

    @property
    def entrypoint(self) -> tuple[str, ...]:
        """Source: see the module."""
        return DOCKERD_ENTRYPOINT

    def image(self, region: str, instance_type: str) -> ImageCriteria:
        """Look it up by the versions of transformers, PyTorch and Python."""
        self._refuse_all_but_x86(instance_type)
        assert self.model.transformers_version is not None  # noqa: S101 for mypy: the config's rule
        return ImageCriteria(
            framework="huggingface",
            region=region,
            version=self.model.transformers_version,
            base_framework_version=f"pytorch{self.model.framework_version}",
            py_version=self.model.py_version,
            instance_type=instance_type,
            version_field="model.transformers_version",
        )
