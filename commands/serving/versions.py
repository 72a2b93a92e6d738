"""The version to serve: there and approved in every region, before anything is started."""

from __future__ import annotations

from functools import partial
from typing import Any, Final

from commands.registry.registry import (
    describe,
    list_versions,
    version_of_content,
    version_of_number,
)
from commands.terminal.aws import Aws
from constructs_lib.aws.registry import ModelPackage
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
    lead = aws.client("sagemaker", workflow.lead.aws_region)
    if number is None:
        chosen = _newest_approved(lead, workflow)
    else:
        chosen = version_of_number(lead, workflow.lead.group, number)
        _refuse(workflow, chosen, {workflow.lead: chosen})
    others = [region for region in workflow.regions if region != workflow.lead]
    looking = [
        partial(_same_content, aws.client("sagemaker", each.aws_region), each.group, chosen)
        for each in others
    ]
    answers = side_by_side("Looking for the version in other regions", looking)
    found = dict(zip(others, answers, strict=True))
    _refuse(workflow, chosen, found)
    return chosen


def _newest_approved(sagemaker: Any, workflow: Workflow) -> ModelPackage:
    seen = []
    for each in list_versions(sagemaker, workflow.lead.group):
        if each.approval_status == _APPROVED:
            return describe(sagemaker, each.arn)
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


def _same_content(sagemaker: Any, group: str, chosen: ModelPackage) -> ModelPackage | None:
    listed = list_versions(sagemaker, group)
    return version_of_content(sagemaker, listed, chosen.artifact_sha256, chosen.version)
