"""The function that starts an execution for an uploaded model, against stubbed services."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import boto3
import botocore.endpoint
import pytest
from botocore.awsrequest import AWSResponse
from botocore.stub import ANY, Stubber

from constructs_lib.jobs import start_release
from constructs_lib.jobs.start_release import UnknownEventError, Upload, start
from tests.jobs.aws_events import object_created

EXECUTION = "arn:aws:sagemaker:us-east-1:123456789012:pipeline/returns-risk/execution/abc123"
KEY = "incoming/returns-risk/2026 11/model.tar.gz"
EVENT = object_created(KEY)
UPLOAD = Upload.from_event(EVENT)


@pytest.fixture
def s3() -> Iterator[Stubber]:
    yield from _stub("s3")


@pytest.fixture
def sagemaker() -> Iterator[Stubber]:
    yield from _stub("sagemaker")


def _stub(service: str) -> Iterator[Stubber]:
    client = boto3.client(
        service, region_name="us-east-1", aws_access_key_id="x", aws_secret_access_key="x"
    )
    with Stubber(client) as stub:
        yield stub
        stub.assert_no_pending_responses()


def _listed(s3: Stubber, *keys: str) -> None:
    s3.add_response(
        "list_objects_v2",
        {"Contents": [{"Key": key} for key in keys]},
        {"Bucket": "artifacts", "Prefix": KEY, "MaxKeys": 1},
    )


def _newest(s3: Stubber, version: str) -> None:
    _listed(s3, KEY)
    s3.add_response("head_object", {"VersionId": version}, {"Bucket": "artifacts", "Key": KEY})


def _executions(sagemaker: Stubber, *names: str) -> None:
    summaries = [
        {"PipelineExecutionArn": EXECUTION, "PipelineExecutionDisplayName": name} for name in names
    ]
    sagemaker.add_response(
        "list_pipeline_executions",
        {"PipelineExecutionSummaries": summaries},
        {"PipelineName": "returns-risk", "CreatedAfter": ANY},
    )


def _start(s3: Stubber, sagemaker: Stubber) -> str | None:
    return start(UPLOAD, "returns-risk", s3=s3.client, sagemaker=sagemaker.client)


def test_an_upload_starts_an_execution_with_its_uri(s3: Stubber, sagemaker: Stubber) -> None:
    _newest(s3, "v2")
    _executions(sagemaker, "upload-of-another")
    sagemaker.add_response(
        "start_pipeline_execution",
        {"PipelineExecutionArn": EXECUTION},
        {
            "PipelineName": "returns-risk",
            "PipelineExecutionDisplayName": UPLOAD.execution_name,
            "PipelineExecutionDescription": f"Upload of version v2 of s3://artifacts/{KEY}",
            "PipelineParameters": [{"Name": "ModelS3Uri", "Value": f"s3://artifacts/{KEY}"}],
            "ClientRequestToken": UPLOAD.token,
        },
    )

    assert _start(s3, sagemaker) == EXECUTION


@pytest.mark.parametrize(
    "key",
    [
        "incoming/returns-risk/model.tar.gz",
        "incoming/returns-risk/größe/模型/model.tar.gz",
        "incoming/returns-risk/a+b c%20d%2Fe&f/model.tar.gz",  # as it is: not URL-encoded
    ],
)
def test_a_key_is_taken_as_it_is(key: str) -> None:
    assert Upload.from_event(object_created(key)).uri == f"s3://artifacts/{key}"


def test_throttling_is_waited_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(botocore.endpoint.time, "sleep", lambda _seconds: None)
    sagemaker = boto3.client(
        "sagemaker",
        region_name="us-east-1",
        aws_access_key_id="x",
        aws_secret_access_key="x",
        config=start_release._CLIENT_CONFIG,
    )
    throttled = AWSResponse("", 400, {}, None)
    throttled._content = b'{"__type": "ThrottlingException", "message": "Rate exceeded"}'
    found = AWSResponse("", 200, {}, None)
    found._content = (
        b'{"PipelineExecutionSummaries": [{"PipelineExecutionArn": "%s",'
        b' "PipelineExecutionDisplayName": "%s"}]}'
        % (EXECUTION.encode(), UPLOAD.execution_name.encode())
    )
    answers = [throttled] * 5 + [found]
    sagemaker.meta.events.register(
        "before-send.sagemaker.ListPipelineExecutions", lambda **_: answers.pop(0)
    )

    assert start_release.find_execution(sagemaker, UPLOAD, "returns-risk") == EXECUTION
    assert answers == []


def test_what_is_throttled_for_good_fails_for_the_event_to_come_again(
    s3: Stubber, sagemaker: Stubber
) -> None:
    _newest(s3, "v2")
    sagemaker.add_client_error("list_pipeline_executions", "ThrottlingException")

    with pytest.raises(sagemaker.client.exceptions.ClientError, match="ThrottlingException"):
        _start(s3, sagemaker)


def test_an_event_that_comes_again_days_later_starts_nothing(
    s3: Stubber, sagemaker: Stubber
) -> None:
    _newest(s3, "v2")
    _executions(sagemaker, "upload-of-another", UPLOAD.execution_name)

    assert _start(s3, sagemaker) == EXECUTION


def test_a_superseded_version_is_left_to_the_newer_ones_event(
    s3: Stubber, sagemaker: Stubber
) -> None:
    _newest(s3, "v3")

    assert _start(s3, sagemaker) is None


@pytest.mark.parametrize("others", [[], [f"{KEY}.sha256"]])
def test_a_deleted_model_starts_nothing(s3: Stubber, sagemaker: Stubber, others: list[str]) -> None:
    _listed(s3, *others)

    assert _start(s3, sagemaker) is None


def test_a_refused_look_up_fails_for_the_event_to_be_kept(s3: Stubber, sagemaker: Stubber) -> None:
    _listed(s3, KEY)
    s3.add_client_error("head_object", "403", http_status_code=403)

    with pytest.raises(s3.client.exceptions.ClientError, match="403"):
        _start(s3, sagemaker)


@pytest.mark.parametrize(
    ("member", "value"), [("name", "artifacts-2"), ("key", "other"), ("version-id", "v3")]
)
def test_bucket_key_and_version_make_the_token(member: str, value: str) -> None:
    bucket, found = dict(EVENT["detail"]["bucket"]), dict(EVENT["detail"]["object"])
    (bucket if member == "name" else found)[member] = value
    other = Upload.from_event({**EVENT, "detail": {"bucket": bucket, "object": found}})

    assert other.token != UPLOAD.token
    assert other.execution_name != UPLOAD.execution_name


@pytest.mark.parametrize(
    "event",
    [
        {},
        {**EVENT, "time": "yesterday"},
        {**EVENT, "detail": None},
        {**EVENT, "detail": {"bucket": {"name": "b"}, "object": {"key": "k"}}},
        {"Records": [{"s3": {"bucket": {"name": "b"}, "object": {"key": "k"}}}]},
    ],
)
def test_an_event_of_another_kind_is_refused(event: dict[str, Any]) -> None:
    with pytest.raises(UnknownEventError, match="Expected an 'Object Created' event"):
        Upload.from_event(event)
