"""The function that load-tests registered models, against stubbed services."""

from __future__ import annotations

import hashlib
import json
import string
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from botocore.stub import ANY, Stubber

from constructs_lib.jobs.load_test import (
    Clients,
    LoadTestError,
    collect,
    handler,
    job_name,
    job_request,
    results,
    start,
)

PACKAGE = "arn:aws:sagemaker:us-east-1:123456789012:model-package/returns-risk/7"
NAME = "returns-risk-7-" + hashlib.sha256(PACKAGE.encode()).hexdigest()[:8]
FUNCTION = "arn:aws:lambda:us-east-1:123456789012:function:load-test"
REQUEST = {"JobType": "Advanced", "InputConfig": {"JobDurationInSeconds": 2520}}
KEY = "arn:aws:kms:us-east-1:123456789012:key/0123abcd"
ENVIRONMENT = {
    "JOB_NAME_PREFIX": "returns-risk",
    "SUBNET_IDS": "subnet-1,subnet-2",
    "SECURITY_GROUP_ID": "sg-1",
    "VOLUME_KEY_ARN": KEY,
    "LOAD_TEST_REQUEST": json.dumps(REQUEST),
    "JOB_ROLE_ARN": "arn:aws:iam::123456789012:role/job",
    "SCHEDULE_ROLE_ARN": "arn:aws:iam::123456789012:role/schedule",
    "SCHEDULE_GROUP": "load-tests",
    "DEAD_LETTERS_ARN": "arn:aws:sqs:us-east-1:123456789012:dead",
}
NOW = datetime(2026, 11, 2, 8, tzinfo=UTC)


def _client(service: str) -> Any:
    return boto3.client(
        service, region_name="us-east-1", aws_access_key_id="x", aws_secret_access_key="x"
    )


@pytest.fixture
def sagemaker() -> Iterator[Stubber]:
    with Stubber(_client("sagemaker")) as stub:
        yield stub
        stub.assert_no_pending_responses()


@pytest.fixture
def scheduler() -> Iterator[Stubber]:
    with Stubber(_client("scheduler")) as stub:
        yield stub
        stub.assert_no_pending_responses()


@pytest.fixture
def clients(sagemaker: Stubber, scheduler: Stubber, monkeypatch: pytest.MonkeyPatch) -> Clients:
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    return Clients(sagemaker=sagemaker.client, scheduler=scheduler.client)


def _job(status: str, **members: Any) -> dict[str, Any]:
    return {
        "JobName": NAME,
        "JobType": "Advanced",
        "JobArn": f"arn:aws:sagemaker:us-east-1:123456789012:inference-recommendations-job/{NAME}",
        "RoleArn": ENVIRONMENT["JOB_ROLE_ARN"],
        "Status": status,
        "CreationTime": NOW,
        "LastModifiedTime": NOW,
        "InputConfig": {"ModelPackageVersionArn": PACKAGE},
        **members,
    }


def _describes(sagemaker: Stubber, status: str, **members: Any) -> None:
    sagemaker.add_response(
        "describe_inference_recommendations_job", _job(status, **members), {"JobName": NAME}
    )


def _schedules(scheduler: Stubber) -> None:
    scheduler.add_response(
        "create_schedule",
        {"ScheduleArn": "arn:aws:scheduler:us-east-1:123456789012:schedule/load-tests/x"},
        {
            "Name": NAME,
            "GroupName": "load-tests",
            "Description": ANY,
            "ScheduleExpression": "rate(5 minutes)",
            "EndDate": datetime(2026, 11, 2, 14, tzinfo=UTC),
            "ActionAfterCompletion": "DELETE",
            "FlexibleTimeWindow": {"Mode": "OFF"},
            "Target": {
                "Arn": FUNCTION,
                "RoleArn": ENVIRONMENT["SCHEDULE_ROLE_ARN"],
                "Input": json.dumps({"action": "collect", "model_package_arn": PACKAGE}),
                "DeadLetterConfig": {"Arn": ENVIRONMENT["DEAD_LETTERS_ARN"]},
            },
        },
    )


