"""The execution document: an orchestrator's file with one entry for each step of a pipeline.

    {"PIPELINE_STEP_CONFIGS": {"Registration-NA": {"STEP_TYPE": ..., "STEP_CONFIG": {...}}},
     "PIPELINE_ADDITIONAL_PARAMS": {}}

Filling replaces ``STEP_CONFIG`` of the registration steps and leaves everything else alone.
"""

from __future__ import annotations

import copy
import json
import logging
import math
import re
from collections.abc import Callable, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

from constructs_lib.configs.document import losses, parse, unusable
from constructs_lib.deploy_time_values import variables_in
from constructs_lib.errors import ReleaseError
from constructs_lib.fields.json_texts import UnreadableJsonError
from constructs_lib.language.steps import steps_of
from constructs_lib.registration.file import read_registration_file
from constructs_lib.registration.step_config import step_config
from constructs_lib.terminal.paths import shown_path
from constructs_lib.text_files import replace_text

REGISTRATION_REQUEST_INPUT: Final = "registration_request_input"
"""Name of the processing input through which a deployed definition tells its registration file."""

_STEPS: Final = "PIPELINE_STEP_CONFIGS"
_REGISTRATION_STEP: Final = re.compile(r"(Model)?Registration[-_](?P<code>.+)")
_NAMES_IN_DOCUMENTS: Final = ("Registration-{}", "ModelRegistration-{}", "Registration_{}")

logger = logging.getLogger(__name__)


class ExecutionDocumentError(ReleaseError):
    """An execution document cannot be read, filled or written."""


class NoStepConfigsError(ExecutionDocumentError, ValueError):
    """There is nothing to fill in: no registration step has been generated."""


class UnresolvedVariableError(ExecutionDocumentError, ValueError):
    """A value that a document would hold is known only once the pipeline is deployed."""


class DocumentStructureError(ExecutionDocumentError, KeyError):
    """The document lacks what it must have: step configs, or a step to fill."""

    def __str__(self) -> str:
        """Return the message; KeyError would show it quoted and escaped."""
        return str(self.args[0])


def fill_execution_document(
    document: Mapping[str, Any], step_configs: Mapping[str, Mapping[str, Any]]
) -> dict[str, Any]:
    """Fill in the registration steps of an execution document.

    Args:
        document: The document; it stays as it is.
        step_configs: ``STEP_CONFIG`` by step name. ``Registration-NA`` also fills
            ``ModelRegistration-NA`` and ``Registration_NA``.

    Returns:
        A filled copy that shares nothing with the arguments. A step that the document does not
        have is left out of it, with a warning in the log.

    Raises:
        NoStepConfigsError: (a ValueError) ``step_configs`` is empty.
        DocumentStructureError: (a KeyError) The document has no ``PIPELINE_STEP_CONFIGS``, or none
            of the steps.
        UnresolvedVariableError: (a ValueError) A config holds a ``${Name}`` of a deployment.
    """
    filled = copy.deepcopy(dict(document))
    fill_in_place(filled, step_configs)
    return filled


def fill_in_place(document: dict[str, Any], step_configs: Mapping[str, Mapping[str, Any]]) -> None:
    """Fill in the registration steps of an execution document itself, all of them or none.

    Raises:
        ExecutionDocumentError: As :func:`fill_execution_document` does.
    """
    if not step_configs:
        raise NoStepConfigsError(
            "There is no registration config to fill in: generate the pipeline before its "
            "execution document."
        )
    steps = _steps_of_document(document)
    found = {
        wanted: [name for name in _names_in_documents(wanted) if name in steps]
        for wanted in step_configs
    }
    if not any(found.values()):
        raise DocumentStructureError(
            f"The execution document has no step to fill. Expected one of "
            f"{', '.join(name for wanted in found for name in _names_in_documents(wanted))}; "
            f"it has {', '.join(steps) or 'no steps'}."
        )
    for wanted in (wanted for wanted, names in found.items() if names):
        _refuse_variables(wanted, step_configs[wanted])
    for wanted, names in found.items():
        if not names:
            logger.warning("The execution document has no step %s: not filled", wanted)
        for name in names:
            steps[name]["STEP_CONFIG"] = copy.deepcopy(dict(step_configs[wanted]))


def _refuse_variables(step_name: str, config: Mapping[str, Any]) -> None:
    if variables := variables_in(json.dumps(config)):
        raise UnresolvedVariableError(
            f"STEP_CONFIG of {step_name} would hold {', '.join(variables)}, which only a deployment"
            " knows. Fill the document of the deployed pipeline with 'release execution-document',"
            " or give the builder the names: BSMPytorchPipelineBuilder(config_path,"
            " values=DeployTimeValues(artifact_bucket_name=..., registry_bucket_names={...}))."
        )


def _steps_of_document(document: dict[str, Any]) -> dict[str, dict[str, Any]]:
    if _STEPS not in document:
        raise DocumentStructureError(
            f"The execution document has no {_STEPS!r}; its keys are "
            f"{', '.join(map(repr, document)) or 'none'}."
        )
    steps = document[_STEPS]
    if not isinstance(steps, dict):
        raise ExecutionDocumentError(
            f"{_STEPS} must be an object of step names, got {_json_type(steps)}."
        )
    for name, step in steps.items():
        if not isinstance(step, dict):
            raise ExecutionDocumentError(
                f"{_STEPS}.{name} must be an object with STEP_TYPE and STEP_CONFIG, "
                f"got {_json_type(step)}."
            )
    return steps


