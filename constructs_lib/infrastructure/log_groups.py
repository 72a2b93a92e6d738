"""The one way in which this app makes a log group."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from aws_cdk import RemovalPolicy
from aws_cdk import aws_kms as kms
from aws_cdk import aws_logs as logs
from constructs import Construct

from constructs_lib.fields.setting_types import LogRetentionDays

_BY_DAYS: Final[dict[LogRetentionDays, logs.RetentionDays]] = {
    1: logs.RetentionDays.ONE_DAY,
    7: logs.RetentionDays.ONE_WEEK,
    30: logs.RetentionDays.ONE_MONTH,
    90: logs.RetentionDays.THREE_MONTHS,
    180: logs.RetentionDays.SIX_MONTHS,
    365: logs.RetentionDays.ONE_YEAR,
    731: logs.RetentionDays.TWO_YEARS,
    1827: logs.RetentionDays.FIVE_YEARS,
}


@dataclass(frozen=True, kw_only=True)
class LogOptions:
    """How logs are kept."""

    encryption_key: kms.IKey
    """What they are encrypted with; its policy lets CloudWatch Logs use it."""
    retention_days: LogRetentionDays


def log_group(scope: Construct, construct_id: str, options: LogOptions) -> logs.LogGroup:
    """Create a log group, which is deleted with its stack.

    Args:
        scope: Parent construct.
        construct_id: Name below the parent.
        options: How the logs are kept.
    """
    return logs.LogGroup(
        scope,
        construct_id,
        encryption_key=options.encryption_key,
        retention=_BY_DAYS[options.retention_days],
        removal_policy=RemovalPolicy.DESTROY,
    )