def _start(clients: Clients) -> str:
    return str(start(PACKAGE, clients, function_arn=FUNCTION, now=NOW)["Status"])


def test_a_job_is_started_and_looked_after(
    clients: Clients, sagemaker: Stubber, scheduler: Stubber
) -> None:
    sagemaker.add_response(
        "create_inference_recommendations_job",
        {"JobArn": _job("PENDING")["JobArn"]},
        {
            "JobName": NAME,
            "JobType": "Advanced",
            "RoleArn": ENVIRONMENT["JOB_ROLE_ARN"],
            "InputConfig": {
                "JobDurationInSeconds": 2520,
                "ModelPackageVersionArn": PACKAGE,
                "VolumeKmsKeyId": KEY,
                "VpcConfig": {
                    "SecurityGroupIds": ["sg-1"],
                    "Subnets": ["subnet-1", "subnet-2"],
                },
            },
        },
    )
    _describes(sagemaker, "PENDING")
    _schedules(scheduler)

    assert _start(clients) == "PENDING"


def test_a_job_that_exists_is_not_started_again(
    clients: Clients, sagemaker: Stubber, scheduler: Stubber
) -> None:
    sagemaker.add_client_error("create_inference_recommendations_job", "ResourceInUse")
    _describes(sagemaker, "IN_PROGRESS")
    _describes(sagemaker, "IN_PROGRESS")
    scheduler.add_client_error("create_schedule", "ConflictException")

    assert _start(clients) == "IN_PROGRESS"


def test_a_refused_job_fails_with_the_words_of_the_service(
    clients: Clients, sagemaker: Stubber
) -> None:
    sagemaker.add_client_error(
        "create_inference_recommendations_job", "ResourceLimitExceeded", "at most 3 jobs"
    )
    sagemaker.add_client_error("describe_inference_recommendations_job", "ResourceNotFound")

    with pytest.raises(ClientError, match="at most 3 jobs"):
        _start(clients)


@pytest.mark.parametrize("status", ["PENDING", "IN_PROGRESS", "STOPPING"])
def test_a_running_job_is_looked_at_again(
    clients: Clients, sagemaker: Stubber, status: str
) -> None:
    _describes(sagemaker, status)

    assert collect(PACKAGE, clients)["Status"] == status


def _records(sagemaker: Stubber, **found: str) -> None:
    sagemaker.add_response(
        "describe_model_package",
        {
            "ModelPackageName": "returns-risk",
            "ModelPackageArn": PACKAGE,
            "CreationTime": NOW,
            "ModelPackageStatus": "Completed",
            "ModelPackageStatusDetails": {"ValidationStatuses": []},
            "CustomerMetadataProperties": {"artifact_sha256": "abc"},
        },
        {"ModelPackageName": PACKAGE},
    )
    sagemaker.add_response(
        "update_model_package",
        {"ModelPackageArn": PACKAGE},
        {
            "ModelPackageArn": PACKAGE,
            "CustomerMetadataProperties": {
                "artifact_sha256": "abc",
                "load_test_job": NAME,
                **found,
            },
        },
    )


def test_the_result_is_added_to_the_metadata_and_the_schedule_ends(
    clients: Clients, sagemaker: Stubber, scheduler: Stubber
) -> None:
    _describes(sagemaker, "COMPLETED")
    _records(sagemaker, load_test_status="COMPLETED")
    scheduler.add_client_error("delete_schedule", "ResourceNotFoundException")

    assert collect(PACKAGE, clients)["Status"] == "COMPLETED"


def test_a_version_that_was_deleted_meanwhile_ends_the_schedule(
    clients: Clients, sagemaker: Stubber, scheduler: Stubber
) -> None:
    _describes(sagemaker, "COMPLETED")
    sagemaker.add_client_error(
        "describe_model_package", "ValidationException", f"ModelPackage {PACKAGE} does not exist."
    )
    scheduler.add_response("delete_schedule", {}, {"Name": NAME, "GroupName": "load-tests"})

    assert collect(PACKAGE, clients)["Status"] == "COMPLETED"


