from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from local.runner.language.errors import ReferenceResolutionError
from local.runner.language.references import StepScope, references_in, resolve

SCOPE = StepScope(
    step="Package",
    parameters={"Bucket": "models", "Count": 3, "Rate": 0.5, "Debug": True},
    variables={"PipelineExecutionId": "abc123", "PipelineName": "release"},
    properties={
        "Train": {
            "ModelArtifacts": {"S3ModelArtifacts": "s3://b/model.tar.gz"},
            "ProcessingOutputConfig": {
                "Outputs": [
                    {"OutputName": "model", "S3Output": {"S3Uri": "s3://b/out"}},
                    {"OutputName": "my report", "S3Output": {"S3Uri": "s3://b/report"}},
                ]
            },
            "InputDataConfig": [{"ChannelName": "train", "ContentType": "text/csv"}],
        },
        "Lambda": {"OutputParameters": {"model_package_arn": "arn:x"}},
    },
    property_files={"Train": {"Report": {"metrics": {"auc": {"value": 0.9}}, "list": [1, [2]]}}},
)


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("Parameters.Bucket", "models"),
        ("Parameters.Count", 3),
        ("Parameters.Debug", True),
        ("Execution.PipelineExecutionId", "abc123"),
        ("Steps.Train.ModelArtifacts.S3ModelArtifacts", "s3://b/model.tar.gz"),
        ("Steps.Train.ProcessingOutputConfig.Outputs['model'].S3Output.S3Uri", "s3://b/out"),
        (
            "Steps.Train.ProcessingOutputConfig.Outputs['my report'].S3Output.S3Uri",
            "s3://b/report",
        ),
        ("Steps.Train.ProcessingOutputConfig.Outputs[1].OutputName", "my report"),
        ("Steps.Train.InputDataConfig['train'].ContentType", "text/csv"),
        ("Steps.Lambda.OutputParameters['model_package_arn']", "arn:x"),
    ],
)
def test_get_yields_the_value_with_its_type(expression: str, expected: Any) -> None:
    assert resolve({"Get": expression}, SCOPE) == expected


def test_references_resolve_at_any_depth_and_other_values_stay() -> None:
    value = {"a": [1, None, {"b": {"Get": "Parameters.Rate"}}], "Get": "plain", "c": "text"}

    assert resolve(value, SCOPE) == {"a": [1, None, {"b": 0.5}], "Get": "plain", "c": "text"}


def test_join_writes_values_as_texts() -> None:
    values = ["s3:/", {"Get": "Parameters.Bucket"}, 7, {"Get": "Parameters.Debug"}]

    assert resolve({"Std:Join": {"On": "/", "Values": values}}, SCOPE) == "s3://models/7/true"


def test_joins_nest() -> None:
    inner = {"Std:Join": {"On": "-", "Values": ["a", {"Get": "Execution.PipelineName"}]}}

    assert resolve({"Std:Join": {"Values": [inner, "!"]}}, SCOPE) == "a-release!"


@pytest.mark.parametrize(
    ("path", "expected"),
    [("metrics.auc.value", 0.9), ("metrics['auc'].value", 0.9), ("list[1][0]", 2)],
)
def test_json_get_reads_a_path_of_a_property_file(path: str, expected: Any) -> None:
    file = {"Get": "Steps.Train.PropertyFiles.Report"}

    assert resolve({"Std:JsonGet": {"PropertyFile": file, "Path": path}}, SCOPE) == expected


@pytest.mark.parametrize(
    ("expression", "available"),
    [
        ("Steps.Train.ModelArtifacts.Missing", "S3ModelArtifacts"),
        ("Steps.Train.ProcessingOutputConfig.Outputs['other'].S3Output", "model, my report"),
        ("Steps.Train.ProcessingOutputConfig.Outputs[2]", "model, my report"),
        ("Steps.Train.ModelArtifacts[oops", "is not a path"),
        ("Steps.Absent.Arn", "no such value"),
        ("Parameters.Absent", "no such value"),
    ],
)
def test_an_absent_value_is_an_error_that_names_step_reference_and_what_there_is(
    expression: str, available: str
) -> None:
    with pytest.raises(ReferenceResolutionError) as error:
        resolve({"Get": expression}, SCOPE)

    assert "Step 'Package'" in str(error.value)
    assert expression in str(error.value)
    assert available in str(error.value)


def test_a_property_file_that_was_not_written_is_an_error() -> None:
    get = {"PropertyFile": {"Get": "Steps.Train.PropertyFiles.Report"}, "Path": "a"}

    with pytest.raises(ReferenceResolutionError, match="no such JSON file"):
        resolve({"Std:JsonGet": get}, replace(SCOPE, property_files={"Train": {}}))


def test_references_are_found_at_any_depth() -> None:
    value = {
        "a": [{"Get": "Parameters.A"}],
        "b": {"Std:Join": {"Values": [{"Get": "Steps.B.X"}, "text"]}},
        "c": {"Std:JsonGet": {"PropertyFile": {"Get": "Steps.C.PropertyFiles.F"}, "Path": "p"}},
    }

    assert list(references_in(value)) == ["Parameters.A", "Steps.B.X", "Steps.C.PropertyFiles.F"]
