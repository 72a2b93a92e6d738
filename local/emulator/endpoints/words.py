"""What Amazon SageMaker says when it refuses a call, or when an endpoint fails.

Sources: the service's answers as public issues quote them (hashicorp/terraform-provider-aws 39099
and 40048, awslabs/llm-hosting-container 18); "Troubleshooting" of hosting in the developer guide.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

_KINDS: Final = {
    "endpoint": "endpoint",
    "endpoint-config": "endpoint configuration",
    "model": "model",
}
MOST_CHARACTERS: Final = 1024
"""Of a FailureReason."""
NO_CAPACITY: Final = (
    "Unable to provision requested ML compute capacity due to InsufficientInstanceCapacity error."
    " Please retry using a different ML instance type."
)


class CannotServeError(Exception):
    """A fleet that does not come into service; the message is the endpoint's FailureReason."""


def refused(message: str) -> Exception:
    """Return the ValidationException of the service."""
    from moto.sagemaker.exceptions import AWSValidationException

    error: Exception = AWSValidationException(message)
    return error


def found(backend: Any, kind: str, name: str, there: Mapping[str, Any]) -> Any:
    """Find what has a name among what is there of its kind.

    Raises:
        AWSValidationException: There is none.
    """
    one = there.get(name)
    if one is None:
        raise refused(f'Could not find {_KINDS[kind]} "{arn_of(backend, kind, name)}".')
    return one


def already_existing(backend: Any, kind: str, name: str) -> Exception:
    """Refuse to create what is there."""
    arn = arn_of(backend, kind, name)
    return refused(f'Cannot create already existing {_KINDS[kind]} "{arn}".')


def in_progress(arn: str) -> Exception:
    """Refuse to change an endpoint that is changing."""
    return refused(f'Cannot update in-progress endpoint "{arn}".')


def log_group_of(endpoint_name: str) -> str:
    """Name the log group of an endpoint."""
    return f"/aws/sagemaker/Endpoints/{endpoint_name}"


def arn_of(backend: Any, kind: str, name: str) -> str:
    """Name a resource of moto's backend of an account and a region."""
    return f"arn:aws:sagemaker:{backend.region_name}:{backend.account_id}:{kind}/{name}"


def unhealthy(variant: str, why: str) -> CannotServeError:
    """Fail with a container that did not start; ``why`` is what the embedded AWS knows of it."""
    return CannotServeError(
        f"The primary container for production variant {variant} did not pass the ping health"
        f" check. Please check CloudWatch logs for this endpoint. {why}"
    )


def unreadable(uri: str, why: str) -> CannotServeError:
    """Fail with a model that the execution role could not read."""
    return CannotServeError(
        f'Failed to download model data for container "container_1" from URL: "{uri}". Please'
        " ensure that there is an object located at the URL and that the role passed to CreateModel"
        f" has permissions to download the object. {why}"
    )
