"""The environments of functions that wait for their next invocation."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from threading import Condition, Thread
from typing import Final

from local.emulator.functions.environments import (
    EnvironmentKey,
    ExecutionEnvironment,
    end_environments,
)

_IDLE_SECONDS: Final = 120.0
"""Lambda does not say how long its own ones wait."""
_MOST_IDLE: Final = 12
"""Of all functions: each holds some 70 MB of a laptop's memory. A release to three regions and its
deployment take eleven; who releases again finds them all."""


@dataclass(frozen=True)
class _Idle:
    environment: ExecutionEnvironment
    since: float


class EnvironmentPool:
    """Keeps the environments of one embedded AWS between invocations."""

    def __init__(self, idle_seconds: float = _IDLE_SECONDS, most_idle: int = _MOST_IDLE) -> None:
        """Keep nothing yet.

        Args:
            idle_seconds: How long an environment waits before it is ended.
            most_idle: How many wait; of more, those that wait the longest are ended.
        """
        self._idle_seconds = idle_seconds
        self._most_idle = most_idle
        self._idle: list[_Idle] = []
        self._changed = Condition()
        self._watch: Thread | None = None

    def take(self, key: EnvironmentKey) -> ExecutionEnvironment | None:
        """Take the environment that waits for the least time; None: start one.

        Those of the function as it was configured before are ended.
        """
        with self._changed:
            fitting = [
                each for each in self._idle if each.environment.key == key and _is_alive(each)
            ]
            taken = fitting[-1] if fitting else None
            outdated = self._remove(
                lambda each: (
                    each.environment.key.function_arn == key.function_arn and each not in fitting
                )
            )
            if taken is not None:
                self._idle.remove(taken)
        end_environments(outdated)
        return None if taken is None else taken.environment

    def give_back(self, environment: ExecutionEnvironment) -> None:
        """Let an environment wait for another invocation."""
        with self._changed:
            self._idle.append(_Idle(environment, time.monotonic()))
            surplus = self._idle[: -self._most_idle]
            del self._idle[: -self._most_idle]
            if self._watch is None:
                self._watch = Thread(target=self._end_unused, daemon=True)
                self._watch.start()
            self._changed.notify_all()
        end_environments(each.environment for each in surplus)

    def _end_unused(self) -> None:
        while True:
            with self._changed:
                if not self._idle:
                    self._changed.wait()
                    continue
                left = self._idle[0].since + self._idle_seconds - time.monotonic()
                if left > 0:
                    self._changed.wait(left)
                    continue
                unused = [self._idle.pop(0).environment]
            end_environments(unused)

    def _remove(self, is_removed: Callable[[_Idle], bool]) -> list[ExecutionEnvironment]:
        removed = [each for each in self._idle if is_removed(each)]
        self._idle = [each for each in self._idle if each not in removed]
        return [each.environment for each in removed]


def _is_alive(idle: _Idle) -> bool:
    return idle.environment.is_alive
