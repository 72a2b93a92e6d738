"""Resolve: which version, whether it may serve, and what serves now."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

from .endpoints import described_configuration
from .errors import DeploymentError, place_of, working_on
from .places import Place, former_of, look_at, served_before, serves_already
from .proving import prove
from .versions import (
    APPROVED,
    PENDING,
    Version,
    described_version,
    version_of_content,
    versions,
)
from .work import Work

APPROVAL_SECONDS: Final = 900
"""How long a deployment waits for the approval in all of its regions."""
Plan = dict[str, Any]


def resolve(work: Work) -> Plan:
    """Make the plan of an execution: see the package's description.

    Raises:
        DeploymentError: The version may not serve, or a region cannot be changed. Nothing was.
    """
    with working_on(work.settings["home_region"], "looking for deployments that began earlier"):
        turn = _turn(work)
    if turn is not None:
        return turn
    places = []
    for target in work.targets():
        with working_on(place_of(target), f"looking at the endpoint {work.endpoint_name}"):
            places.append(look_at(work, target))
    if changing := [each for each in places if each.state and each.state.is_changing]:
        return _wait_for_change(work, changing)
    _refuse_unknown(work, places)
    if work.action == "undeploy":
        return _removal(work, places)
    with working_on(work.settings["lead_region"], "looking for the version"):
        wanted = _wanted(work, places)
    return _plan(work, wanted, places)


def _turn(work: Work) -> Plan | None:
    """Say whether another execution comes first; None when it is this one's turn."""
    pages = work.clients.workflows.get_paginator("list_executions").paginate(
        stateMachineArn=work.machine_arn, statusFilter="RUNNING"
    )
    running = {
        each["executionArn"]: each["startDate"] for page in pages for each in page["executions"]
    }
    own = (running.pop(work.execution["arn"], work.started_at), work.execution["arn"])
    began = sorted((start, arn) for arn, start in running.items())
    earlier = [arn for start, arn in began if (start, arn) < own]
    later = [arn for start, arn in began if (start, arn) > own]
    is_waiting = bool(earlier) or _waits_for_approval(work)
    if is_waiting and work.action == "deploy":
        for arn in later:
            if _supersedes(work, arn, is_first=not earlier):
                reason = f"The execution {arn} was started later and takes its place."
                return {"status": "superseded", "reason": reason, **_no_plan(work)}
    if earlier:
        reason = f"The execution {earlier[-1]} began earlier and still runs."
        return {"status": "wait", "reason": reason, **_no_plan(work)}
    return None


def _waits_for_approval(work: Work) -> bool:
    return bool(work.request.get("wait_for_approval"))


def _supersedes(work: Work, execution_arn: str, *, is_first: bool) -> bool:
    """Tell whether a later execution makes this deployment superfluous.

    One of an older version, approved later, does not. A rollback does while this one could only
    wait for people: it must not wait for them, too.
    """
    told = work.clients.workflows.describe_execution(executionArn=execution_arn)
    other = json.loads(told["input"])
    if other["action"] == "rollback":
        return is_first
    if other["action"] != "deploy" or not (
        _waits_for_approval(work) and other.get("wait_for_approval")
    ):
        return True
    own, its = (_number_of(work, each["content"]) for each in (work.request, other))
    return own is None or (its is not None and its >= own)


def _number_of(work: Work, artifact_sha256: str) -> int | None:
    version = _of_artifact(work, artifact_sha256)
    return None if version is None else version.number


def _of_artifact(work: Work, artifact_sha256: str) -> Version | None:
    """Find the newest version of an artifact where versions are numbered, approved ones first."""
    lead, group = work.settings["lead_region"], _group(work)
    return next(
        (
            version
            for approval in (APPROVED, None)
            for version in versions(work, lead, group, approval)
            if version.content.artifact_sha256 == artifact_sha256
        ),
        None,
    )


def _no_plan(work: Work) -> Plan:
    return {"action": work.action, "version": None, "waves": []}


def _group(work: Work) -> str:
    return str(next(iter(work.targets()))["model_package_group_name"])


