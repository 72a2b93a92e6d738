"""What the SageMaker API accepts, read from the service model that botocore ships.

The service checks names, lengths, patterns and enumerations when it is called; checking them while
synthesizing finds the mistake minutes to hours earlier. Nothing here calls AWS.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from constructs_lib.service_model.java_patterns import matches


def max_length(shape_name: str) -> int:
    """Return how much the service takes of a type.

    That is characters of a text such as ``EntityName``, entries of a list or map such as
    ``HyperParameters``.
    """
    return int(service_model().shape_for(shape_name).metadata["max"])


def enum_values(shape_name: str) -> list[str]:
    """Return the values of an enumeration, for example ``TransformInstanceType``."""
    return list(service_model().shape_for(shape_name).metadata["enum"])


def matches_pattern(shape_name: str, text: str) -> bool:
    """Tell whether a text consists of what a type allows, whatever its length."""
    return matches(service_model().shape_for(shape_name).metadata["pattern"], text)


@cache
def service_model(service: str = "sagemaker") -> Any:
    """Return botocore's description of an API, by default that of SageMaker."""
    # Here: what only reads compiled pipelines starts without botocore.
    from botocore.loaders import Loader
    from botocore.model import ServiceModel

    return ServiceModel(Loader().load_service_model(service, "service-2"), service)
