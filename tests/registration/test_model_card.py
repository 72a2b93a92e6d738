from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from jsonschema import Draft7Validator
from sagemaker.core.shapes.model_card_shapes import ModelCardContent

from constructs_lib.registration.model_card import OpenValue, model_card_content
from constructs_lib.registration.request import MEASURED_NUMBERS, RegistrationRequest

MakeRequest = Callable[..., RegistrationRequest]


def texts(*names: str, longest: int) -> dict[str, Any]:
    return {
        "type": "object",
        "additionalProperties": False,
        "properties": {name: {"type": "string", "maxLength": longest} for name in names},
    }


METRIC_GROUP = {
    "type": "object",
    "required": ["name", "metric_data"],
    "additionalProperties": False,
    "properties": {
        "name": {"type": "string", "maxLength": 63},
        "metric_data": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["name", "type", "value"],
                "properties": {"type": {"const": "number"}, "value": {"type": "number"}},
            },
        },
    },
}

# The sections that this app writes, from "Model package model card schema":
# https://docs.aws.amazon.com/sagemaker/latest/dg/model-registry-details.html#model-card-schema
SCHEMA = {
    "type": "object",
    "additionalProperties": False,
    "properties": {
        "model_overview": {
            "type": "object",
            "additionalProperties": False,
            "properties": {
                "model_creator": {"type": "string", "maxLength": 1024},
                "model_artifact": {"type": "array", "items": {"type": "string"}},
            },
        },
        "training_details": {
            "type": "object",
            "additionalProperties": False,
            "properties": {
                "training_job_details": {
                    "type": "object",
                    "additionalProperties": False,
                    "properties": {
                        "training_arn": {"type": "string", "maxLength": 1024},
                        "training_datasets": {"type": "array", "items": {"type": "string"}},
                    },
                }
            },
        },
        "evaluation_details": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["name"],
                "additionalProperties": False,
                "properties": {
                    "name": {"type": "string", "maxLength": 63},
                    "evaluation_observation": {"type": "string", "maxLength": 2096},
                    "metadata": {"type": "object", "additionalProperties": {"type": "string"}},
                    "metric_groups": {"type": "array", "items": METRIC_GROUP},
                },
            },
        },
        "intended_uses": texts(
            "purpose_of_model",
            "intended_uses",
            "factors_affecting_model_efficiency",
            "explanations_for_risk_rating",
            longest=2048,
        ),
        "business_details": texts(
            "business_problem", "business_stakeholders", "line_of_business", longest=2048
        ),
        "additional_information": {
            "type": "object",
            "additionalProperties": False,
            "properties": {
                "custom_details": {
                    "type": "object",
                    "additionalProperties": {"type": "string", "maxLength": 1024},
                }
            },
        },
    },
}


def card_of(request: RegistrationRequest) -> str:
    """Render a card in which each open value is filled: numbers by 0.5, texts by their names."""
    return "".join(
        part if isinstance(part, str) else "0.5" if part.name in MEASURED_NUMBERS else part.name
        for part in model_card_content(request)
    )


def details_of(content: str) -> dict[str, str]:
    details: dict[str, str] = json.loads(content)["additional_information"]["custom_details"]
    return details


def variables_of(content: str, prefix: str) -> list[list[str]]:
    details = details_of(content)
    pieces = [json.loads(details[name]) for name in sorted(details) if name.startswith(prefix)]
    return [variable for piece in pieces for variable in piece]


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {
            "model_objective": 'Find "abuse", {all} of it\n' * 200,
            "model_owner": "me, \\ myself" * 200,
        },
        {"input_variables": [(f"variable, {number}", "NUMERIC") for number in range(1000)]},
        {"input_variables": [(f"variable_{number}", "TEXT") for number in range(10000)]},
        {"verification": "enforce", "training_data_uri": "s3://data/training"},
        {"description": "数据 \u2028 \x07"},
    ],
)
def test_every_card_is_valid_and_short_enough(
    make_request: MakeRequest, fields: dict[str, Any]
) -> None:
    content = card_of(make_request(**fields))
    Draft7Validator(SCHEMA).validate(json.loads(content))
    card = ModelCardContent.model_validate_json(content)
    assert json.loads(card.model_dump_json(exclude_unset=True)) == json.loads(content)
    assert len(content) <= 100_000
    assert content.isascii()
    assert "\n" not in content


def test_measured_numbers_and_digests_are_left_open(make_request: MakeRequest) -> None:
    parts = model_card_content(make_request(verification="warn"))
    names = {part.name for part in parts if isinstance(part, OpenValue)}
    assert {"artifact_sha256", "evaluation_uri", *MEASURED_NUMBERS} <= names
    (evaluation,) = json.loads(card_of(make_request(verification="warn")))["evaluation_details"]
    assert evaluation["metadata"] == {"evaluation": "evaluation_uri", "verdict": "verdict"}
    assert evaluation["metric_groups"][0]["metric_data"][0]["value"] == 0.5


def test_business_text_is_in_the_card_as_it_is(make_request: MakeRequest) -> None:
    objective = 'Find "abuse", {all} of it'
    card = json.loads(card_of(make_request(model_objective=objective)))
    assert card["business_details"]["business_problem"] == objective


def test_variables_are_listed_in_order(make_request: MakeRequest) -> None:
    variables = [[f"variable_{number}", "NUMERIC"] for number in range(1200)]
    content = card_of(make_request(input_variables=variables))
    assert variables_of(content, "input_variables") == variables
    assert variables_of(content, "output_variables") == [["legacy-score", "NUMERIC"]]


def test_too_many_variables_are_counted(make_request: MakeRequest) -> None:
    variables = [(f"variable_{number}", "NUMERIC") for number in range(9000)]
    details = details_of(card_of(make_request(input_variables=variables)))
    assert details["input_variables"] == "9000, see the registration file"


def test_the_load_test_is_in_the_card(make_request: MakeRequest) -> None:
    details = details_of(card_of(make_request()))
    assert details["expected_tps"] == "20"
    assert details["max_latency_in_millisecond"] == "200"
    assert details["max_acceptable_error_rate"] == "0.01"
