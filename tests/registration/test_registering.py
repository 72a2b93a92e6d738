"""Registration, against emulated services: once per content, whoever is retried."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.awsrequest import AWSResponse
from botocore.exceptions import ClientError
from moto.core.botocore_stubber import MockRawResponse

from constructs_lib.jobs.register_model import (
    Registration,
    RegistrationError,
    Staging,
    claims,
    handler,
    records,
    registering,
    staging,
)
from constructs_lib.jobs.register_model.clients import RegionClients
from constructs_lib.jobs.register_model.packages import model_package_arguments
from tests.registration.region import (
    ARTIFACT,
    BUCKET,
    EXECUTION_ARN,
    GROUP,
    HOME_BUCKET,
    SHA256,
    WRITTEN,
    Aws,
)

OTHER_ARN = f"{EXECUTION_ARN}2"


def _of(event: dict[str, str], execution_arn: str) -> dict[str, str]:
    """Make an event that of another execution, whose jobs have written the same."""
    return {
        **event,
        "pipeline_execution_arn": execution_arn,
        "release_folder": event["release_folder"].replace(
            "abc123", execution_arn.rpartition("/")[2]
        ),
    }


def _release(event: dict[str, str], registration: dict[str, str], **changes: str) -> str:
    """Stage and register, as an execution does; returns the model package's ARN."""
    outputs = handler({**event, **changes}, None)
    uris = {name: outputs[name] for name in WRITTEN}
    arn: str = handler({**registration, **changes, **uris}, None)["model_package_arn"]
    return arn


def test_registers_a_model_package_of_the_region(
    event: dict[str, str], registration: dict[str, str], aws: Aws, staged: dict[str, str]
) -> None:
    handler(event, None)
    outputs = handler(registration, None)
    (package,) = aws.registered()
    container = package["InferenceSpecification"]["Containers"][0]
    assert package["ModelPackageArn"] == outputs["model_package_arn"]
    assert ":eu-west-1:" in package["ModelPackageArn"]
    assert container["Image"].endswith("eu-west-1.amazonaws.com/pytorch-inference:2.1.0")
    assert container["ModelDataUrl"] == f"s3://{BUCKET}/{staged['model_artifact_uri']}"
    assert package["SamplePayloadUrl"] == f"s3://{BUCKET}/{staged['sample_payload_uri']}"
    assert package["ModelApprovalStatus"] == "PendingManualApproval"
    assert package["MetadataProperties"]["GeneratedBy"] == EXECUTION_ARN
    properties = package["CustomerMetadataProperties"]
    assert properties["artifact_sha256"] == SHA256
    assert properties["latency_p99_in_millisecond"] == "12.3"
    assert properties["achieved_tps"] == "20.0"
    assert properties["evaluation"] == f"s3://{BUCKET}/{staged['evaluation_uri']}"
    assert properties["git_commit"] == f"{'12' * 20}-dirty"


def test_an_execution_that_tells_no_commit_has_no_known_one(
    event: dict[str, str], registration: dict[str, str], aws: Aws
) -> None:
    handler(event, None)
    del registration["git_commit"]
    handler(registration, None)

    (package,) = aws.registered()
    assert package["CustomerMetadataProperties"]["git_commit"] == "unknown"


def test_the_model_card_holds_what_was_measured(
    registration: dict[str, str], event: dict[str, str], aws: Aws
) -> None:
    handler(event, None)
    work = Registration.from_event(registration)
    arguments = model_package_arguments(work, aws.destination)
    card = json.loads(arguments["ModelCard"]["ModelCardContent"])
    (measured,) = card["evaluation_details"]
    assert measured["evaluation_observation"] == "p99 12.3 ms, 20.0 tps"
    assert measured["metric_groups"][0]["metric_data"][0]["value"] == 12.3
    assert card["model_overview"]["model_artifact"] == [registration["model_artifact_uri"]]


def test_the_same_content_is_registered_once(
    event: dict[str, str], registration: dict[str, str], aws: Aws
) -> None:
    first = _release(event, registration)
    assert _release(_of(event, OTHER_ARN), _of(registration, OTHER_ARN)) == first
    staged = handler(_of(event, f"{EXECUTION_ARN}3"), None)
    assert (staged["state"], staged["registered"]) == ("registered", first)
    assert len(aws.registered()) == 1


def test_the_same_content_is_registered_again_once_per_execution_that_asks(
    event: dict[str, str], registration: dict[str, str], aws: Aws
) -> None:
    first = _release(event, registration)
    again = [_of({**each, "register_again": "yes"}, OTHER_ARN) for each in (event, registration)]
    second = _release(*again)
    assert _release(*again) == second != first
    assert len(aws.registered()) == 2


