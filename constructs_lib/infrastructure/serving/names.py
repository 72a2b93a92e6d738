"""Names of workflows and endpoints, which services and other pipelines limit."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from constructs_lib.errors import ReleaseError
from constructs_lib.infrastructure.iam.serving_permissions import ServedPipeline

LONGEST_NAME: Final = 80
"""AWS Step Functions API Reference, CreateStateMachine."""


class WorkflowNameError(ReleaseError):
    """The pipeline's name is too long for the name of its workflow."""


def workflow_name(pipeline_name: str) -> str:
    """Return the name of a pipeline's workflow.

    Raises:
        WorkflowNameError: It would be longer than Step Functions takes.
    """
    name = f"{pipeline_name}-deployment"
    if len(name) > LONGEST_NAME:
        raise WorkflowNameError(
            f"The workflow that serves the pipeline {pipeline_name} would be called {name}, which"
            f" has {len(name)} characters; Step Functions takes {LONGEST_NAME}. Shorten"
            f" pipeline_name by {len(name) - LONGEST_NAME}, or remove the section Endpoint."
        )
    return name


class SharedEndpointError(ReleaseError):
    """Two pipelines would serve by one endpoint."""


def refuse_shared_endpoints(pipelines: Iterable[ServedPipeline]) -> None:
    """Refuse two pipelines whose endpoints have one name in one region.

    Raises:
        SharedEndpointError: Names both, and the region.
    """
    owners: dict[tuple[str, str], str] = {}
    for pipeline in pipelines:
        for region in pipeline.regions:
            # SageMaker tells names apart by their letters, and its ARNs do not.
            place = region.aws_region, pipeline.endpoint_name.lower()
            other = owners.setdefault(place, pipeline.pipeline_name)
            if other != pipeline.pipeline_name:
                raise SharedEndpointError(
                    f"The pipelines {other} and {pipeline.pipeline_name} would both serve by the"
                    f" endpoint {pipeline.endpoint_name} in {region.aws_region}: give one of them"
                    " another endpoint_name in its section Endpoint."
                )
