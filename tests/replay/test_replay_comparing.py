"""Answers of two versions are compared value by value, by field and by size."""

from __future__ import annotations

import json
from typing import Any

import pytest

from constructs_lib.replay.comparing import Comparison, VersionAnswer

NAMES = ["score", "label"]
KINDS = {"score": "NUMERIC", "label": "TEXT"}
DEFAULT = {"absolute": 1e-6, "relative": 1e-5}


def _comparison(
    tolerances: dict[str, dict[str, float]] | None = None, after: list[str] | None = None
) -> Comparison:
    return Comparison((NAMES, after or NAMES), KINDS, tolerances or {}, DEFAULT)


def _answer(content: Any, kind: str = "application/json") -> VersionAnswer:
    text = content if isinstance(content, str) else json.dumps(content)
    return VersionAnswer(0.001, text.encode(), kind)


def _fields(comparison: Comparison) -> dict[str, dict[str, Any]]:
    return {each["name"]: each for each in comparison.facts()}


@pytest.mark.parametrize(
    ("before", "after", "agree"),
    [
        ({"score": 1.0, "label": "a"}, {"score": 1.0000005, "label": "a"}, True),
        ({"score": 1.0, "label": "a"}, {"score": 1.0001, "label": "a"}, False),
        ({"score": 1.0, "label": "a"}, {"score": 1.0, "label": "b"}, False),
        ({"score": [[1.0]]}, {"score": 1.0}, True),
        ({"score": "1.0"}, {"score": 1}, True),
        ({"id": "007"}, {"id": "7"}, False),
        ({"score": 1.0}, {"score": None}, False),
        ({"score": 1.0}, {"score": 1.0, "extra": 2}, False),
        ({"score": True}, {"score": 1}, False),
        ([{"score": 1.0}, {"score": 2.0}], [{"score": 1.0}], False),
        ({"predictions": [{"score": 1.0}]}, {"predictions": [{"score": 1.0}]}, True),
        ({"embedding": [0.1, 0.2]}, {"embedding": [0.1, 0.3]}, False),
        ({"score": {"low": 1, "high": 2}}, {"score": {"high": 2, "low": 1}}, True),
        ({"a.b": 1, "a": {"b": 2}}, {"a.b": 9, "a": {"b": 2}}, False),
        ({"a[0]": 1, "a": [2, 3]}, {"a[0]": 9, "a": [2, 3]}, False),
    ],
)
def test_values_agree_within_the_tolerance(before: Any, after: Any, agree: bool) -> None:
    assert _comparison().compare("r", _answer(before), _answer(after)) is agree


@pytest.mark.parametrize(("after", "agree"), [("0.5,a\n", True), ("0.50001,a\n", False)])
def test_csv_is_compared_by_the_declared_names(after: str, agree: bool) -> None:
    comparison = _comparison()

    answers = (_answer("0.50,a\n", "text/csv"), _answer(after, "text/csv; charset=utf-8"))

    assert comparison.compare("r", *answers) is agree
    assert set(_fields(comparison)) == {"score", "label"}


def test_the_configs_own_tolerance_counts_for_its_field() -> None:
    before, after = _answer({"score": 1.0, "other": 1.0}), _answer({"score": 1.05, "other": 1.05})
    comparison = _comparison({"score": {"absolute": 0.1, "relative": 0.0}})

    assert not comparison.compare("r", before, after)

    fields = _fields(comparison)
    assert (fields["score"]["differing_count"], fields["other"]["differing_count"]) == (0, 1)


def test_nan_agrees_with_nan_and_with_nothing_else() -> None:
    comparison = _comparison()

    assert comparison.compare("r", _answer('{"score": NaN}'), _answer('{"score": NaN}'))
    assert not comparison.compare("r", _answer('{"score": NaN}'), _answer('{"score": 1}'))
    assert not comparison.compare("r", _answer('{"score": Infinity}'), _answer('{"score": 1}'))
    json.loads(json.dumps(comparison.facts(), allow_nan=False))


