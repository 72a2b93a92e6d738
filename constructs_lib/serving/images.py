"""How an image is named: by what AWS's tables are asked, or by a digest."""

from __future__ import annotations

from dataclasses import dataclass, field

from constructs_lib.errors import ReleaseError
from constructs_lib.service_model.instances import accelerator


class ImageError(ReleaseError):
    """What a config asks for has no container image."""

    def __init__(self, message: str, field: str) -> None:
        """Say why, and which field of which section would change it."""
        super().__init__(message)
        self.field = field


class ImageNotFoundError(ImageError):
    """No container image exists for the configured versions, or none for the region."""


class InstanceTypeImageError(ImageError):
    """Instance types that the containers do not run on, or not all of them the same."""


@dataclass(frozen=True, kw_only=True)
class ImageCriteria:
    """What the SDK's tables of images are asked for; names are those of ``image_uris.retrieve``."""

    framework: str
    region: str
    version: str
    instance_type: str
    image_scope: str = "inference"
    py_version: str | None = None
    base_framework_version: str | None = None
    version_field: str = field(default="model.framework_version", compare=False)
    """The config's field that ``version`` is from."""
    py_version_field: str = field(default="model.py_version", compare=False)
    base_version_field: str = field(default="model.framework_version", compare=False)


def refuse_accelerator(instance_type: str, containers: str, field_of_type: str) -> None:
    """Refuse a type for which the SDK would name an image that does not run there.

    Source: AWS Deep Learning Containers, "Available images". Those for Neuron are for training in
    the SDK's table, whatever is asked for.

    Args:
        instance_type: An ``ml.`` instance type.
        containers: The containers, as the message calls them.
        field_of_type: The config's field that gives the type.

    Raises:
        InstanceTypeImageError: It has an accelerator that is no GPU.
    """
    if (found := accelerator(instance_type)) is not None:
        raise InstanceTypeImageError(
            f"{containers} do not run on {instance_type}, which has {found}: for AWS"
            " Inferentia and AWS Trainium, AWS offers Neuron containers, which take models compiled"
            " with torch-neuronx; this app releases models of plain PyTorch. Choose a type with"
            " CPUs, such as ml.m5.large, or with GPUs, such as ml.g5.xlarge.",
            field_of_type,
        )


def by_digest(image: str, digest: str | None) -> str:
    """Name the image by a digest, if one is given, instead of by its tag.

    SageMaker takes either (API reference, ContainerDefinition).
    """
    if digest is None:
        return image
    registry, _, repository = image.partition("/")
    return f"{registry}/{repository.partition(':')[0]}@{digest}"
