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


def _queue(aws: EmbeddedAws, name: str) -> tuple[str, str]:
    sqs = aws.client("sqs")
    url = sqs.create_queue(QueueName=name)["QueueUrl"]
    found = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]
    return url, found["QueueArn"]


def _take(aws: EmbeddedAws, url: str) -> list[str]:
    messages = aws.client("sqs").receive_message(QueueUrl=url, MaxNumberOfMessages=10)
    found = messages.get("Messages", [])
    for each in found:
        aws.client("sqs").delete_message(QueueUrl=url, ReceiptHandle=each["ReceiptHandle"])
    return [each["Body"] for each in found]


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
    (url, queue), (closed_url, closed) = _queue(aws, "open"), _queue(aws, "closed")
    dead_url, dead = _queue(aws, "dead")
    scheduler, role = aws.client("scheduler"), _role(aws, queue, dead)

    def create(name: str, expression: str, target: str, **options: Any) -> str:
        body = {"Arn": target, "RoleArn": role, "Input": json.dumps(name)}
        answer = scheduler.create_schedule(
            Name=name,
            ScheduleExpression=expression,
            FlexibleTimeWindow={"Mode": "OFF"},
            Target={**body, "DeadLetterConfig": {"Arn": dead}},
            **options,
        )
        return str(answer["ScheduleArn"])

    rate = create("rate", "rate(1 day)", queue)
    refused = create("refused", "rate(12 hours)", closed)
    create("off", "rate(1 hour)", queue, State="DISABLED")
    once = f"at({datetime.now(UTC) + timedelta(hours=30):%Y-%m-%dT%H:%M:%S})"
    create("once", once, queue, ActionAfterCompletion="DELETE")
    aws.house.advance_clock(3600)
    assert _take(aws, url) == ['"rate"']  # a rate begins at once
    assert _take(aws, dead_url) == ['"refused"']

    due_arns = aws.house.advance_clock(36 * 3600)

    assert due_arns.count(rate) == 1
    assert due_arns.count(refused) == 3
    assert sorted(_take(aws, url)) == ['"once"', '"rate"']
    assert _take(aws, dead_url) == ['"refused"'] * 3
    assert _take(aws, closed_url) == []
    names = [each["Name"] for each in scheduler.list_schedules()["Schedules"]]
    assert sorted(names) == ["off", "rate", "refused"]


def test_turning_the_clock_runs_rules_with_a_schedule(own_aws: EmbeddedAws) -> None:
    aws = own_aws
    url, queue = _queue(aws, "open")
    policy = {**allow("sqs:SendMessage", queue), "Principal": {"Service": "events.amazonaws.com"}}
    aws.client("sqs").set_queue_attributes(QueueUrl=url, Attributes={"Policy": document(policy)})
    events = aws.client("events")
    events.put_rule(Name="hourly", ScheduleExpression="rate(1 hour)")
    events.put_targets(Rule="hourly", Targets=[{"Id": "queue", "Arn": queue}])

    aws.house.advance_clock(1800)
    assert _take(aws, url) == []
    aws.house.advance_clock(3600)

    (body,) = _take(aws, url)
    assert json.loads(body)["detail-type"] == "Scheduled Event"
