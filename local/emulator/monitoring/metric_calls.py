"""GetMetricStatistics and GetMetricData: statistics and expressions of the periods of a time.

moto has no percentiles, takes a metric for another one that has more dimensions, and leaves out
what was published in the last second. A period passes at the pace of the embedded AWS, as those
of alarms do: at a time scale of 300 one of 60 seconds lasts 0.2 seconds of this machine. Times are
this machine's, in requests and in answers.

Sources: GetMetricStatistics and GetMetricData in the Amazon CloudWatch API reference.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Any, Final

from local.emulator.monitoring.datapoints import UnknownMathError, expression_value, statistic
from local.emulator.monitoring.series import MetricKey, current_series, metric_key
from local.emulator.monitoring.times import in_utc
from local.emulator.pace import Pace

_DESCENDING: Final = "TimestampDescending"

Values = dict[float, float]
"""Of a metric or an expression, by the begins of periods."""


@dataclass(frozen=True)
class MetricCalls:
    """Answers them in place of moto."""

    pace: Pace

    def install(self) -> None:
        """Take over from moto."""
        from moto.cloudwatch.responses import CloudWatchResponse as Answers
        from moto.core.responses import ActionResult

        def get_metric_statistics(response: Any) -> Any:
            return ActionResult(
                self._statistics(response.cloudwatch_backend, response._get_params())
            )

        def get_metric_data(response: Any) -> Any:
            return ActionResult(self._data(response.cloudwatch_backend, response._get_params()))

        Answers.get_metric_statistics = get_metric_statistics
        Answers.get_metric_data = get_metric_data

    def _statistics(self, backend: Any, given: Mapping[str, Any]) -> dict[str, Any]:
        from moto.cloudwatch.exceptions import InvalidParameterCombination

        plain = given.get("Statistics") or []
        extended = given.get("ExtendedStatistics") or []
        if not plain and not extended:
            raise InvalidParameterCombination(
                "Must specify either Statistics or ExtendedStatistics"
            )
        found: dict[float, dict[str, Any]] = {}
        for name in (*plain, *extended):
            values = self._of_metric(backend, given, given, float(given["Period"]), name)
            for start, value in values.items():
                point = found.setdefault(start, {"Timestamp": _moment(start)})
                place = point if name in plain else point.setdefault("ExtendedStatistics", {})
                place[name] = value
        return {"Label": given["MetricName"], "Datapoints": [found[each] for each in sorted(found)]}

    def _data(self, backend: Any, given: Mapping[str, Any]) -> dict[str, Any]:
        from moto.cloudwatch.exceptions import ValidationError

        found: dict[str, Values] = {}
        queries = given.get("MetricDataQueries") or []
        for query in (each for each in queries if each.get("MetricStat")):
            stat = query["MetricStat"]
            found[query["Id"]] = self._of_metric(
                backend, given, stat["Metric"], float(stat["Period"]), stat["Stat"]
            )
        for query in (each for each in queries if not each.get("MetricStat")):
            if not query.get("Expression"):
                raise ValidationError(f"The parameter MetricStat of {query['Id']} is required.")
            found[query["Id"]] = dict(_of_expression(query["Expression"], found))
        results = [
            _result(query, found[query["Id"]], given.get("ScanBy") or _DESCENDING)
            for query in queries
            if str(query.get("ReturnData", True)).lower() != "false"
        ]
        return {"MetricDataResults": results}

    def _of_metric(
        self,
        backend: Any,
        given: Mapping[str, Any],
        metric: Mapping[str, Any],
        period: float,
        name: str,
    ) -> Values:
        start, end = (in_utc(given[each]).timestamp() for each in ("StartTime", "EndTime"))
        if start >= end:
            raise _invalid("The parameter StartTime must be less than the parameter EndTime.")
        length, series = period / self.pace.scale, current_series(backend)
        key = _key_of(metric)
        first, last = math.floor(start / length), math.ceil(end / length)
        samples = series.samples(key, first * length, last * length)
        by_period: dict[int, list[float]] = {}
        for moment, value in samples:
            by_period.setdefault(math.floor(moment / length), []).append(value)
        try:
            known = ((each, statistic(values, name)) for each, values in by_period.items())
            return {each * length: value for each, value in known if value is not None}
        except UnknownMathError as error:
            raise _invalid(str(error)) from error


def _of_expression(text: str, found: Mapping[str, Values]) -> Iterator[tuple[float, float]]:
    """Evaluate an expression in each period in which one of its metrics has a value."""
    starts = sorted({start for values in found.values() for start in values})
    for start in starts:
        try:
            value = expression_value(text, {name: each.get(start) for name, each in found.items()})
        except UnknownMathError as error:
            raise _invalid(str(error)) from error
        if value is not None:
            yield start, value


def _result(query: Mapping[str, Any], values: Values, scan_by: str) -> dict[str, Any]:
    starts: Sequence[float] = sorted(values, reverse=scan_by == _DESCENDING)
    stat = query.get("MetricStat")
    named = f"{stat['Metric']['MetricName']} {stat['Stat']}" if stat else query["Id"]
    return {
        "Id": query["Id"],
        "Label": query.get("Label") or named,
        "Timestamps": [_moment(each) for each in starts],
        "Values": [values[each] for each in starts],
        "StatusCode": "Complete",
    }


def _invalid(message: str) -> Exception:
    from moto.cloudwatch.exceptions import InvalidParameterValue

    error: Exception = InvalidParameterValue(message)
    return error


def _key_of(metric: Mapping[str, Any]) -> MetricKey:
    pairs = ((each["Name"], each["Value"]) for each in metric.get("Dimensions") or ())
    return metric_key(metric["Namespace"], metric["MetricName"], pairs)


_moment = partial(datetime.fromtimestamp, tz=UTC)