def test_an_execution_that_lost_its_claim_never_registers(
    event: dict[str, str], registration: dict[str, str], aws: Aws
) -> None:
    handler(event, None)  # A has staged here, and fails in another region
    handler(_of(event, OTHER_ARN), None)  # B takes over ...
    with pytest.raises(RegistrationError, match="taken over by another execution"):
        handler(registration, None)  # ... and A is retried before B has registered
    assert aws.registered() == []

    with pytest.raises(RegistrationError, match="A new execution can"):
        handler(event, None)
    assert len(claims.history(Staging.from_event(event), aws.source)) == 2


def test_a_retried_execution_finds_what_another_one_has_registered(
    event: dict[str, str], registration: dict[str, str], aws: Aws
) -> None:
    handler(event, None)
    first = _release(_of(event, OTHER_ARN), _of(registration, OTHER_ARN))

    assert handler(registration, None)["model_package_arn"] == first
    assert handler(event, None)["registered"] == first
    assert len(aws.registered()) == 1


def test_nothing_is_registered_without_a_claim(
    event: dict[str, str], registration: dict[str, str], aws: Aws, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(staging, "claim", lambda *_: claims.Standing(None))
    handler(event, None)

    with pytest.raises(RegistrationError, match=r"another execution \(none\)"):
        handler(registration, None)


@contextmanager
def _statuses(monkeypatch: pytest.MonkeyPatch, **running: list[bool]) -> Iterator[None]:
    """Let executions run as listed, one look after the other; the last for good."""

    def is_running(execution_arn: str, _: Any) -> bool:
        left = running.get(execution_arn.rpartition("/")[2], [False])
        return left.pop(0) if len(left) > 1 else left[0]

    with monkeypatch.context() as patched:
        patched.setattr(claims, "is_running", is_running)
        patched.setattr(staging, "POLL_SECONDS", 0)
        yield


def test_who_takes_over_waits_until_a_retried_execution_has_ended(
    event: dict[str, str], aws: Aws, monkeypatch: pytest.MonkeyPatch
) -> None:
    handler(event, None)
    looks = [False, True, True, False]

    with _statuses(monkeypatch, abc123=looks):
        assert handler(_of(event, OTHER_ARN), None)["state"] == "staged"

    assert looks == [False]


def test_a_claim_of_an_execution_that_runs_is_waited_for(
    event: dict[str, str], aws: Aws, monkeypatch: pytest.MonkeyPatch
) -> None:
    handler(event, None)
    monkeypatch.setattr(staging, "LONGEST_WAIT_SECONDS", -1)

    with (
        _statuses(monkeypatch, abc123=[True]),
        pytest.raises(RegistrationError, match=f"{EXECUTION_ARN} still runs"),
    ):
        handler(_of(event, OTHER_ARN), None)

    assert len(claims.history(Staging.from_event(event), aws.source)) == 1


def test_a_version_that_could_not_be_recorded_is_found(
    event: dict[str, str], registration: dict[str, str], aws: Aws, monkeypatch: pytest.MonkeyPatch
) -> None:
    handler(event, None)

    def die(*_: Any) -> None:
        raise InterruptedError

    with monkeypatch.context() as patched:
        patched.setattr(registering, "record", die)
        with pytest.raises(InterruptedError):
            handler(registration, None)
    (package,) = aws.registered()

    found = handler(_of(event, OTHER_ARN), None)

    assert found["registered"] == package["ModelPackageArn"]
    assert handler(registration, None)["model_package_arn"] == package["ModelPackageArn"]
    assert len(aws.registered()) == 1


def _register_others(aws: Aws, count: int) -> None:
    for number in range(count):
        container = {"Image": "image", "ModelDataUrl": f"s3://{BUCKET}/other/{number}"}
        aws.registry.create_model_package(
            ModelPackageGroupName=GROUP,
            InferenceSpecification={
                "Containers": [container],
                "SupportedContentTypes": ["text/csv"],
                "SupportedResponseMIMETypes": ["text/csv"],
            },
            SamplePayloadUrl=f"s3://{BUCKET}/other/payload.tar.gz",
            CustomerMetadataProperties={
                "artifact_sha256": f"{number:064x}",
                "packaging_manifest": "s3://bucket/manifest.json",
                "registration_request": "s3://bucket/registration.json",
            },
        )


@contextmanager
def _counted(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """Name the calls of the region's services, one after the other."""
    calls: list[str] = []
    for_region = RegionClients.for_region

    def clients(aws_region: str) -> RegionClients:
        made = for_region(aws_region)
        for client in vars(made).values():
            client.meta.events.register("before-call", lambda model, **_: calls.append(model.name))
        return made

    with monkeypatch.context() as patched:
        patched.setattr(RegionClients, "for_region", clients)
        yield calls


def test_looking_costs_the_same_however_many_versions_there_are(
    event: dict[str, str], registration: dict[str, str], aws: Aws, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = _release(event, registration)
    costs = []
    for others in (5, 200):
        _register_others(aws, others)
        _age(aws)
        with _counted(monkeypatch) as calls:
            assert handler(event, None)["registered"] == first
            assert handler(registration, None)["model_package_arn"] == first
            new = Staging.from_event({**event, "artifact_sha256": "ab" * 32})
            clients = RegionClients.for_region("eu-west-1")
            assert staging.find_or_claim(new, clients) is None
        costs.append(sorted(calls))
        aws.source.delete_object(**new.claims.within("1").location)

    assert costs[0] == costs[1]


def _age(aws: Aws) -> None:
    """Let what is registered be registered long ago."""
    from moto.sagemaker.models import sagemaker_backends

    for package in sagemaker_backends["123456789012"]["eu-west-1"].model_packages.values():
        package.creation_time = datetime.now() - timedelta(days=3)  # noqa: DTZ005 - as moto does


def test_versions_of_before_there_were_records_are_found_and_recorded_once(
    event: dict[str, str], registration: dict[str, str], aws: Aws, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = _release(event, registration)
    work = Staging.from_event(event)
    listed = aws.source.list_objects_v2(Bucket=HOME_BUCKET, Prefix=work.records.key)
    for each in listed["Contents"]:
        aws.source.delete_object(Bucket=HOME_BUCKET, Key=each["Key"])
    aws.source.delete_object(**work.claims.within("1").location)

    assert handler(_of(event, OTHER_ARN), None)["registered"] == first
    with _counted(monkeypatch) as calls:
        assert handler(_of(event, OTHER_ARN), None)["registered"] == first
    assert "ListModelPackages" not in calls

    # One that took too long has recorded some, and the next one reads the others only.
    aws.source.delete_object(**work.records.within("complete").location)
    _register_others(aws, 1)
    with _counted(monkeypatch) as calls:
        handler(_of(event, OTHER_ARN), None)
    assert calls.count("DescribeModelPackage") == 2


def test_a_version_that_was_deleted_does_not_count(
    event: dict[str, str], registration: dict[str, str], aws: Aws, monkeypatch: pytest.MonkeyPatch
) -> None:
    _release(event, registration)
    gone = ClientError(
        {"Error": {"Code": "ValidationException", "Message": "does not exist"}}, "Describe"
    )

    class Deleted:
        """A registry whose versions were deleted."""

        def describe_model_package(self, **_: Any) -> dict[str, Any]:
            raise gone

        def get_paginator(self, name: str) -> Any:
            return aws.registry.get_paginator(name)

    clients = replace(RegionClients.for_region("eu-west-1"), sagemaker=Deleted())

    assert records.find_model_package(Staging.from_event(event), clients) is None


def test_a_model_package_whose_artifact_is_gone_does_not_count(
    event: dict[str, str], registration: dict[str, str], aws: Aws, staged: dict[str, str]
) -> None:
    first = _release(event, registration)
    aws.destination.delete_object(Bucket=BUCKET, Key=staged["model_artifact_uri"])
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
    first = _release({**event, "destination_bucket": kept}, registration)
    _refuse_to_list(kept, monkeypatch)

    second = _release(_of(event, OTHER_ARN), _of(registration, OTHER_ARN))

    assert second != first
    assert f"{first} has the content, but s3://{kept}/" in caplog.text
    assert "cannot be looked at here (AccessDenied)" in caplog.text


def test_content_of_a_kept_group_whose_bucket_is_deleted_is_registered_again(
    event: dict[str, str], registration: dict[str, str], aws: Aws, caplog: pytest.LogCaptureFixture
) -> None:
    kept = "kept-registry"
    location = {"LocationConstraint": "eu-west-1"}
    aws.destination.create_bucket(Bucket=kept, CreateBucketConfiguration=location)
    first = _release({**event, "destination_bucket": kept}, registration)
    for each in aws.destination.list_objects_v2(Bucket=kept)["Contents"]:
        aws.destination.delete_object(Bucket=kept, Key=each["Key"])
    aws.destination.delete_bucket(Bucket=kept)

    second = _release(_of(event, OTHER_ARN), _of(registration, OTHER_ARN))

    assert second != first
    assert "is gone, with its bucket" in caplog.text


def _refuse_to_list(bucket: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for_region = RegionClients.for_region
    denied = b"<Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>"

    def refuse(request: Any, **_: Any) -> AWSResponse | None:
        if bucket not in request.url:
            return None
        return AWSResponse(request.url, 403, {}, MockRawResponse(denied))

    def clients(aws_region: str) -> RegionClients:
        made = for_region(aws_region)
        made.s3.meta.events.register_first("before-send.s3.ListObjectsV2", refuse)
        return made

    monkeypatch.setattr(RegionClients, "for_region", clients)


def test_nothing_is_registered_that_is_not_in_place(
    event: dict[str, str], registration: dict[str, str], aws: Aws, staged: dict[str, str]
) -> None:
    handler(event, None)
    artifact = {"Bucket": BUCKET, "Key": staged["model_artifact_uri"]}
    aws.destination.put_object(**artifact, Body=ARTIFACT[::-1])
    with pytest.raises(RegistrationError, match="its manifest says") as failure:
        handler(registration, None)
    assert "it registers where it is missing" in str(failure.value)
    aws.destination.delete_object(**artifact)
    with pytest.raises(RegistrationError, match="does not exist"):
        handler(registration, None)
    assert aws.registered() == []


def test_a_manifest_of_another_artifact_is_not_registered(
    event: dict[str, str], registration: dict[str, str], aws: Aws
) -> None:
    handler(event, None)
    other = {**registration, "artifact_sha256": "ab" * 32}
    with pytest.raises(RegistrationError, match="The manifest is of an artifact with the SHA-256"):
        handler(other, None)


def test_a_registration_whose_answer_was_lost_is_found(
    event: dict[str, str], registration: dict[str, str], aws: Aws
) -> None:
    handler(event, None)
    clients = RegionClients.for_region("eu-west-1")
    create = clients.sagemaker.create_model_package
    arns = []

    class Conflicting:
        """A registry that has registered, and answers with an error."""

        def __getattr__(self, name: str) -> Any:
            return getattr(clients.sagemaker, name)

        def create_model_package(self, **arguments: Any) -> dict[str, Any]:
            arns.append(create(**arguments)["ModelPackageArn"])
            raise ClientError({"Error": {"Code": "ConflictException"}}, "CreateModelPackage")

    work = Registration.from_event(registration)
    outputs = registering.register(work, replace(clients, sagemaker=Conflicting()))

    assert [outputs["model_package_arn"]] == arns
    assert len(aws.registered()) == 1


def test_the_client_token_is_of_the_execution_the_content_and_the_region(
    registration: dict[str, str],
) -> None:
    def token(**changes: str) -> str:
        return Registration.from_event({**registration, **changes}).client_token

    assert token() == token(model_approval_status="Approved")
    assert token() != token(pipeline_execution_arn=OTHER_ARN)
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
    with pytest.raises(RegistrationError, match="no region 'FE', it has EU, NA"):
        handler({**registration, "region_code": "FE"}, None)


def test_a_file_of_another_version_is_refused(
    event: dict[str, str], registration: dict[str, str], aws: Aws, staged: dict[str, str]
) -> None:
    handler(event, None)
    newer = json.dumps({"schema_version": 99, "regions": {}}).encode()
    key = staged["registration_request_uri"]
    aws.destination.put_object(Bucket=BUCKET, Key=key, Body=newer)
    with pytest.raises(RegistrationError, match="schema_version is 99, this function reads 1"):
        handler(registration, None)


def test_an_execution_is_active_until_it_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    ended = datetime(2026, 11, 28, tzinfo=UTC)

    def described(status: str) -> Any:
        return lambda *_: {"PipelineExecutionStatus": status, "LastModifiedTime": ended}

    monkeypatch.setattr(claims, "describe_execution", described("Failed"))
    assert claims.last_active("arn", None) == ended
    monkeypatch.setattr(claims, "describe_execution", described("Executing"))
    assert claims.last_active("arn", None) is None


def test_claims_are_in_the_order_in_which_they_were_made(event: dict[str, str], aws: Aws) -> None:
    made = [f"{EXECUTION_ARN}{number}" for number in range(11)]
    for arn in made:
        handler(_of(event, arn), None)

    history = claims.history(Staging.from_event(event), aws.source)

    assert [claim.execution_arn for claim in history] == made


def test_of_several_versions_of_a_content_the_newest_is_found(
    event: dict[str, str], registration: dict[str, str], aws: Aws
) -> None:
    _register_others(aws, 8)
    versions = [
        _release(*(_of({**each, "register_again": "yes"}, arn) for each in (event, registration)))
        for arn in (EXECUTION_ARN, OTHER_ARN)
    ]
    assert [arn.rpartition("/")[2] for arn in versions] == ["9", "10"]

    assert handler(event, None)["registered"] == versions[-1]
