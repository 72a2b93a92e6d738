"""Requests at a rate, from as many callers as wait for an answer each."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from threading import Event, Lock, Thread
from types import TracebackType
from typing import Final, Self

from botocore.exceptions import BotoCoreError, ClientError

from constructs_lib.aws.handle import AwsHandle
from constructs_lib.endpoints.answers import ask

_CALLERS: Final = 6
"""In each region."""


@dataclass
class Traffic:
    """Asks an endpoint in some regions, while it is entered.

    A caller that waits for a slow answer sends nothing meanwhile, as people do.
    """

    aws: AwsHandle
    endpoint: str
    regions: Sequence[str]
    request: bytes
    content_type: str
    per_second: float
    """Requests in each region, at most."""
    answered: Counter[str] = field(default_factory=Counter)
    """By region."""
    failed: Counter[str] = field(default_factory=Counter)
    _stop: Event = field(default_factory=Event)
    _lock: Lock = field(default_factory=Lock)
    _threads: list[Thread] = field(default_factory=list)

    def __enter__(self) -> Self:
        """Begin to ask."""
        for region in self.regions:
            for number in range(_CALLERS):
                thread = Thread(target=self._call, args=(region, number), daemon=True)
                self._threads.append(thread)
                thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End, with the answers that callers wait for."""
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def _call(self, region: str, number: int) -> None:
        interval = _CALLERS / self.per_second
        due = time.monotonic() + interval * number / _CALLERS
        while not self._stop.wait(max(due - time.monotonic(), 0)):
            due = max(due + interval, time.monotonic())
            count = self.answered if self._is_answered(region) else self.failed
            with self._lock:
                count[region] += 1

    def _is_answered(self, region: str) -> bool:
        try:
            ask(
                self.aws,
                self.endpoint,
                region,
                self.request,
                content_type=self.content_type,
                accept=None,
            )
        except (BotoCoreError, ClientError):
            return False
        return True
