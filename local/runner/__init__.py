"""Runs a deployed pipeline on the embedded AWS, the way SageMaker Pipelines runs it on AWS.

For development and tests. On AWS, SageMaker Pipelines itself is the engine.
"""

from __future__ import annotations

from local.runner.aws import EmulatedAws
from local.runner.console import ConsoleReporter
from local.runner.execution import retry_execution, run_execution, start_execution
from local.runner.records import (
    Execution,
    ExecutionStatus,
    StepExecution,
    StepStatus,
    read_execution,
)

__all__ = [
    "ConsoleReporter",
    "EmulatedAws",
    "Execution",
    "ExecutionStatus",
    "StepExecution",
    "StepStatus",
    "read_execution",
    "retry_execution",
    "run_execution",
    "start_execution",
]
