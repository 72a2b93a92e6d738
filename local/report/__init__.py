"""The run report: one self-contained HTML page about a local execution, next to its records.

And one about each local deployment of a version, and about each replay of requests.
"""

from __future__ import annotations

from local.report.deployments import (
    DEPLOYMENT_RECORD,
    write_deployment,
    write_deployment_report,
)
from local.report.observations import observe
from local.report.page import REPORT_NAME, write_report
from local.report.replays import REPLAY_RECORD, write_replay, write_replay_report

__all__ = [
    "DEPLOYMENT_RECORD",
    "REPLAY_RECORD",
    "REPORT_NAME",
    "observe",
    "write_deployment",
    "write_deployment_report",
    "write_replay",
    "write_replay_report",
    "write_report",
]
