"""Settings of model registration, and of the sample payload and load test that go with it."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, ClassVar, Final, Literal, NoReturn, TypeAlias, TypedDict

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    JsonValue,
    ValidationInfo,
    field_validator,
)

from constructs_lib.configs.base import BasePipelineConfig
from constructs_lib.configs.numeric_values import NumericFieldValues
from constructs_lib.configs.types import UNUSED, InstanceType, LocalDir, Text
from constructs_lib.errors import EarlierInterfaceError
from constructs_lib.fields.regions import ConfigRegion, names_in
from constructs_lib.fields.rules import broken_rule, broken_rules, did_you_mean, shown
from constructs_lib.regions import RegionCode

TIMESTAMP_PLACEHOLDER: Final = "{timestamp}"
MAX_VERIFICATION_LOAD_SECONDS: Final = 1800
"""Half an hour at ``expected_tps``: longer tests belong to a load test of the endpoint."""
_ANY_CASE: Final = "^([Nn][Uu][Mm][Ee][Rr][Ii][Cc]|[Tt][Ee][Xx][Tt])$"


class VariableType(StrEnum):
    """The type of a model's input or output variable."""

    NUMERIC = "NUMERIC"
    TEXT = "TEXT"


class Variable(TypedDict):
    """One variable of the schema: its name and its type, NUMERIC or TEXT."""

    name: str
    type: str


class VariableSet(TypedDict):
    """The variables of one side, in their order."""

    variables: list[Variable]


class VariableSchema(TypedDict):
    """What a model takes and what it answers."""

    input: VariableSet
    output: VariableSet


_Errors: TypeAlias = list[tuple[tuple[str | int, ...], object, str]]


def _pairs(value: Any) -> list[tuple[str, VariableType]]:
    """Read variables from an object ``{name: type}`` or a list of ``[name, type]``, in order."""
    if not isinstance(value, dict | list):
        raise broken_rule("must be an object of name: type, or a list of [name, type]")
    if not value:
        raise broken_rule("must declare at least one variable")
    items: list[tuple[str | int, Any]] = (
        [(name, (name, type_name)) for name, type_name in value.items()]
        if isinstance(value, dict)
        else list(enumerate(value))
    )
    errors: _Errors = [((key,), *wrong) for key, item in items if (wrong := _wrong_variable(item))]
    pairs = [
        (item[0], VariableType(item[1].upper())) for _, item in items if not _wrong_variable(item)
    ]
    errors.extend(_repeated(pairs))
    if errors:
        raise broken_rules("variables", errors)
    return pairs


def _wrong_variable(item: Any) -> tuple[object, str] | None:
    """Return what is wrong with ``[name, type]``, and the value that is."""
    if not isinstance(item, list | tuple) or len(item) != len(Variable.__annotations__):
        return item, "must be [name, type]"
    name, type_name = item
    if not isinstance(name, str) or not name.strip():
        return name, "a variable's name must be text that is not empty"
    if not isinstance(type_name, str) or type_name.upper() not in VariableType.__members__:
        return type_name, _unknown_type(str(type_name))
    return None


def _repeated(pairs: list[tuple[str, VariableType]]) -> _Errors:
    types: dict[str, list[VariableType]] = {}
    for name, variable_type in pairs:
        types.setdefault(name, []).append(variable_type)
    return [
        ((), name, f"declares {shown(name)} {len(each)} times, as {' and '.join(each)}")
        for name, each in types.items()
        if len(each) > 1
    ]


def _unknown_type(type_name: str) -> str:
    allowed = ", ".join(VariableType)
    return f"is not a variable type; allowed: {allowed}{did_you_mean(type_name, VariableType)}"


def _types_by_name(value: Any) -> dict[str, VariableType]:
    return dict(_pairs(value))


_TypeName = Annotated[
    str, Field(json_schema_extra={"anyOf": [{"enum": list(VariableType)}, {"pattern": _ANY_CASE}]})
]
_VariablesInput: TypeAlias = dict[str, _TypeName] | list[tuple[Text, _TypeName]]

InputVariables = Annotated[
    list[tuple[str, VariableType]],
    BeforeValidator(_pairs, json_schema_input_type=_VariablesInput),
]
"""Input variables in their order, which is the order of a CSV request's values.

A list of pairs even when the file holds an object: saved files sort the keys of objects.
"""
OutputVariables = Annotated[
    dict[str, VariableType],
    BeforeValidator(_types_by_name, json_schema_input_type=_VariablesInput),
]


def _check_distinct(media_types: list[str]) -> list[str]:
    if not media_types or len(set(media_types)) < len(media_types):
        raise broken_rule('must be ["text/csv"], ["application/json"] or both')
    return media_types


MediaTypes = Annotated[
    list[Literal["text/csv", "application/json"]],
    AfterValidator(_check_distinct),
    Field(json_schema_extra={"minItems": 1, "uniqueItems": True}),
]


