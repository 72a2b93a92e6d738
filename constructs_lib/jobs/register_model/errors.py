"""Failures, told so that a reader of the step's failure reason can act on them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from boto3.exceptions import Boto3Error
from botocore.exceptions import BotoCoreError, ClientError
from urllib3.exceptions import HTTPError

if TYPE_CHECKING:
    from .events import Work


class RegistrationError(Exception):
    """A step failed: the message names the region, the work and the cause."""


def code_of(error: ClientError) -> str:
    """Return the service's code of an error."""
    return str(error.response["Error"]["Code"])


@contextmanager
def working_on(work: Work, what: str) -> Iterator[None]:
    """Turn a failure into an error that names the region, the work and the cause.

    Raises:
        RegistrationError: What is done within has failed.
    """
    try:
        yield
    except (
        Boto3Error,
        BotoCoreError,
        ClientError,
        HTTPError,
        KeyError,
        RegistrationError,
    ) as error:
        cause = f"it has no {error}" if isinstance(error, KeyError) else str(error)
        raise RegistrationError(
            f"{work.NAME} in {work.region_code} ({work.aws_region}) failed while {what}: "
            f"{cause}{_hint(error, work.aws_region)} {work.AFTERWARDS}"
        ) from error


def _hint(error: Exception, aws_region: str) -> str:
    code = code_of(error) if isinstance(error, ClientError) else ""
    if code == "NoSuchBucket":
        return f" (is the registry stack of {aws_region} deployed?)"
    if code == "403":
        # What S3 says of a missing object to those who may not list its bucket.
        return " (the object does not exist, or the function may not read it)"
    return ""
