"""Take back, and remove: a region returns to what served before, or to no endpoint at all."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any, Final

from botocore.exceptions import ClientError

from .endpoints import MIXED, SERVING, EndpointState, described_configuration, endpoint_state
from .errors import FAILURES, DeploymentError, is_missing, place_of, working_on
from .guardrails.standing import remove_standing_alarms
from .guardrails.watching import remove_alarms
from .places import Place, look_at
from .recording import write_restored
from .requests import return_request
from .scaling import scale, stop_scaling
from .updating import begin_change
from .versions import Version, described_version, write
from .work import Work, now, read_time, written_time

MOST_ATTEMPTS: Final = 3
_IN_PROGRESS: Final = {"status": "in_progress", "reason": ""}

logger = logging.getLogger(__name__)


def take_back(work: Work, target: Mapping[str, Any]) -> dict[str, str]:
    """Return a region to what served before.

    It answers whatever happens: one region that cannot be returned keeps no other from it.

    Returns:
        ``status``: ``in_progress``, ``restored``, ``unchanged``, ``removed`` or ``needs_person``;
        and ``reason``.
    """
    try:
        return _take_back(work, target)
    except FAILURES as error:
        told = f"{place_of(target)}: failed while taking back: {error}"
        if work.seconds_since_start < _longest_seconds(work):
            logger.warning("%s", told)
            return {"status": "in_progress", "reason": told}
        return {"status": "needs_person", "reason": told}


def _longest_seconds(work: Work) -> int:
    """Return how long after its start an execution goes on with taking back."""
    waves = len(work.settings["waves"])
    return (waves + 1) * (work.longest_change_seconds + int(work.settings["bake_seconds"]))


def _take_back(work: Work, target: Mapping[str, Any]) -> dict[str, str]:
    place, former = look_at(work, target), target["former"]
    version = described_version(work, target["aws_region"], target["model_package_arn"])
    state = place.state
    if state is not None and state.is_changing:
        if not _has_waited_long(work, target, version):
            return _IN_PROGRESS
        return _needs_person(
            f"the endpoint {work.endpoint_name} does not come to rest: {_words(state)}"
        )
    if former is None:
        return _without_endpoint(work, target, place, version)
    wanted = former["endpoint_config_name"]
    if state is not None and state.serves(wanted):
        return _is_back(work, target, version)
    if state is not None and not _is_ours(state, place, version):
        return _needs_person(
            f"the endpoint {work.endpoint_name} is {state.status} with"
            f" {state.configuration_name}, which somebody else has chosen; it served with {wanted}"
        )
    if described_configuration(work, target, wanted) is None:
        return _needs_person(f"the configuration {wanted}, which served before, is gone")
    if state is not None and state.status not in (SERVING, MIXED):
        return _needs_person(
            f"the endpoint {work.endpoint_name} is {state.status}{state.because}, and SageMaker"
            " updates no such endpoint: delete it, and deploy again"
        )
    if version is not None and _attempts(version) >= MOST_ATTEMPTS:
        return _needs_person(
            f"the endpoint {work.endpoint_name} could not be returned to {wanted} in"
            f" {MOST_ATTEMPTS} attempts; it is {_words(state)}"
        )
    _return(work, target, state, version)
    return _IN_PROGRESS


def _has_waited_long(work: Work, target: Mapping[str, Any], version: Version | None) -> bool:
    """Tell whether an endpoint is changing for longer than it may; the first look notes the time.

    The execution may have waited for its turn for hours, so its start says nothing.
    """
    if version is None:
        return work.seconds_since_start > _longest_seconds(work)
    since = version.metadata.get("taking_back_since")
    if since is None:
        write(work, target["aws_region"], version, {"taking_back_since": written_time(now())})
        return False
    return (now() - read_time(since)).total_seconds() > work.longest_change_seconds


def _words(state: EndpointState | None) -> str:
    if state is None:
        return "gone"
    return f"{state.status} with {state.configuration_name}{state.because}"


def _is_ours(state: EndpointState, place: Place, version: Version | None) -> bool:
    """Tell whether what serves is what this execution has brought."""
    if state.status == MIXED or place.is_unfinished:
        return True
    return version is not None and place.live is not None and place.live.arn == version.arn


def _attempts(version: Version) -> int:
    text = version.metadata.get("taking_back", "0")
    return int(text) if text.isdecimal() else 0


def _is_back(work: Work, target: Mapping[str, Any], version: Version | None) -> dict[str, str]:
    unchanged = {"status": "unchanged", "reason": ""}
    if version is None:
        return unchanged
    is_former = target["former"]["model_package_arn"] == version.arn
    if "deploying_with" not in version.metadata and (is_former or not version.is_serving):
        write(work, target["aws_region"], version, {"taking_back_since": None})
        return unchanged
    scale(work, target)
    write_restored(work, target, version)
    return {"status": "restored", "reason": ""}


def _return(
    work: Work, target: Mapping[str, Any], state: EndpointState | None, version: Version | None
) -> None:
    """Begin the return; the next look tells how it goes."""
    wanted = target["former"]["endpoint_config_name"]
    if version is not None:
        # Before the change: so a return that SageMaker undoes is not tried for ever.
        write(
            work,
            target["aws_region"],
            version,
            {
                "deploying_with": state.configuration_name if state else wanted,
                "deploying_after": wanted,
                "taking_back": str(_attempts(version) + 1),
            },
        )
    try:
        begin_change(work, target, state, wanted, return_request)
    except ClientError:
        after = endpoint_state(work, target)
        if after is None or not after.is_changing:
            raise


def _without_endpoint(
    work: Work, target: Mapping[str, Any], place: Place, version: Version | None
) -> dict[str, str]:
    """Remove an endpoint that there was not before, and its alarms, which cost without one."""
    state = place.state
    remove_alarms(work, target)
    if state is None:
        if version is None or "deploying_with" not in version.metadata:
            return {"status": "unchanged", "reason": ""}
        write_restored(work, target, version)
        return {"status": "removed", "reason": ""}
    if state.status == SERVING and not _is_ours(state, place, version):
        return _needs_person(
            f"the endpoint {work.endpoint_name} serves with {state.configuration_name}, which"
            " somebody else has chosen"
        )
    _delete(work, target)
    return _IN_PROGRESS


def _needs_person(reason: str) -> dict[str, str]:
    return {"status": "needs_person", "reason": f"{reason}."}


def remove(work: Work, target: Mapping[str, Any]) -> dict[str, str]:
    """Remove the endpoint of a region, and what its deployments were watched by.

    Models and configurations stay, and cost nothing; alarms do.

    Returns:
        ``status``: ``in_progress`` or ``removed``.

    Raises:
        DeploymentError: SageMaker refuses it, or somebody else has changed the endpoint.
    """
    where = place_of(target)
    with working_on(where, f"removing the endpoint {work.endpoint_name}"):
        state = endpoint_state(work, target)
        if state is None:
            return {"status": "removed"}
        if state.is_changing:
            return {"status": "in_progress"}
        expected = target["endpoint_config_name"]
        if state.configuration_name != expected and not work.request.get("overwrite"):
            raise DeploymentError(
                f"{where}: the endpoint {work.endpoint_name} serves with {state.configuration_name}"
                f" since this execution began, instead of {expected}: it was left."
            )
        stop_scaling(work, target)
        # Before the endpoint: who comes again finds no region without one.
        remove_alarms(work, target)
        _delete(work, target)
    return {"status": "in_progress"}


def _delete(work: Work, target: Mapping[str, Any]) -> None:
    remove_standing_alarms(work, target)
    try:
        work.sagemaker(target).delete_endpoint(EndpointName=work.endpoint_name)
    except ClientError as error:
        if not is_missing(error):
            after = endpoint_state(work, target)
            if after is not None and not after.is_changing:
                raise
