from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from constructs_lib.linter import Finding, lint

LintWith = Callable[[str, object], list[Finding]]

INPUT = "Steps/Package/Arguments/ProcessingInputs/0/S3Input/S3Uri"


@pytest.mark.parametrize(
    ("reference", "message"),
    [
        ("Parameters.Kee", "unknown parameter 'Kee'; there is Key"),
        ("Parameters.Key.part", "unknown parameter"),
        ("Execution.Id", "unknown execution variable"),
        ("Steps.Trian.ModelArtifacts.S3ModelArtifacts", "unknown step 'Trian'; there is Train"),
        ("Steps.Train", "is no path to a property"),
        ("Steps.Train.", "is no path to a property"),
        ("Steps.Train.ModelArtifact.S3", "unknown property of the step Train 'ModelArtifact'"),
        ("Steps.Train.ModelArtifacts.Uri", "unknown property of ModelArtifacts 'Uri'"),
        ("Steps.Train.ModelArtifacts", "is a structure"),
        ("Steps.Train.TrainingJobArn.Name", "TrainingJobArn is a string; it has no part 'Name'"),
        ("Steps.Train[0]", "unknown property"),
        ("Steps.Registration-EU.OutputParameters['uri']", "unknown output parameter"),
        ("Steps.Registration-EU.Payload", "unknown property"),
        ("Steps.Stop.ErrorMessage", "unknown property of the step Stop"),
        ("Steps.Gate.Result", "unknown property of the step Gate"),
        ("Stage.Package", "refers to nothing"),
        ("", "refers to nothing"),
    ],
)
def test_a_reference_that_leads_nowhere_is_an_error(
    lint_with: LintWith, reference: str, message: str
) -> None:
    [finding] = lint_with("Steps/Train/Arguments/HyperParameters/x", {"Get": reference})
    assert finding.severity == "error"
    assert finding.step == "Train"
    assert message in finding.message


@pytest.mark.parametrize(
    "reference",
    [
        "Steps.Train.TrainingJobName",
        "Steps.Train.FinalMetricDataList['auc'].MetricName",
        "Steps.Train.SecondaryStatusTransitions[0].Status",
        "Steps.Train.HyperParameters['epochs']",
        "Steps.Train.CreationTime",
        "Execution.PipelineExecutionArn",
        "Parameters.Key",
    ],
)
def test_a_reference_to_what_exists_is_fine(lint_with: LintWith, reference: str) -> None:
    assert (
        lint_with("Steps/Gate/Arguments/IfSteps/0/Arguments/ErrorMessage", {"Get": reference}) == []
    )


def test_an_output_that_the_job_does_not_have_is_an_error(lint_with: LintWith) -> None:
    reference = "Steps.Package.ProcessingOutputConfig.Outputs['package'].S3Output.S3Uri"
    [finding] = lint_with("Steps/Registration-EU/Arguments/artifact", {"Get": reference})
    assert "unknown OutputName 'package'; there is packaged" in finding.message


def test_a_property_file_that_is_not_declared_is_an_error(
    lint_with: LintWith, remove: object
) -> None:
    [finding] = lint_with("Steps/Package/PropertyFiles", remove)
    assert finding.step == "Registration-NA"
    assert "unknown property file of the step Package 'Manifest'; there is none" in finding.message


def test_a_condition_that_reads_a_file_that_is_not_declared_is_an_error(
    lint_with: LintWith,
) -> None:
    file = {"Get": "Steps.Package.PropertyFiles.Evaluation"}
    value = {"Std:JsonGet": {"Path": "verdict", "PropertyFile": file}}
    condition = {"Type": "Equals", "LeftValue": value, "RightValue": "passed"}
    [finding] = lint_with("Steps/Gate/Arguments/Conditions/0", condition)
    assert finding.step == "Gate"
    assert "unknown property file of the step Package 'Evaluation'" in finding.message


def test_a_condition_in_a_branch_of_another_is_an_error(lint_with: LintWith) -> None:
    condition = {"Type": "Equals", "LeftValue": 1, "RightValue": 1}
    step = {"Name": "Inner", "Type": "Condition", "Arguments": {"Conditions": [condition]}}
    [finding] = lint_with("Steps/Gate/Arguments/ElseSteps/+", step)
    assert (finding.step, finding.path) == ("Inner", "$.Steps[5].Arguments.ElseSteps[0].Type")
    assert "in a branch of 'Gate'; conditions cannot be nested" in finding.message


@pytest.mark.parametrize("entry", ["Pakage", {"Step": "Pakage", "Trigger": "Failed"}])
def test_waiting_for_a_missing_step_is_an_error(lint_with: LintWith, entry: object) -> None:
    [finding] = lint_with("Steps/Registration-NA/DependsOn/0", entry)
    assert finding.path == "$.Steps[3].DependsOn[0]"
    assert "unknown step 'Pakage'" in finding.message


def test_a_parameter_without_use_is_a_warning(lint_with: LintWith) -> None:
    [finding] = lint_with("Parameters/+", {"Name": "Unused", "Type": "String"})
    assert (finding.severity, finding.path) == ("warning", "$.Parameters[2]")


@pytest.mark.parametrize("name", ["Train", "Stop"])
def test_a_name_given_twice_is_an_error(lint_with: LintWith, name: str) -> None:
    step = {"Name": name, "Type": "Fail", "Arguments": {"ErrorMessage": "x"}}
    findings = lint_with("Steps/+", step)
    assert ["another step has the name" in finding.message for finding in findings] == [True]


@pytest.mark.parametrize(
    ("path", "value", "cycle"),
    [
        ("Steps/Train/DependsOn", ["Train"], {"Train"}),
        ("Steps/Train/DependsOn", ["Package"], {"Package", "Train", "CreateModel"}),
        (
            "Steps/Train/Arguments/HyperParameters/x",
            {"Get": "Steps.CreateModel.ModelName"},
            {"Train", "CreateModel"},
        ),
        ("Steps/Gate/DependsOn", ["Stop"], {"Gate", "Stop"}),
    ],
)
def test_steps_that_wait_for_each_other_are_an_error(
    lint_with: LintWith, path: str, value: object, cycle: set[str]
) -> None:
    [finding] = lint_with(path, value)
    text, _, found = finding.message.partition(": ")
    assert text == "the steps wait for each other"
    assert set(found.split(" -> ")) == cycle


def test_a_long_chain_of_steps_is_no_problem(sound_definition: dict[str, Any]) -> None:
    sound_definition["Steps"] += [
        {
            "Name": f"Fail-{number}",
            "Type": "Fail",
            "Arguments": {"ErrorMessage": "x"},
            "DependsOn": [f"Fail-{number + 1}"] if number < 1999 else [],
        }
        for number in range(2000)
    ]
    assert lint(sound_definition) == []
