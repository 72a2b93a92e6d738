from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from constructs_lib.linter import Finding, lint

LintWith = Callable[[str, object], list[Finding]]

CLUSTER = "Steps/Package/Arguments/ProcessingResources/ClusterConfig"
CONTAINER = "Steps/CreateModel/Arguments/PrimaryContainer"
REGISTER = "Steps/Registration-NA/Arguments"


def test_a_sound_definition_has_no_findings(sound_definition: dict[str, Any]) -> None:
    assert lint(sound_definition) == []


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        (f"{CLUSTER}/InstanceCont", 1, "has no member 'InstanceCont'; it has InstanceCount"),
        (
            f"{CLUSTER}/VolumeSizeInGB",
            "30",
            "is a text; ProcessingVolumeSizeInGB has the type integer",
        ),
        (f"{CLUSTER}/VolumeSizeInGB", "${Size}", "is a text"),
        (f"{CLUSTER}/VolumeSizeInGB", True, "is true or false"),
        (f"{CLUSTER}/VolumeSizeInGB", 30.5, "is the number 30.5"),
        (f"{CLUSTER}/VolumeSizeInGB", None, "is null"),
        (f"{CLUSTER}/VolumeSizeInGB", 0, "has 0; ProcessingVolumeSizeInGB has at least 1"),
        (f"{CLUSTER}/InstanceCount", 101, "has 101; ProcessingInstanceCount has at most 100"),
        (f"{CLUSTER}/InstanceType", "ml.m5.xlarg", "is 'ml.m5.xlarg'; ProcessingInstanceType"),
        (f"{CLUSTER}/InstanceType", ["ml.m5.xlarge"], "is a list"),
        (CLUSTER, [], "is a list; ProcessingClusterConfig has the type structure"),
        ("Steps/Train/Arguments/HyperParameters/epochs", 3, "is the number 3"),
        ("Steps/Train/Arguments/VpcConfig/Subnets", [], "has 0 items; Subnets has at least 1"),
        ("Steps/Package/Arguments/Environment/LOG LEVEL", "20", "is 'LOG LEVEL'"),
        ("Steps/Package/Arguments/Environment/LOG_LEVEL", "x" * 257, "has 257 characters"),
        (
            "Steps/Package/Arguments/RoleArn",
            "arn:aws:iam::123:role/my-role",
            "RoleArn has to match",
        ),
        (f"{CONTAINER}/ModelDataUrl", "file:///model.tar.gz", "Url has to match"),
        (f"{REGISTER}/ModelPackageGroupName", "x" * 64, "ArnOrName has to match"),
        (f"{REGISTER}/ModelApprovalStatus", "Maybe", "is one of 3: "),
        (f"{REGISTER}/CustomerMetadataProperties/owner", "a, b", "has to match"),
        (f"{REGISTER}/CustomerMetadataProperties", {}, "has 0 entries"),
        (f"{REGISTER}/ModelCard", {"ModelCardContent": "x" * 100_001}, "has 100001 characters"),
    ],
)
def test_a_rejected_argument_is_an_error(
    lint_with: LintWith, path: str, value: object, message: str
) -> None:
    [finding] = lint_with(path, value)
    assert finding.severity == "error"
    assert message in finding.message


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ("Steps/Package/Arguments/ProcessingInputs", "InputName", "has 11 items"),
        ("Steps/Package/Arguments/Environment", "X", "has 101 entries"),
    ],
)
def test_too_many_of_something_is_an_error(
    lint_with: LintWith, path: str, value: str, message: str
) -> None:
    many: object = {f"{value}{number}": "" for number in range(101)}
    if value == "InputName":
        many = [{"InputName": f"input-{number}"} for number in range(11)]
    findings = lint_with(path, many)
    assert any(message in finding.message for finding in findings)


def test_a_missing_argument_is_an_error(lint_with: LintWith, remove: object) -> None:
    [finding] = lint_with(f"{CLUSTER}/VolumeSizeInGB", remove)
    assert finding.path == "$.Steps[2].Arguments.ProcessingResources.ClusterConfig"
    assert finding.message == "lacks VolumeSizeInGB, which ProcessingClusterConfig requires"


def test_the_name_that_the_pipeline_service_supplies_may_be_given(lint_with: LintWith) -> None:
    assert lint_with("Steps/Package/Arguments/ProcessingJobName", "returns-risk") == []


def test_a_finding_names_its_step_path_and_value(lint_with: LintWith) -> None:
    [finding] = lint_with(f"{REGISTER}/CustomerMetadataProperties/the owner", "a{b}")
    assert finding == Finding(
        severity="error",
        step="Registration-NA",
        path="$.Steps[3].Arguments.CustomerMetadataProperties['the owner']",
        message=finding.message,
        value="a{b}",
    )
    assert str(finding).startswith("error [Registration-NA] $.Steps[3].Arguments.Customer")


