from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from local.runner import EmulatedAws, Execution, ExecutionStatus, StepStatus

Build = Callable[..., dict[str, Any]]
Deploy = Callable[..., str]
Execute = Callable[..., Execution]

ANSWER = """
    def handler(event, context):
        return {"text": "a", "count": 2, "rate": 0.5, "flag": True, "nested": {"a": [1]}}
"""


def test_the_deployed_code_answers_with_the_steps_arguments_and_environment(
    lambda_step: Build, deploy: Deploy, execute: Execute, aws: EmulatedAws
) -> None:
    step = lambda_step(
        "Call",
        """
        import json, os

        def handler(event, context):
            print("called")
            seen = {
                "event": event,
                "setting": os.environ["SETTING"],
                "endpoint": os.environ["AWS_ENDPOINT_URL"],
                "name": context.function_name == os.environ["AWS_LAMBDA_FUNCTION_NAME"],
                "time": 0 < context.get_remaining_time_in_millis() <= 20_000,
            }
            return {"seen": json.dumps(seen)}
        """,
        {"pipeline": {"Get": "Execution.PipelineName"}, "count": 3, "none": None},
        {"seen": "String"},
        Environment={"Variables": {"SETTING": "on"}},
        Timeout=20,
    )
    name = deploy(step)

    execution = execute(name)

    assert execution.status is ExecutionStatus.SUCCEEDED, execution.failure_reason
    properties = execution.step("Call").properties
    assert json.loads(properties["OutputParameters"]["seen"]) == {
        "event": {"pipeline": name, "count": 3, "none": None},
        "setting": "on",
        "endpoint": aws.environment["AWS_ENDPOINT_URL"],
        "name": True,
        "time": True,
    }
    log = execution.step("Call").log_path
    assert log is not None
    assert log.read_text() == "called\n"


def test_output_parameters_have_their_declared_types_and_nested_ones_become_text(
    lambda_step: Build, deploy: Deploy, execute: Execute
) -> None:
    outputs = {
        "text": "String",
        "count": "Integer",
        "rate": "Float",
        "flag": "Boolean",
        "nested": "String",
    }

    execution = execute(deploy(lambda_step("Call", ANSWER, outputs=outputs)))

    assert execution.step("Call").properties["OutputParameters"] == {
        "text": "a",
        "count": 2,
        "rate": 0.5,
        "flag": True,
        "nested": '{"a":[1]}',
    }


def test_a_later_step_gets_the_output(lambda_step: Build, deploy: Deploy, execute: Execute) -> None:
    first = lambda_step("First", ANSWER, outputs={"count": "Integer"})
    second = lambda_step(
        "Second",
        "def handler(event, context): return {'twice': event['count'] * 2}",
        {"count": {"Get": "Steps.First.OutputParameters['count']"}},
        {"twice": "Integer"},
    )

    execution = execute(deploy(second, first))

    assert execution.step("Second").properties["OutputParameters"] == {"twice": 4}


@pytest.mark.parametrize(
    ("code", "outputs", "reason"),
    [
        ("def handler(event, context): raise KeyError('bucket')", {}, "KeyError: 'bucket'"),
        ("import absent_module", {}, "No module named 'absent_module'"),
        ("", {}, "Runtime.HandlerNotFound: Handler 'handler' missing on module 'index'"),
        ("def handler(event, context): return object()", {}, "not JSON serializable"),
        ("import os\ndef handler(event, context): os._exit(9)", {}, "exit status 9"),
        (ANSWER, {"arn": "String"}, "no output parameter 'arn'. It has: text, count"),
        (ANSWER, {"text": "Integer"}, "Output parameter 'text' is 'a', not a value of type"),
        (
            "def handler(event, context): return {'long': 'x' * 1025}",
            {"long": "String"},
            "has 1025 characters, the limit is 1024",
        ),
        ("def handler(event, context): return 'text'", {"a": "String"}, "It has: nothing"),
    ],
)
def test_a_function_that_fails_or_leaves_out_an_output_fails_the_step(
    lambda_step: Build,
    deploy: Deploy,
    execute: Execute,
    code: str,
    outputs: dict[str, str],
    reason: str,
) -> None:
    step = execute(deploy(lambda_step("Call", code, outputs=outputs))).step("Call")

    assert step.status is StepStatus.FAILED
    assert step.reason is not None
    assert reason in step.reason


def test_a_function_is_stopped_at_its_time_limit(
    lambda_step: Build, deploy: Deploy, execute: Execute
) -> None:
    code = "import time\ndef handler(event, context): time.sleep(60)"

    step = execute(deploy(lambda_step("Call", code, Timeout=1))).step("Call")

    assert step.reason is not None
    assert step.reason.endswith("Task timed out after 1.00 seconds")


@pytest.mark.parametrize(
    ("configuration", "reason"), [({"Runtime": "nodejs20.x"}, "has runtime 'nodejs20.x'")]
)
def test_functions_of_other_runtimes_are_not_run(
    lambda_step: Build,
    deploy: Deploy,
    execute: Execute,
    configuration: dict[str, Any],
    reason: str,
) -> None:
    step = execute(deploy(lambda_step("Call", ANSWER, **configuration))).step("Call")

    assert step.reason is not None
    assert reason in step.reason


def test_a_function_keeps_its_code_when_the_archive_in_s3_changes(
    lambda_step: Build, deploy: Deploy, execute: Execute, aws: EmulatedAws, bucket: str
) -> None:
    step = lambda_step("Call", ANSWER, outputs={"text": "String"})
    for item in aws.s3.list_objects_v2(Bucket=bucket)["Contents"]:
        aws.s3.put_object(Bucket=bucket, Key=item["Key"], Body=b"other content")

    execution = execute(deploy(step))

    assert execution.step("Call").properties["OutputParameters"] == {"text": "a"}


def test_a_function_that_does_not_exist_fails_the_step(deploy: Deploy, execute: Execute) -> None:
    arn = "arn:aws:lambda:us-east-1:123456789012:function:absent"
    step = {"Name": "Call", "Type": "Lambda", "FunctionArn": arn, "OutputParameters": []}

    reason = execute(deploy(step)).step("Call").reason

    assert reason is not None
    assert "Function not found" in reason
