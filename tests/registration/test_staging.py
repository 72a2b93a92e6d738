"""Stage, against emulated services: what is proven, and that nothing is written over."""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Callable
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from constructs_lib.jobs.register_model import (
    RegistrationError,
    Staging,
    artifacts,
    handler,
    objects,
)
from tests.registration.region import (
    ARTIFACT,
    BUCKET,
    EXECUTION_ARN,
    HOME_BUCKET,
    KEY_ARN,
    PAYLOAD,
    SHA256,
    WRITTEN,
    Aws,
    evaluation,
    manifest,
)

PART = 5 * 1024**2
LARGE = bytes(range(256)) * (2 * PART // 256) + b"the end"


def _read(aws: Aws, key: str) -> bytes:
    body: bytes = aws.destination.get_object(Bucket=BUCKET, Key=key)["Body"].read()
    return body


def _keys(aws: Aws) -> list[str]:
    listed = aws.destination.list_objects_v2(Bucket=BUCKET)
    return [each["Key"] for each in listed.get("Contents", ())]


def test_staging_writes_the_files_to_the_regions_bucket_under_its_key(
    event: dict[str, str], aws: Aws, staged: dict[str, str]
) -> None:
    outputs = handler(event, None)

    for name, key in staged.items():
        headers = aws.destination.head_object(Bucket=BUCKET, Key=key)
        assert headers["ServerSideEncryption"] == "aws:kms"
        assert headers["SSEKMSKeyId"] == KEY_ARN
        assert outputs[name] == f"s3://{BUCKET}/{key}"
        original = aws.source.get_object(Bucket=HOME_BUCKET, Key=WRITTEN[name])
        assert _read(aws, key) == original["Body"].read()
    assert (outputs["state"], outputs["registered"]) == ("staged", "none")
    assert aws.registered() == []


def test_staging_writes_at_home_what_the_jobs_have_written_below_the_temporary_prefix(
    event: dict[str, str], aws: Aws, staged: dict[str, str]
) -> None:
    home = {"aws_region": "us-east-1", "destination_bucket": HOME_BUCKET, "region_code": "NA"}

    outputs = handler({**event, **home}, None)

    assert outputs["model_artifact_uri"] == f"s3://{HOME_BUCKET}/{staged['model_artifact_uri']}"
    for name, key in staged.items():
        assert outputs[name] == f"s3://{HOME_BUCKET}/{key}"
        assert aws.source.head_object(Bucket=HOME_BUCKET, Key=key)["SSEKMSKeyId"] == KEY_ARN


def test_a_model_that_failed_its_verification_is_not_copied(
    event: dict[str, str], aws: Aws
) -> None:
    outputs = handler({**event, "verdict": "failed"}, None)

    assert (outputs["state"], outputs["registered"]) == ("refused", "none")
    assert _keys(aws) == []


def test_a_failed_model_is_staged_where_verification_only_warns(
    event: dict[str, str], aws: Aws
) -> None:
    aws.write("evaluation_uri", evaluation(verdict="failed"))

    outputs = handler({**event, "verdict": "failed", "verification": "warn"}, None)

    assert outputs["state"] == "staged"


def test_a_model_that_was_not_verified_is_staged(event: dict[str, str], aws: Aws) -> None:
    del event["evaluation_uri"], event["verdict"]

    outputs = handler({**event, "verification": "off"}, None)

    assert (outputs["state"], outputs["evaluation_uri"]) == ("staged", "none")


FORGERIES: dict[str, tuple[str, bytes, str]] = {
    "artifact": (
        "model_artifact_uri",
        ARTIFACT[::-1],
        r"the SHA-256 .* its manifest says .*Was it replaced",
    ),
    "shorter artifact": ("model_artifact_uri", ARTIFACT[:-1], "7999 bytes; its manifest says 8000"),
    "manifest of another artifact": (
        "packaging_manifest_uri",
        manifest(b"another"),
        "Its sha256 is .* Package wrote",
    ),
    "manifest of other code": (
        "packaging_manifest_uri",
        manifest(code_sha256="00" * 32),
        "Its code_sha256 is 0000.* Package wrote cdcd",
    ),
    "evaluation of another artifact": (
        "evaluation_uri",
        evaluation("ab" * 32),
        "of an artifact with the SHA-256 abab",
    ),
    "evaluation of another verdict": (
        "evaluation_uri",
        evaluation(verdict="failed"),
        "Its verdict is 'failed'; Verify wrote 'passed'",
    ),
    "sample payload": ("sample_payload_uri", b"another", "the deployed files have one that"),
    "registration request": ("registration_request_uri", b"{}", "the deployed files have one that"),
    "no manifest": ("packaging_manifest_uri", b"[]", "is not a JSON object"),
}


@pytest.mark.parametrize("what", FORGERIES)
def test_what_is_not_what_the_pipeline_knows_of_is_refused_and_nothing_written(
    what: str, event: dict[str, str], aws: Aws
) -> None:
    name, content, message = FORGERIES[what]
    aws.write(name, content)

    with pytest.raises(RegistrationError, match=message):
        handler(event, None)

    assert _keys(aws) == []
    assert "Uploads" not in aws.destination.list_multipart_uploads(Bucket=BUCKET)


def test_what_is_written_is_what_was_read_and_compared(
    event: dict[str, str],
    aws: Aws,
    staged: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    put = artifacts.put_artifact

    def replace_meanwhile(*arguments: Any, **named: Any) -> None:
        aws.write("packaging_manifest_uri", manifest(b"forged"))
        aws.write("evaluation_uri", evaluation("ab" * 32))
        put(*arguments, **named)

    monkeypatch.setattr(
        "constructs_lib.jobs.register_model.staging.put_artifact", replace_meanwhile
    )
    handler(event, None)

    assert _read(aws, staged["packaging_manifest_uri"]) == manifest()
    assert _read(aws, staged["evaluation_uri"]) == evaluation()


def test_nothing_is_written_that_is_there_already(
    event: dict[str, str], aws: Aws, staged: dict[str, str]
) -> None:
    handler(event, None)
    before = {
        key: aws.destination.head_object(Bucket=BUCKET, Key=key)["LastModified"]
        for key in staged.values()
    }
    for key in staged.values():
        tags = {"TagSet": [{"Key": "untouched", "Value": "1"}]}
        aws.destination.put_object_tagging(Bucket=BUCKET, Key=key, Tagging=tags)

    assert handler(event, None)["state"] == "staged"

    for key, modified in before.items():
        assert aws.destination.get_object_tagging(Bucket=BUCKET, Key=key)["TagSet"]
        assert aws.destination.head_object(Bucket=BUCKET, Key=key)["LastModified"] == modified


@pytest.mark.parametrize("name", WRITTEN)
def test_a_file_of_other_content_is_refused_and_stays(
    name: str, event: dict[str, str], aws: Aws, staged: dict[str, str]
) -> None:
    other = b"x" * len(ARTIFACT)
    aws.destination.put_object(Bucket=BUCKET, Key=staged[name], Body=other)

    with pytest.raises(RegistrationError, match=r"never written\s+over"):
        handler(event, None)

    assert _read(aws, staged[name]) == other


def _copy_as_one_part(aws: Aws, source: str, key: str) -> None:
    """Copy an object as Stage does, whatever it is."""
    there = {"Bucket": BUCKET, "Key": key}
    upload = aws.destination.create_multipart_upload(**there, ChecksumAlgorithm="SHA256")
    there["UploadId"] = upload["UploadId"]
    copied = {"Bucket": HOME_BUCKET, "Key": source}
    part = aws.destination.upload_part_copy(**there, PartNumber=1, CopySource=copied)
    parts = [{"PartNumber": 1, "ETag": part["CopyPartResult"]["ETag"]}]
    aws.destination.complete_multipart_upload(**there, MultipartUpload={"Parts": parts})


def test_an_artifact_in_place_with_the_checksum_of_another_is_refused(
    event: dict[str, str], aws: Aws, staged: dict[str, str]
) -> None:
    _copy_as_one_part(aws, WRITTEN["sample_payload_uri"], staged["model_artifact_uri"])

    with pytest.raises(RegistrationError, match=r"has the ChecksumSHA256 .* its manifest says"):
        handler(event, None)

    assert _read(aws, staged["model_artifact_uri"]) == PAYLOAD


def _write_large(event: dict[str, str], aws: Aws, **changes: Any) -> dict[str, str]:
    sha256 = hashlib.sha256(LARGE).hexdigest()
    aws.write("model_artifact_uri", LARGE)
    aws.write("packaging_manifest_uri", manifest(LARGE, **changes))
    aws.write("evaluation_uri", evaluation(sha256))
    return {**event, "artifact_sha256": sha256}


@pytest.fixture
def in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(artifacts, "LARGEST_PART_BYTES", PART)
    monkeypatch.setattr(artifacts, "PART_BYTES", PART)


@pytest.fixture
def unread(in_parts: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(artifacts, "MOST_HASHED_BYTES", PART)


@pytest.mark.usefixtures("in_parts")
def test_a_large_artifact_is_copied_in_parts(
    event: dict[str, str], aws: Aws, staged: dict[str, str]
) -> None:
    handler(_write_large(event, aws), None)

    key = staged["model_artifact_uri"]
    headers = aws.destination.head_object(Bucket=BUCKET, Key=key, ChecksumMode="ENABLED")
    assert headers["ETag"].endswith('-3"')
    assert headers["ChecksumType"] == "FULL_OBJECT"
    assert headers["ServerSideEncryption"] == "aws:kms"
    assert _read(aws, key) == LARGE


@pytest.mark.usefixtures("unread")
def test_a_checksum_proves_an_artifact_that_is_too_large_to_be_read(
    event: dict[str, str], aws: Aws, staged: dict[str, str]
) -> None:
    large = _write_large(event, aws, crc32=f"{zlib.crc32(b'another'):08x}")
    with pytest.raises(RegistrationError, match="has another checksum; its manifest says"):
        handler(large, None)
    assert _keys(aws) == []
    assert "Uploads" not in aws.destination.list_multipart_uploads(Bucket=BUCKET)

    aws.write("packaging_manifest_uri", manifest(LARGE))
    handler(large, None)
    assert _read(aws, staged["model_artifact_uri"]) == LARGE


@pytest.mark.usefixtures("unread")
def test_what_nothing_can_prove_is_refused(event: dict[str, str], aws: Aws) -> None:
    large = _write_large(event, aws, crc32=None)

    with pytest.raises(RegistrationError, match=r'the member "crc32" of manifest\.json'):
        handler(large, None)

    assert _keys(aws) == []


@pytest.mark.usefixtures("in_parts")
def test_the_digest_of_what_can_be_read_is_compared_whatever_the_checksum(
    event: dict[str, str], aws: Aws
) -> None:
    large = _write_large(event, aws)
    forged = bytearray(LARGE)
    forged[0] ^= 1
    aws.write("model_artifact_uri", bytes(forged))
    aws.write("packaging_manifest_uri", manifest(LARGE, crc32=f"{zlib.crc32(bytes(forged)):08x}"))

    with pytest.raises(RegistrationError, match=r"has the SHA-256 .* Was it replaced"):
        handler(large, None)


def test_a_missing_artifact_is_named_with_what_to_do(event: dict[str, str], aws: Aws) -> None:
    aws.source.delete_object(Bucket=HOME_BUCKET, Key=WRITTEN["model_artifact_uri"])
    uri = event["model_artifact_uri"]

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


def test_an_upload_that_was_completed_though_its_answer_was_lost_counts(
    event: dict[str, str], aws: Aws, monkeypatch: pytest.MonkeyPatch
) -> None:
    complete: Callable[..., Any] = artifacts._Upload._complete

    def complete_twice(*arguments: Any) -> None:
        complete(*arguments)
        complete(*arguments)

    monkeypatch.setattr(artifacts._Upload, "_complete", complete_twice)

    assert handler(event, None)["state"] == "staged"


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
        Staging.from_event(event).files()


def test_claims_lie_beside_the_releases(event: dict[str, str]) -> None:
    claims = Staging.from_event(event).claims
    assert claims.uri == f"s3://{HOME_BUCKET}/returns-risk/releases/claims/returns-risk/{SHA256}"
    again = Staging.from_event({**event, "register_again": "yes"}).claims
    assert again.key == f"{claims.key}-again-{EXECUTION_ARN.rpartition('/')[2]}"


def test_nobody_writes_over_a_claim(event: dict[str, str], aws: Aws) -> None:
    handler(event, None)
    claim = Staging.from_event(event).claims.within("1")

    assert boto3.client("s3").get_object(**claim.location)["Body"].read().decode() == EXECUTION_ARN
    with pytest.raises(ClientError, match="PreconditionFailed"):
        aws.source.put_object(**claim.location, Body=b"another", IfNoneMatch="*")


def test_an_artifact_that_appears_meanwhile_is_not_written_over(
    event: dict[str, str], aws: Aws, staged: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    key, other = staged["model_artifact_uri"], b"x" * len(ARTIFACT)

    def appears_behind_the_look(s3: Any, file: Any) -> bool:
        found = objects.exists(s3, file)
        if file.key == key and not found:
            aws.destination.put_object(Bucket=BUCKET, Key=key, Body=other)
        return found

    monkeypatch.setattr(artifacts, "exists", appears_behind_the_look)

    with pytest.raises(RegistrationError, match=r"never written\s+over"):
        handler(event, None)

    assert _read(aws, key) == other
