"""Checks of regions: whether the account has them, and their prefix list of Amazon S3."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from commands.health.checks import Check
from commands.terminal.aws import Aws, AwsCallError, calls
from constructs_lib.regions import DEFAULT_HOME_REGION
from constructs_lib.regions.prefix_lists import s3_prefix_list_name

_DISABLED: Final = "not-opted-in"


def disabled_regions(aws: Aws, regions: Sequence[str]) -> list[str]:
    """List the regions that the account has not enabled.

    Source: Amazon EC2 API Reference, DescribeRegions: OptInStatus.

    Args:
        aws: The account.
        regions: AWS regions to ask for.

    Raises:
        AwsCallError: They cannot be read.
    """
    # In a region that every account has: home may be one of those that are not enabled.
    client = aws.client("ec2", DEFAULT_HOME_REGION)
    with calls("Cannot read which regions are enabled"):
        answer = client.describe_regions(RegionNames=list(regions), AllRegions=True)
    return [
        each["RegionName"] for each in answer["Regions"] if each.get("OptInStatus") == _DISABLED
    ]


def disabled_check(region: str) -> Check:
    """Return the problem that a region is not enabled."""
    return Check(
        f"region {region}",
        "problem",
        "not enabled in this account, which has to opt in to it",
        f"aws account enable-region --region-name {region}, which takes some minutes; or leave the"
        " region out.",
    )


def prefix_list_check(aws: Aws, expected: str) -> Check:
    """Check that security groups name the prefix list that Amazon S3 has in the home region."""
    wanted = s3_prefix_list_name(aws.home_region)
    name = "prefix list of Amazon S3"
    filters = [{"Name": "prefix-list-name", "Values": [wanted]}]
    try:
        with calls(f"Cannot read the prefix list {wanted}"):
            answer = aws.client("ec2").describe_managed_prefix_lists(Filters=filters)
    except AwsCallError as error:
        return Check(name, "unknown", str(error))
    found = [each["PrefixListId"] for each in answer["PrefixLists"]]
    if found == [expected]:
        return Check(name, "ok", expected)
    fix = f"Set s3_prefix_list in cdk.json to {', '.join(found)}." if found else None
    return Check(
        name, "problem", f"{wanted} is {', '.join(found) or 'nothing'}, not {expected}", fix
    )
