"""A settings document, for workflows without an app around them."""

from __future__ import annotations

from typing import Any

import pytest

REGIONS = {"NA": "us-east-1", "EU": "eu-west-1", "FE": "us-west-2"}


@pytest.fixture
def settings() -> dict[str, Any]:
    """Three regions in three waves, and what the workflow reads of the rest."""
    return {
        "schema_version": 1,
        "pipeline_name": "returns-risk",
        "waves": [
            [{"region_code": code, "aws_region": region}] for code, region in REGIONS.items()
        ],
        "shift": {"type": "ALL_AT_ONCE", "percentage": None, "wait_seconds": 0},
        "alarms": {"latency_milliseconds": None, "error_rate_percent": None, "names": []},
        "bake_seconds": 300,
        "bake_traffic_per_minute": 0,
        "maximum_execution_timeout_seconds": 3600,
    }
