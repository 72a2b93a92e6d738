"""Triggers and notifications, deployed with the CDK CLI, on the embedded AWS's own events.

The embedded AWS matches events with the deployed rules and delivers them to queues, not to
functions: each rule gets a queue in place of its function, and what arrives there is given to the
function's script, with the environment that was deployed.
"""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

import boto3
import pytest
from rich.console import Console

from constructs_lib.jobs import notify, start_release
from local.deployment import stack_output
from local.emulator import ACCOUNT_ID, EmbeddedAws
from local.release import LocalAws
from tests.end_to_end.deployment import Deployment
from tests.example_pipeline import copy_example
from tests.jobs.aws_events import EXECUTION, execution_changed, package_changed

SCHEDULE = {"expression": "rate(7 days)", "parameters": {"ModelS3Uri": "s3://b/model.tar.gz"}}
OPERATIONS = {"start_on_upload": True, "schedule": SCHEDULE, "monitoring": True}
KEY = "incoming/returns-risk/2026 11/größe+50%20/model.tar.gz"


@cache
def _client(aws: LocalAws, service: str) -> Any:
    return aws.client(service)


@dataclass(frozen=True)
class Operated:
    """The deployed app, with a queue at every rule of the home region."""

    aws: LocalAws
    queue_url: str

    def events(self) -> list[dict[str, Any]]:
        """Take what the rules have let through since the last call."""
        sqs = _client(self.aws, "sqs")
        bodies = []
        while messages := sqs.receive_message(QueueUrl=self.queue_url).get("Messages", []):
            for message in messages:
                bodies.append(json.loads(message["Body"]))
                sqs.delete_message(QueueUrl=self.queue_url, ReceiptHandle=message["ReceiptHandle"])
        return bodies

    def run(self, script: ModuleType, event: dict[str, Any]) -> Any:
        """Call a function's script with an event and with the function's environment."""
        name = f"{script.__name__.rpartition('.')[2]}.handler"
        functions = _client(self.aws, "lambda").list_functions()["Functions"]
        (found,) = [each for each in functions if each["Handler"] == name]
        with pytest.MonkeyPatch.context() as patch:
            for name, value in {
                **self.aws.environment,
                **found["Environment"]["Variables"],
            }.items():
                patch.setenv(name, value)
            patch.setattr(boto3, "DEFAULT_SESSION", None)
            return script.handler(event, None)

    def executions(self) -> list[dict[str, Any]]:
        """List the executions of the pipeline."""
        sagemaker = _client(self.aws, "sagemaker")
        answer = sagemaker.list_pipeline_executions(PipelineName="returns-risk")
        summaries: list[dict[str, Any]] = answer["PipelineExecutionSummaries"]
        return summaries


@pytest.fixture(scope="module")
def operated(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Operated]:
    folder = tmp_path_factory.mktemp("operated")
    _copy_for_home_region(folder / "pipelines" / "returns_risk")
    settings = {
        "pipelines_dir": str(folder / "pipelines"),
        "pipelines": {"returns_risk": OPERATIONS},
        "notifications": {"emails": ["ml@example.com"]},
    }
    context = {"model-release": json.dumps(settings)}
    with EmbeddedAws(log_file=folder / "emulator.log") as server:
        aws = LocalAws(server.endpoint_url, server.key)
        deployment = Deployment(aws, folder, Console(file=io.StringIO()))
        deployment.cdk(lambda cli: cli.bootstrap(ACCOUNT_ID, [aws.region]))
        deployment.cdk(lambda cli: cli.deploy(context=context))
        yield Operated(aws, _queue_at_every_rule(aws))


def _copy_for_home_region(folder: Path) -> None:
    path = copy_example(folder)
    config = json.loads(path.read_text())
    config["configuration"]["shared"]["registration_regions"] = ["NA"]
    path.write_text(json.dumps(config))


def _queue_at_every_rule(aws: LocalAws) -> str:
    events, sqs = _client(aws, "events"), _client(aws, "sqs")
    url: str = sqs.create_queue(QueueName="events")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]
    for rule in events.list_rules()["Rules"]:
        (function,) = events.list_targets_by_rule(Rule=rule["Name"])["Targets"]
        assert ":function:" in function["Arn"]
        events.put_targets(
            Rule=rule["Name"], Targets=[{"Id": function["Id"], "Arn": arn["QueueArn"]}]
        )
    return url


def _upload(operated: Operated, key: str, content: bytes) -> None:
    stacks = _client(operated.aws, "cloudformation")
    bucket = stack_output(stacks, "model-release-storage", "ArtifactBucketName")
    _client(operated.aws, "s3").put_object(Bucket=bucket, Key=key, Body=content)


def _uploaded(operated: Operated) -> dict[str, Any]:
    (event,) = operated.events()
    return event


def test_only_models_of_the_pipeline_pass_the_rule(operated: Operated) -> None:
    for key in (
        "incoming/returns-risk/model.tar.gz.part",
        "incoming/returns-risk/notes.txt",
        "incoming/returns-risk-2/model.tar.gz",
        "incoming/model.tar.gz",
        "returns-risk/releases/x/model.tar.gz",
    ):
        _upload(operated, key, b"other")

    assert operated.events() == []


