"""Checks the zones of the app's own VPC."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from commands.health.checks import Check
from commands.terminal.aws import Aws, AwsCallError, calls

_OF_A_VPC: Final = 2
_ZONE: Final = "availability-zone"
_WITHOUT_ML_INSTANCES: Final = frozenset({"use1-az3"})
"""Names of zones differ from account to account, ids do not."""


def zone_check(aws: Aws, names: Sequence[str]) -> Check:
    """Check that the account has the zones, and that jobs can run there.

    Args:
        aws: The account.
        names: The zones' names; none for the first two that the account has, which is what
            CloudFormation takes then.
    """
    try:
        with calls("Cannot read the availability zones"):
            zones = aws.client("ec2").describe_availability_zones()["AvailabilityZones"]
    except AwsCallError as error:
        return Check("zones", "unknown", str(error))
    ids = {zone["ZoneName"]: zone["ZoneId"] for zone in zones if _is_whole(zone)}
    given = bool(names)
    names = names or sorted(ids)[:_OF_A_VPC]
    usable = [name for name, id_ in ids.items() if id_ not in _WITHOUT_ML_INSTANCES]
    shown = ", ".join(f"{name} ({ids.get(name, 'unknown')})" for name in names)
    if all(name in usable for name in names):
        return Check("zones", "ok", shown, None if given else _to_be_named(names))
    fix = f"Set availability_zones in cdk.json to two of {', '.join(sorted(usable))}."
    return Check("zones", "problem", f"{shown}: one has no instances for jobs", fix)


def _to_be_named(names: Sequence[str]) -> str:
    """Say how the zones stay these.

    Source: AWS CloudFormation Template Reference, "Fn::GetAZs": the order can change with new
    zones, and zones without a default subnet are left out where another has one.
    """
    return (
        f"Set availability_zones in cdk.json to {', '.join(names)}: CloudFormation may find others"
        " when the region gets new ones, and cannot move subnets."
    )


def _is_whole(zone: Mapping[str, Any]) -> bool:
    """Tell a zone of the region from a local zone, which may come before it."""
    return bool(zone.get("ZoneType", _ZONE) == _ZONE)
