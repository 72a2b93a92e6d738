from __future__ import annotations

import json
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

CSV = "text/csv"
JSON = "application/json"

RECORD = {
    "order_amount": 29.46,
    "days_to_return": 4.1,
    "orders_last_year": 18,
    "returns_last_year": 0,
    "account_age_days": 1297,
    "return_reason": "damaged",
    "customer_comment": "the box was broken, want a refund",
}
CSV_LINE = '29.46,4.1,18,0,1297,damaged,"the box was broken, want a refund"\n'


@pytest.fixture
def reference(example: Path) -> list[dict[str, Any]]:
    """Records and the scores that PyTorch gave them when the model was trained."""
    content: list[dict[str, Any]] = json.loads(
        (example / "model/reference_scores.json").read_text()
    )
    return content


def _answer(serving: ModuleType, model: object, body: object, content: str, accept: str) -> str:
    prediction = serving.predict_fn(serving.input_fn(body, content), model)
    response: str = serving.output_fn(prediction, accept)
    return response


def test_scores_are_those_of_pytorch(
    serving: ModuleType, model: Any, reference: list[dict[str, Any]]
) -> None:
    scores = model.score([entry["record"] for entry in reference])
    assert scores == pytest.approx([entry["score"] for entry in reference], abs=1e-6)


def test_scores_tell_requests_apart(model: Any, reference: list[dict[str, Any]]) -> None:
    scores = model.score([entry["record"] for entry in reference])
    assert scores.min() < 0.1
    assert scores.max() > 0.5


@pytest.mark.parametrize("body", [CSV_LINE, CSV_LINE.encode(), bytearray(CSV_LINE.encode())])
def test_csv_is_answered(serving: ModuleType, model: object, body: object) -> None:
    assert _answer(serving, model, body, CSV, CSV) == "0.001989\n"


def test_csv_and_json_get_the_same_score(serving: ModuleType, model: object) -> None:
    from_csv = _answer(serving, model, CSV_LINE, "text/csv; charset=utf-8", JSON)
    from_json = _answer(serving, model, json.dumps(RECORD), JSON, JSON)
    assert from_csv == from_json == '{"legacy-score": 0.001989}'


def test_each_record_of_a_batch_is_answered_in_order(serving: ModuleType, model: object) -> None:
    risky = {**RECORD, "returns_last_year": 15, "customer_comment": "empty box,\nnever arrived"}
    answers = json.loads(_answer(serving, model, json.dumps([RECORD, risky]), JSON, JSON))
    assert answers[0]["legacy-score"] < 0.01 < 0.5 < answers[1]["legacy-score"]
    assert _answer(serving, model, CSV_LINE * 2, CSV, CSV) == "0.001989\n" * 2


def test_a_quoted_value_may_hold_commas_and_line_ends(serving: ModuleType) -> None:
    assert serving.input_fn('1,"a, b\nc"\n', CSV) == [["1", "a, b\nc"]]


def test_unknown_words_and_additional_values_are_ignored(serving: ModuleType, model: Any) -> None:
    unknown = {**RECORD, "return_reason": "UNKNOWN", "shop": "Berlin"}
    assert 0 < model.score([unknown])[0] < 1


def test_no_number_is_too_large(model: Any) -> None:
    large = {**RECORD, "order_amount": 1e30}
    small = {**RECORD, "order_amount": -1e30}
    assert set(model.score([large, small])) == {0.0, 1.0}


@pytest.mark.parametrize(
    ("body", "content_type", "message"),
    [
        ("1,2", CSV, "has 2 values; the model needs 7, in this order: .*order_amount"),
        (CSV_LINE.replace("29.46", "much"), CSV, "order_amount is 'much'; .* finite number"),
        (CSV_LINE.replace("29.46", "nan"), CSV, "order_amount is 'nan'"),
        (CSV_LINE.replace("29.46", ""), CSV, "order_amount is ''"),
        ("\n", CSV, "holds no record"),
        (json.dumps({**RECORD, "order_amount": None}), JSON, "order_amount is None"),
        (json.dumps({"order_amount": 1}), JSON, "lacks .*'days_to_return'"),
        ("[1]", JSON, "one object of input values, or a list"),
        ("{", JSON, "Expecting"),
        ("x", "text/plain", "content type 'text/plain' is not supported; use text/csv or"),
    ],
)
def test_a_bad_request_is_refused_with_the_reason(
    serving: ModuleType, model: object, body: str, content_type: str, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        _answer(serving, model, body, content_type, JSON)


def test_a_response_type_that_is_not_supported_is_refused(
    serving: ModuleType, model: object
) -> None:
    with pytest.raises(ValueError, match="response type 'text/html' is not supported"):
        _answer(serving, model, CSV_LINE, CSV, "text/html")
