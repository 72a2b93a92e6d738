from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from jsonschema import Draft7Validator

from constructs_lib.model_card import model_card_content
from constructs_lib.registration_request import RegistrationRequest

MakeRequest = Callable[..., RegistrationRequest]


def texts(*names: str, longest: int) -> dict[str, Any]:
    return {
        "type": "object",
        "additionalProperties": False,
        "properties": {name: {"type": "string", "maxLength": longest} for name in names},
    }


# The sections that this app writes, from "Model package model card schema":
# https://docs.aws.amazon.com/sagemaker/latest/dg/model-registry-details.html#model-card-schema
SCHEMA = {
    "type": "object",
    "additionalProperties": False,
    "properties": {
        "model_overview": texts("model_creator", longest=1024),
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
        {"description": "数据 \u2028 \x07"},
    ],
)
def test_every_card_is_valid_and_short_enough(
    make_request: MakeRequest, fields: dict[str, Any]
) -> None:
    content = model_card_content(make_request(**fields))
    Draft7Validator(SCHEMA).validate(json.loads(content))
    assert len(content) <= 100_000
    assert content.isascii()
    assert "\n" not in content


def test_business_text_is_in_the_card_as_it_is(make_request: MakeRequest) -> None:
    objective = 'Find "abuse", {all} of it'
    card = json.loads(model_card_content(make_request(model_objective=objective)))
    assert card["business_details"]["business_problem"] == objective


def test_variables_are_listed_in_order(make_request: MakeRequest) -> None:
    variables = [[f"variable_{number}", "NUMERIC"] for number in range(1200)]
    content = model_card_content(make_request(input_variables=variables))
    assert variables_of(content, "input_variables") == variables
    assert variables_of(content, "output_variables") == [["legacy-score", "NUMERIC"]]


def test_too_many_variables_are_counted(make_request: MakeRequest) -> None:
    variables = [(f"variable_{number}", "NUMERIC") for number in range(9000)]
    details = details_of(model_card_content(make_request(input_variables=variables)))
    assert details["input_variables"] == "9000, see the registration file"


def test_the_load_test_is_in_the_card(make_request: MakeRequest) -> None:
    details = details_of(model_card_content(make_request()))
    assert details["expected_tps"] == "20"
    assert details["max_latency_in_millisecond"] == "200"
    assert details["max_acceptable_error_rate"] == "0.01"