def _wait_for_change(work: Work, changing: list[Place]) -> Plan:
    told = "; ".join(
        f"{place_of(each.target)} is {each.state.status}" for each in changing if each.state
    )
    if work.seconds_since_start > work.longest_change_seconds:
        raise DeploymentError(
            f"The endpoint {work.endpoint_name} does not come to rest: {told}. Nothing was changed."
            " Look at it in the SageMaker console, and start again when it is in service."
        )
    return {"status": "wait", "reason": f"The endpoint is changing: {told}.", **_no_plan(work)}


def _refuse_unknown(work: Work, places: list[Place]) -> None:
    """Refuse what somebody else has made of an endpoint.

    Raises:
        DeploymentError: Names the regions, and what serves there.
    """
    if work.action != "undeploy":
        for place in places:
            if place.state is not None and place.state.status in ("Failed", "OutOfService"):
                raise DeploymentError(
                    f"{place_of(place.target)}: the endpoint {work.endpoint_name} is"
                    f" {place.state.status}{place.state.because}. Nothing was changed. SageMaker"
                    " can only delete such an endpoint: release undeploy"
                    f" {work.pipeline_name}, and deploy again."
                )
    changed = [each for each in places if not each.is_known and not _is_dead(each)]
    if changed and not work.request.get("overwrite"):
        told = "; ".join(
            f"{place_of(each.target)} serves with {each.state.configuration_name}"
            for each in changed
            if each.state
        )
        raise DeploymentError(
            f"The endpoint {work.endpoint_name} was changed by somebody else: {told}, which no"
            " version is recorded to serve with. Nothing was changed. Set it back, or replace it:"
            f" release {work.action} {work.pipeline_name} --overwrite."
        )


def _is_dead(place: Place) -> bool:
    return place.state is not None and place.state.status == "Failed"


def _removal(work: Work, places: list[Place]) -> Plan:
    there = [each for each in places if each.state is not None]
    targets = {
        each.target["aws_region"]: {
            **_place_names(each.target),
            "model_package_arn": each.live.arn if each.live else None,
            "version": each.live.number if each.live else None,
            "former": None,
            "endpoint_config_name": each.state.configuration_name if each.state else None,
        }
        for each in places
    }
    return {
        "status": "ready" if there else "unchanged",
        "reason": "" if there else "There is no endpoint in any region.",
        "action": work.action,
        "version": None,
        "waves": _in_waves(work, targets),
    }


def _place_names(target: Mapping[str, Any]) -> dict[str, Any]:
    return {name: target[name] for name in ("region_code", "aws_region")}


def _in_waves(work: Work, targets: Mapping[str, Any]) -> list[list[Any]]:
    return [[targets[each["aws_region"]] for each in wave] for wave in work.settings["waves"]]


def _wanted(work: Work, places: list[Place]) -> Version:
    """Find what the request asks for, where versions are numbered.

    Raises:
        DeploymentError: There is no such version.
    """
    lead, group = work.settings["lead_region"], _group(work)
    number, artifact = work.request.get("version"), work.request.get("content")
    if number is not None:
        _, partition, _, _, account, _ = work.execution["arn"].split(":", 5)
        arn = f"arn:{partition}:sagemaker:{lead}:{account}:model-package/{group}/{number}"
        found = described_version(work, lead, arn)
        what = f"version {number}"
    elif artifact is not None:
        found = _of_artifact(work, artifact)
        what = f"version of the artifact {artifact}"
    elif work.action == "rollback":
        found = _last_good(work, places)
        what = "version that served before and was good"
    else:
        found = next(versions(work, lead, group, APPROVED), None)
        what = f"approved version: approve one with release approve {work.pipeline_name}"
    if found is None:
        raise DeploymentError(f"The group {group} in {lead} has no {what}. Nothing was changed.")
    return found


def _last_good(work: Work, places: list[Place]) -> Version | None:
    """Find what a rollback returns to: the version that served before the one that serves.

    While a deployment is unfinished that is the one that it began to replace.
    """
    lead = work.settings["lead_region"]
    before = [_version_before(work, each) for each in places if each.is_unfinished]
    for version in before:
        if version is not None:
            return version_of_content(work, lead, _group(work), version)
    anchor = next((each for each in places if each.target["aws_region"] == lead), places[0])
    region = anchor.target["aws_region"]
    latest = served_before(work, anchor)
    if latest is None or region == lead:
        return latest
    return version_of_content(work, lead, _group(work), latest)


