"""The version to serve: there and approved in every region, before anything is started."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Final

from commands.registry.registry import refuse_unknown
from commands.terminal.aws import Aws, calls
from constructs_lib.aws.registry import (
    ListedVersion,
    ModelPackage,
    describe_version,
    listed_versions,
)
from constructs_lib.endpoints.workflow import EndpointRegion, Workflow
from constructs_lib.errors import ReleaseError
from constructs_lib.terminal.side_by_side import side_by_side

_APPROVED: Final = "Approved"
_REJECTED: Final = "Rejected"
_TOLD: Final = 5
"""How many of the newest versions to name when none will do."""


class NotApprovedError(ReleaseError):
    """A version may not serve: nobody approved it, or somebody rejected it."""


def approved_version(aws: Aws, workflow: Workflow, number: int | None) -> ModelPackage:
    """Find a version that may serve in every region of a workflow.

    Args:
        aws: Where it is registered.
        workflow: That would deploy it.
        number: That of the lead region's group; None is the newest that is approved there.

    Returns:
        The lead region's package.

    Raises:
        UnknownNameError: There is no such version.
        NotApprovedError: It is not approved, or missing, in one of the regions; names them.
        AwsCallError: AWS refused.
    """
    if number is None:
        chosen = _newest_approved(aws, workflow)
    else:
        chosen = _numbered(aws, workflow.lead, number)
        _refuse(workflow, chosen, {workflow.lead: chosen})
    others = [region for region in workflow.regions if region != workflow.lead]
    looking = [partial(_same_content, aws, region, chosen) for region in others]
    answers = side_by_side("Looking for the version in other regions", looking)
    found = dict(zip(others, answers, strict=True))
    _refuse(workflow, chosen, found)
    return chosen


def _numbered(aws: Aws, region: EndpointRegion, number: int) -> ModelPackage:
    seen = set()
    for each in _listed(aws, region):
        if each.version == number:
            return _described(aws, region, each.arn)
        seen.add(each.version)
    refuse_unknown({number}, seen)
    raise AssertionError(number)


def _newest_approved(aws: Aws, workflow: Workflow) -> ModelPackage:
    seen = []
    for each in _listed(aws, workflow.lead):
        if each.approval_status == _APPROVED:
            return _described(aws, workflow.lead, each.arn)
        seen.append(f"{each.version} ({each.approval_status})")
    pipeline = workflow.pipeline
    if not seen:
        raise NotApprovedError(
            f"{pipeline} has registered nothing yet in {workflow.lead.aws_region}: release start"
            f" {pipeline} --model FILE, then release approve {pipeline}."
        )
    raise NotApprovedError(
        f"No version of {pipeline} is approved in {workflow.lead.aws_region}. There are:"
        f" {', '.join(seen[:_TOLD])}{' and older ones' if len(seen) > _TOLD else ''}."
        f" Look at them: release packages {pipeline}. Then: release approve {pipeline}."
    )


def _refuse(
    workflow: Workflow, chosen: ModelPackage, found: dict[EndpointRegion, ModelPackage | None]
) -> None:
    """Refuse a version that one of these regions may not serve."""
    version = f"Version {chosen.version} of {workflow.pipeline}"
    status = {region: each.approval_status for region, each in found.items() if each}
    pipeline, number = workflow.pipeline, chosen.version
    if missing := [region.aws_region for region in found if region not in status]:
        raise NotApprovedError(
            f"{version} is not registered in {', '.join(missing)} with the same content (SHA-256"
            f" {chosen.artifact_sha256}). See what is: release packages {pipeline}. Release it"
            " again, or choose another with --version."
        )
    if rejected := _with(status, _REJECTED):
        raise NotApprovedError(
            f"{version} is rejected in {', '.join(rejected)}, and a rejected version never serves."
            f" See the others: release packages {pipeline}. If that was a mistake: release approve"
            f" {pipeline} --version {number}."
        )
    if pending := [each.aws_region for each in status if status[each] != _APPROVED]:
        raise NotApprovedError(
            f"{version} is not approved in {', '.join(pending)}: release approve {pipeline}"
            f" --version {number}."
        )


def _with(statuses: dict[EndpointRegion, str], status: str) -> list[str]:
    return [each.aws_region for each, found in statuses.items() if found == status]


def _same_content(aws: Aws, region: EndpointRegion, chosen: ModelPackage) -> ModelPackage | None:
    """Find a version by its content; most regions have it under the same number."""
    # The same number first: sorting leaves the others in their order.
    listed = sorted(_listed(aws, region), key=lambda each: each.version != chosen.version)
    for each in listed:
        package = _described(aws, region, each.arn)
        if package.artifact_sha256 == chosen.artifact_sha256:
            return package
    return None


def _listed(aws: Aws, region: EndpointRegion) -> Iterator[ListedVersion]:
    with calls(f"Cannot list the packages of {region.group} in {region.aws_region}"):
        yield from listed_versions(aws.client("sagemaker", region.aws_region), region.group)


def _described(aws: Aws, region: EndpointRegion, arn: str) -> ModelPackage:
    with calls(f"Cannot read {arn}"):
        return describe_version(aws.client("sagemaker", region.aws_region), arn)
