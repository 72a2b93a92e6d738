"""State machines run as their roles, at the pace of the embedded AWS."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable
from datetime import datetime
from threading import Thread
from typing import Any
from unittest.mock import Mock

import pytest
from botocore.exceptions import ClientError
from moto.stepfunctions.parser.api import ExecutionStatus
from moto.stepfunctions.parser.asl.eval.program_state import (
    ProgramEnded,
    ProgramState,
    ProgramStopped,
)

from local.emulator import EmbeddedAws
from local.emulator.pace import Pace
from local.emulator.workflows.executions import Workflows
from tests.local.emulator.conftest import StackDriver
from tests.local.emulator.policies import allow, document
from tests.local.emulator.queues import Queue
from tests.waiting import wait_until

STATES = {"Service": "states.amazonaws.com"}
HOURS = 36_000
ECHO = """
    def handler(event, context):
        if "fail" in event:
            raise ValueError(event["fail"])
        return event
"""
Run = Callable[..., dict[str, Any]]


def task(function: str, **members: Any) -> dict[str, Any]:
    return {
        "Type": "Task",
        "Resource": "arn:aws:states:::lambda:invoke",
        "Parameters": {"FunctionName": function, "Payload.$": "$"},
        "OutputPath": "$.Payload",
        "End": True,
        **members,
    }


def wait(seconds: int) -> dict[str, Any]:
    return {"Type": "Wait", "Seconds": seconds, "End": True}


def definition(state: dict[str, Any], **others: dict[str, Any]) -> str:
    return json.dumps({"StartAt": "First", "States": {"First": state, **others}})


@pytest.fixture
def function(create_function: Callable[..., str]) -> str:
    return create_function(ECHO)


@pytest.fixture
def role(create_role: Callable[..., str]) -> str:
    return create_role(allow("lambda:InvokeFunction", "*"), trusts=STATES)


@pytest.fixture
def machine(aws: EmbeddedAws, role: str) -> Callable[..., str]:
    """Create a state machine of one or more states; returns its ARN."""

    def create(state: dict[str, Any], *, as_role: str | None = None, **others: Any) -> str:
        answer = aws.client("stepfunctions").create_state_machine(
            name=f"machine-{uuid.uuid4().hex[:8]}",
            definition=definition(state, **others),
            roleArn=as_role or role,
        )
        return str(answer["stateMachineArn"])

    return create


@pytest.fixture
def run(aws: EmbeddedAws) -> Run:
    """Run a state machine to its end; returns the description of the execution."""

    def run_machine(arn: str, **options: Any) -> dict[str, Any]:
        client = aws.client("stepfunctions")
        execution = client.start_execution(stateMachineArn=arn, **options)["executionArn"]
        told: dict[str, Any] = {}

        def has_ended() -> bool:
            told.update(client.describe_execution(executionArn=execution))
            return bool(told["status"] != "RUNNING")

        wait_until(has_ended)
        return told

    return run_machine


def test_a_task_invokes_a_function_as_the_role(
    machine: Callable[..., str], function: str, run: Run
) -> None:
    told = run(machine(task(function)), input='{"x": 1}')

    assert told["status"] == "SUCCEEDED"
    assert json.loads(told["output"]) == {"x": 1}
    assert told["stopDate"] >= told["startDate"]


def test_a_function_that_the_role_may_not_invoke_is_an_error_of_the_task(
    machine: Callable[..., str], function: str, create_role: Callable[..., str], run: Run
) -> None:
    denied = create_role(trusts=STATES)
    catch = [{"ErrorEquals": ["Lambda.AccessDeniedException"], "Next": "Caught"}]
    caught = {"Type": "Pass", "Result": "caught", "End": True}

    told = run(machine(task(function), as_role=denied))
    answered = run(machine(task(function, Catch=catch), as_role=denied, Caught=caught))

    assert (told["status"], told["error"]) == ("FAILED", "Lambda.AccessDeniedException")
    assert "not authorized to perform: lambda:InvokeFunction" in told["cause"]
    assert answered["output"] == '"caught"'


def test_an_error_leaves_a_map_with_its_name(
    machine: Callable[..., str], function: str, run: Run
) -> None:
    each = {"StartAt": "Task", "States": {"Task": task(function)}}
    mapped = {"Type": "Map", "MaxConcurrency": 1, "ItemProcessor": each, "End": True}

    told = run(machine(mapped), input='[{"x": 1}, {"fail": "so it is"}]')

    assert (told["status"], told["error"]) == ("FAILED", "ValueError")
    assert "so it is" in told["cause"]


def test_a_reserved_error_leaves_a_map_with_its_name(
    machine: Callable[..., str], create_function: Callable[..., str], run: Run
) -> None:
    slow = create_function("import time\n\ndef handler(event, context):\n    time.sleep(60)")
    each = {"StartAt": "Task", "States": {"Task": task(slow, TimeoutSeconds=1)}}
    mapped = {"Type": "Map", "ItemProcessor": each, "End": True}

    told = run(machine(mapped), input="[{}]")

    assert (told["status"], told["error"]) == ("FAILED", "States.Timeout")


def test_waits_and_intervals_of_retries_are_shortened(
    aws: EmbeddedAws, machine: Callable[..., str], function: str, run: Run
) -> None:
    retry = {
        "ErrorEquals": ["ValueError"],
        "IntervalSeconds": 75,
        "MaxAttempts": 1,
        "BackoffRate": 1,
    }
    waits = {"Type": "Wait", "Seconds": 75, "Next": "Task"}

    told = run(machine(waits, Task=task(function, Retry=[retry])), input='{"fail": "twice"}')

    assert told["error"] == "ValueError"
    client = aws.client("stepfunctions")
    history = client.get_execution_history(executionArn=told["executionArn"])["events"]
    of_the_wait = [each for each in history if each["type"].startswith("WaitState")]
    of_tries = [each for each in history if each["type"] in ("TaskScheduled", "TaskFailed")]
    for before, after in (of_the_wait, of_tries[1:3]):
        assert 0.24 <= (after["timestamp"] - before["timestamp"]).total_seconds() < 60


def test_what_a_wait_was_shortened_by_has_passed_for_who_compares_times(
    machine: Callable[..., str], run: Run
) -> None:
    waits = {"Type": "Wait", "Seconds": 60, "Next": "Tell"}
    tell = {"Type": "Pass", "Parameters": {"start.$": "$$.Execution.StartTime"}, "End": True}

    told = run(machine(waits, Tell=tell))

    start = datetime.fromisoformat(json.loads(told["output"])["start"])
    assert 59.5 <= (told["stopDate"] - start).total_seconds() < 120


def test_turning_the_clock_ends_waits(aws: EmbeddedAws, machine: Callable[..., str]) -> None:
    client = aws.client("stepfunctions")
    arn = client.start_execution(stateMachineArn=machine(wait(HOURS)))["executionArn"]

    def kinds() -> list[str]:
        return [each["type"] for each in client.get_execution_history(executionArn=arn)["events"]]

    wait_until(lambda: "WaitStateEntered" in kinds())
    before = client.describe_execution(executionArn=arn)["status"]

    aws.house.advance_clock(HOURS)

    assert before == "RUNNING"
    wait_until(lambda: client.describe_execution(executionArn=arn)["status"] == "SUCCEEDED")


@pytest.mark.parametrize("is_reversed", [False, True])
def test_a_history_comes_in_pages_in_either_order(
    aws: EmbeddedAws, machine: Callable[..., str], run: Run, *, is_reversed: bool
) -> None:
    told = run(machine(wait(1)))
    client = aws.client("stepfunctions")

    pages = client.get_paginator("get_execution_history").paginate(
        executionArn=told["executionArn"],
        reverseOrder=is_reversed,
        PaginationConfig={"PageSize": 2},
    )
    read = [[each["id"] for each in page["events"]] for page in pages]

    numbers = [number for page in read for number in page]
    assert {len(page) for page in read[:-1]} == {2}
    assert sorted(numbers, reverse=is_reversed) == numbers
    assert len(numbers) == max(numbers) > 3


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        ({"nextToken": "of another call"}, "InvalidToken"),
        ({"nextToken": "1.5"}, "InvalidToken"),
        ({"maxResults": 1001}, "ValidationException"),
    ],
)
def test_a_page_of_a_history_that_cannot_be_is_refused(
    aws: EmbeddedAws,
    machine: Callable[..., str],
    run: Run,
    arguments: dict[str, Any],
    code: str,
) -> None:
    told, client = run(machine(wait(1))), aws.client("stepfunctions")

    with pytest.raises(ClientError) as refused:
        client.get_execution_history(executionArn=told["executionArn"], **arguments)

    assert refused.value.response["Error"]["Code"] == code


@pytest.mark.parametrize("most", [0, 1000])
def test_a_page_may_hold_all_events(
    aws: EmbeddedAws, machine: Callable[..., str], run: Run, most: int
) -> None:
    told, client = run(machine(wait(1))), aws.client("stepfunctions")

    page = client.get_execution_history(executionArn=told["executionArn"], maxResults=most)

    assert len(page["events"]) > 3
    assert "nextToken" not in page


def test_a_role_that_does_not_trust_step_functions_is_refused(
    machine: Callable[..., str], create_role: Callable[..., str]
) -> None:
    other = create_role(trusts={"Service": "lambda.amazonaws.com"})

    with pytest.raises(ClientError, match="Neither the global service principal states") as raised:
        machine(wait(1), as_role=other)

    assert raised.value.response["Error"]["Code"] == "AccessDeniedException"


def test_a_trust_that_is_withdrawn_ends_tasks(
    aws: EmbeddedAws, machine: Callable[..., str], function: str, role: str, run: Run
) -> None:
    arn = machine(task(function))
    run(arn)
    statement = {**allow("sts:AssumeRole", "*"), "Principal": {"Service": "lambda.amazonaws.com"}}
    del statement["Resource"]
    name = role.rpartition("/")[2]
    aws.client("iam").update_assume_role_policy(RoleName=name, PolicyDocument=document(statement))

    told = run(arn)

    assert told["status"] == "FAILED"
    assert "Neither the global service principal" in told["cause"]


def test_an_execution_is_stopped_with_its_reason(
    aws: EmbeddedAws, machine: Callable[..., str]
) -> None:
    client = aws.client("stepfunctions")
    arn = client.start_execution(stateMachineArn=machine(wait(HOURS)))["executionArn"]

    client.stop_execution(executionArn=arn, error="Late", cause="nobody waits")

    told = client.describe_execution(executionArn=arn)
    assert (told["status"], told["error"], told["cause"]) == ("ABORTED", "Late", "nobody waits")
    assert told["stopDate"]


def test_executions_have_names_of_their_own_and_the_newest_is_listed_first(
    aws: EmbeddedAws, machine: Callable[..., str]
) -> None:
    client, arn = aws.client("stepfunctions"), machine(wait(HOURS))
    first, second, named = (
        client.start_execution(stateMachineArn=arn, **options)["executionArn"]
        for options in ({}, {}, {"name": "given"})
    )

    again = client.start_execution(stateMachineArn=arn, name="given")["executionArn"]
    with pytest.raises(ClientError, match="ExecutionAlreadyExists"):
        client.start_execution(stateMachineArn=arn, name="given", input='{"other": 1}')

    listed = client.list_executions(stateMachineArn=arn, statusFilter="RUNNING")["executions"]
    assert [each["executionArn"] for each in listed] == [named, second, first]
    assert again == named
    for each in listed:
        client.stop_execution(executionArn=each["executionArn"])


def test_calls_on_executions_are_decided(
    machine: Callable[..., str],
    create_role: Callable[..., str],
    client_as: Callable[..., Any],
    role: str,
) -> None:
    arn = machine(wait(1))
    nobody = client_as(create_role(), "stepfunctions")
    starter = client_as(create_role(allow("states:StartExecution", arn)), "stepfunctions")
    creator = client_as(
        create_role(allow("states:CreateStateMachine", f"{arn.rpartition(':')[0]}:own-*")),
        "stepfunctions",
    )

    with pytest.raises(ClientError, match=f"states:StartExecution on resource: {arn}"):
        nobody.start_execution(stateMachineArn=arn)
    execution = starter.start_execution(stateMachineArn=arn)["executionArn"]
    for call in (starter.describe_execution, starter.get_execution_history, starter.stop_execution):
        with pytest.raises(ClientError, match=f"on resource: {execution}"):
            call(executionArn=execution)
    with pytest.raises(ClientError, match=f"iam:PassRole on resource: {role}"):
        creator.create_state_machine(name="own-1", definition=definition(wait(1)), roleArn=role)


def test_a_rule_starts_an_execution_and_its_end_is_told(
    aws: EmbeddedAws, machine: Callable[..., str], create_role: Callable[..., str]
) -> None:
    arn, name = machine({"Type": "Pass", "End": True}), f"rule-{uuid.uuid4().hex[:8]}"
    events = aws.client("events")
    starts = create_role(
        allow("states:StartExecution", arn), trusts={"Service": "events.amazonaws.com"}
    )
    queue = Queue.create(aws, name, sender="events.amazonaws.com")
    events.put_rule(Name=name, EventPattern=json.dumps({"source": [name]}))
    events.put_targets(Rule=name, Targets=[{"Id": "machine", "Arn": arn, "RoleArn": starts}])
    pattern = {"source": ["aws.states"], "detail": {"stateMachineArn": [arn]}}
    events.put_rule(Name=f"{name}-ends", EventPattern=json.dumps(pattern))
    events.put_targets(Rule=f"{name}-ends", Targets=[{"Id": "queue", "Arn": queue.arn}])

    entry = {"Source": name, "DetailType": "anything", "Detail": '{"given": 1}'}
    events.put_events(Entries=[entry])

    told: list[dict[str, Any]] = []

    def has_ended() -> bool:
        told.extend(event["detail"] for event in queue.bodies())
        return {each["status"] for each in told} == {"RUNNING", "SUCCEEDED"}  # in any order

    wait_until(has_ended)
    [ended] = [each for each in told if each["status"] == "SUCCEEDED"]
    assert json.loads(ended["output"])["detail"] == {"given": 1}


def test_the_start_of_an_execution_is_told_before_it_begins(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from moto.stepfunctions.parser.backend import execution, execution_worker

    told: list[str] = []
    monkeypatch.setattr(Workflows, "_tell", lambda _, of: told.append(of))
    worker, ending = execution_worker.ExecutionWorker, execution.BaseExecutionWorkerCommunication
    monkeypatch.setattr(worker, "_execution_logic", lambda _: told.append("it begins"))
    monkeypatch.setattr(ending, "terminated", ending.terminated)
    Workflows(Mock(), Mock(), Pace())._tell_of_executions()

    worker._execution_logic(Mock(_execution_communication=Mock(execution="RUNNING")))

    assert told == ["RUNNING", "it begins"]


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The statuses that are told in this process."""
    told: list[str] = []
    monkeypatch.setattr(Workflows, "_tell", lambda _, of: told.append(of.status))
    return told


