"""The workflow that deploys a pipeline's versions, or what to do where there is none."""

from __future__ import annotations

from typing import TYPE_CHECKING

from commands.terminal import places
from commands.terminal.aws import Aws, calls, read_pipeline
from commands.terminal.names import folder_of
from constructs_lib.endpoints.workflow import (
    EndpointRegion,
    NotServedError,
    Workflow,
    find_workflow,
    list_workflows,
)
from constructs_lib.errors import ReleaseError
from constructs_lib.suggestions import suggestion

if TYPE_CHECKING:
    from constructs_lib.configs import EndpointConfig


def workflow_of(aws: Aws, pipeline: str) -> Workflow:
    """Find the workflow of a pipeline.

    Raises:
        UnknownNameError: There is no such pipeline.
        NotServedError: It has none: says whether its config or only the deployment lacks it.
        AwsCallError: AWS refused.
    """
    found = workflow_if_any(aws, pipeline)
    if found is None:
        raise NotServedError(
            f"Nothing serves {pipeline} in {aws.home_region}: {_why(aws, pipeline)}"
        )
    return found


def workflow_if_any(aws: Aws, pipeline: str) -> Workflow | None:
    """Find the workflow of a pipeline; None when nothing deploys its versions.

    Raises:
        UnknownNameError: There is no such pipeline.
        AwsCallError: AWS refused.
    """
    described = read_pipeline(aws, pipeline)
    with calls(f"Cannot read the workflow that deploys {pipeline}"):
        return find_workflow(aws, described["PipelineName"], described["PipelineArn"])


def workflows(aws: Aws, pipeline: str | None) -> list[Workflow]:
    """Find the workflow of a pipeline, or those of all.

    Raises:
        UnknownNameError: There is no such pipeline.
        NotServedError: There is none.
        AwsCallError: AWS refused.
    """
    if pipeline is not None:
        return [workflow_of(aws, pipeline)]
    with calls("Cannot list the workflows that deploy versions"):
        found = list_workflows(aws)
    if not found:
        raise NotServedError(f"Nothing serves any pipeline in {aws.home_region}: {_why(aws)}")
    return found


def chosen_regions(workflow: Workflow, name: str | None) -> tuple[EndpointRegion, ...]:
    """Return the regions of a workflow, or the one of that name.

    Raises:
        NotServedError: It has no endpoint there.
    """
    if name is None:
        return workflow.regions
    found = workflow.region(name)
    if found is None:
        names = [each.code for each in workflow.regions]
        raise NotServedError(
            f"{workflow.pipeline} has no endpoint in {name!r}.{suggestion(name, names)}"
        )
    return (found,)


def how_it_starts(workflow: Workflow, again: str) -> str:
    """Say what lets an approved version answer, by the config of the pipeline's folder.

    Args:
        workflow: That would deploy it.
        again: The options that let another command talk to the same AWS.
    """
    pipeline = workflow.pipeline
    section = _section(pipeline)
    if section is not None and section.deploy_on == "approval":
        regions = ", ".join(each.code for each in workflow.regions)
        return (
            f"Its deployment starts by itself once it is approved in {regions}. Follow it: release"
            f" endpoints {pipeline} --watch{again}"
        )
    return f"To let it answer in every region: release deploy {pipeline}{again}"


def _why(aws: Aws, pipeline: str | None = None) -> str:
    """Say what is missing, the section or only its deployment, and what to do."""
    deploy = "release deploy-local" if aws.is_embedded else "cdk deploy --all"
    if pipeline is not None and _section(pipeline) is not None:
        return f"its config has a section Endpoint, which is not deployed. Deploy it: {deploy}."
    return (
        "no section Endpoint is deployed. Add it to the config"
        f" (docs/serve.md tells how), then {deploy}."
    )


def _section(pipeline: str) -> EndpointConfig | None:
    """Return the section Endpoint of a pipeline; None if its folder is elsewhere or has none."""
    folder = folder_of(pipeline)
    if folder is None:
        return None
    try:
        return places.load_configs(places.read_settings(), folder).endpoint
    except ReleaseError:
        return None
