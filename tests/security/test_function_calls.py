"""The functions' scripts make no call that is not derived: each is run, and its calls recorded."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any
from urllib.parse import unquote

import boto3
import pytest
from botocore.client import BaseClient
from moto import mock_aws

from constructs_lib.jobs import load_test, notify, register_model, start_release
from local.emulator.patches import apply_patches
from local.emulator.sagemaker.lineage import add_lineage
from tests.jobs.aws_events import alarm_changed, execution_changed, package_changed
from tests.security.calls import Call
from tests.security.conftest import Synthesized
from tests.security.deployment import ACCOUNT, Resource
from tests.security.function_calls import LoadTestCalls, NotifyCalls, StartReleaseCalls
from tests.security.proof import Proof

_ARTIFACT = b"artifact"
_SHA256 = hashlib.sha256(_ARTIFACT).hexdigest()
_S3_ACTIONS = {
    "AbortMultipartUpload": ["AbortMultipartUpload"],
    "CompleteMultipartUpload": ["PutObject"],
    "CopyObject": ["PutObject"],
    "CreateMultipartUpload": ["PutObject"],
    "GetObject": ["GetObject"],
    "HeadObject": ["GetObject"],
    "PutObject": ["PutObject"],
    "UploadPartCopy": ["PutObject"],
}
"""Source: Amazon S3 User Guide, "Required permissions for Amazon S3 API operations"."""


@dataclass(frozen=True)
class Recorded:
    """A call of a client."""

    service: str
    operation: str
    arguments: Mapping[str, Any]
    region: str

    def permissions(self) -> Iterator[tuple[str, str, str]]:
        """Tell which actions on which resources it needs, and which prefix it lists."""
        if self.service == "s3" and self.operation == "ListObjectsV2":
            bucket, prefix = self.arguments["Bucket"], self.arguments["Prefix"]
            yield "s3:ListBucket", f"arn:aws:s3:::{bucket}", prefix
            return
        for action, resource in self._on_resources():
            yield action, resource, ""

    def _on_resources(self) -> Iterator[tuple[str, str]]:
        if self.service == "s3":
            yield from self._on_objects()
            return
        action = f"{self.service}:{self.operation}"
        yield action, self._resource()
        if self.operation == "CreateModelPackage" and self.arguments.get("Tags"):
            yield "sagemaker:AddTags", self._resource()

    def _on_objects(self) -> Iterator[tuple[str, str]]:
        bucket, key = self.arguments["Bucket"], self.arguments["Key"]
        for action in _S3_ACTIONS[self.operation]:
            yield f"s3:{action}", f"arn:aws:s3:::{bucket}/{key}"
        if source := self.arguments.get("CopySource"):  # boto3 has made a text of it by now
            yield "s3:GetObject", f"arn:aws:s3:::{unquote(source)}"

    def _resource(self) -> str:
        arguments, prefix = self.arguments, f"arn:aws:{self.service}:{self.region}:{ACCOUNT}:"
        match self.operation:
            case "ListArtifacts" | "ListModelPackages":
                return "*"
            case "AddAssociation" | "CreateArtifact":
                return f"{prefix}artifact/0123456789abcdef"
            case "CreateModelPackage":
                return f"{prefix}model-package/{arguments['ModelPackageGroupName']}/7"
            case "DescribeModelPackage" | "UpdateModelPackage":
                name = arguments.get("ModelPackageName") or arguments["ModelPackageArn"]
                return f"{name.rpartition('/')[0]}/7"
            case "ListPipelineExecutions" | "StartPipelineExecution":
                return f"{prefix}pipeline/{arguments['PipelineName']}"
            case "DescribePipelineExecution" | "ListPipelineExecutionSteps":
                return str(arguments["PipelineExecutionArn"])
            case "CreateInferenceRecommendationsJob" | "DescribeInferenceRecommendationsJob":
                return f"{prefix}inference-recommendations-job/{arguments['JobName']}"
            case "CreateSchedule" | "DeleteSchedule":
                return f"{prefix}schedule/{arguments['GroupName']}/{arguments['Name']}"
            case "Publish":
                return str(arguments["TopicArn"])
        raise AssertionError(f"No permission is known for {self.operation}")


@pytest.fixture
def record(monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[Recorded]]:
    """Record every call of boto3, and answer those whose answers are given."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")

    def start(**answers: Mapping[str, Any]) -> list[Recorded]:
        recorded: list[Recorded] = []
        call = BaseClient._make_api_call

        def make_api_call(self: Any, operation: str, arguments: Mapping[str, Any]) -> Any:
            service = self.meta.service_model.service_name
            recorded.append(Recorded(service, operation, arguments, self.meta.region_name))
            return answers[operation] if operation in answers else call(self, operation, arguments)

        monkeypatch.setattr(BaseClient, "_make_api_call", make_api_call)
        return recorded

    return start


