"""The settings of the container that serves a model: which one, and what a container can be told.

What a container is, its profile says (``constructs_lib/serving/``).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal

from pydantic import AfterValidator, Field

from constructs_lib.confinement.versions import RAY_CONTAINER_PYTHON, RAY_CONTAINER_TORCH
from constructs_lib.fields.rules import TextRule, broken_rule, broken_rules, shown
from constructs_lib.suggestions import suggestion

if TYPE_CHECKING:
    from constructs_lib.configs.model import PytorchModelCreationConfig

ServingContainer = Literal["pytorch", "ray", "huggingface", "custom"]
"""The profiles; older files, which name none, mean the first."""
Contract = Literal["handlers", "http"]

_REGION: Final = r"[a-z]{2,4}(-[a-z]+)+-[0-9]"
_DIGEST: Final = r"sha256:[0-9a-f]{64}"
_REGISTRY: Final = re.compile(r"[0-9]{12}\.dkr\.ecr\.(?P<region>[a-z0-9-]+)\.")
# https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_ContainerDefinition.html, Image:
# the container's image has to be in the Region of the model.
_IMAGE: Final = rf"[0-9]{{12}}\.dkr\.ecr\.{_REGION}\.amazonaws\.com/[a-z0-9][a-z0-9._/-]*@{_DIGEST}"

LONGEST_IMAGE: Final = 255
MOST_WORDS: Final = 100
LONGEST_WORD: Final = 256
"""Service model: ContainerImage, ContainerEntrypoint, ContainerEntrypointString."""

AwsRegionName = Annotated[str, TextRule(_REGION, 'an AWS region, for example "us-east-1"')]
ImageDigest = Annotated[
    str, TextRule(_DIGEST, "the digest of an image: sha256: and 64 hexadecimal digits")
]


def _refuse_tag(image: str) -> str:
    """Refuse a tag beside a digest, which Docker takes.

    Source: SageMaker API reference, ContainerDefinition: ``[:tag]`` or ``[@digest]``.
    """
    name, _, digest = image.partition("@")
    if digest and ":" in name.rpartition("/")[2]:
        raise broken_rule(
            "has a tag and a digest, and SageMaker takes one of them: leave the tag out"
        )
    return image


ImageByDigest = Annotated[
    str,
    AfterValidator(_refuse_tag),
    TextRule(
        _IMAGE,
        "an image in Amazon ECR by its digest, such as"
        ' "111122223333.dkr.ecr.us-east-1.amazonaws.com/my-server@sha256:…" (64 digits)',
    ),
]


def _of_known_regions(by_region: dict[str, str]) -> dict[str, str]:
    """Refuse AWS regions that there are not: what they are given would be used nowhere."""
    # Here: it takes botocore's tables, which most configs do not need.
    from constructs_lib.regions.tables import sagemaker_regions

    known = sagemaker_regions()
    wrong = [
        ((region,), value, f"is for no AWS region with SageMaker.{suggestion(region, known)}")
        for region, value in by_region.items()
        if region not in known
    ]
    if wrong:
        raise broken_rules("regions", wrong)
    return by_region


def _check_images(images: dict[str, str]) -> dict[str, str]:
    wrong = list[tuple[tuple[str | int, ...], object, str]]()
    for region, image in _of_known_regions(images).items():
        registry = _REGISTRY.match(image)
        if registry and registry["region"] != region:
            wrong.append(
                (
                    (region,),
                    image,
                    f"is in {registry['region']}: SageMaker takes an image from the region of the"
                    f" model, so replicate it to {region}, and name that one",
                )
            )
        elif len(image) > LONGEST_IMAGE:
            wrong.append(((region,), image, f"is longer than {LONGEST_IMAGE} characters"))
    if wrong:
        raise broken_rules("images", wrong)
    return images


Images = Annotated[
    dict[AwsRegionName, ImageByDigest], Field(min_length=1), AfterValidator(_check_images)
]
Digests = Annotated[
    dict[AwsRegionName, ImageDigest], Field(min_length=1), AfterValidator(_of_known_regions)
]
Entrypoint = Annotated[
    list[Annotated[str, Field(min_length=1, max_length=LONGEST_WORD)]],
    Field(min_length=1, max_length=MOST_WORDS),
]

OF_CUSTOM: Final = ("serving_images", "serving_entrypoint", "serving_contract")
_NEEDED_BY_CUSTOM: Final = ("serving_images", "serving_entrypoint")
VERSIONS_OF_RAY: Final = {
    "framework_version": RAY_CONTAINER_TORCH,
    "py_version": RAY_CONTAINER_PYTHON,
}
WORKERS_VARIABLE: Final = "SAGEMAKER_MODEL_SERVER_WORKERS"
"""What the serving toolkit reads; a config may also give it by itself."""


def with_versions_of_container(fields: Any) -> Any:
    """Add the versions that a container has by itself, where a file gives none."""
    if isinstance(fields, Mapping) and fields.get("serving_container") == "ray":
        return {**VERSIONS_OF_RAY, **fields}
    return fields


def check_serving(model: PytorchModelCreationConfig) -> None:
    """Refuse settings that do not go together with the serving container.

    Raises:
        ValidationError: Tells each, at its field.
    """
    if wrong := [((name,), value, message) for name, value, message in _wrong(model)]:
        raise broken_rules(type(model).__name__, wrong)


def _wrong(model: PytorchModelCreationConfig) -> Iterator[tuple[str, Any, str]]:
    container = model.serving_container
    if container == "custom":
        yield from _wrong_of_custom(model)
    else:
        yield from (
            (name, getattr(model, name), f'is for serving_container "custom", not {container!r}')
            for name in OF_CUSTOM
            if getattr(model, name) is not None
        )
    if container == "ray":
        yield from _versions_that_ray_lacks(model)
        yield from _workers_of_torchserve(model)
    if (model.transformers_version is not None) != (container == "huggingface"):
        message = 'is for serving_container "huggingface" only: leave it out'
        if container == "huggingface":
            message = 'is required for serving_container "huggingface", for example "4.51.3"'
        yield "transformers_version", model.transformers_version, message
    variables: Mapping[str, str] = model.environment_variables or {}
    if model.model_server_workers is not None and WORKERS_VARIABLE in variables:
        yield (
            "model_server_workers",
            model.model_server_workers,
            f"says the same as {WORKERS_VARIABLE} in environment_variables: leave that one out",
        )


def _wrong_of_custom(model: PytorchModelCreationConfig) -> Iterator[tuple[str, Any, str]]:
    if not re.fullmatch(r"py3\d+", model.py_version):
        message = 'is the Python of your own image, written as "py312" for 3.12'
        yield "py_version", model.py_version, message
    for name in _NEEDED_BY_CUSTOM:
        if getattr(model, name) is None:
            yield name, None, 'is required for serving_container "custom"'
    if model.serving_image_digests is not None:
        message = "is for the other containers: the images of serving_images have their digests"
        yield "serving_image_digests", model.serving_image_digests, message


def _workers_of_torchserve(model: PytorchModelCreationConfig) -> Iterator[tuple[str, Any, str]]:
    variables = model.environment_variables or {}
    for name in (WORKERS_VARIABLE, "SAGEMAKER_TS_MAX_WORKERS"):
        if name in variables:
            message = (
                f"sets the workers of TorchServe with {name}: set model_server_workers instead"
            )
            yield "environment_variables", variables, message


def _versions_that_ray_lacks(
    model: PytorchModelCreationConfig,
) -> Iterator[tuple[str, Any, str]]:
    for name, its_version in VERSIONS_OF_RAY.items():
        value = getattr(model, name)
        if value != its_version:
            yield (
                name,
                value,
                f'is not what serving_container "ray" has: set it to {shown(its_version)} or leave'
                " it out (in PytorchModel alone, where a training section needs another)",
            )
