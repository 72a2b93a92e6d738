"""The deployed state machine of a pipeline: its settings, and how it is started."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal, NamedTuple, Protocol

from constructs_lib.errors import ReleaseError

Action = Literal["deploy", "rollback", "undeploy"]

_SUFFIX: Final = "-deployment"
_SCHEMA_VERSION: Final = 1
_UNKNOWN: Final = frozenset({"StateMachineDoesNotExist", "ResourceNotFound"})


class AwsClients(Protocol):
    """Makes boto3 clients of one AWS, by default of the home region."""

    def client(self, service: str, region: str | None = None) -> Any:
        """Make a client."""


class NotServedError(ReleaseError):
    """A pipeline has no deployed workflow, so that nothing serves its versions."""


class EndpointRegion(NamedTuple):
    """A region that a pipeline's endpoint is in."""

    wave: int
    """Number of its wave, from 1; 0 of one that is in none."""
    code: str
    """As configs name it, such as ``EU``."""
    aws_region: str
    group: str
    """Name of the model package group."""


@dataclass(frozen=True)
class Workflow:
    """A pipeline's deployed state machine."""

    arn: str
    settings: Mapping[str, Any]
    """As they were deployed, see ``constructs_lib.deployment``."""

    @property
    def pipeline(self) -> str:
        """Name of the pipeline."""
        return str(self.settings["pipeline_name"])

    @property
    def endpoint(self) -> str:
        """Name of the endpoint, the same in each region."""
        return str(self.settings["endpoint_name"])

    @property
    def regions(self) -> tuple[EndpointRegion, ...]:
        """The regions of all waves, in their order."""
        return tuple(self._regions())

    @property
    def lead(self) -> EndpointRegion:
        """The region whose numbers name the versions."""
        lead = str(self.settings["lead_region"])
        found = next((each for each in self.regions if each.aws_region == lead), None)
        # It may have no endpoint: the name of the group is the same in every region.
        return found or EndpointRegion(0, lead, lead, self.regions[0].group)

    def region(self, name: str) -> EndpointRegion | None:
        """Return a region by either of its names, in any case."""
        names = name.casefold()
        known = self.regions
        return next((each for each in known if names in _names(each)), None)

    def _regions(self) -> Iterator[EndpointRegion]:
        for number, wave in enumerate(self.settings["waves"], 1):
            for each in wave:
                group = each["model_package_group_name"]
                yield EndpointRegion(number, each["region_code"], each["aws_region"], group)


def _names(region: EndpointRegion) -> tuple[str, str]:
    return region.code.casefold(), region.aws_region.casefold()


def find_workflow(clients: AwsClients, pipeline: str, pipeline_arn: str) -> Workflow | None:
    """Read the workflow of a pipeline; None when it has none.

    Args:
        clients: Of the AWS where the pipeline is.
        pipeline: Its name.
        pipeline_arn: ARN of anything of the deployed pipeline, which tells partition, region and
            account. It has the name in lower case.

    Raises:
        botocore.exceptions.ClientError: AWS refused.
    """
    partition, _, region, account = pipeline_arn.split(":")[1:5]
    machine = f"stateMachine:{pipeline}{_SUFFIX}"
    return read_workflow(clients, f"arn:{partition}:states:{region}:{account}:{machine}")


def read_workflow(clients: AwsClients, arn: str) -> Workflow | None:
    """Read a workflow by the ARN of its state machine; None when that is none of the app's.

    Raises:
        botocore.exceptions.ClientError: AWS refused.
    """
    states = clients.client("stepfunctions")
    try:
        definition = json.loads(states.describe_state_machine(stateMachineArn=arn)["definition"])
    except states.exceptions.ClientError as error:
        if error.response["Error"]["Code"] in _UNKNOWN:
            return None
        raise
    first = definition["States"][definition["StartAt"]]
    settings = first.get("Parameters", {}).get("settings")
    return Workflow(arn, settings) if isinstance(settings, dict) else None


def list_workflows(clients: AwsClients) -> list[Workflow]:
    """Read the workflows of all pipelines of the home region, by name.

    Raises:
        botocore.exceptions.ClientError: AWS refused.
    """
    pages = clients.client("stepfunctions").get_paginator("list_state_machines").paginate()
    arns = [
        each["stateMachineArn"]
        for page in pages
        for each in page["stateMachines"]
        if each["name"].endswith(_SUFFIX)
    ]
    found = (read_workflow(clients, arn) for arn in sorted(arns))
    return [workflow for workflow in found if workflow is not None]


def running_executions(clients: AwsClients, workflow: Workflow) -> list[str]:
    """Return the ARNs of the executions that run, the newest first.

    Raises:
        botocore.exceptions.ClientError: AWS refused.
    """
    pages = (
        clients.client("stepfunctions")
        .get_paginator("list_executions")
        .paginate(stateMachineArn=workflow.arn, statusFilter="RUNNING")
    )
    return [each["executionArn"] for page in pages for each in page["executions"]]


def start_workflow(
    clients: AwsClients,
    workflow: Workflow,
    action: Action,
    *,
    version: int | None = None,
    overwrite: bool = False,
) -> str:
    """Start an execution.

    Args:
        clients: Of the AWS where it is.
        workflow: What to start.
        action: What is to be done.
        version: The number that the lead region has for it; None is the newest approved version
            to deploy, and the last good one to roll back to.
        overwrite: Whether to replace what a person changed by hand.

    Returns:
        The execution's ARN.

    Raises:
        botocore.exceptions.ClientError: AWS refused.
    """
    caller = clients.client("sts").get_caller_identity()["Arn"]
    request = {
        "schema_version": _SCHEMA_VERSION,
        "action": action,
        "version": version,
        "content": None,
        "wait_for_approval": False,
        "overwrite": overwrite,
        "requested_by": caller,
    }
    started = clients.client("stepfunctions").start_execution(
        stateMachineArn=workflow.arn,
        name=f"{action}-{secrets.token_hex(6)}",
        input=json.dumps(request),
    )
    return str(started["executionArn"])
