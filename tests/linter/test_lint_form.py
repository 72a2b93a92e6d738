from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from constructs_lib.linter import Finding, lint

LintWith = Callable[[str, object], list[Finding]]

ERROR_MESSAGE = "Steps/Gate/Arguments/IfSteps/Stop/Arguments/ErrorMessage"
POLICY = "Steps/Train/RetryPolicies/0"


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ("Version", "2020-12-02", "Version is one of 1: 2020-12-01"),
        ("Stages", [], "Definition has no member 'Stages'"),
        ("Metadata", [], "Object has the type map"),
        ("Parameters/Key/DefaultValue", 1, "StringDefault has the type string"),
        ("Parameters/Key/DefaultValue", "x" * 4097, "has at most 4096"),
        ("Parameters/Count/DefaultValue", "1", "IntegerDefault has the type integer"),
        ("Parameters/Count/DefaultValue", True, "IntegerDefault has the type integer"),
        ("Parameters/Key/Default", "x", "has no member 'Default'; it has DefaultValue"),
        ("Parameters/Key/EnumValues", ["a", "b"], "the parameter's EnumValues are ['a', 'b']"),
        ("Steps/Train/Type", "Trainig", "is 'Trainig'; allowed is AutoML"),
        ("Steps/Train/PropertyFiles", [], "TrainingStep has no member 'PropertyFiles'"),
        ("Steps/CreateModel/CacheConfig", {"Enabled": False}, "ModelStep has no member"),
        ("Steps/Train/DisplayName", "x" * 257, "StepDisplayName has at most 256"),
        ("Steps/Package/Description", "x" * 3073, "StepDescription has at most 3072"),
        ("Steps/Registration-EU/FunctionArn", "my-function", "LambdaFunctionArn has to match"),
        ("Steps/Registration-EU/FunctionArn", {"Get": "Parameters.Key"}, "is an object"),
        ("Steps/Registration-EU/OutputParameters/0/OutputType", "Text", "is one of 4"),
        ("Steps/Registration-NA/DependsOn", "Package", "is a text; List has the type list"),
        ("Steps/Registration-NA/DependsOn/0", {"Get": "Parameters.Key"}, "a step's name"),
        ("Steps/Gate/DependsOn/0/Trigger", "Sometimes", "a Trigger of Completed"),
        ("Steps/Package/CacheConfig", {"Enabled": True}, "lacks ExpireAfter"),
        ("Steps/Package/CacheConfig", {"ExpireAfter": "P1D"}, "lacks Enabled"),
        ("Steps/Package/CacheConfig/ExpireAfter", "30d", "Duration has to match"),
        ("Steps/Package/CacheConfig/ExpireAfter", "P", "Duration has to match"),
        ("Steps/Package/CacheConfig/ExpireAfter", "P1DT", "Duration has to match"),
        ("Steps/Package/PropertyFiles/0/OutputName", "other", "the step has no output 'other'"),
        (f"{POLICY}/MaxAttempts", 21, "RetryAttempts has at most 20"),
        (f"{POLICY}/ExpireAfterMin", 5, "either MaxAttempts or ExpireAfterMin"),
        ("Steps/Train/RetryPolicies/1/ExpireAfterMin", 14_401, "RetryMinutes has at most 14400"),
        (f"{POLICY}/BackoffRate", -1, "BackoffRate has at least 0"),
        (f"{POLICY}/ExceptionType", ["Step.THROTTLE"], "JobException is one of 5"),
        (
            "Steps/CreateModel/RetryPolicies/0/ExceptionType",
            ["SageMaker.CAPACITY_ERROR"],
            "ApiException is one of 2",
        ),
        ("Steps/Gate/Arguments/Conditions", [], "Conditions has at least 1"),
        ("Steps/Gate/Arguments/Conditions/0/Type", "Nor", "'Nor' is no type of condition"),
        (
            "Steps/Gate/Arguments/Conditions/0/Condition/Conditions/0",
            {"Type": "Equals", "LeftValue": {"Get": "Parameters.Count"}},
            "lacks RightValue",
        ),
        (
            "Steps/Gate/Arguments/Conditions/0/Condition/Conditions/+",
            {"Type": "In", "QueryValue": 1, "In": [1], "Values": [1]},
            "InCondition has no member 'In'",
        ),
        (ERROR_MESSAGE, "x" * 3073, "has 3073 characters; FailMessage has at most 3072"),
        (
            ERROR_MESSAGE,
            {"Std:Join": {"On": "", "Values": ["x" * 3073, {"Get": "Parameters.Key"}]}},
            "has 3073 known characters",
        ),
        (
            ERROR_MESSAGE,
            {"Std:JsonGet": {"Path": "x", "PropertyFile": {"Get": "Parameters.Key"}}},
            "a property file is Steps.<name>.PropertyFiles.<file>",
        ),
        (ERROR_MESSAGE, {"Get": 1}, "is the number 1; Get has the type string"),
        (ERROR_MESSAGE, {"Get": "Parameters.Key", "Else": 1}, "with a single member"),
        (ERROR_MESSAGE, {"Std:Join": ["a", "b"]}, "is a list; Std:Join has the type structure"),
        (ERROR_MESSAGE, {"Std:Join": {"On": ""}}, "lacks Values"),
        (ERROR_MESSAGE, {"Std:JsonGet": {"Path": "x"}}, "either a PropertyFile or an S3Uri"),
        (ERROR_MESSAGE, {"Std:JsonGet": {"S3Uri": "s3://x/y"}}, "lacks Path"),
    ],
)
def test_a_definition_out_of_form_is_an_error(
    lint_with: LintWith, path: str, value: object, message: str
) -> None:
    errors = [finding for finding in lint_with(path, value) if finding.severity == "error"]
    assert any(message in finding.message for finding in errors)
    assert len(errors) == 1


