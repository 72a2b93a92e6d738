"""The version that another one is to be compared with: the one that serves, or one before it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from commands.registry.registry import describe, list_versions, version_of_content
from commands.serving.found import workflow_if_any
from commands.terminal.aws import Aws, calls
from constructs_lib.aws.registry import ListedVersion, ModelPackage
from constructs_lib.endpoints.state import ServedState, read_states
from constructs_lib.endpoints.workflow import Workflow

_APPROVED: Final = "Approved"


@dataclass(frozen=True)
class FormerVersion:
    """A version to compare with."""

    package: ModelPackage
    why: str
    """Goes on after "version 1, which"."""


def former_version(aws: Aws, pipeline: str, chosen: ModelPackage) -> FormerVersion | None:
    """Find what to compare a version with, in the registry that it is from.

    That is the version which serves; where nothing else serves, the newest approved one before it.

    Args:
        aws: Where the pipeline is deployed.
        pipeline: Its name.
        chosen: The version that is to be compared.

    Returns:
        None when there is neither.

    Raises:
        UnknownNameError: There is no such pipeline.
        AwsCallError: AWS refused.
    """
    workflow = workflow_if_any(aws, pipeline)
    sagemaker = aws.client("sagemaker", chosen.region)
    listed = list(list_versions(sagemaker, chosen.group))
    if workflow is not None and (found := _serving(aws, workflow, chosen, sagemaker, listed)):
        return found
    for each in listed:
        if each.approval_status == _APPROVED and each.version < chosen.version:
            return FormerVersion(describe(sagemaker, each.arn), _why_approved(workflow))
    return None


def _serving(
    aws: Aws,
    workflow: Workflow,
    chosen: ModelPackage,
    sagemaker: Any,
    listed: Sequence[ListedVersion],
) -> FormerVersion | None:
    """Find the version that serves in a version's own region, or else in the first that does."""
    with calls(f"Cannot read the endpoints of {workflow.pipeline}"):
        states = read_states(aws, workflow)
    others = [each for each in states if each.version and each.content != chosen.artifact_sha256]
    own = [each for each in others if each.aws_region == chosen.region]
    for state in [*own, *others]:
        if package := _served(state, chosen.region, sagemaker, listed):
            regions = _regions(each for each in others if each.content == state.content)
            return FormerVersion(package, f"serves in {regions}")
    return None


def _served(
    state: ServedState, region: str, sagemaker: Any, listed: Sequence[ListedVersion]
) -> ModelPackage | None:
    """Find what a region serves among the versions of another, mostly under the same number."""
    for each in listed:
        if state.aws_region == region and each.version == state.version:
            return describe(sagemaker, each.arn)
    if state.content is None:  # nobody knows what it is
        return None
    return version_of_content(sagemaker, listed, state.content, state.version)


def _regions(states: Iterable[ServedState]) -> str:
    return ", ".join(each.region_code for each in states)


def _why_approved(workflow: Workflow | None) -> str:
    if workflow is None:
        return "is the newest approved one before it (nothing tells which one serves)"
    return "is the newest approved one before it (no other one serves)"
