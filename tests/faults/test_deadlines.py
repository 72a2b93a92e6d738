"""What stalls is ended, named, and shown with where it stood."""

from __future__ import annotations

import queue
import subprocess
import sys
import threading
from collections.abc import Iterator

import pytest

from benchmarks.faults.deadlines import (
    EXIT_STALLED,
    LONGEST_ANSWER_SECONDS,
    LONGEST_CONNECT_SECONDS,
    LONGEST_FUNCTION_SECONDS,
    LONGEST_SCENARIO_SECONDS,
    deadline,
)
from benchmarks.faults.function_release import FunctionRelease
from benchmarks.faults.scenarios import matching
from benchmarks.faults.world import HOME, World
from constructs_lib.jobs.register_model.clients import CLIENT_CONFIG

NEVER_MILLISECONDS = 600_000


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    with World() as world:
        yield world


def test_what_ends_in_time_is_left_alone() -> None:
    told: list[str] = []
    before = {*threading.enumerate()}
    with deadline("quick", 600, told.append):
        [watching] = {*threading.enumerate()} - before
    watching.join(60)
    assert not watching.is_alive()
    assert told == []


def test_what_does_not_is_named_with_every_thread() -> None:
    told: queue.SimpleQueue[str] = queue.SimpleQueue()

    with deadline("a scenario", 0.1, told.put):
        text = told.get(timeout=300)

    assert text.startswith("STALLED: a scenario has not ended within 0.1 s.")
    assert "test_what_does_not_is_named_with_every_thread" in text


def test_a_stalled_run_ends_with_an_exit_code_of_its_own() -> None:
    script = (
        "import threading\n"
        "from benchmarks.faults.deadlines import deadline\n"
        "with deadline('a scenario', 0.1): threading.Event().wait()\n"
    )
    result = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=120, check=False
    )

    assert result.returncode == EXIT_STALLED
    assert "STALLED: a scenario has not ended" in result.stderr
    assert "MainThread" in result.stderr


def test_a_function_that_stalls_tells_where_it_stands(world: World) -> None:
    release = FunctionRelease(world, world.content())
    held = [{**matching("UploadPartCopy"), "latency": NEVER_MILLISECONDS}]
    options = {"rules": held, "timeout_seconds": NEVER_MILLISECONDS, "longest_seconds": 5}

    outcome = release.stage(HOME, {f"Stage-{HOME}": options})

    assert outcome.defect
    assert "It has not ended within 5 s" in outcome.error
    assert "upload_part_copy" in outcome.error
    release.end()


def test_a_call_that_nobody_answers_is_made_again_before_the_function_is_given_up(
    world: World,
) -> None:
    release = FunctionRelease(world, world.content())
    held = [{**matching("UploadPartCopy"), "latency": NEVER_MILLISECONDS, "times": 1}]

    outcome = release.stage(HOME, {f"Stage-{HOME}": {"rules": held}})

    assert outcome.succeeded
    assert outcome.faults == 1
    assert outcome.calls.count("UploadPartCopy") == 2
    release.end()


def test_no_call_outlasts_its_function_and_no_function_its_scenario() -> None:
    attempts = CLIENT_CONFIG.retries["total_max_attempts"]
    longest_call = attempts * (LONGEST_ANSWER_SECONDS + LONGEST_CONNECT_SECONDS)
    assert longest_call < LONGEST_FUNCTION_SECONDS < LONGEST_SCENARIO_SECONDS
