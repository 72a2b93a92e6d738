"""The deployed workflow of a pipeline, as clients find it."""

from __future__ import annotations

import json
from typing import Any

from botocore.exceptions import ClientError

from constructs_lib.endpoints.workflow import EndpointRegion, Workflow, find_workflow
from tests.endpoints.histories import ARN, DEFINITION, NAME, SETTINGS


class _States:
    """AWS Step Functions, with these state machines by their ARNs."""

    exceptions = type("Exceptions", (), {"ClientError": ClientError})

    def __init__(self, machines: dict[str, Any]) -> None:
        self._machines = machines

    def client(self, service: str, region: str | None = None) -> Any:
        assert (service, region) == ("stepfunctions", None)
        return self

    def describe_state_machine(self, *, stateMachineArn: str) -> dict[str, Any]:  # noqa: N803
        if stateMachineArn not in self._machines:
            error = {"Code": "StateMachineDoesNotExist", "Message": stateMachineArn}
            raise ClientError({"Error": error}, "DescribeStateMachine")
        return {"definition": json.dumps(self._machines[stateMachineArn])}


def test_a_workflow_is_named_as_its_pipeline_is_written() -> None:
    arn = ARN.replace(NAME, "Returns-Risk")
    pipeline_arn = f"arn:aws:sagemaker:us-east-1:123456789012:pipeline/{NAME}"

    found = find_workflow(_States({arn: DEFINITION}), "Returns-Risk", pipeline_arn)

    assert found == Workflow(arn, SETTINGS)
    assert find_workflow(_States({}), "Returns-Risk", pipeline_arn) is None


def test_somebody_elses_state_machine_is_none() -> None:
    machine = {"StartAt": "Begin", "States": {"Begin": {"Type": "Succeed"}}}
    pipeline_arn = f"arn:aws:sagemaker:us-east-1:123456789012:pipeline/{NAME}"

    assert find_workflow(_States({ARN: machine}), NAME, pipeline_arn) is None


def test_the_lead_region_need_not_be_served() -> None:
    lead = Workflow(ARN, {**SETTINGS, "lead_region": "ap-south-1"}).lead

    assert lead == EndpointRegion(0, "ap-south-1", "ap-south-1", NAME)
    assert Workflow(ARN, SETTINGS).lead == EndpointRegion(2, "NA", "us-east-1", NAME)


def test_a_region_is_found_by_either_name() -> None:
    workflow = Workflow(ARN, SETTINGS)

    assert workflow.region("eu") == workflow.region("EU-WEST-1") == workflow.regions[0]
    assert workflow.region("ap") is None
