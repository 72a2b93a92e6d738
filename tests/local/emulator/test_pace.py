"""What services wait for is shortened, and ended by turning the clock."""

from __future__ import annotations

import time
from threading import Thread

from local.emulator import EmbeddedAws
from local.emulator.pace import Pace
from tests.waiting import wait_until


def test_ten_minutes_last_two_seconds_unless_told_otherwise() -> None:
    assert 600 / Pace().scale == 2


def test_a_wait_lasts_as_long_as_the_scale_says() -> None:
    pace, began = Pace(scale=1000), time.monotonic()

    assert pace.wait(200)

    assert 0.2 <= time.monotonic() - began < 200


def test_turning_the_clock_ends_waits_that_are_over_by_then() -> None:
    pace, begun, ended = Pace(scale=1), set[int](), list[int]()

    def wait(seconds: int) -> None:
        def goes_on() -> bool:
            begun.add(seconds)
            return False

        if pace.wait(seconds, goes_on):
            ended.append(seconds)

    waits = [Thread(target=wait, args=(seconds,)) for seconds in (100, 300)]
    for thread in waits:
        thread.start()

    wait_until(lambda: begun == {100, 300})
    pace.turn(200)

    wait_until(lambda: ended == [100])
    assert waits[1].is_alive()
    pace.turn(200)
    wait_until(lambda: ended == [100, 300])


def test_a_wait_ends_when_nobody_waits_any_longer() -> None:
    pace, reasons = Pace(scale=1), list[str]()
    results: list[bool] = []
    thread = Thread(target=lambda: results.append(pace.wait(1000, lambda: bool(reasons))))
    thread.start()

    reasons.append("deleted")

    thread.join(60)
    assert results == [False]


def test_an_embedded_aws_can_be_slower() -> None:
    definition = '{"StartAt": "W", "States": {"W": {"Type": "Wait", "Seconds": 3, "End": true}}}'
    with EmbeddedAws(permissions=False, time_scale=10) as aws:
        client = aws.client("stepfunctions")
        arn = client.create_state_machine(
            name="waits", definition=definition, roleArn=f"arn:aws:iam::{aws.account_id}:role/any"
        )["stateMachineArn"]
        execution = client.start_execution(stateMachineArn=arn)["executionArn"]

        def is_over() -> bool:
            return bool(client.describe_execution(executionArn=execution)["status"] == "SUCCEEDED")

        wait_until(is_over)
        told = client.describe_execution(executionArn=execution)

    assert 0.3 <= (told["stopDate"] - told["startDate"]).total_seconds() < 30