def _version_before(work: Work, place: Place) -> Version | None:
    former = former_of(work, place, None)
    if former is None or former["model_package_arn"] is None:
        return None
    return described_version(work, place.target["aws_region"], former["model_package_arn"])


def _plan(work: Work, wanted: Version, places: list[Place]) -> Plan:
    found = {place.target["aws_region"]: _found(work, wanted, place) for place in places}
    waiting = _approval_problems(work, found, places)
    if waiting is not None:
        return {"status": "wait", "reason": waiting, **_no_plan(work)}
    targets = {}
    is_unfinished = any(each.is_unfinished for each in places)
    for place in places:
        version = found[place.target["aws_region"]]
        assert version is not None  # noqa: S101 for mypy: a problem otherwise
        with working_on(place_of(place.target), f"proving version {version.number}"):
            prove(work, place.target, version)
            targets[place.target["aws_region"]] = {
                **_place_names(place.target),
                "model_package_arn": version.arn,
                "version": version.number,
                "former": former_of(work, place, version if is_unfinished else None),
                "endpoint_config_name": _kept(work, place, version),
                # What Update finds, unless somebody else has changed it meanwhile.
                "found": place.state.configuration_name if place.state else None,
            }
    newer = _newer_that_serves(work, found, places)
    status, reason = "ready", ""
    if newer is not None:
        status, reason = "superseded", f"Version {newer}, which is newer, serves already."
    elif all(serves_already(work, place, targets[place.target["aws_region"]]) for place in places):
        status, reason = "unchanged", "It serves in every region already."
    content = {"number": wanted.number, "content": wanted.content.artifact_sha256}
    return {
        "status": status,
        "reason": reason,
        "action": work.action,
        "version": content,
        "waves": _in_waves(work, targets),
    }


def _found(work: Work, wanted: Version, place: Place) -> Version | None:
    region, group = place.target["aws_region"], place.target["model_package_group_name"]
    if region == work.settings["lead_region"]:
        return wanted
    with working_on(place_of(place.target), f"looking for the version in the group {group}"):
        return version_of_content(work, region, group, wanted)


def _approval_problems(
    work: Work, found: Mapping[str, Version | None], places: list[Place]
) -> str | None:
    """Return what is waited for, if anything is.

    Raises:
        DeploymentError: A version is not there, or not approved; waiting is of no use, or over.
    """
    words = {
        place_of(place.target): _approval_in_words(found[place.target["aws_region"]])
        for place in places
    }
    missing = {place: word for place, word in words.items() if word}
    if not missing:
        return None
    told = "; ".join(f"in {place} {word}" for place, word in missing.items())
    may_come = all("rejected" not in word for word in missing.values())
    if _waits_for_approval(work) and may_come and work.seconds_since_start < APPROVAL_SECONDS:
        return f"The version is not approved everywhere: {told}."
    raise DeploymentError(
        f"The version may not serve: {told}. Nothing was changed. Approve it in every region"
        f" (release approve {work.pipeline_name}), then deploy it."
    )


def _approval_in_words(version: Version | None) -> str:
    if version is None:
        return "it is not registered"
    if version.is_approved:
        return ""
    waits = version.approval == PENDING
    return f"version {version.number} {'waits for approval' if waits else 'is rejected'}"


def _newer_that_serves(
    work: Work, found: Mapping[str, Version | None], places: list[Place]
) -> int | None:
    """Return the number of a newer version that serves, where nobody has asked for the older."""
    if not _waits_for_approval(work):
        return None
    for place in places:
        version, live = found[place.target["aws_region"]], place.live
        if version and live and live.is_approved and live.number > version.number:
            return live.number
    return None


def _kept(work: Work, place: Place, version: Version) -> str | None:
    """Return the configuration that a version served with, where a rollback can have it again."""
    name = version.metadata.get("served_with")
    if work.action != "rollback" or name is None:
        return None
    return None if described_configuration(work, place.target, name) is None else name
