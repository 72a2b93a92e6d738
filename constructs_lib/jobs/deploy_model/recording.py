"""Record: who serves what since when, in the metadata of each version.

``served_by``, ``served_with``, ``served_since``
    The endpoint, the configuration, and the time.
``served_until``
    When another version took over, or the endpoint was removed; none while it serves.
``deploying_with``, ``deploying_after``
    Written before an endpoint is changed, and removed when its end was seen: what is about to
    serve, and what served before. So an execution that was killed leaves no doubt.
``taking_back``, ``taking_back_since``
    How often a return was begun, and since when an endpoint is waited for.
``taken_back``
    When a deployment of the version failed.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from .errors import FAILURES, place_of, working_on
from .guardrails.standing import put_standing_alarms
from .notices import tell
from .places import NOTHING
from .preparing import remove_old_ones
from .scaling import scale
from .versions import Version, described_version, target_version, write
from .work import Work, now, written_time

_BEGUN: Final[Mapping[str, str | None]] = {
    "deploying_with": None,
    "deploying_after": None,
    "taking_back": None,
    "taking_back_since": None,
}
SERVING_STAGE: Final = "Serving"
RETIRED_STAGE: Final = "Retired"
TAKEN_BACK_STAGE: Final = "TakenBack"
_ASKED: Final = {"invocations": 1}
"""Of what no alarm watches: there is nothing to prove."""
_DONE: Final = {"deploy": "deployed", "rollback": "rolled_back", "undeploy": "undeployed"}

logger = logging.getLogger(__name__)


def write_begun(work: Work, target: Mapping[str, Any], configuration_name: str) -> None:
    """Write on a version that it is about to serve, and instead of what."""
    former = target["former"]
    write(
        work,
        target["aws_region"],
        target_version(work, target),
        {
            **_BEGUN,
            "deploying_with": configuration_name,
            "deploying_after": former["endpoint_config_name"] if former else NOTHING,
        },
    )


def write_restored(work: Work, target: Mapping[str, Any], version: Version) -> None:
    """Write on both versions that the former one serves, after the other was taken back.

    Args:
        work: What to work with.
        target: The region.
        version: What was taken back, as it was described just now.
    """
    region, moment = target["aws_region"], written_time(now())
    former = target["former"]
    arn = former["model_package_arn"] if former else None
    if arn is not None and arn != version.arn:
        before = described_version(work, region, arn)
        if before is not None and "served_until" in before.metadata:
            write(work, region, before, {"served_until": None}, SERVING_STAGE)
    ended = {"served_until": moment} if version.is_serving and arn != version.arn else {}
    # A version that served well before is no worse for a return to it that failed.
    failed = {"taken_back": moment} if work.action == "deploy" else {}
    write(work, region, version, {**_BEGUN, **ended, **failed}, TAKEN_BACK_STAGE)


def record(
    work: Work, plan: Mapping[str, Any], results: Sequence[Mapping[str, Any]]
) -> dict[str, Any]:
    """Write down what serves since when, and tell people.

    Args:
        work: What to work with.
        plan: What Resolve made.
        results: The targets, with what was done; empty when there was nothing to do.

    Returns:
        The output of the execution: ``status``, ``version`` and ``regions``.

    Raises:
        DeploymentError: It cannot be written.
    """
    status = plan["status"] if plan["status"] != "ready" else _DONE[work.action]
    if status == "superseded" or (status == "unchanged" and work.action == "undeploy"):
        return {"status": status, "version": plan["version"], "regions": []}
    targets = list(results) or [each for wave in plan["waves"] for each in wave]
    regions = []
    for target in targets:
        with working_on(place_of(target), "recording what serves"):
            if status == "undeployed":
                _write_removed(work, target)
                continue
            # No version says anything of these: they may have changed where nothing else has.
            put_standing_alarms(work, target, plan["version"]["number"])
            if status == "unchanged":
                scale(work, target)
            else:
                _write_serving(work, target, target["prepared"]["endpoint_config_name"])
            regions.append(_told_of(work, target))
    if status != "unchanged":
        _tell_done(work, plan, status, targets)
    if status in ("deployed", "rolled_back"):
        for target in targets:
            _remove_old_ones(work, target)
    return {"status": status, "version": plan["version"], "regions": regions}


def _write_serving(work: Work, target: Mapping[str, Any], configuration_name: str) -> None:
    region, moment = target["aws_region"], written_time(now())
    former = target["former"]
    arn = former["model_package_arn"] if former else None
    # The former one first: as long as the new one is not recorded, a rerun comes here again.
    if arn is not None and arn != target["model_package_arn"]:
        version = described_version(work, region, arn)
        if version is not None and "served_until" not in version.metadata:
            changes = {**_BEGUN, "served_until": moment}
            write(work, region, version, changes, RETIRED_STAGE)
    version = target_version(work, target)
    if version.is_recorded(configuration_name):
        return
    changes = {
        **_BEGUN,
        "taken_back": None,
        "served_until": None,
        "served_by": work.endpoint_name,
        "served_with": configuration_name,
        "served_since": moment,
    }
    write(work, region, version, changes, SERVING_STAGE)


def _write_removed(work: Work, target: Mapping[str, Any]) -> None:
    arn = target["model_package_arn"]
    version = None if arn is None else described_version(work, target["aws_region"], arn)
    if version is not None and "served_until" not in version.metadata:
        changes = {**_BEGUN, "served_until": written_time(now())}
        write(work, target["aws_region"], version, changes, RETIRED_STAGE)


def _told_of(work: Work, target: Mapping[str, Any]) -> dict[str, Any]:
    version = target_version(work, target)
    return {
        "region_code": target["region_code"],
        "aws_region": target["aws_region"],
        "version": target["version"],
        "endpoint_config_name": version.metadata.get("served_with"),
        "since": version.metadata.get("served_since"),
        "alarms": target.get("alarms", []),
        "proven": target.get("proven"),
    }


def _remove_old_ones(work: Work, target: Mapping[str, Any]) -> None:
    """Remove what is too old; what cannot be, stays until the next deployment."""
    names = [target["prepared"]["endpoint_config_name"]]
    if target["former"]:
        names.append(target["former"]["endpoint_config_name"])
    try:
        remove_old_ones(work, target, set(names))
    except FAILURES as error:
        logger.warning("Old configurations are left in %s: %s", place_of(target), error)


def _tell_done(
    work: Work, plan: Mapping[str, Any], status: str, targets: Sequence[Mapping[str, Any]]
) -> None:
    name, places = work.pipeline_name, ", ".join(map(place_of, targets))
    if status == "undeployed":
        subject = f"{name}: the endpoint is removed"
        lines = [f"The endpoint {work.endpoint_name} is removed in {places}."]
    else:
        number = plan["version"]["number"]
        how = "was rolled back to" if status == "rolled_back" else "now serves"
        subject = f"{name}: {how} version {number}"
        lines = [f"The endpoint {work.endpoint_name} serves version {number} in {places}."]
        lines += _unproven(targets)
        if status == "deployed":
            lines += ["", "To return to the version before:", f"  release rollback {name}"]
    tell(work, subject, *lines, "", "What serves where:", f"  release endpoints {name}")


def _unproven(targets: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Say where no alarm had anything to judge."""
    places = [
        place_of(each) for each in targets if not (each.get("proven") or _ASKED)["invocations"]
    ]
    if places:
        yield (
            f"Nothing was proven in {', '.join(places)}: no requests while it baked. With"
            " bake_traffic in the section Endpoint sample requests are sent meanwhile."
        )


