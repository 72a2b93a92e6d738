"""Calls at the same time: their answers, their order, and what becomes of one that fails."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from threading import Barrier, Event

import pytest

from constructs_lib.terminal.side_by_side import side_by_side


def test_calls_run_at_the_same_time_and_answers_keep_their_order() -> None:
    barrier = Barrier(3)

    def answer(number: int) -> int:
        barrier.wait(60)  # none gets by before all are there
        return number

    asked: list[Callable[[], int]] = [partial(answer, number) for number in range(3)]

    assert side_by_side("Counting", asked) == [0, 1, 2]


def test_the_first_failure_is_raised_and_what_had_not_begun_is_left(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    begun: list[int] = []
    given_up = Event()
    shut_down = ThreadPoolExecutor.shutdown

    def shut_down_and_tell(pool: ThreadPoolExecutor, **how: bool) -> None:
        shut_down(pool, **how)
        given_up.set()

    def fail() -> None:
        raise ValueError("the first")

    def wait(number: int) -> None:
        begun.append(number)
        given_up.wait(60)

    monkeypatch.setattr(ThreadPoolExecutor, "shutdown", shut_down_and_tell)
    waiting = (partial(wait, number) for number in range(1000))
    asked: list[Callable[[], None]] = [fail, *waiting]

    with pytest.raises(ValueError, match="the first"):
        side_by_side("Counting", asked)

    assert len(begun) <= 8


def test_nothing_and_one_need_no_threads() -> None:
    assert side_by_side("Counting", []) == []
    assert side_by_side("Counting", [lambda: 1]) == [1]
