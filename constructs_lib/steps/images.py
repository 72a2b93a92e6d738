"""Container images by region, from the SDK's tables (no network)."""

from __future__ import annotations

import re
from functools import cache
from typing import Final

from constructs_lib.configs import PipelineConfigs, PytorchModelCreationConfig
from constructs_lib.serving import serving_profile
from constructs_lib.serving.images import (
    ImageCriteria,
    ImageNotFoundError,
    InstanceTypeImageError,
    by_digest,
)
from constructs_lib.steps.sdk import image_uri

_MANY: Final = 12
_TYPE_OF_ENDPOINT: Final = "endpoint.instance_type"


def serving_image(model: PytorchModelCreationConfig, region: str) -> str:
    """Return the URI of the container that serves the model in an AWS region.

    By its digest, where the config pins one.

    Raises:
        ImageNotFoundError: There is no image of these versions, or none for the region.
        InstanceTypeImageError: There is no image for the type that serves.
    """
    image = image_on(model.inference_instance_type, model, region)
    return by_digest(image, serving_profile(model).digest(region))


def registered_image(configs: PipelineConfigs, region: str) -> str:
    """Return the URI of the container that is registered for an AWS region.

    A model package names one container for all the instance types that it supports.

    Raises:
        ImageNotFoundError: AWS publishes no image of these versions.
        InstanceTypeImageError: AWS publishes no image for one of the types, or not the same.
    """
    _refuse_other_images(configs, region)
    _refuse_other_image_of_endpoint(configs, region)
    return serving_image(configs.model, region)


def _refuse_other_images(configs: PipelineConfigs, region: str) -> None:
    image = image_on(configs.model.inference_instance_type, configs.model, region)
    types = configs.payload.inference_instance_types or ()
    others = {name: image_on(name, configs.model, region) for name in types}
    listed = ", ".join(f"{name} runs {other}" for name, other in others.items() if other != image)
    if listed:
        raise InstanceTypeImageError(
            "A model is registered with one container for all inference_instance_types of Payload."
            f" {configs.model.inference_instance_type}, the inference_instance_type of"
            f" PytorchModel, runs {image}; {listed}. Remove those types, or serve the"
            " model on them from a pipeline of their own.",
            "payload.inference_instance_types",
        )


def _refuse_other_image_of_endpoint(configs: PipelineConfigs, region: str) -> None:
    registered_for = configs.model.inference_instance_type
    instance_type = configs.endpoint.instance_type if configs.endpoint else None
    if instance_type is None or instance_type == registered_for:
        return
    try:
        image = image_on(instance_type, configs.model, region)
    except InstanceTypeImageError as error:
        raise InstanceTypeImageError(str(error), _TYPE_OF_ENDPOINT) from error
    registered = image_on(registered_for, configs.model, region)
    if image != registered:
        raise InstanceTypeImageError(
            f"A version is registered with the container of {registered_for}, the"
            f" inference_instance_type of PytorchModel: {registered}. The endpoint's instance_type"
            f" {instance_type} runs {image}. Leave instance_type out, or choose a type of the same"
            " kind.",
            _TYPE_OF_ENDPOINT,
        )


def image_on(instance_type: str, model: PytorchModelCreationConfig, region: str) -> str:
    """Return the URI of the container that would serve the model on an instance type.

    By its tag, which tells the images for CPU and for GPU apart.

    Raises:
        ImageError: There is none.
    """
    image = serving_profile(model).image(region, instance_type)
    return image if isinstance(image, str) else published_image(image)


def sklearn_image(*, region: str, framework_version: str, instance_type: str) -> str:
    """Return the URI of the scikit-learn container, in which processing scripts run.

    Raises:
        ImageNotFoundError: AWS publishes no such image.
    """
    return published_image(
        ImageCriteria(
            framework="sklearn",
            region=region,
            # Configs give the tag of the image, 0.20.0-1, where the SDK's table has 0.20.0.
            version="0.20.0" if framework_version == "0.20.0-1" else framework_version,
            py_version="py3",
            instance_type=instance_type,
            version_field="package.processing_framework_version",
            py_version_field="package.processing_framework_version",
        )
    )


@cache
def published_image(criteria: ImageCriteria) -> str:
    """Return the URI of the container that AWS publishes.

    Raises:
        ImageNotFoundError: AWS publishes none like this.
    """
    asked = {name: value for name, value in vars(criteria).items() if not name.endswith("_field")}
    try:
        return image_uri(**asked)
    except (ValueError, KeyError) as error:
        raise _not_found(criteria, str(error)) from error


def _not_found(criteria: ImageCriteria, told: str) -> ImageNotFoundError:
    """Say which of the versions has no container, and which ones do; the SDK knows."""
    if "Unsupported region" in told:
        return ImageNotFoundError(_missing_in_region(criteria), "")
    kinds = {
        "Unsupported Python version": criteria.py_version_field,
        "Unsupported base framework": criteria.base_version_field,
    }
    field = next((each for kind, each in kinds.items() if kind in told), criteria.version_field)
    known = re.search(r"Supported [\w ]+\(s\): (.*)\.", told)
    names = [each for each in (known[1].split(", ") if known else ()) if each != "version_aliases"]
    published = ", ".join(_newest([each.removeprefix("pytorch") for each in names]) or ["others"])
    scope = criteria.image_scope.partition("_")[0]
    return ImageNotFoundError(
        f"AWS publishes no container of {_described(criteria)} for {scope} on"
        f" {criteria.instance_type} in {criteria.region}. Change"
        f" {field.partition('.')[2]}: {published}.",
        field,
    )


def _described(criteria: ImageCriteria) -> str:
    base = criteria.base_framework_version
    others = [each for each in (base, criteria.py_version) if each is not None]
    return " with ".join([f"{criteria.framework} {criteria.version}", *others])


def _missing_in_region(criteria: ImageCriteria) -> str:
    # Where models are registered, the container of scikit-learn is not needed.
    instead = (
        "Models are packaged in it: choose another home_region in cdk.json."
        if criteria.framework == "sklearn"
        else "It serves the models: leave the region out."
    )
    return (
        f"AWS publishes no container of {criteria.framework} in {criteria.region}, as far as"
        f" the installed SageMaker SDK knows. {instead}"
    )


def _newest(versions: list[str]) -> list[str]:
    """Leave out short forms of versions, and all but the newest of many; newest first."""
    full = [each for each in versions if each.count(".") != 1] or versions
    return full[::-1][:_MANY]
