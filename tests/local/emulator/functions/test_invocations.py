"""Lambda functions run as their role, within their limits, and answer as Lambda's do."""

from __future__ import annotations

import base64
import json
import uuid
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from local.emulator import EmbeddedAws
from tests.local.emulator.policies import allow, document
from tests.local.emulator.queues import Queue

CreateFunction = Callable[..., str]
CreateRole = Callable[..., str]
LAMBDA = {"Service": "lambda.amazonaws.com"}


def invoke(aws: EmbeddedAws, name: str, event: Any = None) -> tuple[dict[str, Any], Any]:
    """Invoke a function; returns the answer and its payload."""
    answer = aws.client("lambda").invoke(
        FunctionName=name, Payload=json.dumps(event).encode(), LogType="Tail"
    )
    return answer, json.loads(answer["Payload"].read())


def test_a_function_answers_with_its_event_environment_and_context(
    aws: EmbeddedAws, create_function: CreateFunction
) -> None:
    name = create_function(
        """
        import os

        def handler(event, context):
            print("called")
            left = context.get_remaining_time_in_millis()
            return [event, os.environ["SETTING"], context.function_name, 0 < left <= 20_000]
        """,
        Environment={"Variables": {"SETTING": "on"}},
        Timeout=20,
    )

    answer, payload = invoke(aws, name, {"a": 1})

    assert payload == [{"a": 1}, "on", name, True]
    assert "FunctionError" not in answer
    assert base64.b64decode(answer["LogResult"]) == b"called\n"


def test_a_function_calls_as_its_role(
    aws: EmbeddedAws, create_function: CreateFunction, create_role: CreateRole
) -> None:
    code = """
        import boto3

        def handler(event, context):
            boto3.client("sagemaker").list_models()
            return boto3.client("sts").get_caller_identity()["Arn"]
    """
    may = create_role(allow("sagemaker:ListModels", "*"), trusts=LAMBDA)
    may_not = create_role(trusts=LAMBDA)

    name = may.rpartition("/")[2]
    assert f":assumed-role/{name}/" in invoke(aws, create_function(code, role=may))[1]
    answer, error = invoke(aws, create_function(code, role=may_not))
    assert answer["FunctionError"] == "Unhandled"
    assert "no identity-based policy allows the sagemaker:ListModels" in error["errorMessage"]


