"""Rules that AWS gives in prose only: in the documentation of the members they are about."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from constructs_lib.findings import Path, Problem
from constructs_lib.language.expressions import find_objects, known_text, text_fragments
from constructs_lib.language.steps import DefinitionStep
from constructs_lib.linter.pipeline import DefinitionParts, entries_by_name
from constructs_lib.linter.step_types import STEP_TYPES
from constructs_lib.service_model.environments import MOST_BYTES, size_bytes
from constructs_lib.service_model.instances import has_local_storage

_ARCHIVE_MEMBERS: Final = ("ModelDataUrl", "SamplePayloadUrl")
_IMAGE_MEMBERS: Final = ("Image", "ImageUri", "TrainingImage")
_ECR_IMAGE: Final = re.compile(r"\d{12}\.dkr\.ecr\.(?P<region>[a-z0-9-]+)\.amazonaws\.com.*")


def prose_rule_problems(pipeline: DefinitionParts) -> Iterator[Problem]:
    """Check storage keys, archives, environments and images of the steps that call SageMaker."""
    steps = [step for step in pipeline.steps if _calls_sagemaker(step)]
    for step in steps:
        for path, value in _arguments(step):
            yield from _storage_key_problems(value, path)
            yield from _archive_problems(value, path)
        if step.type_name == "Model":
            yield from _environment_problems(step)
    yield from _image_region_problems(steps)


def _calls_sagemaker(step: DefinitionStep) -> bool:
    return step.type_name in STEP_TYPES and bool(STEP_TYPES[step.type_name].create)


def _arguments(step: DefinitionStep) -> Iterator[tuple[Path, Mapping[str, Any]]]:
    """Find the objects in a step's arguments."""
    return find_objects(step.arguments, (*step.path, "Arguments"))


def _storage_key_problems(value: Mapping[str, Any], path: Path) -> Iterator[Problem]:
    """No ``VolumeKmsKeyId`` beside an instance type with local storage.

    Source: ``VolumeKmsKeyId`` of ProcessingClusterConfig, ResourceConfig and TransformResources.
    """
    if "VolumeKmsKeyId" not in value:
        return
    groups = entries_by_name(value.get("InstanceGroups"), "InstanceType")
    for instance_type in (value.get("InstanceType"), *groups):
        if isinstance(instance_type, str) and has_local_storage(instance_type):
            message = (
                f"{instance_type} has local storage, which is encrypted in hardware; "
                "SageMaker takes no VolumeKmsKeyId for it: leave it out"
            )
            yield Problem((*path, "VolumeKmsKeyId"), message, value["VolumeKmsKeyId"])


def _archive_problems(value: Mapping[str, Any], path: Path) -> Iterator[Problem]:
    """Models and sample payloads are single ``.tar.gz`` archives.

    Source: ``ModelDataUrl`` of ContainerDefinition, ``SamplePayloadUrl`` of CreateModelPackage.
    """
    for member in _ARCHIVE_MEMBERS:
        text = text_fragments(value.get(member, ".tar.gz"))
        if text[-1:] != (None,) and not known_text(text).endswith(".tar.gz"):
            message = f"is {known_text(text)!r}; {member} has to end in .tar.gz"
            yield Problem((*path, member), message, value[member])


def _environment_problems(step: DefinitionStep) -> Iterator[Problem]:
    """Check that the environments of all containers of a model have at most 32 KB.

    Source: ``Environment`` of ContainerDefinition.
    """
    environments = [
        value["Environment"]
        for _, value in _arguments(step)
        if isinstance(value.get("Environment"), Mapping)
    ]
    size = size_bytes(
        known_text(text_fragments(text), "")
        for environment in environments
        for entry in environment.items()
        for text in entry
    )
    if size > MOST_BYTES:
        message = (
            f"the containers' environments have {size} bytes; "
            f"all of a model's have at most {MOST_BYTES}"
        )
        yield Problem((*step.path, "Arguments"), message, size)


def _image_region_problems(steps: Sequence[DefinitionStep]) -> Iterator[Problem]:
    """All steps run in the pipeline's region, and take images from the ECR of that region.

    Source: ``Image`` of ContainerDefinition.
    """
    images = [image for step in steps for image in _find_images(step)]
    regions = Counter(region for _, _, region in images)
    for path, image, region in images:
        [(most_used, _)] = regions.most_common(1)
        if region != most_used:
            message = f"is in {region}; other images of this pipeline are in {most_used}"
            yield Problem(path, message, image)


def _find_images(step: DefinitionStep) -> Iterator[tuple[Path, str, str]]:
    """Find the images in ECR: path, URI and region."""
    for path, value in _arguments(step):
        for member in _IMAGE_MEMBERS:
            image = value.get(member)
            match = _ECR_IMAGE.fullmatch(image) if isinstance(image, str) else None
            if match is not None:
                yield (*path, member), match.string, match["region"]
