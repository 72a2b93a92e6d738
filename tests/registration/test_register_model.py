"""The function that registers in other regions, against an emulated S3, KMS and SageMaker."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import boto3
import pytest
from boto3.s3.transfer import TransferConfig
from botocore.awsrequest import AWSResponse
from botocore.stub import Stubber
from moto import mock_aws
from moto.core.botocore_stubber import MockRawResponse

from constructs_lib.jobs import register_model
from constructs_lib.jobs.register_model import RegistrationError, handler
from constructs_lib.registration.file import registration_file
from constructs_lib.registration.request import RegistrationRequest

HOME_BUCKET = "artifacts-us-east-1"
BUCKET = "registry-eu-west-1"
KEY_ARN = "arn:aws:kms:eu-west-1:123456789012:alias/returns-risk"
EXECUTION_ARN = "arn:aws:sagemaker:us-east-1:123456789012:pipeline/returns-risk/execution/abc123"
ARTIFACT_KEY = "returns-risk/releases/abc123/model.tar.gz"
PAYLOAD_KEY = "assets/payload.tar.gz"
REQUEST_KEY = "assets/registration.json"
MANIFEST_KEY = "returns-risk/releases/abc123/manifest.json"
EVALUATION_KEY = "returns-risk/releases/abc123/evaluation.json"
ARTIFACT = b"artifact" * 1000
SHA256 = hashlib.sha256(ARTIFACT).hexdigest()
FILES = {
    "evaluation_uri": EVALUATION_KEY,
    "model_artifact_uri": ARTIFACT_KEY,
    "packaging_manifest_uri": MANIFEST_KEY,
    "registration_request_uri": REQUEST_KEY,
    "sample_payload_uri": PAYLOAD_KEY,
}


@dataclass(frozen=True)
class Aws:
    """The emulated services: S3 at home and in the other region, and SageMaker there."""

    source: Any
    destination: Any
    registry: Any


@pytest.fixture
def aws(
    monkeypatch: pytest.MonkeyPatch, make_request: Callable[..., RegistrationRequest]
) -> Iterator[Aws]:
    """Emulate AWS with a registry stack in eu-west-1 and what an execution has written."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    with mock_aws():
        services = Aws(
            source=boto3.client("s3"),
            destination=boto3.client("s3", region_name="eu-west-1"),
            registry=boto3.client("sagemaker", region_name="eu-west-1"),
        )
        services.destination.create_bucket(
            Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"}
        )
        services.registry.create_model_package_group(ModelPackageGroupName="returns-risk")
        services.source.create_bucket(Bucket=HOME_BUCKET)
        request_file = registration_file([make_request(verification="enforce")])
        contents = {
            ARTIFACT_KEY: ARTIFACT,
            MANIFEST_KEY: json.dumps({"size_bytes": len(ARTIFACT)}).encode(),
            EVALUATION_KEY: evaluation(SHA256),
            PAYLOAD_KEY: b"payload",
            REQUEST_KEY: request_file,
        }
        for key, content in contents.items():
            services.source.put_object(Bucket=HOME_BUCKET, Key=key, Body=content)
        yield services


def evaluation(sha256: str) -> bytes:
    gate = {"errors": 0, "latency_p99_in_millisecond": 12.3, "error_rate": 0.0}
    document = {
        "verdict": "passed",
        "summary": "p99 12.3 ms, 20.0 tps",
        "gate": {**gate, "achieved_tps": 20.0},
        "artifact": {"sha256": sha256},
    }
    return json.dumps(document).encode()


@pytest.fixture
def event() -> dict[str, str]:
    """Return what the Stage step passes."""
    return {
        "action": "stage",
        "region_code": "EU",
        "aws_region": "eu-west-1",
        "artifact_sha256": SHA256,
        "destination_bucket": BUCKET,
        "kms_key_id": KEY_ARN,
        "model_package_group_name": "returns-risk",
        "pipeline_execution_arn": EXECUTION_ARN,
        "register_again": "no",
        "verification": "enforce",
        "verdict": "passed",
        **{name: f"s3://{HOME_BUCKET}/{key}" for name, key in FILES.items()},
    }


