"""The corrections of moto."""

from __future__ import annotations

import boto3
import pytest
from moto import mock_aws
from moto.s3.responses import S3Response
from moto.sagemaker.responses import SageMakerResponse

from local.emulator.patches import apply_patches
from local.emulator.sagemaker.lineage import add_lineage


@pytest.mark.parametrize(
    ("service", "responses", "name"),
    [
        ("s3", S3Response, "put_object"),
        ("s3", S3Response, "_key_response_post"),
        ("sagemaker", SageMakerResponse, "create_model_package"),
    ],
)
def test_moto_is_corrected_once_in_a_process(service: str, responses: type, name: str) -> None:
    apply_patches(service)
    corrected = getattr(responses, name)

    apply_patches(service)
    add_lineage()

    assert getattr(responses, name) is corrected


def test_versions_of_a_new_group_begin_with_one_whatever_was_before(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    apply_patches("sagemaker")
    arns = []
    for _ in range(2):
        with mock_aws():
            client = boto3.client("sagemaker", "eu-west-1")
            client.create_model_package_group(ModelPackageGroupName="numbered")
            package = client.create_model_package(ModelPackageGroupName="numbered")
            arns.append(package["ModelPackageArn"])

    assert [arn.rpartition("/")[2] for arn in arns] == ["1", "1"]
