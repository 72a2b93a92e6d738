"""What services do after they have answered: asynchronous invocations and deliveries of events."""

from __future__ import annotations

import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Condition
from typing import Any, Final

_WORKERS: Final = 8


class Background:
    """Does things one after the other asks for, in a few threads; ``settle`` waits for all."""

    def __init__(self) -> None:
        """Prepare the threads; none starts before the first thing to do."""
        self._threads = ThreadPoolExecutor(_WORKERS, thread_name_prefix="background")
        self._changed = Condition()
        self._open = 0

    def do(self, work: Callable[..., object], *arguments: Any) -> None:
        """Do something soon; nobody waits for it, so its errors go to the log."""
        with self._changed:
            self._open += 1
        self._threads.submit(self._run, work, *arguments)

    def settle(self, timeout_seconds: float) -> bool:
        """Wait until nothing is left to do, also of what followed; whether that came in time."""
        with self._changed:
            return self._changed.wait_for(lambda: self._open == 0, timeout_seconds)

    def _run(self, work: Callable[..., object], *arguments: Any) -> None:
        try:
            work(*arguments)
        except Exception:
            logging.getLogger(__name__).exception("defect in the background")
        finally:
            with self._changed:
                self._open -= 1
                self._changed.notify_all()
