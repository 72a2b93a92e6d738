"""Triggers, monitoring and notifications: nothing by default, least privilege when asked for."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from aws_cdk.assertions import Match, Template
from moto.events.models import EventPattern

from constructs_lib.infrastructure.triggers import TriggerError
from constructs_lib.release.incoming import incoming_uri
from constructs_lib.s3_layout import bucket_and_key
from constructs_lib.settings import SettingsError
from tests.synth.conftest import Synthesize

SCHEDULE = {
    "expression": "cron(0 6 ? * MON *)",
    "timezone": "Europe/Berlin",
    "parameters": {"ModelS3Uri": "s3://models/newest/model.tar.gz"},
}
OPERATIONS = {"start_on_upload": True, "schedule": SCHEDULE, "monitoring": True}


@pytest.fixture(scope="module")
def operated(synthesize: Synthesize) -> Mapping[str, Template]:
    """The templates with everything switched on."""
    return synthesize(
        pipelines={"returns_risk": OPERATIONS}, notifications={"emails": ["ml@example.com"]}
    )


@pytest.fixture(scope="module")
def stack(operated: Mapping[str, Template]) -> Template:
    return operated["pipeline-returns-risk"]


def _role_statements(template: Template, role: str) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    policies = template.to_json()["Resources"].values()
    for resource in policies:
        if resource["Type"] in ("AWS::IAM::Policy", "AWS::IAM::ManagedPolicy"):
            properties = resource["Properties"]
            if any(str(each["Ref"]).startswith(role) for each in properties["Roles"]):
                found |= {each["Sid"]: each for each in properties["PolicyDocument"]["Statement"]}
    return found


def test_by_default_nothing_runs_around_a_pipeline(templates: Mapping[str, Template]) -> None:
    assert not [name for name in templates if name.startswith("notifications")]
    stack = templates["pipeline-returns-risk"]
    for kind in (
        "AWS::Events::Rule",
        "AWS::Scheduler::Schedule",
        "AWS::CloudWatch::Alarm",
        "AWS::CloudWatch::Dashboard",
        "AWS::SQS::Queue",
    ):
        stack.resource_count_is(kind, 0)
    for bucket in templates["storage"].find_resources("AWS::S3::Bucket").values():
        assert "NotificationConfiguration" not in bucket["Properties"]


def test_s3_tells_eventbridge_without_a_custom_resource(operated: Mapping[str, Template]) -> None:
    storage = operated["storage"]
    storage.has_resource_properties(
        "AWS::S3::Bucket",
        {"NotificationConfiguration": {"EventBridgeConfiguration": {"EventBridgeEnabled": True}}},
    )
    for resource in storage.to_json()["Resources"].values():
        assert not resource["Type"].startswith("Custom::")


def test_only_models_under_the_pipelines_own_prefix_start_it(stack: Template) -> None:
    (rule,) = stack.find_resources("AWS::Events::Rule").values()
    pattern = rule["Properties"]["EventPattern"]

    assert pattern["detail"]["object"]["key"] == [
        "incoming/returns-risk/model.tar.gz",
        {"wildcard": "incoming/returns-risk/*/model.tar.gz"},
    ]
    assert "Fn::ImportValue" in pattern["detail"]["bucket"]["name"][0]
    (target,) = rule["Properties"]["Targets"]
    assert target["RetryPolicy"] == {"MaximumEventAgeInSeconds": 86400, "MaximumRetryAttempts": 185}
    assert target["DeadLetterConfig"]["Arn"]["Fn::GetAtt"][0].startswith("UploadTrigger")


def _starts(stack: Template, key: str) -> bool:
    """Tell whether the deployed rule passes on an upload to that key."""
    (rule,) = stack.find_resources("AWS::Events::Rule").values()
    pattern = {**rule["Properties"]["EventPattern"]}
    pattern["detail"] = {**pattern["detail"], "bucket": {"name": ["artifacts"]}}
    detail = {"bucket": {"name": "artifacts"}, "object": {"key": key}}
    event = {"source": "aws.s3", "detail-type": "Object Created", "detail": detail}
    return bool(EventPattern.load(json.dumps(pattern)).matches_event(event))


@pytest.mark.parametrize("name", ["model.tar.gz", "2026-11-02.tar.gz", "-model.tar.gz"])
def test_a_model_that_a_command_uploads_is_started_by_the_command_only(
    stack: Template, tmp_path: Path, name: str
) -> None:
    (tmp_path / name).write_bytes(b"model")
    parameter = {"Name": "PIPELINE_EXECUTION_TEMP_DIR", "DefaultValue": "s3://artifacts/tmp/p"}

    uri = incoming_uri("returns-risk", {"Parameters": [parameter]}, tmp_path / name)

    bucket, key = bucket_and_key(uri)
    assert bucket == "artifacts"
    assert key.startswith("incoming/returns-risk/")
    assert key.endswith(name)
    assert not _starts(stack, key)


@pytest.mark.parametrize("folder", ["", "2026-11-02/", "a/b/"])
def test_a_model_that_a_person_uploads_starts_an_execution(stack: Template, folder: str) -> None:
    assert _starts(stack, f"incoming/returns-risk/{folder}model.tar.gz")


def test_the_trigger_may_start_its_own_pipeline_only(stack: Template) -> None:
    statements = _role_statements(stack, "UploadTriggerStartReleaseRole")

    assert sorted(statements) == [
        "FindDeleted",
        "FindUpload",
        "KeepDeadLetters",
        "StartExecution",
        "WriteLogs",
    ]
    assert statements["StartExecution"]["Action"] == [
        "sagemaker:ListPipelineExecutions",
        "sagemaker:StartPipelineExecution",
    ]
    assert str(statements["StartExecution"]["Resource"]).endswith(":pipeline/returns-risk']]}")


def test_a_schedule_starts_the_pipeline_with_its_parameters(stack: Template) -> None:
    stack.has_resource_properties(
        "AWS::Scheduler::Schedule",
        {
            "ScheduleExpression": "cron(0 6 ? * MON *)",
            "ScheduleExpressionTimezone": "Europe/Berlin",
            "Target": {
                "SageMakerPipelineParameters": {
                    "PipelineParameterList": [
                        {"Name": "ModelS3Uri", "Value": "s3://models/newest/model.tar.gz"}
                    ]
                },
                "DeadLetterConfig": Match.any_value(),
            },
        },
    )


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({}, r"lacks the parameters \['ModelS3Uri'\]"),
        ({"ModelS3Uri": "s3://b/model.tar.gz", "Model": "x"}, r"unknown parameters \['Model'\]"),
    ],
)
def test_a_schedule_that_would_fail_each_time_is_refused(
    synthesize: Synthesize, parameters: dict[str, str], message: str
) -> None:
    schedule = {"expression": "rate(7 days)", "parameters": parameters}
    with pytest.raises(TriggerError, match=message):
        synthesize(pipelines={"returns_risk": {"schedule": schedule}})


def test_operations_of_a_pipeline_that_there_is_not_are_refused(synthesize: Synthesize) -> None:
    with pytest.raises(SettingsError, match=r"no pipeline 'return_risk'.* mean 'returns_risk'\?"):
        synthesize(pipelines={"return_risk": {"monitoring": True}})


def test_alarms_watch_failures_duration_functions_and_queues(stack: Template) -> None:
    alarms = [
        each["Properties"] for each in stack.find_resources("AWS::CloudWatch::Alarm").values()
    ]
    metrics = sorted(
        alarm.get("MetricName") or alarm["Metrics"][0]["MetricStat"]["Metric"]["MetricName"]
        if "MetricName" in alarm
        else "anomaly"
        for alarm in alarms
    )

    assert metrics == sorted(
        ["ExecutionFailed", "anomaly"]
        + ["Errors", "Throttles"] * 2  # registration and trigger
        + ["ApproximateNumberOfMessagesVisible"] * 2  # trigger and schedule
    )
    for alarm in alarms:
        assert "model-release-notifications" in json.dumps(alarm["AlarmActions"])
        assert alarm["TreatMissingData"] == "notBreaching"


def test_duration_is_compared_with_its_own_history(stack: Template) -> None:
    (alarm,) = [
        each["Properties"]
        for each in stack.find_resources("AWS::CloudWatch::Alarm").values()
        if "ThresholdMetricId" in each["Properties"]
    ]

    metrics = {metric["Id"]: metric for metric in alarm["Metrics"]}
    assert "ANOMALY_DETECTION_BAND" in metrics[alarm["ThresholdMetricId"]]["Expression"]
    assert "ExecutionDuration" in json.dumps(alarm["Metrics"])
    assert alarm["ComparisonOperator"] == "GreaterThanUpperThreshold"


def test_the_topic_is_encrypted_and_takes_tls_only(operated: Mapping[str, Template]) -> None:
    template = operated["notifications"]

    template.has_resource_properties(
        "AWS::SNS::Topic",
        {"TopicName": "model-release-notifications", "KmsMasterKeyId": Match.any_value()},
    )
    template.has_resource_properties(
        "AWS::SNS::TopicPolicy",
        {
            "PolicyDocument": {
                "Statement": Match.array_with(
                    [
                        Match.object_like(
                            {
                                "Effect": "Deny",
                                "Condition": {"Bool": {"aws:SecureTransport": "false"}},
                            }
                        )
                    ]
                )
            }
        },
    )
    template.has_resource_properties(
        "AWS::SNS::Subscription", {"Protocol": "email", "Endpoint": "ml@example.com"}
    )


def test_the_topic_tells_when_an_event_was_not_told(operated: Mapping[str, Template]) -> None:
    template = operated["notifications"]
    ((queue, _),) = template.find_resources("AWS::SQS::Queue").items()

    template.has_resource_properties(
        "AWS::CloudWatch::Alarm",
        {
            "MetricName": "ApproximateNumberOfMessagesVisible",
            "Dimensions": [{"Name": "QueueName", "Value": {"Fn::GetAtt": [queue, "QueueName"]}}],
            "Threshold": 1,
            "AlarmActions": [{"Ref": Match.string_like_regexp("^Topic")}],
        },
    )


def test_changes_of_packages_and_of_alarms_in_other_regions_reach_the_home_region(
    operated: Mapping[str, Template],
) -> None:
    for name in ("notifications-eu", "notifications-fe"):
        rules = operated[name].find_resources("AWS::Events::Rule").values()
        properties = [each["Properties"] for each in rules]
        packages, alarms = sorted(properties, key=lambda each: "alarmName" in str(each))
        assert packages["EventPattern"]["detail"]["ModelPackageGroupName"] == ["returns-risk"]
        assert alarms["EventPattern"]["source"] == ["aws.cloudwatch"]
        for each in properties:
            assert "us-east-1" in json.dumps(each["Targets"][0]["Arn"])


def test_the_dashboard_shows_the_endpoint_of_each_region_against_its_limits(
    stack: Template,
) -> None:
    (dashboard,) = stack.find_resources("AWS::CloudWatch::Dashboard").values()
    parts = dashboard["Properties"]["DashboardBody"]["Fn::Join"][1]
    text = "".join(each if isinstance(each, str) else "token" for each in parts)

    shown = [each["properties"] for each in json.loads(text)["widgets"]]
    latency = [each for each in shown if "latency" in each.get("title", "")]

    assert [each["title"].partition(":")[0] for each in latency] == [
        "us-east-1",
        "eu-west-1",
        "us-west-2",
    ]
    of_eu = latency[1]
    assert of_eu["annotations"]["horizontal"][0]["value"] == 200_000
    (metric,) = of_eu["metrics"]
    assert metric[:6] == [
        "AWS/SageMaker",
        "ModelLatency",
        "EndpointName",
        "returns-risk",
        "VariantName",
        "AllTraffic",
    ]
    assert (metric[6]["region"], metric[6]["stat"]) == ("eu-west-1", "p99")


def test_without_notifications_alarms_are_on_the_dashboard_only(synthesize: Synthesize) -> None:
    stack = synthesize(pipelines={"returns_risk": {"monitoring": True}})["pipeline-returns-risk"]

    for alarm in stack.find_resources("AWS::CloudWatch::Alarm").values():
        assert "AlarmActions" not in alarm["Properties"]
    stack.resource_count_is("AWS::CloudWatch::Dashboard", 1)


@pytest.mark.parametrize(
    ("kind", "shipped", "added"),
    [
        ("AWS::EC2::VPC", 1, 0),
        ("AWS::EC2::VPCEndpoint", 1, 0),
        ("AWS::SageMaker::Pipeline", 1, 0),
        ("AWS::S3::Bucket", 2 * 3, 0),
        # Shipped: 6 of serving, 3 of them of endpoints. Added: upload, schedule, notifications.
        ("AWS::IAM::Role", 1 + 3 + 6, 1 + 1 + 3),
        ("AWS::Events::Rule", 0, 1 + 2 + 2 + 3),
        ("AWS::CloudWatch::Alarm", 0, 4 + 3 + 1 + 1),
    ],
)
def test_the_app_needs_of_quotas_what_the_documents_say(
    templates: Mapping[str, Template],
    operated: Mapping[str, Template],
    kind: str,
    shipped: int,
    added: int,
) -> None:
    """The table under "Quotas" in docs/deploy.md; the example has one pipeline, three regions."""

    def count(app: Mapping[str, Template]) -> int:
        return sum(len(template.find_resources(kind)) for template in app.values())

    assert count(templates) == shipped
    assert count(operated) == shipped + added