def test_a_step_in_a_branch_is_checked_and_named(lint_with: LintWith) -> None:
    step = {"Name": "Inner", "Type": "Model", "Arguments": {"Unknown": 1}}
    [finding] = lint_with("Steps/Gate/Arguments/ElseSteps/+", step)
    assert finding.step == "Inner"
    assert finding.path == "$.Steps[5].Arguments.ElseSteps[0].Arguments.Unknown"


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (f"{CLUSTER}/InstanceCount", {"Get": "Parameters.Count"}),
        (f"{CLUSTER}/InstanceType", {"Get": "Parameters.Key"}),
        (f"{CLUSTER}/InstanceType", "${InstanceType}"),
        (f"{CLUSTER}/InstanceType", "ml.m5.${Size}"),
        (f"{CLUSTER}/InstanceType", "${Token[TOKEN.12]}"),
        (f"{CONTAINER}/ModelDataUrl", {"Get": "Parameters.Key"}),
        (f"{CONTAINER}/ModelDataUrl", "${Folder}/model.tar.gz"),
        (
            f"{CONTAINER}/Environment/X",
            {"Std:Join": {"Values": ["a", {"Get": "Parameters.Count"}]}},
        ),
        (f"{REGISTER}/CustomerMetadataProperties/x", "${Anything}"),
        ("Steps/Package/Arguments/RoleArn", "${RoleArn}"),
    ],
)
def test_a_variable_may_stand_for_a_single_value(
    lint_with: LintWith, path: str, value: object
) -> None:
    assert lint_with(path, value) == []


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        (f"{CLUSTER}/InstanceCount", {"Get": "Parameters.Key"}, "gets String when it runs"),
        (f"{CLUSTER}/InstanceCount", {"Std:Join": {"Values": []}}, "gets String"),
        (
            f"{REGISTER}/CertifyForMarketplace",
            {"Get": "Steps.Registration-EU.OutputParameters['arn']"},
            "gets String",
        ),
        (f"{CONTAINER}/Environment/COUNT", {"Get": "Parameters.Count"}, "gets Integer"),
        (
            f"{CONTAINER}/Environment/SIZE",
            {"Get": "Steps.Train.ResourceConfig.VolumeSizeInGB"},
            "gets Integer",
        ),
        (f"{CONTAINER}/Environment", {"Get": "Parameters.Key"}, "cannot stand for a map"),
        ("Steps/Train/Arguments/VpcConfig/Subnets", {"Get": "Parameters.Key"}, "stand for a list"),
        (CLUSTER, {"Get": "Parameters.Key"}, "cannot stand for a structure"),
    ],
)
def test_a_variable_of_another_type_is_an_error(
    lint_with: LintWith, path: str, value: object, message: str
) -> None:
    findings = lint_with(path, value)
    assert [finding.severity for finding in findings] == ["error"]
    assert message in findings[0].message


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        (f"{CLUSTER}/InstanceType", "ml.m99.${Size}", "is 'ml.m99.${...}'"),
        (f"{REGISTER}/CustomerMetadataProperties/x", "${Team}, Berlin", "has to match"),
        ("Steps/Package/Arguments/Environment/LOG_LEVEL", "${X}" + "x" * 257, "known characters"),
        (
            f"{REGISTER}/CustomerMetadataProperties/x",
            {"Std:Join": {"On": ",", "Values": ["a", {"Get": "Parameters.Key"}]}},
            "is 'a,${...}'",
        ),
    ],
)
def test_what_is_known_of_a_text_is_checked(
    lint_with: LintWith, path: str, value: object, message: str
) -> None:
    [finding] = lint_with(path, value)
    assert finding.severity == "error"
    assert message in finding.message


def test_a_text_that_only_an_unlikely_value_makes_valid_is_a_warning(lint_with: LintWith) -> None:
    [finding] = lint_with("Steps/Package/Arguments/RoleArn", "arn:aws:iam/${Role}")
    assert finding.severity == "warning"


@pytest.mark.parametrize(
    ("type_name", "arguments", "missing"),
    [
        ("Transform", {}, "lacks ModelName"),
        ("Tuning", {}, "lacks HyperParameterTuningJobConfig"),
        ("AutoML", {}, "lacks InputDataConfig"),
        ("EndpointConfig", {}, "lacks ProductionVariants"),
        ("Endpoint", {}, "lacks EndpointConfigName"),
        ("Training", {}, "lacks RoleArn"),
    ],
)
def test_other_types_of_steps_are_checked_against_their_api(
    lint_with: LintWith, type_name: str, arguments: object, missing: str
) -> None:
    step = {"Name": "Other", "Type": type_name, "Arguments": arguments}
    messages = [finding.message for finding in lint_with("Steps/+", step)]
    assert any(message.startswith(missing) for message in messages)
    assert not any("JobName" in message for message in messages)
