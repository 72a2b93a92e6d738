"""The resource types that the embedded AWS can provision."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from constructs_lib.aws.resource_types import published_type
from local.emulator.cloudformation.handlers import (
    cdk,
    custom,
    ec2,
    iam,
    kms,
    lambda_,
    messaging,
    monitoring,
    s3,
    sagemaker,
    scheduler,
    stepfunctions,
)
from local.emulator.cloudformation.resources import Handler

HANDLERS: Final[Mapping[str, Handler]] = {
    **cdk.HANDLERS,
    **custom.HANDLERS,
    **ec2.HANDLERS,
    **iam.HANDLERS,
    **kms.HANDLERS,
    **lambda_.HANDLERS,
    **messaging.HANDLERS,
    **monitoring.HANDLERS,
    **s3.HANDLERS,
    **sagemaker.HANDLERS,
    **scheduler.HANDLERS,
    **stepfunctions.HANDLERS,
}


def handler_of(resource_type: str) -> Handler:
    """Return what provisions a type of a template.

    Raises:
        KeyError: The embedded AWS cannot.
    """
    return HANDLERS[published_type(resource_type)]


def is_handled(resource_type: str) -> bool:
    """Tell whether the embedded AWS can provision a type of a template."""
    return published_type(resource_type) in HANDLERS