class ModelRegistrationConfig(BasePipelineConfig):
    """What the registered model is, what it takes and answers, and where it is registered."""

    STEP_KEY: ClassVar[str] = "Registration"

    model_owner: Text = Field(description="Team that owns the model")
    model_registration_domain: Text = Field(description="Domain of the model")
    model_registration_objective: Text = Field(description="What the model is for")
    source_model_inference_content_types: MediaTypes = Field(
        ["text/csv"], description="Content types of requests"
    )
    source_model_inference_response_types: MediaTypes = Field(
        ["application/json"], description="Content types of responses"
    )
    source_model_inference_output_variable_list: OutputVariables = Field(
        {"legacy-score": VariableType.NUMERIC}, description="Output variables and their types"
    )
    source_model_inference_input_variable_list: InputVariables = Field(
        description="Input variables and their types, in the order of a CSV request"
    )
    registration_regions: list[ConfigRegion] | None = Field(
        None,
        description="Every region to register in, by its name or as AWS calls it, region among"
        " them; by default region alone",
    )

    @property
    def regions(self) -> tuple[RegionCode, ...]:
        """The regions to register in, in the order of the file."""
        return tuple(self.registration_regions or [self.region])

    @property
    def input_variables(self) -> dict[str, VariableType]:
        """The input variables by name, in their order."""
        return dict(self.source_model_inference_input_variable_list)

    def get_variable_schema(self) -> VariableSchema:
        """Return what the model takes and answers, as names and types in their order."""
        return {
            "input": _variable_set(self.input_variables),
            "output": _variable_set(self.source_model_inference_output_variable_list),
        }

    @field_validator("registration_regions")
    @classmethod
    def _regions_differ_and_include_region(
        cls, value: list[RegionCode] | None, info: ValidationInfo
    ) -> list[RegionCode] | None:
        if value is None:
            return value
        if not value:
            raise broken_rule(
                f"must name at least one region, such as {' or '.join(names_in(info).regions)}"
            )
        _refuse_repeated(value)
        region = info.data.get("region")
        if region and region not in value:
            raise broken_rule(
                f"leaves out {region}, which is region: add it, or set region to "
                f"{' or '.join(value)}"
            )
        return value


def _refuse_repeated(values: Sequence[str]) -> None:
    twice = [each for each, count in Counter(values).items() if count > 1]
    if twice:
        raise broken_rule(f"names {', '.join(twice)} more than once")


def _variable_set(variables: dict[str, VariableType]) -> VariableSet:
    return {"variables": [{"name": name, "type": type_.value} for name, type_ in variables.items()]}


