"""The resource types that the embedded AWS can provision."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from local.emulator.cloudformation.handlers import (
    cdk,
    ec2,
    iam,
    kms,
    lambda_,
    messaging,
    monitoring,
    s3,
    sagemaker,
    scheduler,
)
from local.emulator.cloudformation.resources import Handler

HANDLERS: Final[Mapping[str, Handler]] = {
    **cdk.HANDLERS,
    **ec2.HANDLERS,
    **iam.HANDLERS,
    **kms.HANDLERS,
    **lambda_.HANDLERS,
    **messaging.HANDLERS,
    **monitoring.HANDLERS,
    **s3.HANDLERS,
    **sagemaker.HANDLERS,
    **scheduler.HANDLERS,
}
