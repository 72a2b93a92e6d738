"""Requests at a rate, from as many callers as wait for an answer each."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from threading import Event, Lock, Thread
from types import TracebackType
from typing import Any, Final, Self

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
            # Making a client takes longer than a request, and each has connections of its own.
            runtime = self.aws.client("sagemaker-runtime", region)
            for number in range(_CALLERS):
                given = (runtime, region, number)
                thread = Thread(target=self._call, args=given, daemon=True)
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

    def _call(self, runtime: Any, region: str, number: int) -> None:
        interval = _CALLERS / self.per_second
        due = time.monotonic() + interval * number / _CALLERS
        while not self._stop.wait(max(due - time.monotonic(), 0)):
            due = max(due + interval, time.monotonic())
            count = self.answered if self._is_answered(runtime) else self.failed
            with self._lock:
                count[region] += 1

    def _is_answered(self, runtime: Any) -> bool:
        try:
            ask(
                runtime,
                self.endpoint,
                self.request,
                content_type=self.content_type,
                accept=None,
            )
        except (BotoCoreError, ClientError):
            return False
        return True