class PayloadConfig(ModelRegistrationConfig):
    """The sample payload, and what the load test expects of the model."""

    STEP_KEY: ClassVar[str] = "Payload"

    expected_tps: int = Field(2, ge=1, le=100_000, description="Expected transactions per second")
    max_latency_in_millisecond: int = Field(
        800, ge=100, le=10000, description="Highest acceptable latency, milliseconds"
    )
    max_acceptable_error_rate: float = Field(
        0.2, ge=0, le=1, description="Highest acceptable share of failed requests, 0 to 1"
    )
    verification: Literal["enforce", "warn", "off"] = Field(
        "enforce",
        description="What happens before a model is registered: enforce runs it in its serving"
        " container and registers it only within the limits above, warn runs it and registers it in"
        " any case, off does not run it. Files of the earlier system do not have it",
    )
    verification_load_seconds: int = Field(
        30,
        ge=0,
        le=MAX_VERIFICATION_LOAD_SECONDS,
        description="How long verification offers expected_tps, seconds; 0 only answers the sample"
        " payloads",
    )
    load_test_in_aws: bool = Field(
        default=False,
        description="Whether SageMaker Inference Recommender load-tests each new version of the"
        " home region, on inference_instance_types; costs endpoints for some 40 minutes",
    )
    verification_instance_type: InstanceType | None = Field(
        None,
        description="Instance type that verification runs on; by default inference_instance_type"
        " where processing jobs can run on it, otherwise that of packaging",
    )
    inference_instance_types: list[InstanceType] | None = Field(
        None,
        description="Instance types that the model is load-tested and supported on, all of them"
        " running the same image; by default inference_instance_type alone. Files of the earlier"
        " system do not have it",
    )
    sample_payload_s3_key: Text | None = Field(
        None, description=f"S3 key of the sample payload; {UNUSED}"
    )
    default_numeric_value: float = Field(0.0, description="Value of NUMERIC inputs in payloads")
    default_text_value: str = Field("DEFAULT_TEXT", description="Value of TEXT inputs in payloads")
    special_field_values: dict[str, str] | None = Field(
        None,
        description="Value of single TEXT inputs; {timestamp} stands for the date of the release",
    )
    numeric_field_values: NumericFieldValues | None = Field(
        None,
        description="Value of single NUMERIC inputs; each of several values makes a sample request,"
        " and inputs with fewer values begin again with their first",
    )
    sample_requests_dir: LocalDir | None = Field(
        None,
        description="Folder of sample requests of your own, relative to this file, which are sent"
        " beside the generated ones; expected answers may lie beside them",
    )
    payload_script_path: str | None = Field(
        None, description=f"Script that makes sample payloads; {UNUSED}"
    )
    payload_script_arguments: JsonValue = Field(
        None, description=f"Arguments of that script; {UNUSED}"
    )

    def get_sample_requests_dir(self) -> Path | None:
        """Return the folder of own sample requests as an absolute path."""
        return (
            None
            if self.sample_requests_dir is None
            else self.resolve_path(self.sample_requests_dir)
        )

    def generate_and_upload_payloads(self) -> NoReturn:
        """Say where the sample payload comes from here.

        Raises:
            EarlierInterfaceError: Always.
        """
        raise EarlierInterfaceError(
            "Sample payloads need no upload here: they are generated when the pipeline is compiled,"
            " and deployed with it. 'release payloads NAME' shows them, and"
            " constructs_lib.release.payloads.shipped_payload(configs) returns the archive."
        )

    @field_validator("inference_instance_types")
    @classmethod
    def _instance_types_differ(cls, value: list[str] | None) -> list[str] | None:
        if value == []:
            raise broken_rule("must name at least one instance type, or be left out")
        _refuse_repeated(value or [])
        return value

    @field_validator("special_field_values")
    @classmethod
    def _special_fields_are_text_inputs(
        cls, value: dict[str, str] | None, info: ValidationInfo
    ) -> dict[str, str] | None:
        variables = dict(info.data.get("source_model_inference_input_variable_list") or [])
        errors: _Errors = [
            ((name,), template, message)
            for name, template in (value or {}).items()
            if (message := _wrong_template(template) or _wrong_special_field(name, variables))
        ]
        if errors:
            raise broken_rules("special fields", errors)
        return value

    @field_validator("numeric_field_values")
    @classmethod
    def _numeric_fields_are_numeric_inputs(
        cls, value: NumericFieldValues | None, info: ValidationInfo
    ) -> NumericFieldValues | None:
        variables = dict(info.data.get("source_model_inference_input_variable_list") or [])
        errors: _Errors = [
            ((name,), given, message)
            for name, given in (value or {}).items()
            if (message := _wrong_numeric_field(name, variables))
        ]
        if errors:
            raise broken_rules("numeric fields", errors)
        return value


def _wrong_special_field(name: str, variables: dict[str, VariableType]) -> str | None:
    if variables.get(name) is VariableType.NUMERIC:
        return f"{shown(name)} is declared NUMERIC; only TEXT inputs can be special"
    return _undeclared(name, variables, VariableType.TEXT)


def _wrong_numeric_field(name: str, variables: dict[str, VariableType]) -> str | None:
    if variables.get(name) is VariableType.TEXT:
        return f"{shown(name)} is declared TEXT; its value goes into special_field_values"
    return _undeclared(name, variables, VariableType.NUMERIC)


def _undeclared(name: str, variables: dict[str, VariableType], wanted: VariableType) -> str | None:
    """Say that a name is no declared input; nothing when the inputs themselves are wrong."""
    if not variables or name in variables:
        return None
    names = [each for each, type_ in variables.items() if type_ is wanted]
    return (
        f"{shown(name)} is not a declared input; declared {wanted} inputs:"
        f" {', '.join(names) or 'none'}{did_you_mean(name, names)}"
    )


def filled_template(template: str, timestamp: str) -> str:
    """Put a timestamp into the template of a sample request's value.

    Doubled braces mean single ones, as in the earlier system, which called ``str.format``. Any
    other text with braces of its own, such as JSON, stays as it is but for the placeholder.
    """
    if _is_format(template):
        return template.format(timestamp=timestamp)
    return template.replace(TIMESTAMP_PLACEHOLDER, timestamp)


def _is_format(template: str) -> bool:
    """Tell whether ``str.format`` takes a template: it has no braces but what that knows."""
    rest = re.sub(rf"\{{\{{|\}}\}}|{re.escape(TIMESTAMP_PLACEHOLDER)}", "", template)
    return "{" not in rest and "}" not in rest


def _wrong_template(template: str) -> str | None:
    if _is_format(template):
        return None
    unknown = set(re.findall(r"\{\w+\}", template)) - {TIMESTAMP_PLACEHOLDER}
    if not unknown:
        return None
    return f"has unknown placeholder {min(unknown)}; allowed: {TIMESTAMP_PLACEHOLDER}"