def _underived(recorded: list[Recorded], derived: Iterator[Call]) -> set[tuple[str, str, str]]:
    made = {permission for each in recorded for permission in each.permissions()}
    assert made
    return made - {
        (call.action, call.resource, str(call.context.get("s3:prefix", ""))) for call in derived
    }


@pytest.mark.parametrize("code", ["NA", "EU", "FE"])
def test_staging_and_registering_make_derived_calls_only(
    proofs: dict[str, Proof], record: Callable[..., list[Recorded]], code: str
) -> None:
    proof = proofs["shipped"]
    (execution,) = proof.executions
    events = {name: (function, event) for name, function, event in execution.events()}
    function, given = events[f"Stage-{code}"]
    stage = _with_registration_files(_of_artifact(given), proof.images)
    apply_patches("s3")
    add_lineage()
    with mock_aws():
        _prepare(stage, proof.images)
        recorded = record(DescribePipelineExecution={"PipelineExecutionStatus": "Executing"})
        outputs = register_model.handler(stage, None)
        made = {"Stage": [*recorded]}
        recorded.clear()
        given = _of_artifact(events[f"Registration-{code}"][1])
        registration = {**given, **{name: outputs[name] for name in outputs if name in given}}
        register_model.handler(registration, None)
        made["Registration"] = recorded

    for step, event in (("Stage", stage), ("Registration", registration)):
        name = f"{step}-{code}"
        derived = proof.registration_calls(execution, name, function, event)
        assert not _underived(made[step], derived)


def _of_artifact(event: Mapping[str, Any]) -> dict[str, Any]:
    given = {"artifact_sha256": _SHA256, "register_again": "no", "verdict": "passed"}
    return {**event, **given}


def _with_registration_files(event: dict[str, Any], images: Mapping[str, str]) -> dict[str, Any]:
    """Name the folder of the registration files after their digest."""
    names = ("sample_payload_uri", "registration_request_uri")
    content = b"".join(_content(name, event, images[event["aws_region"]]) for name in names)
    folder = event["registration_folder"].rpartition("/")[0]
    digest = hashlib.sha256(content).hexdigest()[:16]
    return {**event, "registration_folder": f"{folder}/{digest}"}


def _prepare(event: Mapping[str, Any], images: Mapping[str, str]) -> None:
    """Put in place what is there before a model is staged."""
    region, group = event["aws_region"], event["model_package_group_name"]
    boto3.client("sagemaker", region_name=region).create_model_package_group(
        ModelPackageGroupName=group
    )
    objects = {value: name for name, value in event.items() if name.endswith("_uri")}
    buckets = {uri.split("/")[2]: "us-east-1" for uri in objects}
    buckets[event["destination_bucket"]] = region
    for bucket, place in buckets.items():
        location = {"LocationConstraint": place} if place != "us-east-1" else None
        options = {"CreateBucketConfiguration": location} if location else {}
        boto3.client("s3", region_name=place).create_bucket(Bucket=bucket, **options)
    for uri, name in objects.items():
        bucket, _, key = uri.removeprefix("s3://").partition("/")
        content = _content(name, event, images[region])
        boto3.client("s3").put_object(Bucket=bucket, Key=key, Body=content)


def _content(name: str, event: Mapping[str, Any], image: str) -> bytes:
    container = {"Image": image, "ModelDataUrl": {"$slot": "model_data_url"}}
    arguments = {
        "InferenceSpecification": {
            "Containers": [container],
            "SupportedContentTypes": ["text/csv"],
            "SupportedResponseMIMETypes": ["text/csv"],
        },
        "Tags": [{"Key": "pipeline", "Value": "returns-risk"}],
    }
    region = {event["region_code"]: {"model_package_arguments": arguments}}
    measured = {"latency_p99_in_millisecond": 1.0, "error_rate": 0.0, "achieved_tps": 2.0}
    documents: dict[str, Any] = {
        "evaluation_uri": {
            "artifact": {"sha256": event["artifact_sha256"]},
            "gate": measured,
            "summary": "",
            "verdict": "passed",
        },
        "packaging_manifest_uri": {"sha256": _SHA256, "code_sha256": event["code_sha256"]},
        "registration_request_uri": {"schema_version": 1, "regions": region},
    }
    return json.dumps(documents[name]).encode() if name in documents else _ARTIFACT


