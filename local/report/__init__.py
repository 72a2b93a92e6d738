"""The run report: one self-contained HTML page about a local execution, next to its records."""

from __future__ import annotations

from local.report.observations import observe
from local.report.page import REPORT_NAME, write_report

__all__ = ["REPORT_NAME", "observe", "write_report"]