def test_an_uploaded_model_starts_one_execution_however_often_it_is_told(
    operated: Operated,
) -> None:
    _upload(operated, KEY, b"one")
    event = _uploaded(operated)

    first = operated.run(start_release, event)
    again = operated.run(start_release, event)

    (execution,) = operated.executions()
    assert first == again == {"pipeline_execution_arn": execution["PipelineExecutionArn"]}
    parameters = _client(operated.aws, "sagemaker").list_pipeline_parameters_for_execution(
        PipelineExecutionArn=execution["PipelineExecutionArn"]
    )["PipelineParameters"]
    (uri,) = [each["Value"] for each in parameters if each["Name"] == "ModelS3Uri"]
    assert uri.endswith(f"/{KEY}")


def test_a_newer_version_under_the_same_key_starts_its_own(operated: Operated) -> None:
    before = len(operated.executions())
    _upload(operated, KEY, b"two")
    superseded = _uploaded(operated)
    _upload(operated, KEY, b"three")
    newest = _uploaded(operated)

    results = [
        operated.run(start_release, event)["pipeline_execution_arn"]
        for event in (superseded, newest)
    ]

    assert results[0] is None
    assert results[1] in [each["PipelineExecutionArn"] for each in operated.executions()]
    assert len(operated.executions()) == before + 1


@pytest.mark.parametrize(
    ("event", "passes"),
    [
        (execution_changed("Failed"), True),
        (execution_changed("Stopped"), True),
        (execution_changed("Succeeded"), False),
        (execution_changed("Failed", pipeline="another"), False),
        (package_changed("PendingManualApproval"), True),
        (package_changed("Approved"), True),
        (package_changed("Rejected"), True),
        (package_changed("Approved", ModelPackageGroupName="another"), False),
        (package_changed("PendingManualApproval", ModelPackageStatus="InProgress"), False),
    ],
    ids=lambda value: value["detail-type"].split()[1] if isinstance(value, dict) else str(value),
)
def test_people_are_told_of_the_documented_events(
    operated: Operated, event: dict[str, Any], passes: bool
) -> None:
    _client(operated.aws, "events").put_events(
        Entries=[
            {
                "Source": event["source"],
                "DetailType": event["detail-type"],
                "Detail": json.dumps(event["detail"]),
            }
        ]
    )

    assert [each["detail"] for each in operated.events()] == ([event["detail"]] if passes else [])


def test_a_package_to_approve_reaches_the_topic(operated: Operated) -> None:
    sns, sqs = _client(operated.aws, "sns"), _client(operated.aws, "sqs")
    inbox = sqs.create_queue(QueueName="inbox")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=inbox, AttributeNames=["QueueArn"])["Attributes"]
    topic = f"arn:aws:sns:us-east-1:{ACCOUNT_ID}:model-release-notifications"
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn["QueueArn"])

    operated.run(notify, package_changed("PendingManualApproval"))

    (message,) = sqs.receive_message(QueueUrl=inbox)["Messages"]
    body = json.loads(message["Body"])
    assert body["Subject"] == "returns-risk: version 7 waits for approval in eu-west-1"
    assert f"Released by:   {EXECUTION}" in body["Message"]


def test_the_schedule_starts_the_deployed_pipeline(operated: Operated) -> None:
    scheduler = _client(operated.aws, "scheduler")
    (listed,) = scheduler.list_schedules()["Schedules"]
    schedule = scheduler.get_schedule(Name=listed["Name"])
    target = schedule["Target"]
    pipelines = _client(operated.aws, "sagemaker").list_pipelines()["PipelineSummaries"]
    queues = _client(operated.aws, "sqs").list_queues()["QueueUrls"]

    assert schedule["ScheduleExpression"] == SCHEDULE["expression"]
    assert target["Arn"] in [each["PipelineArn"] for each in pipelines]
    parameters = target["SageMakerPipelineParameters"]["PipelineParameterList"]
    assert {each["Name"]: each["Value"] for each in parameters} == SCHEDULE["parameters"]
    queue = target["DeadLetterConfig"]["Arn"].rpartition(":")[2]
    assert queue in [url.rpartition("/")[2] for url in queues]


def test_alarms_and_dashboard_are_about_what_is_deployed(operated: Operated) -> None:
    aws = operated.aws
    functions = _client(aws, "lambda").list_functions()["Functions"]
    queues = _client(aws, "sqs").list_queues()["QueueUrls"]
    names = {each["FunctionName"] for each in functions}
    names |= {url.rpartition("/")[2] for url in queues} | {"returns-risk"}
    cloudwatch = _client(aws, "cloudwatch")
    alarms = cloudwatch.describe_alarms()["MetricAlarms"]

    assert len(alarms) == 9
    for alarm in alarms:
        metrics = [
            each["MetricStat"]["Metric"]
            for each in alarm.get("Metrics", ())
            if "MetricStat" in each
        ]
        dimensions = [each for metric in metrics or [alarm] for each in metric["Dimensions"]]
        assert {each["Value"] for each in dimensions} <= names
        (topic,) = alarm["AlarmActions"]
        _client(aws, "sns").get_topic_attributes(TopicArn=topic)
    (dashboard,) = cloudwatch.list_dashboards()["DashboardEntries"]
    answer = cloudwatch.get_dashboard(DashboardName=dashboard["DashboardName"])
    widgets = json.loads(answer["DashboardBody"])["widgets"]
    assert len(widgets) == 5
    shown = set(widgets[0]["properties"]["alarms"])
    assert shown < {alarm["AlarmArn"] for alarm in alarms}