def _function(synthesized: Synthesized, handler: str) -> Resource:
    functions = synthesized.deployment.of_type("AWS::Lambda::Function")
    return next(each for each in functions if each.properties["Handler"] == handler)


def _rules(proof: Proof, function: Resource) -> Iterator[tuple[Resource, Mapping[str, Any]]]:
    for rule in proof.deployment.of_type("AWS::Events::Rule"):
        if function.arn in [target["Arn"] for target in rule.properties["Targets"]]:
            yield rule, rule.properties["EventPattern"]


def test_starting_an_execution_makes_derived_calls_only(
    operated: Synthesized, proofs: dict[str, Proof], record: Callable[..., list[Recorded]]
) -> None:
    proof, function = proofs["operated"], _function(operated, "start_release.handler")
    ((rule, pattern),) = _rules(proof, function)
    (bucket,) = pattern["detail"]["bucket"]["name"]
    upload = start_release.Upload.from_event(
        {
            "time": "2026-11-02T08:00:00Z",
            "detail": {
                "bucket": {"name": bucket},
                "object": {"key": pattern["detail"]["object"]["key"][0], "version-id": "1"},
            },
        }
    )
    recorded = record(
        HeadObject={"VersionId": "1"},
        ListObjectsV2={"Contents": [{"Key": upload.key}]},
        ListPipelineExecutions={"PipelineExecutionSummaries": []},
        StartPipelineExecution={"PipelineExecutionArn": "arn"},
    )
    pipeline = function.properties["Environment"]["Variables"]["PIPELINE_NAME"]
    start_release.start(
        upload, pipeline, s3=boto3.client("s3"), sagemaker=boto3.client("sagemaker")
    )

    derived = StartReleaseCalls(**proof.common(function, rule.logical_id)).calls(pattern)
    assert not _underived(recorded, derived)


@pytest.mark.parametrize(
    "event",
    [execution_changed("Failed"), package_changed("PendingManualApproval"), alarm_changed()],
)
def test_telling_people_makes_derived_calls_only(
    operated: Synthesized,
    proofs: dict[str, Proof],
    record: Callable[..., list[Recorded]],
    monkeypatch: pytest.MonkeyPatch,
    event: dict[str, Any],
) -> None:
    proof, function = proofs["operated"], _function(operated, "notify.handler")
    for name, value in function.properties["Environment"]["Variables"].items():
        monkeypatch.setenv(name, value)
    recorded = record(
        DescribePipelineExecution={},
        ListPipelineExecutionSteps={"PipelineExecutionSteps": []},
        Publish={},
    )
    if "pipelineExecutionArn" in event["detail"]:
        arn = event["detail"]["pipelineArn"] + "/execution/abcdefghijkl"
        event = {**event, "detail": {**event["detail"], "pipelineExecutionArn": arn}}

    notify.handler(event, None)

    calls = [
        call
        for rule, pattern in _rules(proof, function)
        for call in NotifyCalls(**proof.common(function, rule.logical_id)).calls(pattern)
    ]
    assert not _underived(recorded, iter(calls))


def test_load_tests_make_derived_calls_only(
    extended: Synthesized,
    proofs: dict[str, Proof],
    record: Callable[..., list[Recorded]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    proof, function = proofs["extended"], _function(extended, "load_test.handler")
    for name, value in function.properties["Environment"]["Variables"].items():
        monkeypatch.setenv(name, value)
    arn = f"arn:aws:sagemaker:us-east-1:{ACCOUNT}:model-package/returns-risk/7"
    prefix = function.properties["Environment"]["Variables"]["JOB_NAME_PREFIX"]
    monkeypatch.setattr(load_test, "job_name", lambda _: f"{prefix}-7-01234567")
    job = {"JobName": "job", "Status": "IN_PROGRESS"}
    recorded = record(
        CreateInferenceRecommendationsJob={},
        CreateSchedule={},
        DeleteSchedule={},
        DescribeInferenceRecommendationsJob=job,
        DescribeModelPackage={},
        UpdateModelPackage={},
    )
    context = SimpleNamespace(invoked_function_arn=function.arn)
    load_test.handler({"action": "start", "model_package_arn": arn}, context)
    job["Status"] = "COMPLETED"
    load_test.handler({"action": "collect", "model_package_arn": arn}, context)

    derived = LoadTestCalls(
        **proof.common(function, "LoadTest"),
        job_key_arn=proof.key.arn,
        image=proof.images["us-east-1"],
        artifact_uris=(),
    ).calls({"model_package_arn": arn})
    assert not _underived(recorded, derived)