@pytest.fixture
def registration(event: dict[str, str]) -> dict[str, str]:
    """Return what the Registration step passes."""
    return {
        **{name: value for name, value in event.items() if name in SHARED},
        "action": "register",
        "code_sha256": "cd" * 32,
        "git_commit": f"{'12' * 20}-dirty",
        "model_approval_status": "PendingManualApproval",
        "source_model_artifact_uri": f"s3://{HOME_BUCKET}/incoming/model.tar.gz",
        **{name: f"s3://{BUCKET}/{key}" for name, key in FILES.items()},
    }


SHARED = {
    "region_code",
    "aws_region",
    "artifact_sha256",
    "model_package_group_name",
    "pipeline_execution_arn",
    "register_again",
}


def registered(aws: Aws) -> list[dict[str, Any]]:
    summaries = aws.registry.list_model_packages(ModelPackageGroupName="returns-risk")
    return [
        aws.registry.describe_model_package(ModelPackageName=summary["ModelPackageArn"])
        for summary in summaries["ModelPackageSummaryList"]
    ]


def test_staging_copies_the_files_to_the_regions_bucket_under_its_key(
    event: dict[str, str], aws: Aws
) -> None:
    outputs = handler(event, None)
    for name, key in FILES.items():
        headers = aws.destination.head_object(Bucket=BUCKET, Key=key)
        assert headers["ServerSideEncryption"] == "aws:kms"
        assert headers["SSEKMSKeyId"] == KEY_ARN
        assert outputs[name] == f"s3://{BUCKET}/{key}"
    assert aws.destination.get_object(Bucket=BUCKET, Key=ARTIFACT_KEY)["Body"].read() == ARTIFACT
    assert (outputs["state"], outputs["registered"]) == ("staged", "none")
    assert registered(aws) == []


def test_a_model_that_failed_its_verification_is_not_copied(
    event: dict[str, str], aws: Aws
) -> None:
    outputs = handler({**event, "verdict": "failed"}, None)
    assert (outputs["state"], outputs["registered"]) == ("refused", "none")
    assert "Contents" not in aws.destination.list_objects_v2(Bucket=BUCKET)


def test_a_failed_model_is_staged_where_verification_only_warns(
    event: dict[str, str], aws: Aws
) -> None:
    outputs = handler({**event, "verdict": "failed", "verification": "warn"}, None)
    assert outputs["state"] == "staged"


def test_a_model_that_was_not_verified_is_staged(event: dict[str, str], aws: Aws) -> None:
    del event["evaluation_uri"], event["verdict"]
    outputs = handler({**event, "verification": "off"}, None)
    assert (outputs["state"], outputs["evaluation_uri"]) == ("staged", "none")


def test_at_home_the_files_are_in_place(event: dict[str, str], aws: Aws) -> None:
    group = boto3.client("sagemaker", region_name="us-east-1")
    group.create_model_package_group(ModelPackageGroupName="returns-risk")
    before = aws.source.head_object(Bucket=HOME_BUCKET, Key=ARTIFACT_KEY)["LastModified"]
    home = {"aws_region": "us-east-1", "destination_bucket": HOME_BUCKET, "region_code": "NA"}
    outputs = handler({**event, **home}, None)
    assert outputs["model_artifact_uri"] == event["model_artifact_uri"]
    after = aws.source.head_object(Bucket=HOME_BUCKET, Key=ARTIFACT_KEY)["LastModified"]
    assert before == after


@pytest.mark.parametrize("home", [False, True])
def test_an_artifact_that_was_replaced_after_packaging_is_refused(
    event: dict[str, str], aws: Aws, home: bool
) -> None:
    aws.source.put_object(Bucket=HOME_BUCKET, Key=ARTIFACT_KEY, Body=ARTIFACT[::-1])
    if home:
        event["destination_bucket"] = HOME_BUCKET
    with pytest.raises(RegistrationError, match=r"its manifest says .*Was it replaced"):
        handler(event, None)


def test_an_evaluation_of_another_artifact_is_refused(event: dict[str, str], aws: Aws) -> None:
    aws.source.put_object(Bucket=HOME_BUCKET, Key=EVALUATION_KEY, Body=evaluation("ab" * 32))
    with pytest.raises(RegistrationError, match="of an artifact with the SHA-256 abab"):
        handler(event, None)


def test_nothing_is_copied_that_is_there_already(event: dict[str, str], aws: Aws) -> None:
    handler(event, None)
    aws.destination.put_object_tagging(
        Bucket=BUCKET, Key=ARTIFACT_KEY, Tagging={"TagSet": [{"Key": "untouched", "Value": "1"}]}
    )
    handler(event, None)
    tags = aws.destination.get_object_tagging(Bucket=BUCKET, Key=ARTIFACT_KEY)["TagSet"]
    assert tags == [{"Key": "untouched", "Value": "1"}]


