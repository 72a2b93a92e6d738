"""Sends payloads at the expected rate, and measures."""

from __future__ import annotations

import math
import threading
import time
from typing import TYPE_CHECKING, Any, NamedTuple

from .findings import ModelFinding
from .payloads import Payload
from .worker import Worker, WorkerEndedError, WorkerSilentError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

RESTARTS = 3
"""How often the load test replaces a worker that died, as the model server does."""
KEPT_ANSWERS = 4
"""How many different answers to one payload are kept: they can be large."""
HISTOGRAM_BOUNDS = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000, 60_000)
"""Milliseconds; what is above the last one is in a bucket without bound."""


class Arrivals:
    """Open-loop arrivals: when each request is due does not depend on how fast answers come.

    A worker takes the next one when it is free. Latency counts from when it was due, so that the
    time a request waits behind a slow one is not left out.
    """

    def __init__(self, tps: float, seconds: float) -> None:
        """Return requests evenly spread over the time; at least one."""
        self.count = max(1, round(tps * seconds))
        self.tps = tps
        self.start = time.monotonic()
        self._next = 0
        self._lock = threading.Lock()

    @property
    def seconds(self) -> float:
        """How long requests arrive."""
        return self.count / self.tps

    def take(self) -> int | None:
        """Return the number of the next request, when it is due; None when there is none left."""
        with self._lock:
            number = self._next
            self._next += 1
        if number >= self.count:
            return None
        time.sleep(max(0.0, self.due(number) - time.monotonic()))
        return number

    def due(self, number: int) -> float:
        """When a request should be sent."""
        return self.start + number / self.tps


class LoadResult(NamedTuple):
    """What was measured of every request."""

    latencies: list[float]
    """Seconds."""
    errors: int
    last_end: float
    """Seconds after the first arrival."""


class LoadTest:
    """Drives workers with the payloads at the expected rate."""

    def __init__(
        self, payloads: Sequence[Payload], replacement: Callable[[], Worker | None]
    ) -> None:
        """Take what is to be sent, and what makes a worker in place of one that died."""
        self._make_replacement = replacement
        self._payloads = payloads
        self._latencies: list[float] = []
        self._errors = 0
        self._last_end = 0.0
        self._lock = threading.Lock()
        self._restarts = RESTARTS
        self.answers: dict[Payload, list[dict[str, Any]]] = {payload: [] for payload in payloads}
        """The different answers to each, up to a few; whoever wants to compares them later."""

    def run(
        self, workers: Sequence[Worker], arrivals: Arrivals, grace_seconds: float
    ) -> LoadResult:
        """Send everything; what is not answered some time after the last arrival is an error."""
        deadline = arrivals.start + arrivals.seconds + grace_seconds
        threads = [
            threading.Thread(target=self._drive, args=(worker, arrivals, deadline))
            for worker in workers
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        for number in range(len(self._latencies), arrivals.count):
            self._note(deadline - arrivals.due(number), deadline - arrivals.start, is_error=True)
        return LoadResult(sorted(self._latencies), self._errors, self._last_end)

    def _drive(self, first: Worker, arrivals: Arrivals, deadline: float) -> None:
        worker: Worker | None = first
        while worker is not None and time.monotonic() < deadline:
            number = arrivals.take()
            if number is None:
                return
            payload = self._payloads[number % len(self._payloads)]
            is_error = has_ended = True
            try:
                reply = worker.ask(payload, max(0.0, deadline - time.monotonic()))
                is_error, has_ended = "failure" in reply, False
            except (WorkerEndedError, WorkerSilentError):
                worker.stop()
            end = time.monotonic()
            self._note(end - arrivals.due(number), end - arrivals.start, is_error=is_error)
            if not is_error:
                self._keep(payload, reply)
            if has_ended:
                worker = self._replacement()

    def _replacement(self) -> Worker | None:
        with self._lock:
            self._restarts -= 1
            if self._restarts < 0:
                return None
        return self._make_replacement()

    def _keep(self, payload: Payload, reply: dict[str, Any]) -> None:
        with self._lock:
            kept = self.answers[payload]
            if len(kept) < KEPT_ANSWERS and reply not in kept:
                kept.append(reply)

    def _note(self, latency: float, end: float, *, is_error: bool) -> None:
        with self._lock:
            self._latencies.append(latency)
            self._errors += is_error
            self._last_end = max(self._last_end, end)


def percentile(ordered: Sequence[float], share: float) -> float:
    """Return the nearest-rank percentile of sorted values."""
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


def histogram(latencies: Sequence[float]) -> list[dict[str, Any]]:
    """How many latencies (ms) are in each bucket of fixed bounds."""
    buckets: list[dict[str, Any]] = []
    below = 0
    for bound in HISTOGRAM_BOUNDS:
        count = sum(latency <= bound for latency in latencies)
        buckets.append({"up_to_in_millisecond": float(bound), "count": count - below})
        below = count
    return [*buckets, {"up_to_in_millisecond": None, "count": len(latencies) - below}]


def load_numbers(
    result: LoadResult, arrivals: Arrivals, workers: int, allowed_seconds: float
) -> dict[str, Any]:
    """Return the ``load`` section of the evaluation.

    A model keeps up when the last answer comes within the allowed latency of the last arrival; its
    achieved rate then equals the offered one.
    """
    milliseconds = [1000 * latency for latency in result.latencies]
    span = max(arrivals.seconds, result.last_end - allowed_seconds)
    return {
        "offered_tps": float(arrivals.tps),
        "achieved_tps": rounded(arrivals.tps * min(1.0, arrivals.seconds / span)),
        "duration_in_second": rounded(arrivals.seconds),
        "request_count": arrivals.count,
        "error_count": result.errors,
        "error_rate": result.errors / arrivals.count,
        "workers": workers,
        "latency_in_millisecond": {
            "mean": rounded(sum(milliseconds) / len(milliseconds)),
            "p50": rounded(percentile(milliseconds, 0.5)),
            "p90": rounded(percentile(milliseconds, 0.9)),
            "p99": rounded(percentile(milliseconds, 0.99)),
            "max": rounded(milliseconds[-1]),
        },
        "histogram": histogram(milliseconds),
    }


def load_findings(load: Mapping[str, Any], limits: Mapping[str, Any]) -> Iterator[ModelFinding]:
    """Compare the ``load`` section of the evaluation with its limits."""
    p99, most = load["latency_in_millisecond"]["p99"], limits["max_latency_in_millisecond"]
    if p99 > most:
        yield ModelFinding(
            "error",
            "latency-above-limit",
            f"latency p99 {p99} ms is above max_latency_in_millisecond {most}",
            "Make predict_fn faster, lower expected_tps, or raise the limit.",
        )
    rate, most_rate = load["error_rate"], limits["max_acceptable_error_rate"]
    if rate > most_rate:
        yield ModelFinding(
            "error",
            "error-rate-above-limit",
            f"error rate {rate:.4f} is above max_acceptable_error_rate {most_rate}",
            "Look at the log for what the handler raises under load.",
        )
    if load["achieved_tps"] < limits["expected_tps"]:
        yield ModelFinding(
            "error",
            "throughput-below-expected",
            f"achieved tps {load['achieved_tps']} is below expected_tps {limits['expected_tps']}",
            "Make predict_fn faster, use a larger instance type, or lower expected_tps.",
        )


def rounded(number: float) -> float:
    """To microseconds of a millisecond value."""
    return round(float(number), 3)
