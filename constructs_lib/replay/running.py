"""Asks two versions the same requests in turn, each in a direct server of its own."""

from __future__ import annotations

import base64
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final, Self

from constructs_lib.direct_server import WalledCalls
from constructs_lib.jobs.common.serving.default_functions import JSON
from constructs_lib.jobs.verify_model.answers.responses import ResponseError
from constructs_lib.jobs.verify_model.failures import HANGS
from constructs_lib.jobs.verify_model.findings import RefusedModelError
from constructs_lib.jobs.verify_model.payloads import Payload
from constructs_lib.jobs.verify_model.worker import Worker
from constructs_lib.replay.comparing import Comparison, VersionAnswer
from constructs_lib.replay.requests import ReplayRequest
from constructs_lib.replay.version import ReplayedVersion, refused

_STARTUP_SECONDS: Final = 300.0
"""That of Verify; a config's own limit is of its container."""


class _Side:
    """One version, and the worker that answers for it."""

    def __init__(self, version: ReplayedVersion) -> None:
        container = version.container.container
        self._version = version
        self._calls = WalledCalls(version.model, _STARTUP_SECONDS, container=container)
        self._worker: Worker | None = None
        self.hangs = False

    @property
    def has_walls(self) -> bool:
        return self._calls.has_walls

    def start(self) -> None:
        try:
            worker = self._worker
            self._worker = self._calls.start() if worker is None else self._calls.running(worker)
        except RefusedModelError as error:
            raise refused(self._version.package, str(error).rstrip(".")) from error

    def ask(self, payload: Payload) -> VersionAnswer:
        self.start()
        assert self._worker is not None  # noqa: S101  # it has started
        began = time.perf_counter()
        try:
            reply = self._calls.ask(self._worker, payload)
        except ResponseError as error:
            self.hangs = self.hangs or error.code == HANGS
            return VersionAnswer(time.perf_counter() - began, failure=str(error))
        seconds = time.perf_counter() - began
        return VersionAnswer(seconds, base64.b64decode(reply["body"]), reply["content_type"])

    def stop(self) -> None:
        self._calls.stop()


@dataclass
class Replayed:
    """What came of the requests."""

    agreeing: int = 0
    differing: int = 0
    failing: tuple[int, int] = (0, 0)
    """How many requests each version did not answer, the one before first."""
    failing_in_both: int = 0
    first_failure: str | None = None
    """Why neither version answered the first of these, after the request."""
    not_sent: int = 0
    """Requests after one that a version never answered."""
    seconds: tuple[list[float], list[float]] = field(default_factory=lambda: ([], []))
    """How long each version took for the requests that both answered."""

    def note(
        self, request: str, before: VersionAnswer, after: VersionAnswer, *, agrees: bool
    ) -> None:
        """Count a request."""
        self.agreeing += agrees
        self.differing += not agrees
        failed = (before.failure is not None, after.failure is not None)
        self.failing = (self.failing[0] + failed[0], self.failing[1] + failed[1])
        if all(failed):
            self.failing_in_both += 1
            self.first_failure = self.first_failure or f"{request} {after.failure}"
        if not any(failed):
            self.seconds[0].append(before.seconds)
            self.seconds[1].append(after.seconds)

    @property
    def agrees(self) -> bool:
        """Whether both versions answer everything alike."""
        return not self.differing and not self.not_sent


class ReplayServers:
    """The direct servers of two versions, the one before first."""

    def __init__(self, before: ReplayedVersion, after: ReplayedVersion) -> None:
        """Start nothing yet."""
        self._versions = (before, after)
        self._sides = (_Side(before), _Side(after))

    @classmethod
    @contextmanager
    def started(cls, before: ReplayedVersion, after: ReplayedVersion) -> Iterator[Self]:
        """Let both load their models; they end with the block.

        Raises:
            ReplayedVersionError: A model cannot be loaded here.
        """
        servers = cls(before, after)
        try:
            for side in servers._sides:
                side.start()
            yield servers
        finally:
            for side in servers._sides:
                side.stop()

    @property
    def have_walls(self) -> bool:
        """Whether the machine keeps the models' code from the user's files and the network."""
        return all(side.has_walls for side in self._sides)

    def replay(
        self,
        requests: Sequence[ReplayRequest],
        comparison: Comparison,
        on_request: Callable[[], None],
    ) -> Replayed:
        """Send each request to both versions, now one first and now the other.

        The first request goes to both once more before: the first answer of a process pays for
        caches and lazy imports. After a request that is never answered, no more are sent.
        """
        found = Replayed()
        payloads = [self._payload(each) for each in requests]
        for side in self._sides:
            side.ask(payloads[0])
        for number, payload in enumerate(payloads):
            before, after = self._ask_both(payload, is_reversed=number % 2 == 1)
            agrees = comparison.compare(payload.name, before, after)
            found.note(payload.name, before, after, agrees=agrees)
            on_request()
            if any(side.hangs for side in self._sides):
                found.not_sent = len(payloads) - number - 1
                break
        return found

    def _ask_both(
        self, payload: Payload, *, is_reversed: bool
    ) -> tuple[VersionAnswer, VersionAnswer]:
        before, after = self._sides
        if is_reversed:
            later = after.ask(payload)
            return before.ask(payload), later
        return before.ask(payload), after.ask(payload)

    def _payload(self, request: ReplayRequest) -> Payload:
        accept = request.accept or self._accept()
        return Payload(request.source, request.body, request.content_type, accept)

    def _accept(self) -> str:
        """Return what is asked for where nobody says it: JSON, if both versions declare it."""
        declared = [each.request["response_types"] for each in self._versions]
        if all(JSON in each for each in declared):
            return JSON
        return str(declared[1][0])
