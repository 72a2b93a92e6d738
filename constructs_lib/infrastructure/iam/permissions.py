"""What a pipeline's role may do: create what its steps are about, and call its functions.

It reads nothing that its jobs read, which have a role of their own: see ``job_permissions``. It
registers nothing: the function does.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from constructs_lib.infrastructure.iam.pipeline_resources import PipelineResources
from constructs_lib.infrastructure.iam.policies import Statement, grant
from constructs_lib.language.service_calls import Caller, On, actions
from constructs_lib.language.steps import steps_of
from constructs_lib.s3_layout import temporary_prefix


def grant_execution(resources: PipelineResources) -> None:
    """Give the pipeline's role what its steps call as that: see ``service_calls``."""
    # A definition without such steps calls nothing of a kind.
    needed = [each for each in _statements(resources) if each.actions]
    grant(resources.role, needed, wildcards=_WILDCARDS)


_KINDS: Final = {"Model": "model", "Processing": "processing-job", "Training": "training-job"}
"""Types of the resources that steps create, by the steps' types."""
_CREATE: Final = "sagemaker:Create"
_NAMED_BY_PIPELINES: Final = "SageMaker Pipelines makes the end of the names of what it creates"
_WILDCARDS: Final = {
    "RunJobs": _NAMED_BY_PIPELINES,
    "RunConnectedJobs": _NAMED_BY_PIPELINES,
    "FollowJobs": _NAMED_BY_PIPELINES,
    "ReadResults": "Objects under this pipeline's temporary prefix, and those of the settings",
}
"""Why resources of these statements cannot be named in full."""


def _statements(resources: PipelineResources) -> Iterator[Statement]:
    yield from _jobs(resources)
    yield from _results(resources)
    yield Statement(
        "StageAndRegister",
        resources.actions(Caller.PIPELINE, On.FUNCTION),
        resources.function_arns,
    )


def _jobs(resources: PipelineResources) -> Iterator[Statement]:
    """Create jobs and models, in the network and under their own role only."""
    kinds = [kind for kind in _KINDS if kind in resources.step_types]
    connected = _connected(resources.definition)
    isolated = [kind for kind in kinds if kind not in connected]
    yield _create(resources, "RunJobs", isolated, resources.network.required(isolated=True))
    if connected:
        conditions = resources.network.required(isolated=False)
        yield _create(resources, "RunConnectedJobs", connected, conditions)
    created = actions(kinds, On.CREATED, by=Caller.PIPELINE)
    follow = [each for each in created if not each.startswith(_CREATE)]
    yield Statement("FollowJobs", follow, _names(resources, kinds))
    yield Statement(
        "PassJobRole",
        resources.actions(Caller.PIPELINE, On.ROLE),
        [resources.job_role.role_arn],
        {"StringEquals": {"iam:PassedToService": "sagemaker.amazonaws.com"}},
    )


def _create(
    resources: PipelineResources, sid: str, kinds: Sequence[str], conditions: Mapping[str, Any]
) -> Statement:
    created = actions(kinds, On.CREATED, by=Caller.PIPELINE)
    create = [each for each in created if each.startswith(_CREATE)]
    return Statement(sid, create, _names(resources, kinds), conditions)


def _names(resources: PipelineResources, kinds: Sequence[str]) -> list[str]:
    # Pipelines names what it creates pipelines-<execution id>-<step name>-<suffix>.
    return [resources.arns.arn("sagemaker", f"{_KINDS[kind]}/pipelines-*") for kind in kinds]


def _connected(definition: Mapping[str, Any]) -> list[str]:
    """Name the kinds of jobs and models of which a step is not isolated from the network."""
    found = {
        step["Type"]
        for step in steps_of(definition)
        if step["Type"] in _KINDS and not _is_isolated(step["Arguments"])
    }
    return sorted(found)


def _is_isolated(arguments: Mapping[str, Any]) -> bool:
    network: Mapping[str, Any] = arguments.get("NetworkConfig", arguments)
    return network.get("EnableNetworkIsolation") is True


def _results(resources: PipelineResources) -> Iterator[Statement]:
    """Read the results of jobs for JsonGet."""
    temporary = temporary_prefix(resources.pipeline_name)
    yield Statement(
        "ReadResults",
        resources.actions(Caller.PIPELINE, On.PROPERTY_FILE),
        [
            f"{resources.artifact_bucket_arn}/{temporary}/*",
            *map(resources.arns.folder, sorted(set(resources.temporary_s3_uris))),
        ],
    )
    yield Statement(
        "UseKey", resources.actions(Caller.PIPELINE, On.PROPERTY_FILE_KEY), resources.key_arns
    )