def _names_in_documents(step_name: str) -> list[str]:
    match = _REGISTRATION_STEP.fullmatch(step_name)
    if match is None:
        return [step_name]
    return [form.format(match["code"]) for form in _NAMES_IN_DOCUMENTS]


def step_configs_of_deployed_pipeline(
    definition: Mapping[str, Any], read_s3_object: Callable[[str], bytes]
) -> dict[str, dict[str, Any]]:
    """Rebuild the ``STEP_CONFIG`` of each registration step of a deployed pipeline.

    Args:
        definition: The pipeline definition as DescribePipeline returns it.
        read_s3_object: Returns the content of the object at an ``s3://`` URI.

    Returns:
        ``STEP_CONFIG`` by step name, ready for :func:`fill_execution_document`.

    Raises:
        ExecutionDocumentError: The pipeline registers nothing.
    """
    steps = list(steps_of(definition))
    registrations = {
        str(step["Name"]): registration
        for step in steps
        if (registration := _registration_of_step(step)) is not None
    }
    file = next(filter(None, map(_registration_file_of_step, steps)), None)
    if file is None or not registrations:
        raise ExecutionDocumentError(
            "The deployed pipeline has no registration step: its steps are "
            f"{', '.join(str(step['Name']) for step in steps) or 'none'}. Is it a pipeline of "
            "this app?"
        )
    requests = {
        str(code): request for code, request in read_registration_file(read_s3_object(file)).items()
    }
    missing = sorted({code for code, _ in registrations.values()} - requests.keys())
    if missing:
        raise ExecutionDocumentError(
            f"{file} has no region {', '.join(missing)}, it has {', '.join(requests)}. Deploy the "
            "pipeline again."
        )
    return {
        name: step_config(requests[code], sample_payload_uri)
        for name, (code, sample_payload_uri) in registrations.items()
    }


def _registration_file_of_step(step: Mapping[str, Any]) -> str | None:
    """Return the registration file that a step takes as an input, if any.

    Registration steps name a copy of it, which exists only once the pipeline has run.
    """
    for each in step.get("Arguments", {}).get("ProcessingInputs", []):
        if each["InputName"] == REGISTRATION_REQUEST_INPUT:
            return str(each["S3Input"]["S3Uri"])
    return None


def _registration_of_step(step: Mapping[str, Any]) -> tuple[str, str] | None:
    """Return a step's region code and the S3 URI of its sample payload, if it registers."""
    arguments = step.get("Arguments", {})
    if step["Type"] == "RegisterModel":
        properties = arguments.get("CustomerMetadataProperties", {})
        code = properties.get("model_registration_region")
        sample_payload_uri = arguments.get("SamplePayloadUrl")
    elif arguments.get("action") == "register":
        code = arguments.get("region_code")
        sample_payload_uri = arguments.get("sample_payload_uri")
    else:
        return None
    return (code, sample_payload_uri) if code and sample_payload_uri else None


def read_document(path: Path) -> dict[str, Any]:
    """Read an execution document, of which writing it again loses nothing.

    Raises:
        ExecutionDocumentError: There is no such file, it holds no JSON object, or something in it
            would be lost: a repeated key, half of a character pair, a number beyond doubles.
    """
    file = shown_path(path)
    try:
        document = parse(path.read_bytes(), parse_float=_exact)
    except OSError as error:
        raise ExecutionDocumentError(f"Cannot read {file}: {error.strerror}.") from error
    except UnreadableJsonError as error:
        raise ExecutionDocumentError(f"{file} {error}.") from error
    if problems := unusable(document) or losses(document):
        raise ExecutionDocumentError("\n  ".join([f"{file} is not filled:", *map(str, problems)]))
    if not isinstance(document, dict):
        raise ExecutionDocumentError(
            f"{file} must hold a JSON object with {_STEPS!r}, got {_json_type(document)}."
        )
    return document


def _exact(text: str) -> float:
    """Read a number that writing gives back as it was."""
    number = float(text)
    if math.isfinite(number) and Decimal(text) != Decimal(repr(number)):
        raise UnreadableJsonError(
            f"holds the number {text}, which has more digits than readers of JSON keep, {number}:"
            " write it so, or as a text"
        )
    return number


def write_document(document: Mapping[str, Any], path: Path) -> None:
    """Write an execution document, all of it or nothing.

    Raises:
        ExecutionDocumentError: The file cannot be written; what was there stays.
    """
    file = shown_path(path)
    if problems := unusable(document) or losses(document):
        raise ExecutionDocumentError("\n  ".join([f"Cannot write {file}:", *map(str, problems)]))
    text = json.dumps(document, indent=2, ensure_ascii=False)
    try:
        replace_text(path, f"{text}\n")
    except OSError as error:
        raise ExecutionDocumentError(f"Cannot write {file}: {error.strerror}.") from error


def _json_type(value: object) -> str:
    if value is None:
        return "null"
    names = {dict: "an object", list: "a list", str: "a text", bool: "true or false"}
    return names.get(type(value), "a number")
