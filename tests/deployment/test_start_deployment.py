"""The approval of a version starts one execution, and nothing else does."""

from __future__ import annotations

import json
from typing import Any

import boto3
import pytest

from benchmarks.faults.serving.world import HOME, PIPELINE, ServingWorld
from constructs_lib.jobs import start_deployment

ROLE = "arn:aws:iam::123456789012:role/workflow"
DEFINITION = json.dumps(
    {"StartAt": "Wait", "States": {"Wait": {"Type": "Wait", "Seconds": 60, "End": True}}}
)


@pytest.fixture
def machine(world: ServingWorld, monkeypatch: pytest.MonkeyPatch) -> str:
    """The ARN of a workflow."""
    world.register()
    made = boto3.client("stepfunctions", region_name=HOME).create_state_machine(
        name=f"{PIPELINE}-deployment", definition=DEFINITION, roleArn=ROLE
    )
    arn: str = made["stateMachineArn"]
    monkeypatch.setenv("WORKFLOW_ARN", arn)
    return arn


def _event(world: ServingWorld, **detail: Any) -> dict[str, Any]:
    return {
        "detail-type": "SageMaker Model Package State Change",
        "region": "eu-west-1",
        "time": "2026-03-14T09:26:53Z",
        "detail": {
            "ModelPackageArn": world.arn(1, "EU"),
            "ModelApprovalStatus": "Approved",
            "UpdatedModelPackageFields": ["ModelApprovalStatus"],
            **detail,
        },
    }


def _started(world: ServingWorld) -> list[dict[str, Any]]:
    return [
        json.loads(each.arguments["input"])
        for each in world.services.calls
        if each.operation == "StartExecution"
    ]


def test_an_approval_starts_a_deployment_of_its_content(world: ServingWorld, machine: str) -> None:
    arn = start_deployment.handler(_event(world), None)["execution_arn"]

    assert arn is not None
    assert arn.startswith(f"{machine.replace(':stateMachine:', ':execution:')}:approval-")
    assert _started(world) == [
        {
            "schema_version": 1,
            "action": "deploy",
            "version": None,
            "content": world.metadata(1, "EU")["artifact_sha256"],
            "wait_for_approval": True,
            "overwrite": False,
            "requested_by": "approval",
        }
    ]


def test_the_same_event_twice_has_one_execution(world: ServingWorld, machine: str) -> None:
    del machine
    arns = [start_deployment.handler(_event(world), None)["execution_arn"] for _ in range(2)]
    names = {
        each.arguments["name"]
        for each in world.services.calls
        if each.operation == "StartExecution"
    }

    assert len(set(arns)) == len(names) == 1


def test_approved_again_it_is_deployed_again(world: ServingWorld, machine: str) -> None:
    del machine
    first = start_deployment.handler(_event(world), None)
    second = start_deployment.handler({**_event(world), "time": "2026-03-15T09:26:53Z"}, None)

    assert first != second


def test_metadata_that_changes_starts_nothing(world: ServingWorld, machine: str) -> None:
    del machine
    event = _event(world, UpdatedModelPackageFields=["CustomerMetadataProperties"])

    assert start_deployment.handler(event, None) == {"execution_arn": None}
    assert _started(world) == []


def test_an_approval_that_was_revoked_meanwhile_starts_nothing(
    world: ServingWorld, machine: str
) -> None:
    del machine
    world.decide(1, "Rejected", "EU")

    assert start_deployment.handler(_event(world), None) == {"execution_arn": None}


def test_what_is_no_such_event_is_refused(world: ServingWorld, machine: str) -> None:
    del machine
    with pytest.raises(start_deployment.UnknownApprovalError, match="Expected 'SageMaker Model"):
        start_deployment.handler({**_event(world), "detail-type": "Other"}, None)
    world.sagemaker("EU").update_model_package(
        ModelPackageArn=world.arn(1, "EU"),
        ModelApprovalStatus="Approved",
        CustomerMetadataProperties={"verification_verdict": "passed"},
        CustomerMetadataPropertiesToRemove=["artifact_sha256"],
    )
    with pytest.raises(start_deployment.UnknownApprovalError, match="it has no digest"):
        start_deployment.handler(_event(world), None)