def test_differences_are_told_by_field_and_by_size() -> None:
    comparison = _comparison()
    for number, share in enumerate([0.0, 0.0005, 0.05, 3.0]):
        comparison.compare(
            f"line {number}", _answer({"score": 2.0}), _answer({"score": 2.0 + 2 * share})
        )
    comparison.compare("zero", _answer({"score": 0.0}), _answer({"score": 1.0}))

    score = _fields(comparison)["score"]
    assert (score["value_count"], score["differing_count"]) == (5, 4)
    assert score["absolute_difference"] == {"p50": pytest.approx(0.1), "p99": 6.0, "max": 6.0}
    assert score["largest_relative_difference"] == 3.0
    counts = {each["up_to"]: each["count"] for each in score["relative_differences"]}
    assert counts == {0.001: 1, 0.01: 0, 0.1: 1, 1.0: 0, None: 2}
    assert score["examples"][0]["request"] == "line 3"
    assert (score["examples"][0]["before"], score["examples"][0]["after"]) == ("2", "8")


def test_of_many_differences_the_largest_are_kept() -> None:
    comparison = _comparison()
    for number in range(100):
        comparison.compare(f"{number}", _answer({"score": 0}), _answer({"score": number + 1}))

    examples = _fields(comparison)["score"]["examples"]
    assert [each["request"] for each in examples] == [f"{n}" for n in range(99, 79, -1)]


def test_a_field_that_one_version_lacks_differs() -> None:
    comparison = _comparison(after=["score"])
    before, after = _answer("0.5,a\n", "text/csv"), _answer("0.5\n", "text/csv")

    assert not comparison.compare("r", before, after)

    (example,) = _fields(comparison)["label"]["examples"]
    assert (example["before"], example["after"]) == ("a", "(none)")


@pytest.mark.parametrize(
    ("before", "after", "field"),
    [
        (_answer("1", "text/csv"), _answer("1"), "(content type)"),
        (_answer([[1, "a"]]), _answer([[1, "a"], [2, "b"]]), "(records)"),
        (_answer("a", "text/plain"), _answer("b", "text/plain"), "(body)"),
        (_answer("{", "application/json"), _answer({"score": 1}), "(body)"),
        (_answer({"score": 1}), VersionAnswer(0.1, failure="raises ValueError: x"), "(failure)"),
    ],
)
def test_what_differs_as_a_whole_is_a_field_of_its_own(
    before: VersionAnswer, after: VersionAnswer, field: str
) -> None:
    comparison = _comparison()

    assert not comparison.compare("r", before, after)
    assert set(_fields(comparison)) == {field}


def test_requests_that_both_refuse_alike_agree() -> None:
    def failed(text: str) -> VersionAnswer:
        return VersionAnswer(0.1, failure=text)

    comparison = _comparison()
    before = failed("raises ValueError: no number (inference.py line 10)")

    assert comparison.compare("r", before, failed("raises ValueError: no number (a.py line 12)"))
    assert not comparison.compare(
        "r", before, failed("raises KeyError: 'x' (inference.py line 10)")
    )


def test_whatever_is_answered_can_be_printed_and_is_json() -> None:
    comparison = _comparison()
    odd = "\ud800\x1b"

    comparison.compare("r", _answer({"score": 5e-324, odd: 1}), _answer({"score": 1.0, odd: 2}))

    facts = comparison.facts()
    json.dumps(facts, allow_nan=False)
    assert json.dumps(facts, ensure_ascii=False).isprintable()
    assert _fields(comparison)["score"]["largest_relative_difference"] is None


def test_csv_that_no_reader_takes_is_compared_as_a_text() -> None:
    comparison = _comparison()

    assert not comparison.compare("r", _answer("0\r1", "text/csv"), _answer("0\r2", "text/csv"))

    assert list(_fields(comparison)) == ["(body)"]
