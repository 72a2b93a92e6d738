"""Container images by region, from the SDK's tables (no network)."""

from __future__ import annotations

from functools import cache

from constructs_lib.configs import PytorchModelCreationConfig
from constructs_lib.errors import ReleaseError
from constructs_lib.steps.sdk import image_uris


class ImageNotFoundError(ReleaseError):
    """No AWS container image exists for the configured versions."""


def pytorch_image(
    *, region: str, framework_version: str, py_version: str, instance_type: str, scope: str
) -> str:
    """Return the URI of the PyTorch container that AWS publishes in a region.

    Args:
        region: AWS region, for example ``eu-west-1``.
        framework_version: PyTorch version, for example ``2.1.0``.
        py_version: Python of the container, for example ``py310``.
        instance_type: Decides between the CPU and the GPU image.
        scope: ``inference`` or ``training``.

    Raises:
        ImageNotFoundError: AWS publishes no such image.
    """
    return _retrieve(
        framework="pytorch",
        region=region,
        version=framework_version,
        py_version=py_version,
        instance_type=instance_type,
        image_scope=scope,
    )


def serving_image(model: PytorchModelCreationConfig, region: str) -> str:
    """Return the URI of the container that serves the model in an AWS region.

    Raises:
        ImageNotFoundError: AWS publishes no such image.
    """
    return pytorch_image(
        region=region,
        framework_version=model.framework_version,
        py_version=model.py_version,
        instance_type=model.inference_instance_type,
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
        wanted = ", ".join(f"{name} {value}" for name, value in criteria.items())
        raise ImageNotFoundError(
            f"AWS publishes no container image for {wanted}.\n{error}\n"
            "Change framework_version or py_version in the config."
        ) from error
