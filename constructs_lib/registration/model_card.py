"""The model card of a model package: what a reviewer reads beside the version.

The schema is simpler than that of a model card on its own: of ``model_overview`` it has
``model_creator`` and ``model_artifact`` only. Source: "Model package model card schema" in
https://docs.aws.amazon.com/sagemaker/latest/dg/model-registry-details.html#model-card-schema

What is known only when a pipeline runs, such as digests and measured numbers, is left open: the
card is a sequence of texts and of names of what belongs between them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any, Final, NamedTuple

from constructs_lib.registration.request import MEASURED_NUMBERS, RegistrationRequest
from constructs_lib.service_model import max_length

_MAX_TEXT_LENGTH: Final = 2048
_MAX_DETAIL_LENGTH: Final = 1024

# Open values are marked by characters of Unicode's private use area, which people's texts do not
# hold; JSON in ASCII escapes them.
_OPEN_TEXT: Final = re.compile(r"\\ue000(\w+)\\ue001")
_OPEN_NUMBER: Final = re.compile(r'"\\ue002(\w+)\\ue003"')
_OPEN: Final = re.compile(f"{_OPEN_TEXT.pattern}|{_OPEN_NUMBER.pattern}")


class OpenValue(NamedTuple):
    """The place of a value known only when the pipeline runs; it needs no escaping in JSON."""

    name: str


def model_card_content(request: RegistrationRequest) -> list[str | OpenValue]:
    """Render the card as the parts of the JSON text that ``ModelCard.ModelCardContent`` takes.

    The card lists all variables, unless they are so many (thousands) that it would be longer than
    the service allows; the registration file lists them in any case. Texts longer than the
    schema allows end in ``...``.

    Returns:
        The parts in their order, to be joined once the open values are known.
    """
    variables = {
        **_in_pieces("input_variables", request.input_variables),
        **_in_pieces("output_variables", request.output_variables),
    }
    content = _render(request, variables)
    longest = max_length("ModelCardContent") - _MAX_DETAIL_LENGTH * len(_OPEN.findall(content))
    if len(content) > longest:
        count = len(request.input_variables)
        content = _render(request, {"input_variables": f"{count}, see the registration file"})
    return list(_parts(content))


def _parts(content: str) -> Iterator[str | OpenValue]:
    end = 0
    for match in _OPEN.finditer(content):
        yield content[end : match.start()]
        yield OpenValue(match[1] or match[2])
        end = match.end()
    yield content[end:]


def _text(name: str) -> str:
    return f"\ue000{name}\ue001"


def _number(name: str) -> str:
    return f"\ue002{name}\ue003"


def _render(request: RegistrationRequest, variables: dict[str, str]) -> str:
    card: dict[str, Any] = {
        "model_overview": {
            "model_creator": shortened(request.model_owner, _MAX_DETAIL_LENGTH),
            "model_artifact": [_text("model_data_url")],
        },
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
                **{
                    name: shortened(value, _MAX_DETAIL_LENGTH)
                    for name, value in {**_details(request), **variables}.items()
                },
                **_provenance(),
            }
        },
    }
    if request.training_data_uri is not None:
        card["training_details"] = _training_details(request.training_data_uri)
    if request.is_verified:
        card["evaluation_details"] = [_evaluation()]
    # Escaped to ASCII: the service takes no line break in the text, and Unicode has several.
    return json.dumps(card, sort_keys=True, separators=(",", ":"))


def _details(request: RegistrationRequest) -> dict[str, str]:
    load_test = request.load_test
    return {
        "pipeline": f"{request.pipeline_name} {request.pipeline_version}",
        "registration_region": request.region.shown,
        "content_types": ", ".join(request.content_types),
        "response_types": ", ".join(request.response_types),
        "inference_instance_types": ", ".join(request.inference_instance_types),
        "expected_tps": str(load_test.expected_tps),
        "max_latency_in_millisecond": str(load_test.max_latency_in_millisecond),
        "max_acceptable_error_rate": str(load_test.max_acceptable_error_rate),
        "verification": request.verification,
    }


def _provenance() -> dict[str, str]:
    return {
        "artifact_sha256": _text("artifact_sha256"),
        "code_sha256": _text("code_sha256"),
        "git_commit": _text("git_commit"),
        "packaging_manifest": _text("packaging_manifest_uri"),
        "pipeline_execution": _text("pipeline_execution_arn"),
        "source_model_artifact": _text("source_model_artifact_uri"),
    }


def _training_details(training_data_uri: str) -> dict[str, Any]:
    return {
        "training_job_details": {
            "training_arn": _text("training_job_arn"),
            "training_datasets": [shortened(training_data_uri, _MAX_DETAIL_LENGTH)],
        }
    }


def _evaluation() -> dict[str, Any]:
    return {
        "name": "Verification in the serving container",
        "evaluation_observation": _text("verification_summary"),
        "metadata": {"evaluation": _text("evaluation_uri"), "verdict": _text("verdict")},
        "metric_groups": [
            {
                "name": "Sample payloads at expected_tps",
                "metric_data": [
                    {"name": name, "type": "number", "value": _number(name)}
                    for name in MEASURED_NUMBERS
                ],
            }
        ],
    }


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
