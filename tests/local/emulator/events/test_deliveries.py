"""Events reach the targets of the rules that match, if policies let them."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from local.emulator import EmbeddedAws
from local.runner import EmulatedAws, ExecutionStatus, run_execution
from tests.local.emulator.policies import allow, document
from tests.local.emulator.queues import Queue

CreateFunction = Callable[..., str]
CreateRole = Callable[..., str]
EVENTS = {"Service": "events.amazonaws.com"}


def _name(kind: str) -> str:
    return f"{kind}-{uuid.uuid4().hex[:12]}"


@pytest.fixture
def create_queue(aws: EmbeddedAws) -> Callable[..., Queue]:
    """Create a queue that EventBridge may send to, unless told otherwise."""

    def create(*, is_open: bool = True) -> Queue:
        return Queue.create(aws, _name("queue"), sender=EVENTS["Service"] if is_open else None)

    return create


@pytest.fixture
def create_rule(aws: EmbeddedAws) -> Callable[..., str]:
    """Create a rule for events of a source of its own; returns that source."""

    def create(*targets: dict[str, Any], state: str = "ENABLED", **pattern: Any) -> str:
        name = _name("rule")
        pattern = pattern or {"source": [name]}
        events = aws.client("events")
        events.put_rule(Name=name, EventPattern=json.dumps(pattern), State=state)
        events.put_targets(
            Rule=name,
            Targets=[{"Id": str(number), **target} for number, target in enumerate(targets)],
        )
        return name

    return create


def put(aws: EmbeddedAws, source: str, **detail: Any) -> None:
    """Put an event on the default bus."""
    entry = {"Source": source, "DetailType": "Test", "Detail": json.dumps(detail)}
    answer = aws.client("events").put_events(Entries=[entry])
    assert answer["FailedEntryCount"] == 0


def test_a_queue_gets_what_its_rule_matches(
    aws: EmbeddedAws, create_queue: Callable[..., Queue], create_rule: Callable[..., str]
) -> None:
    queue = create_queue()
    source = create_rule({"Arn": queue.arn})

    put(aws, source, a=1)
    put(aws, "another", a=2)

    (event,) = queue.bodies()
    assert event["detail"] == {"a": 1}
    assert (event["source"], event["detail-type"], event["region"]) == (source, "Test", "us-east-1")
    assert event["time"].endswith("Z")
    assert "ingestion-time" not in event


def test_what_is_sent_on_to_another_region_tells_where_and_when_it_happened(
    aws: EmbeddedAws,
    create_queue: Callable[..., Queue],
    create_rule: Callable[..., str],
    create_role: CreateRole,
) -> None:
    queue, source, elsewhere = create_queue(), _name("source"), aws.client("events", "eu-west-1")
    create_rule({"Arn": queue.arn}, source=[source], region=["eu-west-1"])
    bus = f"arn:aws:events:us-east-1:{aws.account_id}:event-bus/default"
    sends = create_role(allow("events:PutEvents", bus), trusts=EVENTS)
    elsewhere.put_rule(Name=source, EventPattern=json.dumps({"source": [source]}))
    elsewhere.put_targets(Rule=source, Targets=[{"Id": "1", "Arn": bus, "RoleArn": sends}])
    entry = {
        "Source": source,
        "DetailType": "Test",
        "Detail": "{}",
        "Resources": ["arn:aws:s3:::bucket"],
        "Time": datetime(2026, 3, 14, 9, 26, 53, tzinfo=UTC),
    }
    first = elsewhere.put_events(Entries=[entry])["Entries"][0]["EventId"]
    put(aws, source)  # here, which the rule does not want

    (event,) = queue.bodies()
    assert (event["region"], event["account"]) == ("eu-west-1", aws.account_id)
    assert (event["time"], event["resources"]) == ("2026-03-14T09:26:53Z", entry["Resources"])
    assert event["id"] != first


def test_a_disabled_rule_delivers_nothing(
    aws: EmbeddedAws, create_queue: Callable[..., Queue], create_rule: Callable[..., str]
) -> None:
    queue = create_queue()
    put(aws, create_rule({"Arn": queue.arn}, state="DISABLED"))

    assert queue.messages() == []


@pytest.mark.parametrize(
    ("transformation", "expected"),
    [
        ({"Input": '{"constant": true}'}, {"constant": True}),
        ({"InputPath": "$.detail.list"}, [1, {"b": "c"}]),
        (
            {
                "InputTransformer": {
                    "InputPathsMap": {"list": "$.detail.list", "text": "$.detail.text"},
                    "InputTemplate": '{"list": <list>, "text": <text>, "in": "it is <text>"}',
                }
            },
            {"list": [1, {"b": "c"}], "text": 'a "b"', "in": 'it is a "b"'},
        ),
        (
            {
                "InputTransformer": {
                    "InputPathsMap": {"text": "$.detail.absent"},
                    "InputTemplate": '"<text> of <aws.events.rule-name>"',
                }
            },
            "null of RULE",
        ),
    ],
)
def test_a_target_gets_its_part_of_an_event(
    aws: EmbeddedAws,
    create_queue: Callable[..., Queue],
    create_rule: Callable[..., str],
    transformation: dict[str, Any],
    expected: Any,
) -> None:
    queue = create_queue()
    source = create_rule({"Arn": queue.arn, **transformation})

    put(aws, source, list=[1, {"b": "c"}], text='a "b"')

    (body,) = queue.bodies()
    assert json.loads(json.dumps(body).replace(source, "RULE")) == expected


def test_a_queue_whose_policy_does_not_allow_it_gets_nothing_and_the_event_is_kept(
    aws: EmbeddedAws, create_queue: Callable[..., Queue], create_rule: Callable[..., str]
) -> None:
    closed, dead_letters = create_queue(is_open=False), create_queue()
    source = create_rule({"Arn": closed.arn, "DeadLetterConfig": {"Arn": dead_letters.arn}})

    put(aws, source, a=1)

    assert closed.messages() == []
    (message,) = dead_letters.messages()
    assert json.loads(message["Body"])["detail"] == {"a": 1}
    attributes = {name: each["StringValue"] for name, each in message["MessageAttributes"].items()}
    assert attributes["ERROR_CODE"] == "NO_PERMISSIONS"
    assert attributes["TARGET_ARN"] == closed.arn
    assert attributes["RULE_ARN"].endswith(source)
    assert "events.amazonaws.com is not authorized" in attributes["ERROR_MESSAGE"]


@pytest.mark.parametrize("is_permitted", [True, False])
def test_a_function_is_invoked_by_the_rule_that_its_policy_names(
    aws: EmbeddedAws,
    bucket: str,
    create_function: CreateFunction,
    create_role: CreateRole,
    create_rule: Callable[..., str],
    *,
    is_permitted: bool,
) -> None:
    role = create_role(
        allow("s3:PutObject", f"arn:aws:s3:::{bucket}/*"),
        trusts={"Service": "lambda.amazonaws.com"},
    )
    code = """
        import boto3

        def handler(event, context):
            detail = event["detail"]
            boto3.client("s3").put_object(Bucket=detail["bucket"], Key="made", Body=b"")
    """
    name = create_function(code, role=role, Timeout=30)
    arn = f"arn:aws:lambda:us-east-1:{aws.account_id}:function:{name}"
    source = create_rule({"Arn": arn})
    rule = source if is_permitted else "another"
    aws.client("lambda").add_permission(
        FunctionName=name,
        StatementId="rule",
        Action="lambda:InvokeFunction",
        Principal="events.amazonaws.com",
        SourceArn=f"arn:aws:events:us-east-1:{aws.account_id}:rule/{rule}",
    )

    put(aws, source, bucket=bucket)
    aws.house.settle()

    assert aws.client("s3").list_objects_v2(Bucket=bucket)["KeyCount"] == int(is_permitted)


def test_a_topic_passes_an_event_on(
    aws: EmbeddedAws, create_queue: Callable[..., Queue], create_rule: Callable[..., str]
) -> None:
    queue, sns = create_queue(), aws.client("sns")
    topic = sns.create_topic(Name=_name("topic"))["TopicArn"]
    policy = document({**allow("sns:Publish", topic), "Principal": EVENTS})
    sns.set_topic_attributes(TopicArn=topic, AttributeName="Policy", AttributeValue=policy)
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=queue.arn)

    put(aws, create_rule({"Arn": topic}), a=1)

    (body,) = queue.bodies()
    assert json.loads(body["Message"])["detail"] == {"a": 1}


PARAMETER = {"Name": "Model", "Type": "String", "DefaultValue": "none"}
CONDITION = {
    "Conditions": [{"Type": "Equals", "LeftValue": {"Get": "Parameters.Model"}, "RightValue": "m"}],
    "IfSteps": [],
    "ElseSteps": [{"Name": "Wrong", "Type": "Fail", "Arguments": {"ErrorMessage": "wrong"}}],
}


@pytest.fixture
def pipeline_arn(aws: EmbeddedAws, create_role: CreateRole) -> str:
    definition = {
        "Version": "2020-12-01",
        "Parameters": [PARAMETER],
        "Steps": [{"Name": "Check", "Type": "Condition", "Arguments": CONDITION}],
    }
    answer = aws.client("sagemaker").create_pipeline(
        PipelineName=_name("pipeline"),
        PipelineDefinition=json.dumps(definition),
        RoleArn=create_role(trusts={"Service": "sagemaker.amazonaws.com"}),
        ClientRequestToken=uuid.uuid4().hex,
    )
    return str(answer["PipelineArn"])


def test_a_pipeline_is_started_by_a_role_that_may_and_runs_with_the_rules_parameters(
    aws: EmbeddedAws,
    pipeline_arn: str,
    create_role: CreateRole,
    create_rule: Callable[..., str],
    create_queue: Callable[..., Queue],
    tmp_path: Any,
) -> None:
    may = create_role(allow("sagemaker:StartPipelineExecution", pipeline_arn), trusts=EVENTS)
    dead_letters = create_queue()
    parameters = {"PipelineParameterList": [{"Name": "Model", "Value": "m"}]}
    target = {
        "Arn": pipeline_arn,
        "SageMakerPipelineParameters": parameters,
        "DeadLetterConfig": {"Arn": dead_letters.arn},
    }
    put(aws, create_rule({**target, "RoleArn": create_role(trusts=EVENTS)}))
    assert len(dead_letters.messages()) == 1

    put(aws, create_rule({**target, "RoleArn": may}))
    aws.house.settle()

    (arn,) = [each for each in aws.house.executions_to_run() if each.startswith(pipeline_arn)]
    runner = EmulatedAws.connect(aws.environment())
    execution = run_execution(arn, aws=runner, state_dir=tmp_path)
    assert execution.status is ExecutionStatus.SUCCEEDED, execution.failure_reason
    assert arn not in aws.house.executions_to_run()


def test_an_execution_and_its_steps_are_told(
    aws: EmbeddedAws,
    pipeline_arn: str,
    create_queue: Callable[..., Queue],
    create_rule: Callable[..., str],
    tmp_path: Any,
) -> None:
    queue = create_queue()
    create_rule(
        {"Arn": queue.arn}, source=["aws.sagemaker"], detail={"pipelineArn": [pipeline_arn]}
    )
    arn = aws.client("sagemaker").start_pipeline_execution(
        PipelineName=pipeline_arn.rpartition("/")[2], PipelineExecutionDisplayName="mine"
    )["PipelineExecutionArn"]

    execution = run_execution(arn, aws=EmulatedAws.connect(aws.environment()), state_dir=tmp_path)

    assert execution.status is ExecutionStatus.FAILED
    events = queue.bodies()
    kind = "SageMaker Model Building Pipeline Execution Status Change"
    changes = [each["detail"] for each in events if each["detail-type"] == kind]
    statuses = ("previousPipelineExecutionStatus", "currentPipelineExecutionStatus")
    assert sorted([tuple(each.get(name) for name in statuses) for each in changes], key=str) == [
        ("Executing", "Failed"),
        (None, "Executing"),
    ]
    assert {each["pipelineExecutionDisplayName"] for each in changes} == {"mine"}
    assert all(each["resources"] == [pipeline_arn, arn] for each in events)
    steps = [each["detail"] for each in events if each["detail-type"] != kind]
    assert {(each["stepName"], each["stepType"], each["currentStepStatus"]) for each in steps} >= {
        ("Check", "Condition", "Succeeded"),
        ("Wrong", "Fail", "Failed"),
    }
    (failed,) = [each for each in steps if each["currentStepStatus"] == "Failed"]
    assert failed["failureReason"] == "wrong"


def test_a_model_package_is_told_of_when_it_is_registered_and_decided_on(
    aws: EmbeddedAws, create_queue: Callable[..., Queue], create_rule: Callable[..., str]
) -> None:
    queue, sagemaker, group = create_queue(), aws.client("sagemaker"), _name("group")
    create_rule({"Arn": queue.arn}, **{"detail-type": ["SageMaker Model Package State Change"]})
    sagemaker.create_model_package_group(ModelPackageGroupName=group)
    arn = sagemaker.create_model_package(
        ModelPackageGroupName=group, ModelApprovalStatus="PendingManualApproval"
    )["ModelPackageArn"]
    (registered,) = queue.bodies()
    sagemaker.update_model_package(ModelPackageArn=arn, ModelApprovalStatus="Approved")
    (approved,) = queue.bodies()

    assert registered["resources"] == [arn]
    assert registered["detail"]["ModelPackageGroupName"] == group
    assert registered["detail"]["ModelApprovalStatus"] == "PendingManualApproval"
    assert "UpdatedModelPackageFields" not in registered["detail"]
    assert approved["detail"]["ModelApprovalStatus"] == "Approved"
    assert approved["detail"]["UpdatedModelPackageFields"] == ["ModelApprovalStatus"]


def test_objects_are_told_of_once_however_they_come(
    aws: EmbeddedAws,
    bucket: str,
    create_queue: Callable[..., Queue],
    create_rule: Callable[..., str],
) -> None:
    queue, s3 = create_queue(), aws.client("s3")
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    s3.put_object(Bucket=bucket, Key="before", Body=b"a")
    s3.put_bucket_notification_configuration(
        Bucket=bucket, NotificationConfiguration={"EventBridgeConfiguration": {}}
    )
    pattern = {"detail": {"bucket": {"name": [bucket]}}, "source": ["aws.s3"]}
    create_rule({"Arn": queue.arn}, **pattern)

    version = s3.put_object(Bucket=bucket, Key="a b", Body=b"abc")["VersionId"]
    s3.copy_object(Bucket=bucket, Key="copy", CopySource={"Bucket": bucket, "Key": "a b"})
    upload = s3.create_multipart_upload(Bucket=bucket, Key="parts")["UploadId"]
    where = {"Bucket": bucket, "Key": "parts", "UploadId": upload}
    etag = s3.upload_part(**where, PartNumber=1, Body=b"abcd")["ETag"]
    s3.complete_multipart_upload(
        **where, MultipartUpload={"Parts": [{"PartNumber": 1, "ETag": etag}]}
    )

    events = {each["detail"]["object"]["key"]: each for each in queue.bodies()}
    assert {key: each["detail"]["reason"] for key, each in events.items()} == {
        "a b": "PutObject",
        "copy": "CopyObject",
        "parts": "CompleteMultipartUpload",
    }
    assert events["a b"]["resources"] == [f"arn:aws:s3:::{bucket}"]
    assert events["a b"]["detail"]["object"]["version-id"] == version
    assert events["a b"]["detail"]["object"]["size"] == 3
