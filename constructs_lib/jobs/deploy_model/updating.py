"""Update, and look: an endpoint comes to serve a configuration, or fails with a reason in words."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Final

from botocore.exceptions import ClientError

from .endpoints import MIXED, SERVING, EndpointState, endpoint_state
from .errors import DeploymentError, place_of, working_on
from .guardrails.watching import trouble_if_told
from .recording import write_begun
from .requests import endpoint_request, rollback_request, update_request
from .scaling import scale, stop_scaling_for_other_type
from .versions import described_version
from .work import Work, now, read_time, written_time

_CAPACITY: Final = ("capacity", "provision")

logger = logging.getLogger(__name__)


def update(work: Work, target: Mapping[str, Any], prepared: Mapping[str, str]) -> dict[str, Any]:
    """Let the endpoint of a region come to the configuration that is prepared.

    Returns:
        ``started_at``, and ``is_new``: whether there was no endpoint before.

    Raises:
        DeploymentError: SageMaker refuses it, or somebody else has changed the endpoint.
    """
    name = prepared["endpoint_config_name"]
    with working_on(place_of(target), f"bringing the endpoint {work.endpoint_name} to {name}"):
        state = endpoint_state(work, target)
        if not _is_under_way(state, name):
            _refuse_other_hands(work, target, state)
            write_begun(work, target, name)
            _change(work, target, state, name)
    return {"started_at": written_time(now()), "is_new": target["former"] is None}


def _is_under_way(state: EndpointState | None, name: str) -> bool:
    """Tell whether a configuration serves already, or is about to."""
    if state is None:
        return False
    if state.status == "Creating" or state.serves(name):
        return state.configuration_name == name
    return state.is_changing and state.status != "RollingBack" and state.pending_name == name


def _refuse_other_hands(work: Work, target: Mapping[str, Any], state: EndpointState | None) -> None:
    """Refuse an endpoint that is not as Resolve has found it.

    Raises:
        DeploymentError: See above.
    """
    expected = target["found"]
    if state is None and expected is None:
        return
    is_at_rest = state is not None and state.status in (SERVING, MIXED) and not state.is_changing
    if state is not None and is_at_rest and state.configuration_name == expected:
        return
    is_now = "gone" if state is None else f"{state.status} with {state.configuration_name}"
    raise DeploymentError(
        f"{place_of(target)}: the endpoint {work.endpoint_name} is {is_now}; this execution found"
        f" {expected or 'none'} there. Somebody else has changed it, so it was left as it is."
    )


def _change(work: Work, target: Mapping[str, Any], state: EndpointState | None, name: str) -> None:
    make = rollback_request if work.action == "rollback" else update_request
    try:
        begin_change(work, target, state, name, make)
    except ClientError:
        # An attempt whose answer was lost may have begun it.
        after = endpoint_state(work, target)
        if not _is_under_way(after, name):
            raise
    logger.info("The endpoint of %s goes to %s", place_of(target), name)


def begin_change(
    work: Work,
    target: Mapping[str, Any],
    state: EndpointState | None,
    name: str,
    request: Callable[[Mapping[str, Any], str], dict[str, Any]],
) -> None:
    """Ask SageMaker to bring an endpoint to a configuration.

    Args:
        work: What to work with.
        target: The region.
        state: The endpoint as it is.
        name: The configuration.
        request: Makes the arguments of an update.
    """
    sagemaker = work.sagemaker(target)
    if state is None:
        sagemaker.create_endpoint(**endpoint_request(work.settings, name))
    else:
        stop_scaling_for_other_type(work, target, state.configuration_name, name)
        sagemaker.update_endpoint(**request(work.settings, name))


def look(
    work: Work,
    target: Mapping[str, Any],
    prepared: Mapping[str, str],
    updated: Mapping[str, Any],
) -> dict[str, str]:
    """Tell whether the endpoint of a region serves what was prepared.

    Returns:
        ``status``: ``serving`` or ``in_progress``.

    Raises:
        DeploymentError: It does not and will not, in words; or the version may not serve any more.
    """
    name, where = prepared["endpoint_config_name"], place_of(target)
    with working_on(where, f"looking at the endpoint {work.endpoint_name}"):
        _refuse_revoked(work, target)
        state = endpoint_state(work, target)
        if state is not None and state.serves(name):
            scale(work, target)
            return {"status": "serving"}
        failure = _failure(_with_alarms(work, target, state, name, updated), name)
        if failure is not None:
            raise DeploymentError(f"{where}: the endpoint {work.endpoint_name} {failure}")
    waited = (now() - read_time(updated["started_at"])).total_seconds()
    if state is not None and waited > work.longest_change_seconds:
        raise DeploymentError(
            f"{where}: the endpoint {work.endpoint_name} is still {state.status} after"
            f" {waited / 60:.0f} minutes."
        )
    return {"status": "in_progress"}


def _refuse_revoked(work: Work, target: Mapping[str, Any]) -> None:
    version = described_version(work, target["aws_region"], target["model_package_arn"])
    if version is None or not version.is_approved:
        found = "deleted" if version is None else version.approval
        raise DeploymentError(
            f"{place_of(target)}: version {target['version']} is {found} since its deployment"
            " began: only what is approved may serve."
        )


def _with_alarms(
    work: Work,
    target: Mapping[str, Any],
    state: EndpointState | None,
    name: str,
    updated: Mapping[str, Any],
) -> EndpointState | None:
    """Add to why an endpoint went back by itself the alarms, which SageMaker does not tell."""
    if state is None or not (state.status in ("RollingBack", MIXED) or _is_at_rest(state)):
        return state
    tripped = trouble_if_told(work, target, name, updated["started_at"])
    if tripped is None:
        return state
    said = [each for each in (state.reason.rstrip("."), tripped) if each]
    return replace(state, reason="; ".join(said))


def _is_at_rest(state: EndpointState) -> bool:
    return state.status == SERVING and not state.is_changing


def _failure(state: EndpointState | None, name: str) -> str | None:
    """Say how an endpoint has failed to come to a configuration; None while it may yet."""
    if state is None:
        return "is gone: somebody has deleted it."
    hint = ""
    if any(word in state.reason.lower() for word in _CAPACITY):
        hint = " AWS has too few of these instances there now: wait, or choose another type."
    if state.status == "RollingBack":
        return f"is rolled back by SageMaker{state.because}.{hint}"
    if state.status == MIXED:
        return (
            f"could neither be updated nor rolled back, and serves a mix of both{state.because}."
            f"{hint}"
        )
    if state.status in ("Failed", "OutOfService"):
        return f"is {state.status}{state.because}.{hint}"
    if state.status == "Deleting":
        return "is being deleted by somebody else."
    if state.is_changing:
        return None
    said = state.reason or "SageMaker gives no reason"
    return (
        f"serves with {state.configuration_name} instead of {name}: SageMaker has rolled the"
        f" update back by itself ({said}).{hint}"
    )
