"""The function that writes notifications, on the events that AWS documents."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.stub import Stubber

from constructs_lib.jobs.notify import UnknownEventError, handler
from constructs_lib.regions.tables import sagemaker_regions
from tests.jobs.aws_events import (
    EXECUTION,
    PACKAGE,
    alarm_changed,
    execution_changed,
    package_changed,
)

JOB = "arn:aws:sagemaker:us-east-1:123456789012:processing-job/pipelines-abc123-Package-x1"
FUNCTION = "arn:aws:lambda:us-east-1:123456789012:function:register"
OPERATE = Path(__file__).parents[2] / "docs" / "operate.md"
SERVE = OPERATE.with_name("serve.md")
TOPIC = "arn:aws:sns:us-east-1:123456789012:model-release-notifications"

_make_client = boto3.client


@pytest.fixture
def sagemaker() -> Iterator[Stubber]:
    yield from _stub("sagemaker")


def _stub(service: str) -> Iterator[Stubber]:
    client = _make_client(
        service, region_name="us-east-1", aws_access_key_id="x", aws_secret_access_key="x"
    )
    with Stubber(client) as stub:
        yield stub
        stub.assert_no_pending_responses()


class Topic:
    """Keeps what is published."""

    def __init__(self) -> None:
        self.published: list[dict[str, str]] = []

    def publish(self, **message: str) -> None:
        self.published.append(message)


@pytest.fixture
def topic(sagemaker: Stubber, monkeypatch: pytest.MonkeyPatch) -> Topic:
    topic = Topic()
    clients = {"sagemaker": sagemaker.client, "sns": topic}
    monkeypatch.setattr(boto3, "client", lambda service, **_: clients[service])
    monkeypatch.setenv("TOPIC_ARN", TOPIC)
    return topic


def _answer(sagemaker: Stubber, *steps: dict[str, Any], **execution: str) -> None:
    sagemaker.add_response(
        "describe_pipeline_execution", execution, {"PipelineExecutionArn": EXECUTION}
    )
    sagemaker.add_response(
        "list_pipeline_execution_steps",
        {"PipelineExecutionSteps": list(steps)},
        {"PipelineExecutionArn": EXECUTION, "SortOrder": "Ascending"},
    )


def _step(name: str, status: str = "Failed", **members: Any) -> dict[str, Any]:
    return {"StepName": name, "StepStatus": status, **members}


def test_a_failed_execution_is_told_with_step_reason_and_links(
    sagemaker: Stubber, topic: Topic
) -> None:
    _answer(
        sagemaker,
        _step("CreateModel", "Succeeded"),
        _step(
            "Package",
            FailureReason='ClientError: "model.tar.gz" is damaged',
            Metadata={"ProcessingJob": {"Arn": JOB}},
        ),
        PipelineExecutionDescription="Upload of version v2 of s3://b/model.tar.gz",
        FailureReason="Step failure: One or multiple steps failed.",
    )

    handler(execution_changed("Failed"), None)

    (message,) = topic.published
    assert message["TopicArn"] == TOPIC
    assert message["Subject"] == "returns-risk: execution failed at Package"
    for part in (
        "Pipeline:  returns-risk (us-east-1)",
        f"Execution: {EXECUTION}",
        'Reason:    ClientError: "model.tar.gz" is damaged',
        "#/processing-jobs/pipelines-abc123-Package-x1",
        "log-group/$252Faws$252Fsagemaker$252FProcessingJobs"
        "$3FlogStreamNameFilter$3Dpipelines-abc123-Package-x1$252F",
        "aws sagemaker retry-pipeline-execution --region us-east-1",
        "Cause:     Upload of version v2",
        "https://us-east-1.console.aws.amazon.com/sagemaker/home?region=us-east-1#/studio-landing",
        "(Pipelines, returns-risk, abc123)",
    ):
        assert part in message["Message"]
    assert "CreateModel" not in message["Message"]
    assert f"```text\n{message['Message']}\n```" in OPERATE.read_text()


def test_a_failed_function_is_linked(sagemaker: Stubber, topic: Topic) -> None:
    _answer(sagemaker, _step("Stage-EU", Metadata={"Lambda": {"Arn": FUNCTION}}))

    handler(execution_changed("Failed"), None)

    page = (
        "https://us-east-1.console.aws.amazon.com/lambda/home?region=us-east-1#/functions/register"
    )
    assert f"Function:  {page}\n" in topic.published[0]["Message"]
    assert f"Logs:      {page}?tab=monitoring " in topic.published[0]["Message"]


def test_the_message_of_a_fail_step_is_the_reason(sagemaker: Stubber, topic: Topic) -> None:
    reason = "latency p99 312.4 ms is above max_latency_in_millisecond 200"
    _answer(sagemaker, _step("VerificationFailed", Metadata={"Fail": {"ErrorMessage": reason}}))

    handler(execution_changed("Failed"), None)

    assert f"Reason:    {reason}" in topic.published[0]["Message"]


def test_an_execution_that_a_fail_step_ended_is_started_anew_instead_of_retried(
    sagemaker: Stubber, topic: Topic
) -> None:
    _answer(
        sagemaker,
        _step("VerificationFailed", Metadata={"Fail": {"ErrorMessage": "too slow"}}),
        _step("LoadTest", Metadata={"Lambda": {"Arn": FUNCTION}}),
    )

    handler(execution_changed("Failed"), None)

    text = topic.published[0]["Message"]
    assert "retry-pipeline-execution" not in text
    assert "aws sagemaker start-pipeline-execution --region us-east-1 \\\n" in text
    assert "--pipeline-name returns-risk" in text
    assert "Name=ModelS3Uri,Value=" in text


def test_an_execution_that_failed_before_its_steps_is_told_too(
    sagemaker: Stubber, topic: Topic
) -> None:
    _answer(sagemaker, FailureReason="The role cannot be assumed")

    handler(execution_changed("Failed"), None)

    assert topic.published[0]["Subject"] == "returns-risk: execution failed"
    assert "The role cannot be assumed" in topic.published[0]["Message"]


def test_a_package_to_approve_is_told_with_the_commands_that_decide(topic: Topic) -> None:
    metrics = {"ModelQuality": {"Statistics": {"S3Uri": "s3://b/releases/1 x/evaluation.json"}}}
    handler(package_changed("PendingManualApproval", ModelMetrics=metrics), None)

    (message,) = topic.published
    assert message["Subject"] == "returns-risk: version 7 waits for approval in eu-west-1"
    for part in (
        f"aws sagemaker update-model-package --region eu-west-1 --model-package-arn {PACKAGE}",
        f"aws sagemaker describe-model-package --region eu-west-1 --model-package-name {PACKAGE}",
        "--model-approval-status Approved",
        f"Released by:   {EXECUTION}",
        "Measured:      s3://b/releases/1 x/evaluation.json",
        "https://eu-west-1.console.aws.amazon.com/s3/object/b?region=eu-west-1"
        "&prefix=releases/1%20x/evaluation.json",
        "(Models, returns-risk)",
    ):
        assert part in message["Message"]


@pytest.mark.parametrize("status", ["Approved", "Rejected"])
def test_a_decision_is_told_with_its_remark(topic: Topic, status: str) -> None:
    handler(package_changed(status, ApprovalDescription="p99 is fine"), None)

    (message,) = topic.published
    assert message["Subject"] == f"returns-risk: version 7 {status.lower()} in eu-west-1"
    assert "Remark:        p99 is fine" in message["Message"]
    assert "then decide" not in message["Message"]


def test_metadata_that_changes_alone_is_not_told(topic: Topic) -> None:
    fields = ["CustomerMetadataProperties", "ModelLifeCycle"]

    assert handler(package_changed("Approved", UpdatedModelPackageFields=fields), None) == {}
    assert topic.published == []


@pytest.mark.parametrize(
    "fields", [[], ["ModelApprovalStatus"], ["CustomerMetadataProperties", "ModelApprovalStatus"]]
)
def test_a_changed_approval_is_told_whatever_changes_with_it(
    topic: Topic, fields: list[str]
) -> None:
    handler(package_changed("Approved", UpdatedModelPackageFields=fields), None)

    assert len(topic.published) == 1


def test_a_subject_is_what_sns_takes(sagemaker: Stubber, topic: Topic) -> None:
    _answer(sagemaker, *(_step(f"Registration-{number}") for number in range(20)))

    handler(execution_changed("Failed"), None)

    subject = topic.published[0]["Subject"]
    assert len(subject) == 99
    assert subject.isascii()
    assert subject.isprintable()


def test_a_message_is_what_sns_takes(sagemaker: Stubber, topic: Topic) -> None:
    longest = {"Fail": {"ErrorMessage": "ü" * 3072}}
    _answer(sagemaker, *(_step(f"Step-{number}", Metadata=longest) for number in range(50)))

    handler(execution_changed("Failed"), None)

    content = topic.published[0]["Message"].encode()
    assert 262_140 < len(content) <= 262_144


def test_links_are_of_the_partition_of_every_region() -> None:
    session = boto3.Session()

    assert {session.get_partition_for_region(region) for region in sagemaker_regions()} == {"aws"}


def test_an_event_of_another_kind_is_refused(topic: Topic) -> None:
    with pytest.raises(UnknownEventError, match="'SageMaker Image State Change'"):
        handler({"detail-type": "SageMaker Image State Change"}, None)

    assert topic.published == []


def test_a_standing_alarm_is_told_with_its_number_its_limit_and_what_to_do(topic: Topic) -> None:
    handler(alarm_changed(), None)

    (message,) = topic.published
    assert message["Subject"] == "returns-risk: latency is above the limit in eu-west-1"
    for part in (
        "Pipeline:  returns-risk\n",
        "Endpoint:  returns-risk (eu-west-1)\n",
        "Version:   7, by the last deployment that was recorded\n",
        "Alarm:     returns-risk-standing-latency\n",
        "Measured:  p99 of the model's latency: 1,011 ms; the limit is 800 ms\n",
        "  release endpoints returns-risk\n",
        "  release rollback returns-risk",
    ):
        assert part in message["Message"]
    assert f"```text\n{message['Message']}\n```" in SERVE.read_text()


@pytest.mark.parametrize(
    ("event", "subject", "measured"),
    [
        (
            alarm_changed(kind="errors", numbers=[0.02, 0.125]),
            "error rate is above the limit",
            "failed requests (5XX): 12.5 %; the limit is 1 %",
        ),
        (
            alarm_changed("OK", before="ALARM", numbers=[1_011_000.0, 350_000.0]),
            "latency is no longer above the limit",
            "p99 of the model's latency: 350 ms; the limit is 800 ms",
        ),
        (
            alarm_changed("OK", before="ALARM", numbers=[1_011_000.0]),
            "latency is no longer above the limit",
            "no requests in the last minutes; the limit is 800 ms",
        ),
        (
            alarm_changed("OK", before="ALARM", numbers=[]),
            "latency is no longer above the limit",
            "no requests in the last minutes; the limit is 800 ms",
        ),
        (
            alarm_changed(reason="tried by hand", reasonData=""),
            "latency is above the limit",
            "tried by hand",
        ),
    ],
)
def test_what_an_alarm_was_judged_by_is_told(
    topic: Topic, event: dict[str, Any], subject: str, measured: str
) -> None:
    handler(event, None)

    (message,) = topic.published
    assert message["Subject"] == f"returns-risk: {subject} in eu-west-1"
    assert f"Measured:  {measured}\n" in message["Message"]


@pytest.mark.parametrize(
    "data",
    [
        "null",
        '"threshold"',
        "7",
        '["threshold"]',
        "no JSON",
        '{"threshold": null}',
        '{"threshold": "800"}',
        '{"threshold": true}',
        '{"threshold": 1, "recentDatapoints": 5}',
        '{"threshold": NaN}',
        '{"threshold": -Infinity, "recentDatapoints": [1]}',
        f'{{"threshold": 1{"0" * 400}}}',
        "[" * 4000,
        None,
    ],
)
def test_an_alarm_that_somebody_sets_with_data_of_their_own_is_told(
    topic: Topic, data: str | None
) -> None:
    handler(alarm_changed(reason="tried by hand", reasonData=data), None)

    assert "Measured:  tried by hand\n" in topic.published[0]["Message"]


def test_numbers_that_are_none_are_passed_over(topic: Topic) -> None:
    others = [None, "n/a", True, math.nan, math.inf, -math.inf, 10**400]
    data = {"threshold": 800_000, "recentDatapoints": [*others, 900_000]}

    handler(alarm_changed(reasonData=json.dumps(data)), None)

    assert "latency: 900 ms; the limit is 800 ms\n" in topic.published[0]["Message"]


def test_an_alarm_that_is_over_asks_for_no_rollback(topic: Topic) -> None:
    handler(alarm_changed("OK", before="ALARM"), None)

    assert "release rollback" not in topic.published[0]["Message"]
    assert "release endpoints returns-risk" in topic.published[0]["Message"]


def test_an_alarm_that_an_earlier_version_of_the_app_made_is_told_without_the_pipeline(
    topic: Topic,
) -> None:
    handler(alarm_changed(description="Slowest 1 % of requests"), None)

    text = topic.published[0]["Message"]
    assert "Pipeline:" not in text
    assert "Version:" not in text
    assert text.endswith("\n  release endpoints")