def test_a_file_of_other_content_is_replaced(event: dict[str, str], aws: Aws) -> None:
    aws.destination.put_object(Bucket=BUCKET, Key=ARTIFACT_KEY, Body=b"x" * len(ARTIFACT))
    handler(event, None)
    assert aws.destination.get_object(Bucket=BUCKET, Key=ARTIFACT_KEY)["Body"].read() == ARTIFACT


def test_a_large_artifact_is_copied_in_parts(
    event: dict[str, str], aws: Aws, monkeypatch: pytest.MonkeyPatch
) -> None:
    part = 5 * 1024**2
    large = bytes(range(256)) * (2 * part // 256) + b"the end"
    sha256 = hashlib.sha256(large).hexdigest()
    aws.source.put_object(Bucket=HOME_BUCKET, Key=ARTIFACT_KEY, Body=large)
    aws.source.put_object(Bucket=HOME_BUCKET, Key=EVALUATION_KEY, Body=evaluation(sha256))
    monkeypatch.setattr(
        register_model,
        "_TRANSFER",
        TransferConfig(multipart_threshold=part, multipart_chunksize=part),
    )
    handler({**event, "artifact_sha256": sha256}, None)
    headers = aws.destination.head_object(Bucket=BUCKET, Key=ARTIFACT_KEY)
    assert headers["ETag"].endswith('-3"')
    assert headers["ServerSideEncryption"] == "aws:kms"
    assert aws.destination.get_object(Bucket=BUCKET, Key=ARTIFACT_KEY)["Body"].read() == large


def test_a_missing_artifact_is_named_with_what_to_do(event: dict[str, str], aws: Aws) -> None:
    aws.source.delete_object(Bucket=HOME_BUCKET, Key=ARTIFACT_KEY)
    uri = f"s3://{HOME_BUCKET}/{ARTIFACT_KEY}"
    with pytest.raises(RegistrationError) as failure:
        handler(event, None)
    message = str(failure.value)
    assert message.startswith(f"Staging in EU (eu-west-1) failed while putting {uri} in place")
    assert f"{uri} does not exist." in message
    assert "Nothing is registered in any region" in message


def test_a_region_without_its_stack_is_an_error_that_says_so(
    event: dict[str, str], aws: Aws
) -> None:
    event["destination_bucket"] = "registry-that-was-never-deployed"
    with pytest.raises(RegistrationError, match="is the registry stack of eu-west-1 deployed"):
        handler(event, None)


def test_registers_a_model_package_of_the_region(
    event: dict[str, str], registration: dict[str, str], aws: Aws
) -> None:
    handler(event, None)
    outputs = handler(registration, None)
    (package,) = registered(aws)
    container = package["InferenceSpecification"]["Containers"][0]
    assert package["ModelPackageArn"] == outputs["model_package_arn"]
    assert ":eu-west-1:" in package["ModelPackageArn"]
    assert container["Image"].endswith("eu-west-1.amazonaws.com/pytorch-inference:2.1.0")
    assert container["ModelDataUrl"] == f"s3://{BUCKET}/{ARTIFACT_KEY}"
    assert package["SamplePayloadUrl"] == f"s3://{BUCKET}/{PAYLOAD_KEY}"
    assert package["ModelApprovalStatus"] == "PendingManualApproval"
    properties = package["CustomerMetadataProperties"]
    assert properties["artifact_sha256"] == SHA256
    assert properties["latency_p99_in_millisecond"] == "12.3"
    assert properties["achieved_tps"] == "20.0"
    assert properties["evaluation"] == f"s3://{BUCKET}/{EVALUATION_KEY}"
    assert properties["git_commit"] == f"{'12' * 20}-dirty"


def test_an_execution_of_an_earlier_definition_has_no_known_commit(
    event: dict[str, str], registration: dict[str, str], aws: Aws
) -> None:
    handler(event, None)
    del registration["git_commit"]
    handler(registration, None)

    (package,) = registered(aws)
    assert package["CustomerMetadataProperties"]["git_commit"] == "unknown"


def test_the_model_card_holds_what_was_measured(
    registration: dict[str, str], event: dict[str, str], aws: Aws
) -> None:
    handler(event, None)
    work = register_model.Registration.from_event(registration)
    arguments = register_model.model_package_arguments(work, aws.destination)
    card = json.loads(arguments["ModelCard"]["ModelCardContent"])
    (measured,) = card["evaluation_details"]
    assert measured["evaluation_observation"] == "p99 12.3 ms, 20.0 tps"
    assert measured["metric_groups"][0]["metric_data"][0]["value"] == 12.3
    assert card["model_overview"]["model_artifact"] == [f"s3://{BUCKET}/{ARTIFACT_KEY}"]


def _release(event: dict[str, str], registration: dict[str, str], **changes: str) -> str:
    """Stage and register, as an execution does; returns the model package's ARN."""
    handler({**event, **changes}, None)
    arn: str = handler({**registration, **changes}, None)["model_package_arn"]
    return arn


def test_the_same_content_is_registered_once(
    event: dict[str, str], registration: dict[str, str], aws: Aws
) -> None:
    first = _release(event, registration)
    assert _release(event, registration, pipeline_execution_arn=f"{EXECUTION_ARN}2") == first
    staged = handler({**event, "pipeline_execution_arn": f"{EXECUTION_ARN}3"}, None)
    assert (staged["state"], staged["registered"]) == ("registered", first)
    assert len(registered(aws)) == 1


def test_the_same_content_is_registered_again_once_per_execution_that_asks(
    event: dict[str, str], registration: dict[str, str], aws: Aws
) -> None:
    again = {"register_again": "yes", "pipeline_execution_arn": f"{EXECUTION_ARN}2"}
    first = _release(event, registration)
    second = _release(event, registration, **again)
    assert _release(event, registration, **again) == second != first
    assert len(registered(aws)) == 2


def test_a_model_package_whose_artifact_is_gone_does_not_count(
    event: dict[str, str], registration: dict[str, str], aws: Aws
) -> None:
    first = _release(event, registration)
    aws.destination.delete_object(Bucket=BUCKET, Key=ARTIFACT_KEY)
    assert handler(event, None)["state"] == "staged"
    assert handler(registration, None)["model_package_arn"] == first


def test_content_of_a_kept_group_whose_bucket_is_not_ours_any_more_is_registered_again(
    event: dict[str, str],
    registration: dict[str, str],
    aws: Aws,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    kept = "kept-registry"
    location = {"LocationConstraint": "eu-west-1"}
    aws.destination.create_bucket(Bucket=kept, CreateBucketConfiguration=location)
    moved = {name: uri.replace(BUCKET, kept) for name, uri in registration.items()}
    handler({**event, "destination_bucket": kept}, None)
    first = handler(moved, None)["model_package_arn"]
    _refuse_to_tell_of_objects_in(kept, monkeypatch)

    staged = handler({**event, "pipeline_execution_arn": f"{EXECUTION_ARN}2"}, None)
    second = handler({**registration, "pipeline_execution_arn": f"{EXECUTION_ARN}2"}, None)

    assert staged["state"] == "staged"
    assert second["model_package_arn"] != first
    assert f"{first} has the content, but s3://{kept}/{ARTIFACT_KEY} cannot be read" in caplog.text


def _refuse_to_tell_of_objects_in(bucket: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for_region = register_model.Clients.for_region

    def refuse(request: Any, **_: Any) -> AWSResponse | None:
        if bucket not in request.url:
            return None
        return AWSResponse(request.url, 403, {}, MockRawResponse(b""))

    def clients(aws_region: str) -> register_model.Clients:
        made = for_region(aws_region)
        made.s3.meta.events.register_first("before-send.s3.HeadObject", refuse)
        return made

    monkeypatch.setattr(register_model.Clients, "for_region", clients)


def test_nothing_is_registered_that_is_not_in_place(
    event: dict[str, str], registration: dict[str, str], aws: Aws
) -> None:
    handler(event, None)
    aws.destination.put_object(Bucket=BUCKET, Key=ARTIFACT_KEY, Body=ARTIFACT[:-1])
    with pytest.raises(
        RegistrationError, match="has 7999 bytes, its manifest says 8000"
    ) as failure:
        handler(registration, None)
    assert "it registers where it is missing" in str(failure.value)
    aws.destination.delete_object(Bucket=BUCKET, Key=ARTIFACT_KEY)
    with pytest.raises(RegistrationError, match="does not exist"):
        handler(registration, None)
    assert registered(aws) == []


def test_a_registration_that_another_execution_won_is_found(
    event: dict[str, str],
    registration: dict[str, str],
    aws: Aws,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    first = _release(event, registration)
    seen: list[object] = []
    find = register_model.find_model_package

    def blind_at_first(work: register_model.Work, clients: register_model.Clients) -> Any:
        seen.append(work)
        return find(work, clients) if len(seen) > 1 else None

    monkeypatch.setattr(register_model, "find_model_package", blind_at_first)
    work = register_model.Registration.from_event(registration)
    clients = register_model.Clients(
        home_s3=aws.source, home_sagemaker=None, s3=aws.destination, sagemaker=aws.registry
    )
    with Stubber(aws.registry) as stubber:
        stubber.add_client_error("create_model_package", service_error_code="ConflictException")
        stubber.add_response(
            "list_model_packages",
            {"ModelPackageSummaryList": [_summary(first)]},
        )
        stubber.add_response("describe_model_package", _described(first))
        assert register_model.register(work, clients)["model_package_arn"] == first


def _summary(arn: str) -> dict[str, Any]:
    return {
        "ModelPackageArn": arn,
        "CreationTime": datetime(2026, 1, 1, tzinfo=UTC),
        "ModelPackageStatus": "Completed",
    }


def _described(arn: str) -> dict[str, Any]:
    container = {"Image": "image", "ModelDataUrl": f"s3://{BUCKET}/{ARTIFACT_KEY}"}
    return {
        "ModelPackageName": "returns-risk/1",
        "ModelPackageArn": arn,
        "CreationTime": datetime(2026, 1, 1, tzinfo=UTC),
        "ModelPackageStatus": "Completed",
        "ModelPackageStatusDetails": {"ValidationStatuses": []},
        "InferenceSpecification": {"Containers": [container]},
        "SamplePayloadUrl": f"s3://{BUCKET}/{PAYLOAD_KEY}",
        "CustomerMetadataProperties": {
            "artifact_sha256": SHA256,
            "packaging_manifest": "s3://bucket/manifest.json",
            "registration_request": "s3://bucket/registration.json",
        },
    }


def test_the_client_token_is_of_the_execution_the_content_and_the_region(
    registration: dict[str, str],
) -> None:
    def token(**changes: str) -> str:
        return register_model.Registration.from_event({**registration, **changes}).client_token

    assert token() == token(model_approval_status="Approved")
    assert token() != token(pipeline_execution_arn=f"{EXECUTION_ARN}2")
    assert token() != token(aws_region="us-west-2")
    assert token() != token(artifact_sha256="00" * 32)


def test_a_missing_model_package_group_is_named(
    event: dict[str, str], registration: dict[str, str], aws: Aws
) -> None:
    handler(event, None)
    registration["model_package_group_name"] = "unknown-group"
    with pytest.raises(RegistrationError, match=r"model package group unknown-group"):
        handler(registration, None)


def test_a_region_that_the_file_lacks_is_an_error(
    event: dict[str, str], registration: dict[str, str], aws: Aws
) -> None:
    handler(event, None)
    with pytest.raises(RegistrationError, match="no region 'FE', it has EU"):
        handler({**registration, "region_code": "FE"}, None)


def test_a_file_of_another_version_is_refused(
    event: dict[str, str], registration: dict[str, str], aws: Aws
) -> None:
    newer = json.dumps({"schema_version": 99, "regions": {}}).encode()
    aws.source.put_object(Bucket=HOME_BUCKET, Key=REQUEST_KEY, Body=newer)
    handler(event, None)
    with pytest.raises(RegistrationError, match="schema_version is 99, this function reads 1"):
        handler(registration, None)


def test_missing_members_of_the_event_are_listed(event: dict[str, str]) -> None:
    event["kms_key_id"] = ""
    del event["aws_region"]
    with pytest.raises(RegistrationError, match="no value for aws_region, kms_key_id"):
        handler(event, None)


def test_an_unknown_action_is_refused(event: dict[str, str]) -> None:
    with pytest.raises(RegistrationError, match="'delete'; allowed are 'stage' and 'register'"):
        handler({**event, "action": "delete"}, None)


def test_what_is_no_s3_uri_is_an_error(event: dict[str, str]) -> None:
    event["model_artifact_uri"] = "https://bucket/model.tar.gz"
    with pytest.raises(RegistrationError, match="as s3://bucket/key, got 'https://bucket"):
        register_model.Staging.from_event(event).files()
