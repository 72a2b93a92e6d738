"""The business region codes that configs use, and the AWS regions they stand for."""

from __future__ import annotations

from enum import StrEnum
from typing import Final


class RegionCode(StrEnum):
    """A registration region as configs and execution documents name it."""

    NA = "NA"
    EU = "EU"
    FE = "FE"

    @property
    def aws_region(self) -> str:
        """The AWS region this code stands for, for example ``us-east-1``."""
        return AWS_REGIONS[self]


AWS_REGIONS: Final[dict[RegionCode, str]] = {
    RegionCode.NA: "us-east-1",
    RegionCode.EU: "eu-west-1",
    RegionCode.FE: "us-west-2",
}

DEFAULT_HOME_REGION: Final = "us-east-1"
"""Where models are created and trained whatever region they are registered in."""
