"""The embedded AWS: moto's services behind one local endpoint, for development and tests."""

from __future__ import annotations

from local.emulator.authorization.identities import AccessKey
from local.emulator.embedded import (
    ACCOUNT_ID,
    DEFAULT_REGION,
    EmbeddedAws,
    EmulatorError,
    environment_for,
    without_aws_variables,
)

__all__ = [
    "ACCOUNT_ID",
    "DEFAULT_REGION",
    "AccessKey",
    "EmbeddedAws",
    "EmulatorError",
    "environment_for",
    "without_aws_variables",
]
