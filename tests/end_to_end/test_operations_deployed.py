"""Triggers and notifications, deployed with the CDK CLI, on the embedded AWS's own events.

Events reach the deployed functions, and these the pipeline and the topic, as their roles. A queue
beside every rule's function shows what the rule lets through.
"""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from constructs_lib.aws.handle import AwsHandle
from local.bootstrapping import bootstrap
from local.deployment import stack_output
from local.emulator import ACCOUNT_ID, EmbeddedAws
from local.rollback.inbox import Inbox
from local.runner import EmulatedAws, run_execution
from tests.end_to_end.deployment import Deployment
from tests.example_pipeline import copy_example
from tests.jobs.aws_events import alarm_changed, execution_changed, package_changed
from tests.local.emulator.queues import Queue

SCHEDULE = {"expression": "rate(7 days)", "parameters": {"ModelS3Uri": "s3://b/model.tar.gz"}}
OPERATIONS = {"start_on_upload": True, "schedule": SCHEDULE, "monitoring": True}
KEY = "incoming/returns-risk/2026 11/größe+50%20/model.tar.gz"
WEEK_SECONDS = 7 * 24 * 3600
TOPIC = f"arn:aws:sns:us-east-1:{ACCOUNT_ID}:model-release-notifications"


@cache
def _client(aws: AwsHandle, service: str) -> Any:
    return aws.client(service)


@dataclass(frozen=True)
class Operated:
    """The deployed app, with a queue at every rule of the home region and one at the topic."""

    server: EmbeddedAws
    aws: AwsHandle
    queue: Queue
    inbox: Inbox

    def events(self) -> list[dict[str, Any]]:
        """Take what the rules have let through since the last call."""
        return self.queue.bodies()

    def mails(self) -> dict[str, str]:
        """Take what people were told since the last call: texts by subject."""
        self.server.house.settle()
        return {mail.subject: mail.text for mail in self.inbox.read()}

    def invoke(self, script: str, event: dict[str, Any]) -> Any:
        """Send an event to a function again, as a person does from its dead letters."""
        functions = _client(self.aws, "lambda").list_functions()["Functions"]
        (found,) = [each for each in functions if each["Handler"] == f"{script}.handler"]
        answer = _client(self.aws, "lambda").invoke(
            FunctionName=found["FunctionName"], Payload=json.dumps(event).encode()
        )
        assert "FunctionError" not in answer
        return json.loads(answer["Payload"].read())

    def executions(self) -> list[str]:
        """List the executions of the pipeline, once all events are delivered."""
        self.server.house.settle()
        answer = _client(self.aws, "sagemaker").list_pipeline_executions(
            PipelineName="returns-risk"
        )
        return [each["PipelineExecutionArn"] for each in answer["PipelineExecutionSummaries"]]

    def parameters(self, execution_arn: str) -> dict[str, str]:
        """Read the parameters of an execution."""
        answer = _client(self.aws, "sagemaker").list_pipeline_parameters_for_execution(
            PipelineExecutionArn=execution_arn
        )
        return {each["Name"]: each["Value"] for each in answer["PipelineParameters"]}


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
        aws = server.handle
        deployment = Deployment(aws, folder, Console(file=io.StringIO()))
        bootstrap(deployment.aws, [aws.region])
        deployment.cdk(lambda cli: cli.deploy(context=context))
        server.house.advance_clock(1)  # a schedule by rate begins when it is made
        yield Operated(server, aws, _queue_at_every_rule(server), Inbox.subscribe(aws, TOPIC))


def _copy_for_home_region(folder: Path) -> None:
    copy_example(folder)
    config = json.loads((folder / "config.json").read_text())
    config["configuration"]["shared"]["registration_regions"] = ["NA"]
    (folder / "config.json").write_text(json.dumps(config))


def _queue_at_every_rule(server: EmbeddedAws) -> Queue:
    events = server.client("events")
    queue = Queue.create(server, "events", sender="events.amazonaws.com")
    for rule in events.list_rules()["Rules"]:
        (function,) = events.list_targets_by_rule(Rule=rule["Name"])["Targets"]
        assert ":function:" in function["Arn"]
        events.put_targets(Rule=rule["Name"], Targets=[{"Id": "observer", "Arn": queue.arn}])
    return queue


