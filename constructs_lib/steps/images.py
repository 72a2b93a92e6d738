"""Container images by region, from the SDK's tables (no network)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from typing import Final, Literal

from constructs_lib.configs import PipelineConfigs, PytorchModelCreationConfig
from constructs_lib.errors import ReleaseError
from constructs_lib.service_model.instances import accelerator, has_gpu, is_arm64
from constructs_lib.steps.sdk import image_uris

Scope = Literal["inference", "training"]

_FIELDS: Final = {
    ("pytorch", "inference"): ("model.framework_version", "model.py_version"),
    ("pytorch", "training"): ("training.framework_version", "training.py_version"),
    ("sklearn", "inference"): ("package.processing_framework_version",) * 2,
}
"""Where versions of framework and Python are set."""
_TYPES: Final = {
    "inference": "model.inference_instance_type",
    "training": "training.training_instance_type",
}
_MANY: Final = 12


class ImageError(ReleaseError):
    """What a config asks for has no container image."""

    def __init__(self, message: str, field: str) -> None:
        """Say why, and which field of which section would change it."""
        super().__init__(message)
        self.field = field


class ImageNotFoundError(ImageError):
    """No AWS container image exists for the configured versions."""


class InstanceTypeImageError(ImageError):
    """Instance types that the PyTorch containers do not run on, or not all of them the same."""


def pytorch_image(
    *,
    region: str,
    framework_version: str,
    py_version: str,
    instance_type: str,
    scope: Scope,
) -> str:
    """Return the URI of the PyTorch container that AWS publishes in a region.

    Args:
        region: AWS region, for example ``eu-west-1``.
        framework_version: PyTorch version, for example ``2.1.0``.
        py_version: Python of the container, for example ``py310``.
        instance_type: Decides between the images for CPU, for GPU and for arm64.
        scope: What the container does.

    Raises:
        ImageNotFoundError: AWS publishes no image of these versions.
        InstanceTypeImageError: AWS publishes no image of PyTorch for that instance type.
    """
    _refuse_without_image(instance_type, scope)
    return _retrieve(
        framework="pytorch",
        region=region,
        version=framework_version,
        py_version=py_version,
        instance_type=instance_type,
        # By itself the SDK finds it for the first generations of Graviton only.
        image_scope="inference_graviton" if is_arm64(instance_type) else scope,
    )


def _refuse_without_image(instance_type: str, scope: Scope) -> None:
    """Refuse a type for which the SDK would name an image that does not run there.

    Source: AWS Deep Learning Containers, "Available images". Those for Neuron are for training in
    the SDK's table, whatever is asked for.
    """
    if (found := accelerator(instance_type)) is not None:
        raise InstanceTypeImageError(
            f"PyTorch's containers do not run on {instance_type}, which has {found}: for AWS"
            " Inferentia and AWS Trainium, AWS offers Neuron containers, which take models compiled"
            " with torch-neuronx; this app releases models of plain PyTorch. Choose a type with"
            " CPUs, such as ml.m5.large, or with GPUs, such as ml.g5.xlarge.",
            _TYPES[scope],
        )
    if is_arm64(instance_type) and (has_gpu(instance_type) or scope == "training"):
        what = "training" if scope == "training" else "types with both arm64 and GPUs"
        raise InstanceTypeImageError(
            f"{instance_type} has processors of arm64; AWS publishes PyTorch containers of arm64"
            f" for inference on CPUs, none for {what}. Choose a type of x86, such as ml.m5.large or"
            " ml.g5.xlarge.",
            _TYPES[scope],
        )


def serving_image(model: PytorchModelCreationConfig, region: str) -> str:
    """Return the URI of the container that serves the model in an AWS region.

    Raises:
        ImageNotFoundError: AWS publishes no image of these versions.
        InstanceTypeImageError: AWS publishes no image for the type that serves.
    """
    return _image_on(model.inference_instance_type, model, region)


def registered_image(configs: PipelineConfigs, region: str) -> str:
    """Return the URI of the container that is registered for an AWS region.

    A model package names one container for all the instance types that it supports.

    Raises:
        ImageNotFoundError: AWS publishes no image of these versions.
        InstanceTypeImageError: AWS publishes no image for one of the types, or not the same.
    """
    image = serving_image(configs.model, region)
    _refuse_other_images(image, configs, region)
    return image


def _refuse_other_images(image: str, configs: PipelineConfigs, region: str) -> None:
    types = configs.payload.inference_instance_types or ()
    others = {name: _image_on(name, configs.model, region) for name in types}
    listed = ", ".join(f"{name} runs {other}" for name, other in others.items() if other != image)
    if listed:
        raise InstanceTypeImageError(
            "A model is registered with one container for all inference_instance_types of Payload."
            f" {configs.model.inference_instance_type}, the inference_instance_type of"
            f" PytorchModel, runs {image}; {listed}. Remove those types, or serve the"
            " model on them from a pipeline of their own.",
            "payload.inference_instance_types",
        )


def _image_on(instance_type: str, model: PytorchModelCreationConfig, region: str) -> str:
    return pytorch_image(
        region=region,
        framework_version=model.framework_version,
        py_version=model.py_version,
        instance_type=instance_type,
        scope="inference",
    )


def sklearn_image(*, region: str, framework_version: str, instance_type: str) -> str:
    """Return the URI of the scikit-learn container, in which processing scripts run.

    Raises:
        ImageNotFoundError: AWS publishes no such image.
    """
    return _retrieve(
        framework="sklearn",
        region=region,
        # Configs give the tag of the image, 0.20.0-1, where the SDK's table has 0.20.0.
        version="0.20.0" if framework_version == "0.20.0-1" else framework_version,
        py_version="py3",
        instance_type=instance_type,
        image_scope="inference",
    )


@cache
def _retrieve(**criteria: str) -> str:
    # The SDK makes a botocore session for each look-up: 50 ms of always the same.
    try:
        return str(image_uris.retrieve(**criteria))
    except (ValueError, KeyError) as error:
        raise _not_found(criteria, str(error)) from error


def _not_found(criteria: Mapping[str, str], told: str) -> ImageNotFoundError:
    """Say which of the versions has no container, and which ones do; the SDK knows."""
    framework = criteria["framework"]
    scope = criteria["image_scope"].partition("_")[0]
    of_framework, of_python = _FIELDS[framework, scope]
    is_python = "Unsupported Python version" in told
    field = of_python if is_python else of_framework
    known = re.search(r"Supported [\w ]+ version\(s\): (.*)\.", told)
    published = ", ".join(_newest(known[1].split(", "))) if known else "others"
    return ImageNotFoundError(
        f"AWS publishes no container of {framework} {criteria['version']} with"
        f" {criteria['py_version']} for {scope} on {criteria['instance_type']} in"
        f" {criteria['region']}. Change {field.partition('.')[2]}: {published}.",
        field,
    )


def _newest(versions: list[str]) -> list[str]:
    """Leave out short forms of versions, and all but the newest of many; newest first."""
    full = [each for each in versions if each.count(".") != 1] or versions
    return full[::-1][:_MANY]
