"""The services that a step talks to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import boto3
from botocore.config import Config

# One request copies up to 5 GiB before it answers.
CLIENT_CONFIG: Final = Config(
    retries={"mode": "standard", "total_max_attempts": 6},
    read_timeout=300,
    max_pool_connections=20,
)

LINEAGE_CONFIG: Final = Config(
    retries={"mode": "standard", "total_max_attempts": 3}, connect_timeout=5, read_timeout=10
)
"""For what may fail: it never takes the time that a step has."""


@dataclass(frozen=True)
class RegionClients:
    """The services that a step talks to, each in its region."""

    home_s3: Any
    home_sagemaker: Any
    s3: Any
    sagemaker: Any
    lineage: Any
    """SageMaker, too, by a client that gives up soon."""

    @classmethod
    def for_region(cls, aws_region: str) -> RegionClients:
        """Connect to this function's own region and to the one to register in."""
        return cls(
            home_s3=boto3.client("s3", config=CLIENT_CONFIG),
            home_sagemaker=boto3.client("sagemaker", config=CLIENT_CONFIG),
            s3=boto3.client("s3", region_name=aws_region, config=CLIENT_CONFIG),
            sagemaker=boto3.client("sagemaker", region_name=aws_region, config=CLIENT_CONFIG),
            lineage=boto3.client("sagemaker", region_name=aws_region, config=LINEAGE_CONFIG),
        )
