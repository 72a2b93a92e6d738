"""A pipeline that registers in two regions, and one of its executions."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

NAME = "returns-risk"
REGIONS = ("us-east-1", "eu-west-1")
"""Where it registers."""
ARN = f"arn:aws:sagemaker:us-east-1:123456789012:pipeline/{NAME}/execution/abc123"
STARTED = datetime(2026, 11, 2, 12, tzinfo=UTC)
DEFINITION = {
    "Version": "2020-12-01",
    "Parameters": [
        {"Name": "PIPELINE_EXECUTION_TEMP_DIR", "Type": "String", "DefaultValue": "s3://data/tmp"}
    ],
    "Steps": [
        {
            "Name": "Gate",
            "Type": "Condition",
            "Arguments": {
                "IfSteps": [
                    {
                        "Name": "Registration-EU",
                        "Type": "Lambda",
                        "Arguments": {
                            "aws_region": "eu-west-1",
                            "model_package_group_name": NAME,
                        },
                    }
                ],
                "ElseSteps": [],
            },
        },
        {
            "Name": "Registration-NA",
            "Type": "RegisterModel",
            "Arguments": {"ModelPackageGroupName": NAME},
        },
    ],
}
VERSIONS = (
    {
        "artifact_sha256": "a" * 64,
        "latency_p99_in_millisecond": "10.0",
        "achieved_tps": "20.0",
        "git_commit": "c" * 40,
    },
    {
        "git_commit": f"{'c' * 40}-dirty",
        "artifact_sha256": "b" * 64,
        "latency_p99_in_millisecond": "12.5",
        "error_rate": "0.001",
        "achieved_tps": "20.0",
        "evaluation": "s3://registry/2/evaluation.json",
    },
)
"""Metadata of the versions 1 and 2; the first was registered without ``evaluation.json``."""
EVALUATION = {"load": {"latency_in_millisecond": {"p50": 3.25}}}


def write_record(folder: Path) -> Path:
    """Write the record of a local execution, which failed; returns its folder."""
    (folder / "logs").mkdir(parents=True)
    (folder / "logs" / "Package.log").write_text("it broke\n")
    document = {
        "PipelineExecutionArn": ARN,
        "PipelineArn": ARN.partition("/execution")[0],
        "PipelineCreationTime": STARTED.isoformat(),
        "PipelineExecutionStatus": "Failed",
        "PipelineParameters": {},
        "StartTime": STARTED.isoformat(),
        "EndTime": (STARTED + timedelta(seconds=3)).isoformat(),
        "Steps": [
            {
                "StepName": "Package",
                "StepType": "Processing",
                "StepStatus": "Failed",
                "StartTime": STARTED.isoformat(),
                "EndTime": (STARTED + timedelta(seconds=2.5)).isoformat(),
                "Reason": "exit code 1",
                "Log": "logs/Package.log",
            }
        ],
    }
    (folder / "execution.json").write_text(json.dumps(document))
    return folder
