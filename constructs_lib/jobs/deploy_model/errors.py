"""Failures, told so that a reader of the execution's cause can act on them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

from botocore.exceptions import BotoCoreError, ClientError
from urllib3.exceptions import HTTPError

from ..register_model.errors import RegistrationError, code_of

_MISSING: Final = ("could not find", "does not exist", "not found")
"""What SageMaker says of what is not there, under several codes."""
FAILURES: Final = (BotoCoreError, ClientError, HTTPError, KeyError, RegistrationError)
"""What a call of a service, or a document that it answers with, can fail with."""


class DeploymentError(Exception):
    """A step failed: the message names the region, the work and the cause."""


def is_missing(error: ClientError) -> bool:
    """Tell whether SageMaker says that there is no such thing."""
    message = str(error.response["Error"].get("Message", "")).lower()
    return code_of(error) == "ResourceNotFound" or any(each in message for each in _MISSING)


def place_of(target: Mapping[str, Any]) -> str:
    """Return a region for people: ``EU (eu-west-1)``."""
    code, region = target["region_code"], target["aws_region"]
    return f"{code} ({region})" if code != region else str(region)


@contextmanager
def working_on(where: str, what: str) -> Iterator[None]:
    """Turn a failure into an error that names the region, the work and the cause.

    Raises:
        DeploymentError: What is done within has failed.
    """
    try:
        yield
    except FAILURES as error:
        cause = f"it has no {error}" if isinstance(error, KeyError) else str(error)
        raise DeploymentError(f"{where}: failed while {what}: {cause}{_hint(error)}") from error


def _hint(error: Exception) -> str:
    code = code_of(error) if isinstance(error, ClientError) else ""
    if code == "ResourceLimitExceeded":
        return (
            " An update runs the new instances beside the former ones: raise the quota of this"
            " instance type for endpoint usage in the region (Service Quotas, Amazon SageMaker)."
        )
    return ""
