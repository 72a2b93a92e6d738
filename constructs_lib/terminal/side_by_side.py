"""Calls of several regions, or many in one, at the same time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Final, TypeVar

_AT_ONCE: Final = 8

Answer = TypeVar("Answer")


def side_by_side(what: str, asked: Sequence[Callable[[], Answer]]) -> list[Answer]:
    """Make calls at the same time, and return their answers in the order of the calls.

    Args:
        what: Said beside a bar on a terminal, for example ``Reading versions``.
        asked: The calls.

    Raises:
        Exception: What the first of them raises that fails.
    """
    if len(asked) < 2:
        return [each() for each in asked]
    from rich.console import Console

    from constructs_lib.terminal.progress import counted_bar

    with (
        counted_bar(what, len(asked), Console(stderr=True)) as done,
        ThreadPoolExecutor(_AT_ONCE) as pool,
    ):

        def answer(each: Callable[[], Answer]) -> Answer:
            answered = each()
            done()
            return answered

        answers = [pool.submit(answer, each) for each in asked]
        try:
            return [each.result() for each in answers]
        finally:  # where one fails, or somebody interrupts, nobody waits for those not begun
            pool.shutdown(wait=False, cancel_futures=True)
