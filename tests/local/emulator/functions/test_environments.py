"""A function's process stays for its next invocation, until something ends it."""

from __future__ import annotations

import json
import os
import signal
import textwrap
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import pytest

from local.emulator import EmbeddedAws
from local.emulator.authorization.identities import CallerIdentity, Kind
from local.emulator.functions.environments import (
    AssumedRole,
    EnvironmentKey,
    ExecutionEnvironment,
    Limits,
    end_environments,
)
from local.emulator.functions.pool import EnvironmentPool
from tests.local.emulator.policies import allow, document
from tests.waiting import runs, wait_until

CreateFunction = Callable[..., str]
LAMBDA = {"Service": "lambda.amazonaws.com"}
TRUST = {"Effect": "Allow", "Principal": LAMBDA, "Action": "sts:AssumeRole"}
INVOCATION: dict[str, Any] = {
    "event": None,
    "handler": "index.handler",
    "deadline": 0,
    "context": {},
}
COUNTER = """
    import os
    import time

    calls = []

    def handler(event, context):
        calls.append(event)
        print("call", len(calls))
        if event == "exit":
            os._exit(3)
        if event == "raise":
            raise ValueError("no")
        if event == "sleep":
            time.sleep(60)
        if isinstance(event, dict):
            open(os.path.join(event["place"], str(os.getpid())), "w").close()
            while len(os.listdir(event["place"])) < event["processes"]:
                time.sleep(0.01)
        return [os.getpid(), len(calls)]
"""


def call(aws: EmbeddedAws, name: str, event: Any = None) -> Any:
    payload = json.dumps(event).encode()
    answer = aws.client("lambda").invoke(FunctionName=name, Payload=payload)
    return json.loads(answer["Payload"].read())


def call_in_time(aws: EmbeddedAws, name: str) -> Any:
    """Call a function until it answers: a second is little where the machine is busy."""
    answers: list[Any] = []

    def is_answered() -> bool:
        answers.append(call(aws, name))
        return "errorType" not in answers[-1]

    wait_until(is_answered)
    return answers[-1]


def zipped(code: str) -> bytes:
    archive = BytesIO()
    with ZipFile(archive, "w") as package:
        package.writestr("index.py", textwrap.dedent(code))
    return archive.getvalue()


def test_the_next_invocation_finds_the_module_as_the_one_before_left_it(
    aws: EmbeddedAws, create_function: CreateFunction
) -> None:
    name = create_function(COUNTER)

    pid, first = call(aws, name)

    assert first == 1
    assert call(aws, name) == [pid, 2]
    assert call(aws, create_function(COUNTER))[0] != pid


def test_invocations_at_once_have_processes_of_their_own(
    aws: EmbeddedAws, create_function: CreateFunction, tmp_path: Path
) -> None:
    name = create_function(COUNTER)
    meeting = {"place": str(tmp_path), "processes": 3}

    with ThreadPoolExecutor(3) as threads:
        answers = list(threads.map(lambda _: call(aws, name, meeting), range(3)))

    assert len({pid for pid, _ in answers}) == 3
    assert call(aws, name)[1] == 2


@pytest.mark.parametrize(
    ("event", "configuration", "stays"),
    [("raise", {}, True), ("exit", {}, False), ("sleep", {"Timeout": 1}, False)],
)
def test_an_error_of_the_handler_ends_no_process(
    aws: EmbeddedAws,
    create_function: CreateFunction,
    event: str,
    configuration: dict[str, Any],
    stays: bool,
) -> None:
    name = create_function(COUNTER, **configuration)
    pid, _ = call_in_time(aws, name)

    assert "errorType" in call(aws, name, event)

    assert runs(pid) is stays
    assert call_in_time(aws, name)[1] == (3 if stays else 1)


@pytest.mark.parametrize(
    "change",
    [
        lambda client, name: client.update_function_code(
            FunctionName=name, ZipFile=zipped(COUNTER.replace("calls", "others"))
        ),
        lambda client, name: client.update_function_configuration(
            FunctionName=name, Environment={"Variables": {"SETTING": "changed"}}
        ),
    ],
    ids=["code", "environment"],
)
def test_a_changed_function_has_a_new_process_and_the_old_one_ends(
    aws: EmbeddedAws, create_function: CreateFunction, change: Callable[[Any, str], object]
) -> None:
    name = create_function(COUNTER)
    old, _ = call(aws, name)

    change(aws.client("lambda"), name)
    new, calls = call(aws, name)

    assert new != old
    assert calls == 1
    assert not runs(old)


def test_another_role_has_a_process_with_a_session_of_its_own(
    aws: EmbeddedAws, create_function: CreateFunction, create_role: Callable[..., str]
) -> None:
    code = """
        import boto3

        sts = boto3.client("sts")

        def handler(event, context):
            return sts.get_caller_identity()["Arn"]
    """
    roles = [create_role(trusts=LAMBDA) for _ in range(2)]
    name = create_function(code, role=roles[0])
    before = [call(aws, name) for _ in range(2)]

    aws.client("lambda").update_function_configuration(FunctionName=name, Role=roles[1])

    for arn, role in zip([*before, call(aws, name)], [roles[0], *roles], strict=True):
        assert f"/{role.rpartition('/')[2]}/" in arn