@pytest.mark.parametrize("name", ["", "with space", "x" * 65, "Größe", 5, None])
def test_names_have_a_limited_form(lint_with: LintWith, name: object) -> None:
    findings = lint_with(
        "Steps/+", {"Name": name, "Type": "Fail", "Arguments": {"ErrorMessage": ""}}
    )
    assert [finding.path for finding in findings] == ["$.Steps[6].Name"]


@pytest.mark.parametrize("duration", ["P30D", "p30d", "P4DT12H", "T12H", "PT30M", "P1Y2M"])
def test_durations_that_aws_documents_are_fine(lint_with: LintWith, duration: str) -> None:
    assert lint_with("Steps/Package/CacheConfig/ExpireAfter", duration) == []


def test_a_parameter_declared_twice_is_an_error(lint_with: LintWith) -> None:
    findings = lint_with("Parameters/+", {"Name": "Key", "Type": "String"})
    assert {finding.path for finding in findings} == {
        "$.Parameters[0].Name",
        "$.Parameters[2].Name",
    }


def test_more_parameters_than_an_execution_takes_are_an_error(
    sound_definition: dict[str, Any],
) -> None:
    names = [f"P{number}" for number in range(199)]
    sound_definition["Parameters"] += [{"Name": name, "Type": "String"} for name in names]
    sound_definition["Metadata"] = {name: {"Get": f"Parameters.{name}"} for name in names}
    [finding] = lint(sound_definition)
    assert finding.message == "has 201 items; Parameters has at most 200"


def test_more_characters_than_a_definition_has_are_an_error(lint_with: LintWith) -> None:
    findings = lint_with("Metadata/x", "x" * 1_048_576)
    assert [finding.path for finding in findings] == ["$"]


def test_a_step_of_a_type_that_is_not_checked_is_a_warning(lint_with: LintWith) -> None:
    [finding] = lint_with("Steps/+", {"Name": "Sweep", "Type": "Cleanup", "Arguments": {"a": 1}})
    assert finding.severity == "warning"


@pytest.mark.parametrize("key", ["Version", "Steps"])
def test_what_every_definition_has_may_not_be_missing(
    sound_definition: dict[str, Any], key: str
) -> None:
    del sound_definition[key]
    assert f"lacks {key}, which Definition requires" in [
        finding.message for finding in lint(sound_definition)
    ]


def test_a_pipeline_without_steps_is_an_error() -> None:
    [finding] = lint({"Version": "2020-12-01", "Steps": []})
    assert finding.message == "has 0 items; Steps has at least 1"
