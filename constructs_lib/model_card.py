"""The model card of a model package: what a reviewer reads beside the version.

The schema is simpler than that of a model card on its own: of ``model_overview`` it has
``model_creator`` and ``model_artifact`` only. Source: "Model package model card schema" in
https://docs.aws.amazon.com/sagemaker/latest/dg/model-registry-details.html#model-card-schema
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

from constructs_lib.service_model import max_length

if TYPE_CHECKING:
    from constructs_lib.registration_request import RegistrationRequest

_MAX_TEXT_LENGTH: Final = 2048
_MAX_DETAIL_LENGTH: Final = 1024


def model_card_content(request: RegistrationRequest) -> str:
    """Render the card as the JSON text that ``ModelCard.ModelCardContent`` takes.

    The card lists all variables, unless they are so many (thousands) that it would be longer than
    the service allows; the registration file lists them in any case. Texts longer than the
    schema allows end in ``...``.
    """
    variables = {
        **_in_pieces("input_variables", request.input_variables),
        **_in_pieces("output_variables", request.output_variables),
    }
    content = _render(request, variables)
    if len(content) > max_length("ModelCardContent"):
        count = len(request.input_variables)
        content = _render(request, {"input_variables": f"{count}, see the registration file"})
    return content


def _render(request: RegistrationRequest, variables: dict[str, str]) -> str:
    load_test = request.load_test
    details = {
        "pipeline": f"{request.pipeline_name} {request.pipeline_version}",
        "registration_region": f"{request.region_code} ({request.aws_region})",
        "content_types": ", ".join(request.content_types),
        "response_types": ", ".join(request.response_types),
        "inference_instance_types": ", ".join(request.inference_instance_types),
        "expected_tps": str(load_test.expected_tps),
        "max_latency_in_millisecond": str(load_test.max_latency_in_millisecond),
        "max_acceptable_error_rate": str(load_test.max_acceptable_error_rate),
        **variables,
    }
    card = {
        "model_overview": {"model_creator": shortened(request.model_owner, _MAX_DETAIL_LENGTH)},
        "intended_uses": {
            "purpose_of_model": shortened(request.description, _MAX_TEXT_LENGTH),
            "intended_uses": shortened(request.model_objective, _MAX_TEXT_LENGTH),
        },
        "business_details": {
            "business_problem": shortened(request.model_objective, _MAX_TEXT_LENGTH),
            "business_stakeholders": shortened(request.model_owner, _MAX_TEXT_LENGTH),
            "line_of_business": shortened(request.model_domain, _MAX_TEXT_LENGTH),
        },
        "additional_information": {
            "custom_details": {
                name: shortened(value, _MAX_DETAIL_LENGTH) for name, value in details.items()
            }
        },
    }
    # Escaped to ASCII: the service takes no line break in the text, and Unicode has several.
    return json.dumps(card, sort_keys=True, separators=(",", ":"))


def _in_pieces(name: str, variables: tuple[tuple[str, str], ...]) -> dict[str, str]:
    """Split a list of variables into JSON texts, each short enough for one detail."""
    pieces: list[list[tuple[str, str]]] = [[]]
    for variable in variables:
        if len(json.dumps([*pieces[-1], variable])) > _MAX_DETAIL_LENGTH:
            pieces.append([])
        pieces[-1].append(variable)
    # Numbers of equal width: the console sorts details by name.
    width = len(str(len(pieces)))
    return {
        f"{name}_{number:0{width}}": json.dumps(piece)
        for number, piece in enumerate(pieces, start=1)
    }


def shortened(text: str, max_characters: int) -> str:
    """Cut a text that is too long and end it with ``...``."""
    return text if len(text) <= max_characters else text[: max_characters - 3] + "..."