def test_a_role_that_no_longer_trusts_lambda_is_refused_though_a_process_waits(
    aws: EmbeddedAws, create_function: CreateFunction, create_role: Callable[..., str]
) -> None:
    role = create_role(trusts=LAMBDA)
    name = create_function(COUNTER, role=role)
    call(aws, name)
    trust = document({**TRUST, "Principal": {"Service": "events.amazonaws.com"}})

    aws.client("iam").update_assume_role_policy(
        RoleName=role.rpartition("/")[2], PolicyDocument=trust
    )

    with pytest.raises(aws.client("lambda").exceptions.ClientError, match="cannot be assumed"):
        call(aws, name)


def test_a_process_has_one_log_stream_and_an_invocation_its_own_lines(
    aws: EmbeddedAws, create_function: CreateFunction, create_role: Callable[..., str]
) -> None:
    name = create_function(COUNTER, role=create_role(allow("logs:*", "*"), trusts=LAMBDA))
    logs, group = aws.client("logs"), f"/aws/lambda/{name}"
    logs.create_log_group(logGroupName=group)

    call(aws, name)
    call(aws, name)

    (stream,) = logs.describe_log_streams(logGroupName=group)["logStreams"]
    events = logs.get_log_events(
        logGroupName=group, logStreamName=stream["logStreamName"], startFromHead=True
    )
    assert [each["message"] for each in events["events"]] == ["call 1", "call 2"]


@pytest.mark.parametrize("is_busy", [False, True])
def test_processes_end_with_the_embedded_aws_however_it_ends(is_busy: bool, tmp_path: Path) -> None:
    code = """
        import os, subprocess, sys, time

        def handler(event, context):
            if event:
                with open(event, "w") as told:
                    told.write(f"{os.getpid()} {os.getppid()}")
                time.sleep(600)
            return [os.getpid(), os.getppid()]
    """
    with EmbeddedAws(permissions=False) as own, ThreadPoolExecutor(1) as threads:
        client = own.client("lambda")
        role = own.client("iam").create_role(
            RoleName="function",
            AssumeRolePolicyDocument=document(TRUST),
        )
        client.create_function(
            FunctionName="function",
            Role=role["Role"]["Arn"],
            Handler="index.handler",
            Runtime="python3.11",
            Timeout=600,
            Code={"ZipFile": zipped(code)},
        )
        pid, server = call(own, "function")
        if is_busy:
            told = tmp_path / "told"
            threads.submit(call, own, "function", str(told))
            wait_until(lambda: told.exists() and " " in told.read_text(), 60)
        os.kill(server, signal.SIGKILL)

        wait_until(lambda: not runs(pid), 60)


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., ExecutionEnvironment]]:
    """Start environments that need no AWS."""
    started: list[ExecutionEnvironment] = []

    def start(code: str = "def handler(e, c): return 1", name: str = "a") -> ExecutionEnvironment:
        def unpack(folder: Path) -> None:
            folder.mkdir(parents=True)
            (folder / "index.py").write_text(textwrap.dedent(code))

        identity = CallerIdentity(Kind.ROLE, "1", "arn")
        variables = {"TMPDIR": str(tmp_path)}
        key = EnvironmentKey(name, "configuration")
        started.append(ExecutionEnvironment(key, AssumedRole(identity, "s"), variables, unpack))
        return started[-1]

    yield start
    end_environments(started)


def test_what_waits_for_too_long_and_what_is_too_much_ends(
    start: Callable[..., ExecutionEnvironment],
) -> None:
    first, second, third = start(name="a"), start(name="b"), start(name="c")
    pool = EnvironmentPool(idle_seconds=60, most_idle=2)
    for each in (first, second, third):
        pool.give_back(each)

    assert not first.is_alive
    assert pool.take(first.key) is None
    assert pool.take(third.key) is third

    soon = EnvironmentPool(idle_seconds=0.1)
    soon.give_back(third)
    wait_until(lambda: not third.is_alive, 60)
    assert soon.take(third.key) is None


def test_a_process_that_ended_while_it_waited_is_not_taken(
    start: Callable[..., ExecutionEnvironment],
) -> None:
    code = """
        import os, threading

        def handler(event, context):
            threading.Timer(0.3, os._exit, [0]).start()
    """
    pool, environment = EnvironmentPool(), start(code)
    outcome, may_follow = environment.invoke("one", INVOCATION, Limits(60, 1 << 30))
    assert may_follow
    assert outcome.document == {"response": None}
    pool.give_back(environment)

    wait_until(lambda: not environment.is_alive, 60)

    assert pool.take(environment.key) is None


def test_what_a_handler_left_running_ends_with_its_process(
    start: Callable[..., ExecutionEnvironment],
) -> None:
    code = """
        import subprocess

        def handler(event, context):
            return subprocess.Popen(["sleep", "600"]).pid
    """
    environment = start(code)
    outcome, _ = environment.invoke("one", INVOCATION, Limits(60, 1 << 30))
    assert outcome.document is not None
    left = outcome.document["response"]
    assert runs(left)

    environment.end()

    assert not runs(left)
