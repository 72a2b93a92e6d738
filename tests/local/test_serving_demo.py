"""The end of the demo: approve, deploy, and one answer of each region; on a fake AWS."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from rich.console import Console

from local.releases import RegisteredPackage
from local.serving import NotServingError, serve
from tests.command_line.served_pipeline import FakeRuntime, FakeWorkflow, WithEndpoint
from tests.endpoints.histories import NAME, REGIONS, deployed, taken_back

PIPELINE = f"arn:aws:sagemaker:us-east-1:123456789012:pipeline/{NAME}"


class _SageMaker:
    """SageMaker of a region, whose only version is the second."""

    def __init__(self, region: str, approved: list[str]) -> None:
        self.meta = SimpleNamespace(region_name=region)
        self._approved = approved

    def update_model_package(self, **request: str) -> None:
        assert request["ModelApprovalStatus"] == "Approved"
        self._approved.append(request["ModelPackageArn"])

    def describe_model_package(self, **_: str) -> dict[str, Any]:
        return {
            "ModelPackageGroupName": NAME,
            "ModelPackageVersion": 2,
            "ModelPackageArn": _arn(self.meta.region_name),
            "CreationTime": SimpleNamespace(isoformat=lambda: "2026-11-02"),
        }


def _arn(region: str) -> str:
    return f"arn:aws:sagemaker:{region}:123456789012:model-package/{NAME}/2"


class UnreadCloudWatch:
    """CloudWatch in a region where nothing was measured."""

    def get_metric_data(self, **_: Any) -> dict[str, Any]:
        return {"MetricDataResults": []}

    def get_paginator(self, _: str) -> UnreadCloudWatch:
        return self

    def paginate(self, **_: Any) -> list[dict[str, Any]]:
        return []


class FakeAws:
    """Clients of an AWS where a version is registered in three regions."""

    def __init__(self, workflow: FakeWorkflow) -> None:
        self.workflow = workflow
        self.approved: list[str] = []
        self.asked: list[dict[str, Any]] = []

    def client(self, service: str, region: str | None = None) -> Any:
        match service:
            case "stepfunctions":
                return self.workflow
            case "sagemaker-runtime":
                return FakeRuntime(str(region), self.asked, set())
            case "sagemaker":
                return WithEndpoint(_SageMaker(str(region), self.approved), is_there=True)
            case "cloudwatch":
                return UnreadCloudWatch()
            case "sts":
                return SimpleNamespace(get_caller_identity=lambda: {"Arn": "arn:aws:iam::1:root"})
        return SimpleNamespace(get_object=lambda **_: {"Body": io.BytesIO(_payloads())})


def _payloads() -> bytes:
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w:gz") as archive:
        for name in ("notes.bin", "payload.csv", "payload.json"):
            info = tarfile.TarInfo(name)
            info.size = len(name)
            archive.addfile(info, io.BytesIO(name.encode()))
    return content.getvalue()


def _served(aws: FakeAws, folder: Path) -> str:
    packages = tuple(
        RegisteredPackage(
            step=f"Registration-{code}",
            region=region,
            arn=_arn(region),
            version=2,
            approval_status="PendingManualApproval",
            image_uri="image",
            artifact_uri="s3://b/model.tar.gz",
            sample_payload_uri="s3://b/payload.tar.gz",
        )
        for code, region in REGIONS.items()
    )
    execution = SimpleNamespace(pipeline_name=NAME, arn=f"{PIPELINE}/execution/abc")
    printed = io.StringIO()
    made: Any = SimpleNamespace(packages=packages, execution=execution)
    handle: Any = aws
    serve(made, handle, folder, Console(file=printed, width=160))
    return printed.getvalue()


def test_every_region_is_approved_deployed_and_asked(tmp_path: Path) -> None:
    workflow = FakeWorkflow()
    workflow.next = deployed()
    aws = FakeAws(workflow)

    printed = _served(aws, tmp_path)

    assert aws.approved == [_arn(region) for region in REGIONS.values()]
    assert workflow.started[0]["input"]["action"] == "deploy"
    assert [(each["region"], each["Body"]) for each in aws.asked] == [
        (region, b"payload.csv") for region in REGIONS.values()
    ]
    assert aws.asked[0]["ContentType"] == "text/csv"
    answers = printed.splitlines()[-3:]
    assert answers[0].startswith("EU  eu-west-1  version 2  ")
    assert answers[2].startswith("FE  us-west-2  version 2  ")
    assert all(answer.endswith(" ms  [0.5]") for answer in answers)
    assert (tmp_path / "deploy-1a2b3c" / "report.html").is_file()


def test_a_pipeline_without_endpoints_is_only_released(tmp_path: Path) -> None:
    workflow = FakeWorkflow()
    workflow.is_deployed = False
    aws = FakeAws(workflow)

    assert _served(aws, tmp_path) == ""
    assert aws.approved == []


def test_a_deployment_that_is_taken_back_ends_the_demo_with_its_reason(tmp_path: Path) -> None:
    workflow = FakeWorkflow()
    workflow.next = taken_back()

    with pytest.raises(NotServingError, match="there is no capacity"):
        _served(FakeAws(workflow), tmp_path)
