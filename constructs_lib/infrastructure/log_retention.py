"""How long logs are kept."""

from __future__ import annotations

from typing import Final

from aws_cdk import aws_logs as logs

from constructs_lib.settings import LogRetentionDays

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


def log_retention(days: LogRetentionDays) -> logs.RetentionDays:
    """Translate days into CloudWatch Logs' own steps."""
    return _BY_DAYS[days]
