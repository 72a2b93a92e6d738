"""The values of metrics, by name and dimensions and in the order of time, read from moto's list."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from threading import Lock
from typing import Any

from local.emulator.monitoring.times import in_utc

MetricKey = tuple[str, str, frozenset[tuple[str, str]]]
"""Namespace, name and dimensions: each combination is a metric of its own."""


def metric_key(namespace: str, name: str, dimensions: Iterable[tuple[str, str]]) -> MetricKey:
    """Name a metric."""
    return namespace, name, frozenset(dimensions)


@dataclass
class MetricSeries:
    """The metrics of a region."""

    _read: int = 0
    _values: dict[MetricKey, tuple[list[float], list[float]]] = field(default_factory=dict)
    _lock: Lock = field(default_factory=Lock)

    def follow(self, backend: Any) -> None:
        """Take over what is new in moto's backend of the region."""
        with self._lock:
            data = backend.metric_data
            end = len(data)
            for datum in data[self._read : end]:
                self._add(datum)
            self._read = end

    def _add(self, datum: Any) -> None:
        pairs = ((each.name, each.value) for each in datum.dimensions)
        key = metric_key(datum.namespace, datum.name, pairs)
        times, values = self._values.setdefault(key, ([], []))
        moment = _timestamp(datum.timestamp)
        place = bisect_right(times, moment)
        found = _values_of(datum)
        times[place:place] = [moment] * len(found)
        values[place:place] = found

    def between(self, key: MetricKey, start: float, end: float) -> Sequence[float]:
        """Return the values of a period, from its start and before its end."""
        return [value for _, value in self.samples(key, start, end)]

    def samples(self, key: MetricKey, start: float, end: float) -> list[tuple[float, float]]:
        """Return the times and values from a start and before an end."""
        with self._lock:
            times, values = self._values.get(key, ((), ()))
            found = slice(bisect_left(times, start), bisect_left(times, end))
            return list(zip(times[found], values[found], strict=True))


def current_series(backend: Any) -> MetricSeries:
    """Return the metrics of moto's backend of a region, as they are now."""
    series: MetricSeries = vars(backend).setdefault("series", MetricSeries())
    series.follow(backend)
    return series


def _values_of(datum: Any) -> list[float]:
    """Return the values of a datum; of a set of statistics such that have the same statistics."""
    if hasattr(datum, "value"):
        return [datum.value]
    between = int(datum.sample_count) - 2
    if between < 0:
        return [datum.sum]
    rest = datum.sum - datum.min - datum.max
    return [datum.min, *[rest / between] * between, datum.max]


def _timestamp(moment: Any) -> float:
    if isinstance(moment, str):
        moment = datetime.fromisoformat(moment)
    return in_utc(moment).timestamp()
