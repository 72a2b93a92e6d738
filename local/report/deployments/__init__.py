"""The page about a deployment: waves, which version each region served when, and the answers."""

from __future__ import annotations

from local.report.deployments.page import (
    DEPLOYMENT_RECORD,
    write_deployment,
    write_deployment_report,
)

__all__ = ["DEPLOYMENT_RECORD", "write_deployment", "write_deployment_report"]
