"""The version that another one is to be compared with: the one that serves, or one before it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from commands.registry.registry import refuse_unknown
from commands.serving.found import workflow_if_any
from commands.terminal.aws import Aws, calls
from constructs_lib.aws.registry import ModelPackage, describe_version, listed_versions
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
    listed = _Registry(aws, chosen)
    if workflow is not None and (found := _serving(aws, workflow, chosen, listed)):
        return found
    former = [number for number in listed.approved if number < chosen.version]
    if not former:
        return None
    return FormerVersion(listed.describe(former[0]), _why_approved(workflow))


def version_numbered(aws: Aws, chosen: ModelPackage, number: int) -> ModelPackage:
    """Find a version of the registry that another one is from.

    Raises:
        UnknownNameError: There is none of that number; names those there are.
        AwsCallError: AWS refused.
    """
    listed = _Registry(aws, chosen)
    refuse_unknown({number}, set(listed.numbers))
    return listed.describe(number)


class _Registry:
    """The versions of the group and region of one of them, the newest first."""

    def __init__(self, aws: Aws, one: ModelPackage) -> None:
        self._client = aws.client("sagemaker", one.region)
        with calls(f"Cannot list the packages of {one.group} in {one.region}"):
            listed = listed_versions(self._client, one.group)
            self._listed = {each.version: each for each in listed}

    @property
    def numbers(self) -> list[int]:
        return list(self._listed)

    @property
    def approved(self) -> list[int]:
        listed = self._listed.values()
        return [each.version for each in listed if each.approval_status == _APPROVED]

    def describe(self, number: int) -> ModelPackage:
        arn = self._listed[number].arn
        with calls(f"Cannot read {arn}"):
            return describe_version(self._client, arn)


def _serving(
    aws: Aws, workflow: Workflow, chosen: ModelPackage, listed: _Registry
) -> FormerVersion | None:
    """Find the version that serves in a version's own region, or else in the first that does."""
    with calls(f"Cannot read the endpoints of {workflow.pipeline}"):
        states = read_states(aws, workflow)
    others = [each for each in states if each.version and each.content != chosen.artifact_sha256]
    own = [each for each in others if each.aws_region == chosen.region]
    for state in [*own, *others]:
        if package := _same_content(state, listed, chosen.region):
            regions = _regions(each for each in others if each.content == state.content)
            return FormerVersion(package, f"serves in {regions}")
    return None


def _same_content(state: ServedState, listed: _Registry, region: str) -> ModelPackage | None:
    """Find what a region serves among the versions of another, mostly under the same number."""
    number = state.version
    if state.aws_region == region and number in listed.numbers:
        return listed.describe(number)
    if state.content is None:  # nobody knows what it is
        return None
    for each in sorted(listed.numbers, key=lambda known: known != number):
        package = listed.describe(each)
        if package.artifact_sha256 == state.content:
            return package
    return None


def _regions(states: Iterable[ServedState]) -> str:
    return ", ".join(each.region_code for each in states)


def _why_approved(workflow: Workflow | None) -> str:
    if workflow is None:
        return "is the newest approved one before it (nothing tells which one serves)"
    return "is the newest approved one before it (no other one serves)"