def _about_to_be_stopped(state: ProgramState, stop: Callable[[Any], None]) -> Any:
    """An execution that runs still, though its program may have got to its end."""

    class Execution:
        exec_status, exec_worker = ExecutionStatus.RUNNING, Mock()

        @property
        def status(self) -> str:
            return str(self.exec_status.value)

        def stop(self, **_reason: Any) -> None:
            stop(self)

    execution = Execution()
    execution.exec_worker.env.program_state.return_value = state
    return execution


def test_an_execution_that_has_come_to_its_end_is_not_stopped(told: list[str]) -> None:
    def end(execution: Any) -> None:
        execution.exec_status = ExecutionStatus.SUCCEEDED

    execution = _about_to_be_stopped(ProgramEnded(), end)

    Workflows(Mock(), Mock(), Pace())._stop(execution, None, None)

    assert (execution.status, told) == ("SUCCEEDED", [])


def test_an_execution_that_is_stopped_is_told_of_once(
    told: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from moto.stepfunctions.parser.backend import execution, execution_worker

    ending = execution.BaseExecutionWorkerCommunication
    monkeypatch.setattr(ending, "terminated", lambda _: None)
    worker = execution_worker.ExecutionWorker
    monkeypatch.setattr(worker, "_execution_logic", worker._execution_logic)
    workflows = Workflows(Mock(), Mock(), Pace())
    workflows._tell_of_executions()
    threads: list[Thread] = []

    def come_to_an_end(stopped: Any) -> None:
        threads.append(Thread(target=ending.terminated, args=(Mock(execution=stopped),)))
        threads[0].start()
        threads[0].join(0.2)

    stopped = _about_to_be_stopped(ProgramStopped(Mock(), None, None), come_to_an_end)

    workflows._stop(stopped, None, None)

    threads[0].join()
    assert told == ["ABORTED"]


def test_a_stack_has_a_state_machine(
    aws: EmbeddedAws, stack: StackDriver, role: str, run: Run
) -> None:
    def resource(result: str) -> dict[str, Any]:
        return {
            "Type": "AWS::StepFunctions::StateMachine",
            "Properties": {
                "DefinitionString": definition({"Type": "Pass", "Result": result, "End": True}),
                "RoleArn": role,
                "StateMachineName": stack.name,
                "Tags": [{"Key": "of", "Value": result}],
                "TracingConfiguration": {"Enabled": True},
            },
        }

    status = stack.deploy_resources(Machine=resource("one"))
    arn = stack.physical_id("Machine")
    first = run(arn)["output"]
    stack.deploy_resources(Machine=resource("two"))

    assert status == "CREATE_COMPLETE"
    assert [first, run(arn)["output"]] == ['"one"', '"two"']
    tags = aws.client("stepfunctions").list_tags_for_resource(resourceArn=arn)["tags"]
    assert tags == [{"key": "of", "value": "two"}]
    stack.delete()
    with pytest.raises(ClientError, match="StateMachineDoesNotExist"):
        aws.client("stepfunctions").describe_state_machine(stateMachineArn=arn)
