"""What has not ended is ended, and says where it stood.

A release waits in many places: for an answer, for a claim, for a lock, for a child process. Most of
them have a bound of their own; whatever has none is bounded here.
"""

from __future__ import annotations

import os
import sys
import threading
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

LONGEST_FUNCTION_SECONDS: Final = 240
"""Of one invocation: as long as it waits for the claim of another execution."""
LONGEST_ANSWER_SECONDS: Final = 10
"""Until a call that nobody answers is made again."""
LONGEST_CONNECT_SECONDS: Final = 5
LONGEST_SCENARIO_SECONDS: Final = 600
"""Of two releases, of which one is disturbed."""
EXIT_STALLED: Final = 3


@contextmanager
def deadline(
    what: str,
    seconds: float = LONGEST_SCENARIO_SECONDS,
    give_up: Callable[[str], None] | None = None,
) -> Iterator[None]:
    """Give up when what is done within has not ended in time.

    Args:
        what: A name of it, for people.
        seconds: How long it may take.
        give_up: Is told what has not ended, and where each thread stood; by default it prints that
            and ends this process with the exit code 3. Its children end with it.
    """

    def expire() -> None:
        text = f"STALLED: {what} has not ended within {seconds:g} s.\n{stacks()}"
        (give_up or _leave)(text)

    timer = threading.Timer(seconds, expire)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def stacks() -> str:
    """Tell where each thread of this process stands."""
    names = {thread.ident: thread.name for thread in threading.enumerate()}
    return "\n".join(
        f"{names.get(ident, ident)}:\n{''.join(traceback.format_stack(frame))}"
        for ident, frame in sys._current_frames().items()
    )


def _leave(text: str) -> None:
    sys.stderr.write(text + "\n")
    sys.stderr.flush()
    os._exit(EXIT_STALLED)