@pytest.mark.parametrize(
    ("code", "configuration", "kind", "message"),
    [
        ("def handler(e, c): raise KeyError('x')", {}, "KeyError", "'x'"),
        (
            "import absent",
            {},
            "Runtime.ImportModuleError",
            "Unable to import module 'index': No module named 'absent'",
        ),
        ("", {}, "Runtime.HandlerNotFound", "Handler 'handler' missing on module 'index'"),
        ("def handler(e, c): return object()", {}, "Runtime.MarshalError", "not JSON serializable"),
        ("import os\ndef handler(e, c): os._exit(9)", {}, "Runtime.ExitError", "exit status 9"),
        (
            "import time\ndef handler(e, c): time.sleep(60)",
            {"Timeout": 1},
            "Sandbox.Timedout",
            "Task timed out after 1.00 seconds",
        ),
        (
            "import time\ndef handler(e, c): kept = bytearray(300 << 20); time.sleep(60)",
            {"MemorySize": 128, "Timeout": 60},
            "Runtime.ExitError",
            "signal: killed",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) and "." in value[:9] else "",
)
def test_a_function_that_fails_says_so_as_lambda_does(
    aws: EmbeddedAws,
    create_function: CreateFunction,
    code: str,
    configuration: dict[str, Any],
    kind: str,
    message: str,
) -> None:
    answer, error = invoke(aws, create_function(code, **configuration))

    assert answer["FunctionError"] == "Unhandled"
    assert error["errorType"] == kind
    assert message in error["errorMessage"]


def test_an_error_shows_the_functions_own_lines(
    aws: EmbeddedAws, create_function: CreateFunction
) -> None:
    name = create_function("def handler(event, context):\n    raise ValueError('no')")

    (line,) = invoke(aws, name)[1]["stackTrace"]

    assert 'index.py", line 2, in handler' in line


def test_a_role_that_does_not_trust_lambda_is_refused(
    aws: EmbeddedAws, create_function: CreateFunction, create_role: CreateRole
) -> None:
    name = create_function("def handler(e, c): pass", role=create_role())

    with pytest.raises(ClientError, match="cannot be assumed by Lambda"):
        invoke(aws, name)


def test_a_runtime_that_is_not_there_is_refused(
    aws: EmbeddedAws, create_function: CreateFunction
) -> None:
    with pytest.raises(ClientError, match=r"runtime 'nodejs20\.x'"):
        invoke(aws, create_function("", Runtime="nodejs20.x"))


@pytest.mark.parametrize("may_write", [True, False])
def test_what_a_function_prints_is_in_its_log_group_if_its_role_may_write_there(
    aws: EmbeddedAws, create_function: CreateFunction, create_role: CreateRole, *, may_write: bool
) -> None:
    statements = [allow("logs:*", "*")] if may_write else []
    role = create_role(*statements, trusts=LAMBDA)
    name = create_function("def handler(e, c): print('printed')", role=role)
    logs, group = aws.client("logs"), f"/aws/lambda/{name}"
    logs.create_log_group(logGroupName=group)

    invoke(aws, name)

    events = logs.filter_log_events(logGroupName=group)["events"]
    assert [each["message"] for each in events] == (["printed"] if may_write else [])


def test_an_asynchronous_invocation_is_tried_three_times_and_then_kept(
    aws: EmbeddedAws, create_function: CreateFunction, create_role: CreateRole
) -> None:
    bucket = f"bucket-{uuid.uuid4().hex[:12]}"
    aws.client("s3").create_bucket(Bucket=bucket)
    queue = Queue.create(aws, f"queue-{uuid.uuid4().hex[:8]}")
    role = create_role(
        allow("s3:PutObject", f"arn:aws:s3:::{bucket}/*"),
        allow("sqs:SendMessage", queue.arn),
        trusts=LAMBDA,
    )
    name = create_function(
        """
        import boto3

        def handler(event, context):
            key = context.aws_request_id
            boto3.client("s3").put_object(Bucket=event["bucket"], Key=key, Body=b"")
            raise ValueError("no")
        """,
        role=role,
        DeadLetterConfig={"TargetArn": queue.arn},
        Timeout=30,
    )

    answer = aws.client("lambda").invoke(
        FunctionName=name, InvocationType="Event", Payload=json.dumps({"bucket": bucket})
    )
    aws.house.settle()

    assert answer["StatusCode"] == 202
    assert aws.client("s3").list_objects_v2(Bucket=bucket)["KeyCount"] == 3
    (message,) = queue.messages()
    assert json.loads(message["Body"]) == {"bucket": bucket}
    assert message["MessageAttributes"]["ErrorMessage"]["StringValue"] == "no"


def test_whom_a_functions_policy_names_may_invoke_it(
    aws: EmbeddedAws,
    create_function: CreateFunction,
    create_role: CreateRole,
    client_as: Callable[..., Any],
) -> None:
    name, role = create_function("def handler(e, c): return 1"), create_role()
    caller = client_as(role, "lambda")
    with pytest.raises(ClientError, match="AccessDenied"):
        caller.invoke(FunctionName=name)
    policy = document(allow("lambda:InvokeFunction", f"arn:aws:lambda:*:*:function:{name}"))
    aws.client("iam").put_role_policy(
        RoleName=role.rpartition("/")[2], PolicyName="own", PolicyDocument=policy
    )

    assert caller.invoke(FunctionName=name)["Payload"].read() == b"1"
