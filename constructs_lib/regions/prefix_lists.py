"""The AWS-managed prefix lists of Amazon S3, through which security groups name it.

A region's list is the same in every account, and CloudFormation cannot look it up. The libraries
have no table of them: these are what DescribePrefixLists answers in each region, as accounts have
published it. Of regions that are missing here the settings tell it; ``release doctor`` compares
either with the account.
"""

from __future__ import annotations

from typing import Final

S3_PREFIX_LISTS: Final = {
    "ap-northeast-1": "pl-61a54008",
    "ap-northeast-2": "pl-78a54011",
    "ap-northeast-3": "pl-a4a540cd",
    "ap-south-1": "pl-78a54011",
    "ap-southeast-1": "pl-6fa54006",
    "ap-southeast-2": "pl-6ca54005",
    "ca-central-1": "pl-7da54014",
    "eu-central-1": "pl-6ea54007",
    "eu-north-1": "pl-c3aa4faa",
    "eu-west-1": "pl-6da54004",
    "eu-west-2": "pl-7ca54015",
    "eu-west-3": "pl-23ad484a",
    "sa-east-1": "pl-6aa54003",
    "us-east-1": "pl-63a5400a",
    "us-east-2": "pl-7ba54012",
    "us-west-1": "pl-6ba54002",
    "us-west-2": "pl-68a54001",
}
"""By AWS region. Prefix lists of different regions may have one id."""


def s3_prefix_list(region: str, given: str | None) -> str | None:
    """Return the id of a region's prefix list of Amazon S3; None where nobody has told it.

    Args:
        region: AWS region.
        given: What the settings say it is, if they do.
    """
    return given or S3_PREFIX_LISTS.get(region)


def s3_prefix_list_name(region: str) -> str:
    """Return what a region's prefix list of Amazon S3 is called.

    Source: Amazon VPC User Guide, "Available AWS-managed prefix lists".
    """
    return f"com.amazonaws.{region}.s3"
