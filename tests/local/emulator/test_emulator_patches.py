"""The corrections of moto."""

from __future__ import annotations

import copy

import boto3
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from moto import mock_aws
from moto.kms.models import kms_backends
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


def test_a_key_that_encrypts_has_no_private_one(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    apply_patches("kms")
    made: list[int] = []
    make = rsa.generate_private_key

    def generate_private_key(public_exponent: int, key_size: int) -> rsa.RSAPrivateKey:
        made.append(key_size)
        return make(public_exponent, key_size)

    monkeypatch.setattr(rsa, "generate_private_key", generate_private_key)
    with mock_aws():
        client = boto3.client("kms", "eu-west-1")
        created = client.create_key()["KeyMetadata"]
        key = kms_backends[created["AWSAccountId"]]["eu-west-1"].keys[created["KeyId"]]
        copied = copy.deepcopy(key.private_key)
        before = [*made]
        signing = client.create_key(KeySpec="RSA_3072", KeyUsage="SIGN_VERIFY")["KeyMetadata"]
        client.sign(KeyId=signing["KeyId"], Message=b"it", SigningAlgorithm="RSASSA_PSS_SHA_256")

    assert before == []
    assert made == [3072]
    assert type(copied) is type(key.private_key)
