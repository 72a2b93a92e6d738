"""Times, which moto and requests have with a zone or without one, and as CloudWatch writes them."""

from __future__ import annotations

from datetime import UTC, datetime


def in_utc(moment: datetime) -> datetime:
    """Return a time with a zone; one without is of UTC."""
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def time_text(moment: float) -> str:
    """Write a time as CloudWatch does in documents, with milliseconds."""
    return (
        f"{datetime.fromtimestamp(moment, UTC):%Y-%m-%dT%H:%M:%S}.{int(moment % 1 * 1000):03}+0000"
    )
