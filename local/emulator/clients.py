"""boto3 clients of the embedded AWS's own endpoint, for services that call other services."""

from __future__ import annotations

from dataclasses import dataclass
from threading import Lock
from typing import Any, Final

import boto3
from botocore.config import Config

from local.emulator.authorization.identities import AccessKey

# One attempt: a retry would only hide, and repeat, what the emulated service answered.
_CONFIG: Final = Config(proxies={}, retries={"total_max_attempts": 1}, read_timeout=930)
_SESSION: Final = boto3.Session()
_LOCK: Final = Lock()
"""Clients are thread-safe, making them is not."""


@dataclass(frozen=True)
class Clients:
    """Makes clients that call with a given key."""

    endpoint_url: str

    def client(self, service: str, region: str, key: AccessKey) -> Any:
        """Make a client."""
        with _LOCK:
            return _SESSION.client(
                service,
                region_name=region,
                endpoint_url=self.endpoint_url,
                aws_access_key_id=key.id,
                aws_secret_access_key=key.secret,
                aws_session_token=key.token,
                config=_CONFIG,
            )
