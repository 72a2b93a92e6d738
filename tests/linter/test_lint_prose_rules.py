from __future__ import annotations

from collections.abc import Callable

import pytest

from constructs_lib.linter import Finding

LintWith = Callable[[str, object], list[Finding]]

KEY = {"Get": "Parameters.Key"}
CONTAINER = "Steps/CreateModel/Arguments/PrimaryContainer"


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("Steps/Train/Arguments/ResourceConfig/InstanceType", "ml.g5.12xlarge"),
        (
            "Steps/Package/Arguments/ProcessingResources/ClusterConfig/InstanceType",
            "ml.r5d.large",
        ),
        (
            "Steps/Train/Arguments/ResourceConfig/InstanceGroups",
            [
                {
                    "InstanceType": "ml.p4d.24xlarge",
                    "InstanceCount": 2,
                    "InstanceGroupName": "gpu",
                }
            ],
        ),
    ],
)
def test_a_volume_key_beside_local_storage_is_an_error(
    lint_with: LintWith, path: str, value: object
) -> None:
    [finding] = lint_with(path, value)
    assert finding.path.endswith(".VolumeKmsKeyId")
    assert "has local storage" in finding.message


def test_local_storage_without_a_volume_key_is_fine(lint_with: LintWith) -> None:
    resources = {"InstanceType": "ml.g5.xlarge", "InstanceCount": {"Get": "Parameters.Count"}}
    assert lint_with("Steps/Train/Arguments/ResourceConfig", resources) == []


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (f"{CONTAINER}/ModelDataUrl", "s3://bucket/model.zip"),
        (f"{CONTAINER}/ModelDataUrl", "s3://bucket/${Name}/"),
        ("Steps/Registration-NA/Arguments/SamplePayloadUrl", "s3://bucket/payload.csv"),
        (
            "Steps/Registration-NA/Arguments/SamplePayloadUrl",
            {"Std:Join": {"On": "/", "Values": [KEY, "payloads"]}},
        ),
    ],
)
def test_models_and_payloads_that_are_no_archives_are_an_error(
    lint_with: LintWith, path: str, value: object
) -> None:
    [finding] = lint_with(path, value)
    assert "has to end in .tar.gz" in finding.message


@pytest.mark.parametrize("value", ["s3://b/m.tar.gz", "s3://b/${Key}", "${Uri}", KEY])
def test_archives_and_what_may_be_one_are_fine(lint_with: LintWith, value: object) -> None:
    assert lint_with(f"{CONTAINER}/ModelDataUrl", value) == []


def test_too_large_an_environment_is_an_error(lint_with: LintWith) -> None:
    environment = {f"V{number}": "ä" * 1000 for number in range(17)}
    [finding] = lint_with(f"{CONTAINER}/Environment", environment)
    assert "have 34041 bytes; all of a model's have at most 32768" in finding.message


def test_an_image_of_another_region_is_an_error(lint_with: LintWith) -> None:
    image = "763104351884.dkr.ecr.eu-west-1.amazonaws.com/pytorch-inference:2.1.0-cpu-py310"
    [finding] = lint_with(f"{CONTAINER}/Image", image)
    assert finding.path == "$.Steps[1].Arguments.PrimaryContainer.Image"
    assert finding.message == "is in eu-west-1; other images of this pipeline are in us-east-1"


def test_an_image_of_the_deployments_region_is_fine(lint_with: LintWith) -> None:
    image = "123456789012.dkr.ecr.${AWS::Region}.${AWS::URLSuffix}/mine:1"
    assert lint_with(f"{CONTAINER}/Image", image) == []
