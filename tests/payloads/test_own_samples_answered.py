"""Own sample requests, answered by a model and compared with what is expected."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from constructs_lib.configs import PipelineConfigs
from constructs_lib.release.doctor import examine
from tests.example_pipeline import MODEL
from tests.payloads.conftest import RECORD, ROW, SCORE, WithSamples

Answers = Callable[..., dict[str, Any]]

ANY_TYPE = """
import json

def model_fn(model_dir):
    return None

def input_fn(data, content_type):
    if content_type == "text/csv":
        return data.splitlines()
    if content_type == "application/json":
        content = json.loads(data)
        return content["batch"]["cases"] if "batch" in content else [content]
    if content_type == "application/jsonlines":
        return data.decode().splitlines()
    return [content_type, data]

def predict_fn(cases, model):
    return [len(cases)] * len(cases)

def output_fn(scores, accept):
    if accept == "text/csv":
        return "".join(f"{score}\\n" for score in scores)
    return json.dumps({"predictions": [{"legacy-score": score} for score in scores]})
"""


@pytest.fixture
def answers(capfd: pytest.CaptureFixture[str]) -> Answers:
    """What ``check-archive --json`` says of a pipeline's model, with other code if given."""

    def check(configs: PipelineConfigs, code: str | None = None) -> dict[str, Any]:
        source = configs.model.get_source_dir()
        assert isinstance(source, Path)
        if code is not None:
            (source / "inference.py").write_text(code)
        examine(configs, MODEL, put_code_in=True, load_seconds=0, as_json=True)
        evaluation: dict[str, Any] = json.loads(capfd.readouterr().out)
        return evaluation

    return check


def test_expected_answers_are_compared_in_every_response_type(
    with_samples: WithSamples, answers: Answers
) -> None:
    samples = {
        "three.csv": ROW * 3,
        "three.expected.json": [{"legacy-score": SCORE}] * 3,
        "one.json": RECORD,
        "one.expected.csv": f"{SCORE}\n",
    }

    evaluation = answers(with_samples(samples))

    assert evaluation["findings"] == []
    own = [each for each in evaluation["payloads"] if not each["name"].startswith("payload_")]
    assert [(each["name"], each["accept"], each["answer"]) for each in own] == [
        ("one.json", "text/csv", "0.001989"),
        ("one.json", "application/json", '{"legacy-score": 0.001989}'),
        ("three.csv", "text/csv", r"0.001989\n0.001989\n0.001989"),
        ("three.csv", "application/json", json.dumps([{"legacy-score": SCORE}] * 3)),
    ]


def test_another_answer_than_expected_is_an_error(
    with_samples: WithSamples, answers: Answers
) -> None:
    expected = [{"legacy-score": SCORE}, {"legacy-score": 0.5}, {"legacy-score": 0.25}]
    configs = with_samples({"three.csv": ROW * 3, "three.expected.json": expected})

    [finding] = answers(configs)["findings"]

    assert (finding["severity"], finding["code"]) == ("error", "answer-not-expected")
    assert finding["message"] == (
        "three.csv (text/csv to text/csv) is answered with legacy-score 0.001989 in record 2;"
        " expected is 0.5, tolerance 6e-06 (absolute 1e-06, relative 1e-05); 1 more values differ."
        " The same of three.csv (text/csv to application/json)."
    )
    assert "raise the tolerance of legacy-score in manifest.json" in finding["fix"]


@pytest.mark.parametrize(
    ("tolerance", "is_fine"),
    [
        ({"absolute": 0.0101, "relative": 0}, True),
        ({"absolute": 0.0099, "relative": 0}, False),
        ({"absolute": 0, "relative": 0.9}, True),
        ({"absolute": 0, "relative": 0.8}, False),
        ({"absolute": 0.005, "relative": 0.5}, True),
    ],
)
def test_a_tolerance_is_absolute_and_relative(
    with_samples: WithSamples, answers: Answers, tolerance: dict[str, float], is_fine: bool
) -> None:
    configs = with_samples(
        {
            "one.csv": ROW,
            "one.expected.csv": str(SCORE + 0.01),
            "manifest.json": {"tolerances": {"legacy-score": tolerance}},
        }
    )

    assert (answers(configs)["findings"] == []) is is_fine


def test_a_text_has_to_be_the_expected_one(with_samples: WithSamples, answers: Answers) -> None:
    fields = {
        "source_model_inference_output_variable_list": {"label": "TEXT"},
        "source_model_inference_response_types": ["application/json"],
    }
    code = ANY_TYPE.replace('"legacy-score": score', '"label": "\\x1b[2J"')
    configs = with_samples({"one.csv": ROW, "one.expected.json": {"label": "yes"}}, **fields)

    [finding] = answers(configs, code)["findings"]

    assert r"with label '\x1b[2J' in record 1; expected is 'yes'." in finding["message"]
    assert "tolerance" not in finding["fix"]


def test_the_code_gets_every_content_type(with_samples: WithSamples, answers: Answers) -> None:
    samples = {
        "a.txt": "héllo",
        "a.expected.json": [{"legacy-score": 2}] * 2,
        "b.bin": b"\x00\xff",
        "c.jsonl": '{"a": 1}\n{"a": 2}\n{"a": 3}\n',
        "d.json": {"batch": {"cases": [1, 2, 3, 4]}},
        "manifest.json": {"content_types": {".bin": "application/octet-stream"}},
    }

    evaluation = answers(with_samples(samples), ANY_TYPE)

    sent = {each["name"]: each["content_type"] for each in evaluation["payloads"]}
    assert [sent[name] for name in ("a.txt", "b.bin", "c.jsonl")] == [
        "text/plain",
        "application/octet-stream",
        "application/jsonlines",
    ]
    assert evaluation["findings"] == []


def test_the_count_of_an_answer_is_that_of_the_request_where_it_can_be_known(
    with_samples: WithSamples, answers: Answers
) -> None:
    samples = {
        "known.jsonl": "1\n2\n3\n",
        "unknown.json": {"batch": {"cases": [1, 2]}},
        "unknown.txt": "a",
        "unknown.expected.csv": "2\n",
    }
    code = ANY_TYPE.replace("data.decode().splitlines()", "[1, 2]")

    findings = answers(with_samples(samples), code)["findings"]

    told = [(each["code"], each["message"].partition(" The same")[0]) for each in findings]
    assert told == [
        (
            "response-count",
            "known.jsonl (application/jsonlines to text/csv) is answered with 2 records; the"
            " request has 3.",
        ),
        (
            "response-count",
            "unknown.json (application/json to text/csv) is answered with 2 records; expected"
            " are 1.",
        ),
    ]


def test_a_request_that_the_code_refuses_may_be_wrong_itself(
    with_samples: WithSamples, answers: Answers
) -> None:
    [finding] = answers(with_samples({"a.txt": "hello"}))["findings"]

    assert finding["code"] == "handler-raised"
    assert "a.txt (text/plain to text/csv) raises ValueError" in finding["message"]
    assert finding["fix"].endswith("Or correct the request.")