def record_failure(
    work: Work,
    plan: Mapping[str, Any] | None,
    results: Sequence[Mapping[str, Any]],
    error: Mapping[str, Any],
) -> dict[str, str]:
    """Say why an execution has failed and what serves now, and tell people.

    Args:
        work: What to work with.
        plan: What Resolve made, if it came so far.
        results: The targets, each with ``taken_back``; or with ``removed``, or ``error``.
        error: ``Error`` and ``Cause`` of the state that failed.

    Returns:
        ``reason``, and ``status``: ``taken_back``, ``needs_person`` or ``unchanged``.
    """
    cause = cause_in_words(error)
    stuck = {place_of(each): why for each in results if (why := _why_stuck(each))}
    went_back = [each for each in results if _status(each) in ("restored", "removed")]
    status = "needs_person" if stuck else "taken_back" if went_back else "unchanged"
    name = work.pipeline_name
    lines = [cause]
    if went_back:
        lines.append(f"Taken back: {'; '.join(map(_told_of_return, went_back))}.")
    lines += [f"{place} needs a person: {why}" for place, why in stuck.items()]
    if stuck:
        lines.append(f"See what serves where: release endpoints {name}.")
    number = ((plan or {}).get("version") or {}).get("number")
    if went_back and number and work.action == "deploy":
        lines.append(
            f"What next: release deploy {name} --version {number} tries it again; release reject"
            f" {name} --version {number} keeps everybody from it."
        )
    what = f"version {number}" if number else "the endpoint"
    subjects = {
        "needs_person": f"{name}: {work.action} of {what} needs a person",
        "taken_back": f"{name}: {what} was taken back",
        "unchanged": f"{name}: {work.action} of {what} failed, nothing was changed",
    }
    tell(work, subjects[status], *lines)
    return {"status": status, "reason": " ".join(lines)}


def _status(result: Mapping[str, Any]) -> str:
    return str(result.get("taken_back", {}).get("status", ""))


def _why_stuck(result: Mapping[str, Any]) -> str:
    if _status(result) == "needs_person":
        return str(result["taken_back"].get("reason", ""))
    return cause_in_words(result["error"]) if "error" in result else ""


def _told_of_return(result: Mapping[str, Any]) -> str:
    former = result.get("former")
    if not former:
        return f"{place_of(result)} has no endpoint, as before"
    number = former["version"]
    what = f"version {number}" if number else former["endpoint_config_name"]
    return f"{place_of(result)} serves {what}"


def cause_in_words(error: Mapping[str, Any]) -> str:
    """Return what a state's error says; a function's cause is a document with its message."""
    cause = str(error.get("Cause") or error.get("Error") or "The cause is not told.")
    try:
        document = json.loads(cause)
    except ValueError:
        return cause
    if isinstance(document, dict) and "errorMessage" in document:
        return str(document["errorMessage"])
    return cause
