"""What every serving container is asked for, and what most of them answer alike."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, ClassVar, Final

from constructs_lib.configs import PytorchModelCreationConfig
from constructs_lib.configs.serving import WORKERS_VARIABLE, Contract, ServingContainer
from constructs_lib.service_model.instances import is_arm64
from constructs_lib.serving.images import (
    ImageCriteria,
    ImageError,
    InstanceTypeImageError,
    refuse_accelerator,
)

PORT: Final = 8080
"""Where SageMaker asks ``/ping`` and ``/invocations``.

Source: SageMaker Developer Guide, "Custom Inference Code with Hosting Services".
"""
_TYPE: Final = "model.inference_instance_type"


@dataclass(frozen=True)
class ServingProfile(ABC):
    """One kind of serving container, for one model's settings."""

    model: PytorchModelCreationConfig

    name: ClassVar[ServingContainer]
    title: ClassVar[str]
    """As messages call it."""
    modules: ClassVar[frozenset[str]]
    """What code can import there, beside Python's own and what it brings; as far as is known."""
    knows_all_modules: ClassVar[bool] = False
    """Whether nothing else can be imported there."""
    loaded_before: ClassVar[frozenset[str]] = frozenset()
    """Modules that its server has loaded before the code: files of these names are not imported."""
    has_numpy_2: ClassVar[bool] = False
    """Whether it is known to have a numpy without what version 2 has removed."""
    installs_requirements: ClassVar[bool] = True
    """Whether its start runs ``pip install`` for ``code/requirements.txt`` and ends if it fails."""

    @property
    @abstractmethod
    def entrypoint(self) -> tuple[str, ...]:
        """The command that starts the server in the container, its argument ``serve`` included."""

    @abstractmethod
    def image(self, region: str, instance_type: str) -> str | ImageCriteria:
        """Return the image for an AWS region and instance type, or what to look up in AWS's tables.

        Raises:
            ImageError: There is none.
        """

    def missing_images(self, regions: Iterable[str]) -> ImageError | None:  # noqa: ARG002
        """Return the error for AWS regions that have no image, if the config has to name them.

        Where AWS publishes images, its tables tell of each.
        """
        return None

    @property
    def entry_point(self) -> str | None:
        """The file that the inference code has to have at its root; None if it needs none."""
        return self.model.inference_entry_point

    @property
    def contract(self) -> Contract:
        """How it serves: by the functions of the inference script, or in its own way."""
        return "handlers"

    @property
    def python(self) -> tuple[int, int]:
        """The version of its Python."""
        version = self.model.py_version
        return int(version[2:3]), int(version[3:] or 0)

    @property
    def packaging_arguments(self) -> tuple[str, ...]:
        """What Package is told, so that the archive has all that this container looks for."""
        return ()

    @property
    def is_told_to_the_job(self) -> bool:
        """Whether verification has to know of it: what it takes by itself is PyTorch's."""
        return True

    def digest(self, region: str) -> str | None:
        """Return the digest that the image is pinned to in an AWS region, if it is."""
        return (self.model.serving_image_digests or {}).get(region)

    def environment(self, region: str) -> dict[str, str]:
        """Return the environment of the container in an AWS region."""
        environment = self.model.container_environment(region)
        if self.model.model_server_workers is not None:
            environment[WORKERS_VARIABLE] = str(self.model.model_server_workers)
        return dict(sorted(environment.items()))

    def facts(self) -> dict[str, Any] | None:
        """Return the section ``serving`` of the registration file, which verification reads.

        None for the container that it takes without one.
        """
        if not self.is_told_to_the_job:
            return None
        return {
            "container": self.name,
            "contract": self.contract,
            "entrypoint": list(self.entrypoint),
            "port": PORT,
            "workers": self.model.model_server_workers,
        }

    def inference_ami_version(self, instance_type: str) -> str | None:  # noqa: ARG002
        """Return the machine image that an endpoint of that type needs, if not the default one."""
        return None

    def _refuse_all_but_x86(self, instance_type: str) -> None:
        """Refuse a type of another processor or with an accelerator, by name."""
        refuse_accelerator(instance_type, self.title, _TYPE)
        if is_arm64(instance_type):
            raise InstanceTypeImageError(
                f"{instance_type} has processors of arm64 (Graviton); {self.title},"
                f' serving_container "{self.name}", are of x86 only. Choose a type of x86, such as'
                ' ml.m5.large or ml.g5.xlarge, or serve with serving_container "pytorch", which has'
                " images of arm64 for CPUs.",
                _TYPE,
            )
