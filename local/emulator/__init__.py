"""The embedded AWS: moto's services behind one local endpoint, for development and tests."""

from __future__ import annotations

from local.emulator.embedded import (
    ACCOUNT_ID,
    DEFAULT_REGION,
    EmbeddedAws,
    EmulatorError,
)

__all__ = [
    "ACCOUNT_ID",
    "DEFAULT_REGION",
    "EmbeddedAws",
    "EmulatorError",
]
