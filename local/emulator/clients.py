"""Clients of the embedded AWS's own endpoint, for services that call other services."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from botocore.config import Config

from constructs_lib.aws.handle import AccessKey, AwsHandle

# One attempt: a retry would only hide, and repeat, what the emulated service answered.
ONE_ATTEMPT: Final = Config(retries={"total_max_attempts": 1})
# A Lambda function may run for 15 minutes.
WAIT_FOR_FUNCTIONS: Final = Config(read_timeout=930)


@dataclass(frozen=True)
class Clients:
    """Makes clients that call with a given key."""

    endpoint_url: str

    def client(self, service: str, region: str, key: AccessKey) -> Any:
        """Make a client."""
        handle = AwsHandle(region, self.endpoint_url, key)
        return handle.client(service, config=ONE_ATTEMPT.merge(WAIT_FOR_FUNCTIONS))