def test_another_error_of_the_registry_is_tried_again(clients: Clients, sagemaker: Stubber) -> None:
    _describes(sagemaker, "COMPLETED")
    sagemaker.add_client_error("describe_model_package", "ThrottlingException", "Rate exceeded")

    with pytest.raises(ClientError, match="Rate exceeded"):
        collect(PACKAGE, clients)


def test_a_job_that_has_ended_already_is_recorded_at_once(
    clients: Clients, sagemaker: Stubber, scheduler: Stubber
) -> None:
    sagemaker.add_response(
        "create_inference_recommendations_job", {"JobArn": _job("STOPPED")["JobArn"]}
    )
    _describes(sagemaker, "STOPPED", FailureReason="by hand")
    _describes(sagemaker, "STOPPED", FailureReason="by hand")
    _records(sagemaker, load_test_status="STOPPED", load_test_failure="by hand")
    scheduler.add_client_error("delete_schedule", "ResourceNotFoundException")

    assert _start(clients) == "STOPPED"


def test_results_are_texts_that_the_registry_takes() -> None:
    metrics = {
        "CostPerHour": 0.11500000208616257,
        "CostPerInference": 1.6e-06,
        "MaxInvocations": 1200,
    }
    job = _job(
        "FAILED",
        FailureReason='Endpoint "x" failed, {see logs}' + "!" * 300,
        InferenceRecommendations=[
            {
                "Metrics": {**metrics, "ModelLatency": 12},
                "EndpointConfiguration": {"InstanceType": "ml.m5.large"},
            }
        ],
    )

    found = results(job)
    assert found["load_test_ml.m5.large"] == (
        "invocations_per_minute=1200 model_latency_in_millisecond=12 cost_per_hour=0.115"
        " cost_per_inference=1.6e-06"
    )
    assert set("".join(found.values())) <= set(string.ascii_letters + string.digits + " _.:/=+@-")
    assert found["load_test_failure"].startswith("Endpoint  x  failed   see logs")
    assert max(map(len, found.values())) == 256


def test_no_result_is_an_empty_text_which_the_registry_refuses() -> None:
    unmeasured = {"EndpointConfiguration": {"InstanceType": "ml.m5.large"}}

    assert results(_job("FAILED", FailureReason="", InferenceRecommendations=[unmeasured])) == {
        "load_test_job": NAME,
        "load_test_status": "FAILED",
        "load_test_ml.m5.large": "not measured",
    }


def test_every_version_has_a_job_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JOB_NAME_PREFIX", "a" * 40)
    package = f"arn:aws:sagemaker:us-east-1:123456789012:model-package/{'a' * 40}"
    names = {job_name(f"{package}{group}/{version}") for group in "bc" for version in (1, 999_999)}

    assert len(names) == 4
    assert max(map(len, names)) <= 64


def test_no_key_is_named_beside_types_with_disks_of_their_own(
    clients: Clients, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert clients
    monkeypatch.delenv("VOLUME_KEY_ARN")

    assert "VolumeKmsKeyId" not in job_request(PACKAGE)["InputConfig"]


def test_a_step_is_told_how_the_job_goes(
    clients: Clients, sagemaker: Stubber, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(boto3, "client", lambda service, **_: getattr(clients, service))
    _describes(sagemaker, "IN_PROGRESS")

    assert handler({"action": "collect", "model_package_arn": PACKAGE}, None) == {
        "statusCode": 200,
        "load_test_job": NAME,
        "load_test_status": "IN_PROGRESS",
        "load_test_failure": "none",
    }


@pytest.mark.parametrize("event", [{}, {"action": "start"}, {"model_package_arn": PACKAGE}])
def test_an_event_of_another_kind_is_refused(
    event: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(boto3, "client", lambda service, **_: service)

    with pytest.raises(LoadTestError, match="Expected action"):
        handler(event, None)
