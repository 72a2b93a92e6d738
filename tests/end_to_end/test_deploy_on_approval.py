"""Approvals that deploy by themselves, and a stack that stays while there are endpoints."""

from __future__ import annotations

import io
import json
import time
from collections.abc import Iterator
from typing import Any

import pytest
from rich.console import Console

from local.bootstrapping import bootstrap
from local.cdk import CdkError
from local.emulator import ACCOUNT_ID, EmbeddedAws
from tests.end_to_end.deployment import REGIONS, Deployment
from tests.example_pipeline import copy_pipelines

STACK = "model-release-serving-returns-risk"
_MOST_SECONDS = 300


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    """The app with a pipeline whose approved versions are deployed."""
    folder = tmp_path_factory.mktemp("served")
    config = copy_pipelines(folder) / "returns_risk" / "config.json"
    document = json.loads(config.read_text())
    sections = document["configuration"]["specific"]
    sections["Payload"]["verification_load_seconds"] = 1
    sections["Endpoint"] = {"deploy_on": "approval", "bake_seconds": 60}
    document["metadata"]["config_types"]["Endpoint"] = "EndpointConfig"
    config.write_text(json.dumps(document))
    with EmbeddedAws(log_file=folder / "emulator.log") as server:
        deployment = Deployment(server.handle, folder, Console(file=io.StringIO()))
        bootstrap(deployment.aws, REGIONS)
        deployment.deploy()
        yield deployment


def _workflow(served: Deployment) -> str:
    machines = served.aws.client("stepfunctions").list_state_machines()["stateMachines"]
    (machine,) = machines
    return str(machine["stateMachineArn"])


def _ended(served: Deployment, arn: str) -> dict[str, Any]:
    """Wait for an execution; returns its description."""
    client = served.aws.client("stepfunctions")
    for _ in range(_MOST_SECONDS):
        described: dict[str, Any] = client.describe_execution(executionArn=arn)
        if described["status"] != "RUNNING":
            return described
        time.sleep(1)
    raise AssertionError(f"{arn} still runs")


def _start(served: Deployment, action: str) -> dict[str, Any]:
    request = {
        "schema_version": 1,
        "action": action,
        "version": None,
        "content": None,
        "wait_for_approval": False,
        "overwrite": False,
        "requested_by": f"arn:aws:iam::{ACCOUNT_ID}:user/somebody",
    }
    started = served.aws.client("stepfunctions").start_execution(
        stateMachineArn=_workflow(served), input=json.dumps(request)
    )
    described = _ended(served, started["executionArn"])
    assert described["status"] == "SUCCEEDED", described.get("cause")
    output: dict[str, Any] = json.loads(described["output"])
    return output


def _endpoints(served: Deployment) -> dict[str, list[str]]:
    return {
        region: [
            each["EndpointStatus"]
            for each in served.aws.client("sagemaker", region).list_endpoints()["Endpoints"]
        ]
        for region in REGIONS
    }


def test_approvals_in_every_region_deploy_the_version_once(served: Deployment) -> None:
    model = served.put_model("incoming/returns-risk/model.tar.gz")
    assert served.release(model).failure_reason is None
    for region in REGIONS:
        (package,) = served.packages(region)
        served.aws.client("sagemaker", region).update_model_package(
            ModelPackageArn=package["ModelPackageArn"], ModelApprovalStatus="Approved"
        )

    client, workflow = served.aws.client("stepfunctions"), _workflow(served)
    deadline = time.monotonic() + _MOST_SECONDS
    while len(client.list_executions(stateMachineArn=workflow)["executions"]) < len(REGIONS):
        assert time.monotonic() < deadline
        time.sleep(1)
    listed = client.list_executions(stateMachineArn=workflow)["executions"]
    ended = [_ended(served, each["executionArn"]) for each in listed]

    outcomes = [json.loads(each["output"])["status"] for each in ended]
    assert outcomes.count("deployed") == 1
    assert set(outcomes) <= {"deployed", "unchanged", "superseded"}
    assert _endpoints(served) == {region: ["InService"] for region in REGIONS}


def test_the_stack_is_destroyed_only_without_endpoints(served: Deployment) -> None:
    with pytest.raises(CdkError, match="release undeploy returns_risk"):
        served.cdk(lambda cli: cli.destroy(STACK, context=served.context))
    assert _endpoints(served) == {region: ["InService"] for region in REGIONS}

    assert _start(served, "undeploy")["status"] == "undeployed"
    assert _endpoints(served) == {region: [] for region in REGIONS}

    served.cdk(lambda cli: cli.destroy(STACK, context=served.context))
    assert served.aws.client("stepfunctions").list_state_machines()["stateMachines"] == []
