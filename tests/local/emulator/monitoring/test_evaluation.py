"""An alarm's state and its words, from the datapoints of its periods."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any

import pytest

from local.emulator.monitoring.evaluation import PeriodDatapoint, outcome_of

BEGIN = 1_700_000_040.0
"""2023-11-14 22:14:00 UTC."""


def alarm(**members: Any) -> Any:
    """An alarm as moto keeps it."""
    given = {
        "comparison_operator": "GreaterThanThreshold",
        "threshold": 5.0,
        "evaluation_periods": 1,
        "datapoints_to_alarm": None,
        "period": 60,
        "statistic": "Average",
        "extended_statistic": None,
        "treat_missing_data": "notBreaching",
        "metric_data_queries": [],
    }
    return SimpleNamespace(**{**given, **members})


def points(*values: float | None) -> list[PeriodDatapoint]:
    """Datapoints of periods of a minute, the newest first."""
    return [
        PeriodDatapoint(BEGIN - 60 * number, value, 3 if value is not None else 0)
        for number, value in enumerate(values)
    ]


@pytest.mark.parametrize(
    ("members", "values", "state", "reason"),
    [
        (
            {},
            (9.0, None, None),
            "ALARM",
            "Threshold Crossed: 1 datapoint [9.0 (14/11/23 22:14:00)] was greater than the"
            " threshold (5.0).",
        ),
        (
            {},
            (5.0, 9.0, None),
            "OK",
            "Threshold Crossed: 1 datapoint [5.0 (14/11/23 22:14:00)] was not greater than the"
            " threshold (5.0).",
        ),
        (
            {},
            (None, None, None),
            "OK",
            "Threshold Crossed: no datapoints were received for 1 period and 1 missing datapoint"
            " was treated as [NonBreaching].",
        ),
        (
            {"evaluation_periods": 2},
            (8.0, 7.0, None, None),
            "ALARM",
            "Threshold Crossed: 2 datapoints [8.0 (14/11/23 22:14:00), 7.0 (14/11/23 22:13:00)]"
            " were greater than the threshold (5.0).",
        ),
        (
            {"evaluation_periods": 3, "datapoints_to_alarm": 2},
            (8.0, 1.0, 7.0, None, None),
            "ALARM",
            "Threshold Crossed: 2 out of the last 3 datapoints [8.0 (14/11/23 22:14:00), 7.0"
            " (14/11/23 22:12:00)] were greater than the threshold (5.0) (minimum 2 datapoints for"
            " OK -> ALARM transition).",
        ),
        (
            {"evaluation_periods": 2, "treat_missing_data": "breaching"},
            (9.0, None, None, None),
            "ALARM",
            "Threshold Crossed: 1 datapoint [9.0 (14/11/23 22:14:00)] was greater than the"
            " threshold (5.0) and 1 missing datapoint was treated as [Breaching].",
        ),
        (
            {"treat_missing_data": None},
            (None, None, None),
            "INSUFFICIENT_DATA",
            "Insufficient Data: 1 datapoint was unknown.",
        ),
    ],
)
def test_a_state_has_a_reason_in_the_words_of_the_service(
    members: dict[str, Any], values: tuple[float | None, ...], state: str, reason: str
) -> None:
    outcome = outcome_of(alarm(**members), points(*values), BEGIN + 70)

    assert outcome is not None
    assert (outcome.state, outcome.reason) == (state, reason)


def test_datapoints_further_back_take_the_place_of_missing_ones() -> None:
    outcome = outcome_of(alarm(), points(None, None, 9.0), BEGIN + 70)

    assert outcome is not None
    assert outcome.state == "ALARM"
    assert "22:12:00" in outcome.reason


def test_what_is_missing_can_keep_a_state() -> None:
    ignoring = alarm(treat_missing_data="ignore")

    assert outcome_of(ignoring, points(None, None, None), BEGIN) is None


def test_the_reason_has_datapoints_in_the_order_of_time_and_what_was_looked_at() -> None:
    watched = alarm(evaluation_periods=2, statistic=None, extended_statistic="p99")

    outcome = outcome_of(watched, points(8.0, 7.0, None, None), BEGIN + 70.25)

    assert outcome is not None
    assert json.loads(outcome.reason_data) == {
        "version": "1.0",
        "queryDate": "2023-11-14T22:15:10.250+0000",
        "startDate": "2023-11-14T22:13:00.000+0000",
        "statistic": "p99",
        "period": 60,
        "recentDatapoints": [7.0, 8.0],
        "threshold": 5.0,
        "evaluatedDatapoints": [
            {"timestamp": "2023-11-14T22:14:00.000+0000", "sampleCount": 3.0, "value": 8.0},
            {"timestamp": "2023-11-14T22:13:00.000+0000", "sampleCount": 3.0, "value": 7.0},
        ],
    }
