"""How fast the waits of services pass: ten minutes of a deployment need not last ten here.

What processes do takes the time that it takes. Only what a service waits for is shortened, all of
it alike: Wait states and retries of AWS Step Functions, and what Amazon SageMaker waits while an
endpoint is updated. Turning the clock of the embedded AWS turns these waits, too.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from threading import Condition
from typing import Final

TIME_SCALE: Final = 300.0
"""Seconds of a service in one of this machine: ten minutes last two seconds."""
_LOOK_SECONDS: Final = 0.05


def _never() -> bool:
    return False


class Pace:
    """Waits for seconds of a service."""

    def __init__(self, scale: float = TIME_SCALE) -> None:
        """Begin.

        Args:
            scale: Seconds of a service in one of this machine; 1 is real time.
        """
        self.scale = scale
        self._changed = Condition()
        self._turned = 0.0

    def turn(self, seconds: float) -> None:
        """Let so many seconds of a service be over at once, for whoever waits."""
        with self._changed:
            self._turned += seconds
            self._changed.notify_all()

    def now(self) -> float:
        """Return the seconds of a service since some time in the past."""
        with self._changed:
            return time.monotonic() * self.scale + self._turned

    def wait(self, seconds: float, is_over: Callable[[], bool] = _never) -> bool:
        """Wait, unless there is a reason to end it.

        Args:
            seconds: Of the service.
            is_over: Looked at several times a second: whether nobody waits for it any longer.

        Returns:
            Whether the time is over; false if ``is_over`` was true before.
        """
        end = self.now() + seconds
        while not is_over():
            with self._changed:
                rest = (end - self.now()) / self.scale
                if rest <= 0:
                    return True
                self._changed.wait(rest if is_over is _never else min(rest, _LOOK_SECONDS))
        return False