def _upload(operated: Operated, key: str, content: bytes) -> None:
    stacks = _client(operated.aws, "cloudformation")
    bucket = stack_output(stacks, "model-release-storage", "ArtifactBucketName")
    _client(operated.aws, "s3").put_object(Bucket=bucket, Key=key, Body=content)


def _uploaded(operated: Operated) -> dict[str, Any]:
    """Take the one event of an upload; executions of it are told of, too."""
    (event,) = [each for each in operated.events() if each["source"] == "aws.s3"]
    return event


def test_only_models_of_the_pipeline_pass_the_rule(operated: Operated) -> None:
    before = operated.executions()
    for key in (
        "incoming/returns-risk/model.tar.gz.part",
        "incoming/returns-risk/notes.txt",
        "incoming/returns-risk-2/model.tar.gz",
        "incoming/model.tar.gz",
        "tmp/returns-risk/x/Package/model.tar.gz",
    ):
        _upload(operated, key, b"other")

    assert operated.events() == []
    assert operated.executions() == before


def test_an_uploaded_model_starts_one_execution_however_often_it_is_told(
    operated: Operated,
) -> None:
    before = operated.executions()
    _upload(operated, KEY, b"one")
    event = _uploaded(operated)

    (execution,) = set(operated.executions()) - set(before)
    for _ in range(2):
        answer = operated.invoke("start_release", event)
        assert answer == {"pipeline_execution_arn": execution}
    assert len(operated.executions()) == len(before) + 1
    assert operated.parameters(execution)["ModelS3Uri"].endswith(f"/{KEY}")


def test_a_version_that_is_not_the_newest_any_more_starts_nothing(operated: Operated) -> None:
    _upload(operated, KEY, b"two")
    superseded = _uploaded(operated)
    _upload(operated, KEY, b"three")
    _uploaded(operated)
    before = operated.executions()

    assert operated.invoke("start_release", superseded) == {"pipeline_execution_arn": None}
    assert operated.executions() == before


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
        (alarm_changed("ALARM"), True),
        (alarm_changed("ALARM", before="INSUFFICIENT_DATA", kind="errors"), True),
        (alarm_changed("OK", before="ALARM"), True),
        (alarm_changed("OK", before="INSUFFICIENT_DATA"), False),
        (alarm_changed("INSUFFICIENT_DATA", before="ALARM"), False),
        (alarm_changed("ALARM", name="returns-risk-0123456789abcdef"), False),
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
                "Resources": event["resources"],
            }
        ]
    )

    assert [each["detail"] for each in operated.events()] == ([event["detail"]] if passes else [])


def test_people_are_told_of_a_package_to_approve(operated: Operated) -> None:
    operated.mails()
    _client(operated.aws, "sagemaker").create_model_package(
        ModelPackageGroupName="returns-risk", ModelApprovalStatus="PendingManualApproval"
    )

    ((subject, _),) = operated.mails().items()
    assert subject.startswith("returns-risk: version ")
    assert subject.endswith(" waits for approval in us-east-1")


def test_people_are_told_why_an_execution_failed(operated: Operated, tmp_path: Path) -> None:
    before = operated.executions()
    _upload(operated, KEY, b"no archive")
    (arn,) = set(operated.executions()) - set(before)
    operated.mails()

    execution = run_execution(
        arn, aws=EmulatedAws.connect(operated.server.environment()), state_dir=tmp_path
    )

    assert execution.failed_step is not None
    ((_, text),) = operated.mails().items()
    assert arn in text
    assert execution.failed_step.name in text
    assert str(execution.failed_step.reason) in text


def test_the_schedule_starts_the_deployed_pipeline_with_its_parameters(
    operated: Operated,
) -> None:
    before = operated.executions()
    (schedule,) = _client(operated.aws, "scheduler").list_schedules()["Schedules"]

    due = operated.server.house.advance_clock(WEEK_SECONDS)

    assert due == [schedule["Arn"]]
    (execution,) = set(operated.executions()) - set(before)
    assert operated.parameters(execution) == SCHEDULE["parameters"]


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
    asked = [
        {each[3] for each in widget["properties"]["metrics"] if each[0] == "AWS/SageMaker"}
        for widget in widgets[5:]
    ]
    assert asked == [{"returns-risk"}] * 3
    shown = set(widgets[0]["properties"]["alarms"])
    assert shown < {alarm["AlarmArn"] for alarm in alarms}
