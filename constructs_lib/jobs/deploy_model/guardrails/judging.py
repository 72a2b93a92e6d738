"""The second look: whether what serves has proven itself, once it has baked."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Final

from ..errors import DeploymentError, place_of, working_on
from ..updating import look
from ..work import Work, now, read_time
from .alarms import NAMESPACE, alarm_names, fleet
from .watching import trouble

_PERIOD_SECONDS: Final = 60


def look_again(
    work: Work,
    target: Mapping[str, Any],
    prepared: Mapping[str, str],
    updated: Mapping[str, Any],
) -> dict[str, Any]:
    """Tell whether a region still serves what was prepared, and no alarm tells against it.

    Returns:
        ``status``: ``serving`` or ``in_progress``; and, when it serves, ``seen``: ``alarms``, their
        names, and ``proven``: the number of ``invocations`` while it baked, None without alarms.

    Raises:
        DeploymentError: It does not serve, or an alarm has tripped or was deleted.
    """
    told = look(work, target, prepared, updated)
    if told["status"] != "serving":
        return {"status": told["status"]}
    name, where = prepared["endpoint_config_name"], place_of(target)
    with working_on(where, f"looking at the alarms of {name}"):
        names = alarm_names(work.settings, name)
        reason = trouble(work, target, name, updated["started_at"])
        proven = None if not names else {"invocations": _invocations(work, target, name, updated)}
    if reason is not None:
        raise DeploymentError(
            f"{where}: version {target['version']} serves, and has not proven itself: {reason}."
        )
    return {"status": "serving", "seen": {"alarms": names, "proven": proven}}


def _invocations(
    work: Work, target: Mapping[str, Any], configuration_name: str, updated: Mapping[str, Any]
) -> int:
    """Count the requests that a fleet was sent since its update began, without those of Try.

    Source: "Amazon SageMaker AI metrics in Amazon CloudWatch" in the developer guide.
    """
    told = work.clients.cloudwatch(target["aws_region"]).get_metric_statistics(
        Namespace=NAMESPACE,
        MetricName="Invocations",
        Dimensions=fleet(work.settings, configuration_name),
        StartTime=read_time(updated["started_at"]),
        EndTime=now() + timedelta(seconds=_PERIOD_SECONDS),
        Period=_PERIOD_SECONDS,
        Statistics=["Sum"],
    )
    total: float = sum(each["Sum"] for each in told["Datapoints"])
    return max(0, round(total) - int(target["tried"]))
