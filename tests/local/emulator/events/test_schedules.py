"""When schedules are due, and what they start when the clock is turned."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from local.emulator import EmbeddedAws
from local.emulator.events.schedules import Recurrence, ScheduleExpressionError
from tests.local.emulator.policies import allow, document
from tests.local.emulator.queues import Queue

START = datetime(2026, 11, 2, 8, 30, tzinfo=UTC)  # a Monday


def due(expression: str, days: float, **options: Any) -> list[str]:
    """List when a schedule that was created at START is due within so many days."""
    times = Recurrence(expression, START, **options).due(START, START + timedelta(days=days))
    return [f"{time:%m-%d %H:%M}" for time in times]


@pytest.mark.parametrize(
    ("expression", "days", "expected"),
    [
        ("rate(6 hours)", 0.5, ["11-02 14:30", "11-02 20:30"]),
        ("rate(1 day)", 2, ["11-03 08:30", "11-04 08:30"]),
        ("at(2026-11-02T09:00:00)", 1, ["11-02 09:00"]),
        ("at(2026-11-02T08:00:00)", 1, []),
        ("cron(0 9 * * ? *)", 2, ["11-02 09:00", "11-03 09:00"]),
        (
            "cron(0/30 9-10 ? * MON *)",
            7,
            ["11-02 09:00", "11-02 09:30", "11-02 10:00", "11-02 10:30"],
        ),
        ("cron(0 6 ? * 2,FRI *)", 7, ["11-06 06:00", "11-09 06:00"]),
        ("cron(0 6 L * ? *)", 60, ["11-30 06:00", "12-31 06:00"]),
        ("cron(0 6 15W NOV ? 2026)", 60, ["11-16 06:00"]),
        ("cron(0 6 1W 5 ? 2027)", 200, ["05-03 06:00"]),
        ("cron(0 6 ? * 6L *)", 40, ["11-27 06:00"]),
        ("cron(0 6 ? * TUE#2 *)", 40, ["11-10 06:00", "12-08 06:00"]),
        ("cron(0 6 ? 1 SUN 2030)", 60, []),
    ],
)
def test_expressions_are_due_as_eventbridge_says(
    expression: str, days: float, expected: list[str]
) -> None:
    assert due(expression, days) == expected


def test_a_schedule_is_due_in_its_own_time_zone_and_its_rate_at_once() -> None:
    assert due("cron(0 9 * * ? *)", 1, zone="America/New_York") == ["11-02 14:00"]
    assert due("at(2026-11-02T09:00:00)", 1, zone="Asia/Tokyo") == []
    before = START - timedelta(seconds=1)
    recurrence = Recurrence("rate(1 hour)", START, starts_at_once=True)
    assert list(recurrence.due(before, START)) == [START]


@pytest.mark.parametrize("expression", ["rate(0 hours)", "rate(1 week)", "cron(0 6 * * ?)", "soon"])
def test_what_is_no_expression_is_refused(expression: str) -> None:
    with pytest.raises(ScheduleExpressionError):
        due(expression, 1)


@pytest.fixture
def own_aws() -> Iterator[EmbeddedAws]:
    """An embedded AWS whose clock may be turned."""
    with EmbeddedAws() as aws:
        yield aws


def _role(aws: EmbeddedAws, *resources: str) -> str:
    trust = allow("sts:AssumeRole", "*", Principal={"Service": "scheduler.amazonaws.com"})
    del trust["Resource"]
    name = f"role-{uuid.uuid4().hex[:8]}"
    iam = aws.client("iam")
    role = iam.create_role(RoleName=name, AssumeRolePolicyDocument=document(trust))
    policy = document(allow("sqs:SendMessage", list(resources)))
    iam.put_role_policy(RoleName=name, PolicyName="own", PolicyDocument=policy)
    return str(role["Role"]["Arn"])


def test_turning_the_clock_runs_schedules_as_their_role(own_aws: EmbeddedAws) -> None:
    aws = own_aws
    queue, closed, dead = (Queue.create(aws, name) for name in ("open", "closed", "dead"))
    scheduler, role = aws.client("scheduler"), _role(aws, queue.arn, dead.arn)

    def create(name: str, expression: str, target: str, **options: Any) -> str:
        body = {"Arn": target, "RoleArn": role, "Input": json.dumps(name)}
        answer = scheduler.create_schedule(
            Name=name,
            ScheduleExpression=expression,
            FlexibleTimeWindow={"Mode": "OFF"},
            Target={**body, "DeadLetterConfig": {"Arn": dead.arn}},
            **options,
        )
        return str(answer["ScheduleArn"])

    rate = create("rate", "rate(1 day)", queue.arn)
    refused = create("refused", "rate(12 hours)", closed.arn)
    create("off", "rate(1 hour)", queue.arn, State="DISABLED")
    once = f"at({datetime.now(UTC) + timedelta(hours=30):%Y-%m-%dT%H:%M:%S})"
    create("once", once, queue.arn, ActionAfterCompletion="DELETE")
    aws.house.advance_clock(3600)
    assert queue.texts() == ['"rate"']  # a rate begins at once
    assert dead.texts() == ['"refused"']

    due_arns = aws.house.advance_clock(36 * 3600)

    assert due_arns.count(rate) == 1
    assert due_arns.count(refused) == 3
    assert sorted(queue.texts()) == ['"once"', '"rate"']
    assert dead.texts() == ['"refused"'] * 3
    assert closed.texts() == []
    names = [each["Name"] for each in scheduler.list_schedules()["Schedules"]]
    assert sorted(names) == ["off", "rate", "refused"]


def test_turning_the_clock_runs_rules_with_a_schedule(own_aws: EmbeddedAws) -> None:
    aws = own_aws
    queue = Queue.create(aws, "open", sender="events.amazonaws.com")
    events = aws.client("events")
    events.put_rule(Name="hourly", ScheduleExpression="rate(1 hour)")
    events.put_targets(Rule="hourly", Targets=[{"Id": "queue", "Arn": queue.arn}])

    aws.house.advance_clock(1800)
    assert queue.texts() == []
    aws.house.advance_clock(3600)

    (body,) = queue.bodies()
    assert body["detail-type"] == "Scheduled Event"
