"""What is counted and compared, number by number: percentiles, limits, tolerances, summaries."""

from __future__ import annotations

from typing import Any, cast

import pytest

from constructs_lib.jobs.verify_model.answers.expected import difference
from constructs_lib.jobs.verify_model.evaluation import summary
from constructs_lib.jobs.verify_model.findings import ModelFinding
from constructs_lib.jobs.verify_model.load import (
    Arrivals,
    LoadResult,
    LoadTest,
    load_findings,
    load_numbers,
    percentile,
)

LIMITS = {"max_latency_in_millisecond": 200, "max_acceptable_error_rate": 0.01, "expected_tps": 20}


@pytest.mark.parametrize(
    ("share", "expected"), [(0.01, 1), (0.5, 5), (0.51, 6), (0.95, 10), (0.99, 10), (1, 10)]
)
def test_a_percentile_is_the_nearest_rank(share: float, expected: int) -> None:
    assert percentile(range(1, 11), share) == expected


def test_each_percentile_is_told_by_its_name() -> None:
    latencies = [number / 1000 for number in range(1, 201)]

    load = load_numbers(LoadResult(latencies, 0, 10), Arrivals(20, 10), 1, 0.2)

    assert load["latency_in_millisecond"] == {
        "mean": 100.5,
        "p50": 100,
        "p90": 180,
        "p99": 198,
        "max": 200,
    }


def load(**changes: float) -> dict[str, Any]:
    return {
        "latency_in_millisecond": {"p99": changes.get("p99", 200)},
        "error_rate": changes.get("error_rate", 0.01),
        "achieved_tps": changes.get("achieved_tps", 20),
    }


def test_what_is_at_its_limit_is_fine() -> None:
    assert list(load_findings(load(), LIMITS)) == []


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"p99": 200.001}, "latency-above-limit"),
        ({"error_rate": 0.011}, "error-rate-above-limit"),
        ({"achieved_tps": 19.999}, "throughput-below-expected"),
    ],
)
def test_what_is_beyond_its_limit_is_an_error(changes: dict[str, float], code: str) -> None:
    [finding] = load_findings(load(**changes), LIMITS)

    assert (finding.severity, finding.code) == ("error", code)


def test_a_request_that_nobody_answers_is_an_error() -> None:
    nobody = LoadTest(cast("Any", ["payload"]), lambda: None)

    result = nobody.run([], Arrivals(100, 0.05), grace_seconds=0.1)

    assert (len(result.latencies), result.errors) == (5, 5)


def test_the_tolerance_of_a_negative_number_is_as_wide_as_that_of_a_positive_one() -> None:
    tolerance = {"absolute": 0, "relative": 0.1}

    for sign in (1, -1):
        assert difference(sign * 10.5, sign * 10, tolerance) is None
        assert difference(sign * 11.5, sign * 10, tolerance) is not None


def test_a_summary_holds_nothing_that_a_pipelines_message_could_stumble_over() -> None:
    said = "raises '${AWS::Region}' \\ `{\"a\"}`\x1b\né"

    text = summary([ModelFinding("error", "handler-raised", said, "")], None, None)

    assert text == "raises '(AWS::Region)' / '('a')'"


@pytest.mark.parametrize("asked", [None, {"described": "over HTTP"}])
def test_a_summary_is_short_whether_the_model_was_asked_or_not(
    asked: dict[str, str] | None,
) -> None:
    found = [ModelFinding("error", "handler-raised", "m" * 300, "")] * 20

    assert len(summary(found, None, asked)) < 500
