"""The alarms that watch a deployment: made with its configuration, looked at, removed with it.

A configuration has alarms of its own, so that the former fleet's troubles trip none of them. Those
that the config names are people's: they have to be there, and are only looked at.

Sources: "Auto-Rollback Configuration and Monitoring" in the Amazon SageMaker developer guide; Alarm
in its API reference, "configured to monitor metrics on an endpoint", as a composite alarm is not;
PutMetricAlarm, DescribeAlarms, DescribeAlarmHistory and DeleteAlarms in that of Amazon CloudWatch.
"""

from __future__ import annotations

import json
import logging
import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from ..errors import FAILURES, DeploymentError, place_of
from ..requests import is_own_name, name_prefix
from ..work import Work, read_time
from .alarms import KINDS, LATENCY, alarm_names, alarm_requests

_ALARM: Final = "ALARM"
_TYPES: Final = ["CompositeAlarm", "MetricAlarm"]
"""Without them DescribeAlarms tells of alarms on metrics only; the others are refused in words."""
_MOST_DELETED: Final = 100
"""DeleteAlarms: at most so many at once."""
_DATAPOINTS: Final = re.compile(r"\[([^\]]*)\]")
_NUMBER: Final = re.compile(r"-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?(?![\d:/])")

logger = logging.getLogger(__name__)


def make_alarms(work: Work, target: Mapping[str, Any], configuration_name: str) -> None:
    """Make the alarms of a configuration; once more makes the same.

    One that is in ALARM is of an earlier deployment, and would end this one at its begin: it is
    made anew.

    Raises:
        DeploymentError: An alarm that the config names is not there, watches no metric, or is in
            ALARM already.
    """
    names = alarm_names(work.settings, configuration_name)
    if not names:
        return
    found, cloudwatch = (
        _described(work, target, names),
        work.clients.cloudwatch(target["aws_region"]),
    )
    requests = alarm_requests(work.settings, configuration_name)
    own = {each["AlarmName"] for each in requests}
    _refuse_unfit(target, {name: found.get(name) for name in names if name not in own})
    stale = [name for name in own if found.get(name, {}).get("StateValue") == _ALARM]
    if stale:
        cloudwatch.delete_alarms(AlarmNames=sorted(stale))
    for request in requests:
        cloudwatch.put_metric_alarm(**request)


def _refuse_unfit(
    target: Mapping[str, Any], alarms: Mapping[str, Mapping[str, Any] | None]
) -> None:
    where = place_of(target)
    missing = [name for name, alarm in alarms.items() if alarm is None]
    if missing:
        raise DeploymentError(
            f"{where}: there is no alarm {', '.join(missing)} in Amazon CloudWatch there, and"
            " alarm_names of the section Endpoint names it: make it in every region of the waves,"
            " or take it out of the section and deploy the stack."
        )
    composite = [name for name, alarm in alarms.items() if alarm and "AlarmRule" in alarm]
    if composite:
        raise DeploymentError(
            f"{where}: {', '.join(composite)} of alarm_names in the section Endpoint is made of"
            " other alarms (composite), and SageMaker watches those of metrics. Name the ones that"
            " it is made of instead, and deploy the stack."
        )
    for name, alarm in alarms.items():
        if alarm is not None and alarm["StateValue"] == _ALARM:
            why = _said(alarm.get("StateReason"))
            raise DeploymentError(
                f"{where}: the alarm {name} is in ALARM already ({why}): it would take"
                " the version back at once. Mend what it tells of, and deploy again; or go back:"
                " release rollback."
            )


def _described(
    work: Work, target: Mapping[str, Any], names: Sequence[str]
) -> dict[str, Mapping[str, Any]]:
    """Describe alarms of a region by their names; those that are not there are left out."""
    pages = (
        work.clients.cloudwatch(target["aws_region"])
        .get_paginator("describe_alarms")
        .paginate(AlarmNames=list(names), AlarmTypes=_TYPES)
    )
    return {each["AlarmName"]: each for page in pages for each in _alarms(page)}


def _alarms(page: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    for kind in ("MetricAlarms", "CompositeAlarms"):
        yield from page.get(kind, ())


def remove_alarms(
    work: Work, target: Mapping[str, Any], configuration_names: Iterable[str] | None = None
) -> None:
    """Remove the alarms of configurations of a region; None: of all that are this endpoint's."""
    wanted = None if configuration_names is None else set(configuration_names)
    cloudwatch = work.clients.cloudwatch(target["aws_region"])
    pages = cloudwatch.get_paginator("describe_alarms").paginate(
        AlarmNamePrefix=name_prefix(work.settings)
    )
    names = [
        each["AlarmName"]
        for page in pages
        for each in page.get("MetricAlarms", ())
        if (configuration := _configuration_of(work, each["AlarmName"])) is not None
        if wanted is None or configuration in wanted
    ]
    for start in range(0, len(names), _MOST_DELETED):
        some = names[start : start + _MOST_DELETED]
        cloudwatch.delete_alarms(AlarmNames=some)
        logger.info("Removed alarms in %s: %s", place_of(target), ", ".join(some))


def _configuration_of(work: Work, alarm_name: str) -> str | None:
    """Return the configuration that an alarm is of, by its name; None: it is somebody else's."""
    for kind in KINDS:
        name = alarm_name[: -len(kind) - 1]
        if alarm_name == f"{name}-{kind}" and is_own_name(work.settings, name):
            return name
    return None


def trouble(
    work: Work, target: Mapping[str, Any], configuration_name: str, since: str
) -> str | None:
    """Say which alarms tell against a configuration, each with its number and limit.

    An alarm is over soon after the fleet that tripped it is gone, so its history counts, too. One
    that was deleted watches no more, which is told as well.

    Args:
        work: What to work with.
        target: The region.
        configuration_name: What is deployed.
        since: When that began.

    Returns:
        The end of a sentence; None where there is nothing to tell.
    """
    names = alarm_names(work.settings, configuration_name)
    if not names:
        return None
    found = _described(work, target, names)
    told = [
        _tripped(work, name, state)
        for name in names
        if (state := _state_of_alarm(work, target, name, found.get(name), since)) is not None
    ]
    if not told:
        gone = [name for name in names if name not in found]
        told = [f"the alarm {name} was deleted, so nobody watched" for name in gone]
    return "; ".join(told) or None


def trouble_if_told(
    work: Work, target: Mapping[str, Any], configuration_name: str, since: str
) -> str | None:
    """Do the same; where the alarms cannot be read, say nothing of them.

    For what has failed already: not to know its alarm hides no failure.
    """
    try:
        return trouble(work, target, configuration_name, since)
    except FAILURES as error:
        logger.warning("%s: the alarms are not told: %s", place_of(target), error)
        return None


def _state_of_alarm(
    work: Work,
    target: Mapping[str, Any],
    name: str,
    alarm: Mapping[str, Any] | None,
    since: str,
) -> Mapping[str, Any] | None:
    """Return the state of ALARM that an alarm is in, or was in since; None: never."""
    if alarm is not None and alarm["StateValue"] == _ALARM:
        return {
            "stateReason": alarm.get("StateReason", ""),
            "stateReasonData": alarm.get("StateReasonData"),
        }
    pages = (
        work.clients.cloudwatch(target["aws_region"])
        .get_paginator("describe_alarm_history")
        .paginate(
            AlarmName=name,
            HistoryItemType="StateUpdate",
            StartDate=read_time(since),
        )
    )
    for page in pages:
        for item in page["AlarmHistoryItems"]:
            state = _document(_document(item.get("HistoryData")).get("newState"))
            if state.get("stateValue") == _ALARM:
                return state
    return None


def _document(given: object) -> dict[str, Any]:
    """Return a JSON object, or that of a text; who sets an alarm may have written anything."""
    try:
        # As floats: what is larger than any of them is infinite then, and told as none.
        document = json.loads(given, parse_int=float) if isinstance(given, str) else given
    except (ValueError, RecursionError):
        return {}
    return document if isinstance(document, dict) else {}


def _tripped(work: Work, name: str, state: Mapping[str, Any]) -> str:
    """Say that an alarm has tripped, with its number and limit."""
    reason = str(state.get("stateReason", ""))
    value = _value(reason, _document(state.get("stateReasonData")))
    limits = work.settings["alarms"]
    is_own = _configuration_of(work, name) is not None
    if is_own and value is not None and name.endswith(f"-{LATENCY}"):
        said = (
            f"p99 of the model's latency was {value / 1000:,.0f} ms, its limit is"
            f" {limits['latency_milliseconds']:,} ms"
        )
    elif is_own and value is not None:
        said = (
            f"{100 * value:.3g} % of the requests failed (5XX), its limit is"
            f" {limits['error_rate_percent']:.3g} %"
        )
    else:
        said = _said(reason)
    return f"the alarm {name} has tripped: {said}"


def _value(reason: str, data: Mapping[str, Any]) -> float | None:
    """Return the worst number that an alarm above a limit was judged by."""
    listed = data.get("recentDatapoints")
    numbers = [each for each in listed if _is_number(each)] if isinstance(listed, list) else []
    if not numbers:
        told = (each for text in _DATAPOINTS.findall(reason) for each in _NUMBER.findall(text))
        numbers = [number for each in told if _is_number(number := float(each))]
    return max(numbers) if numbers else None


def _is_number(value: object) -> bool:
    return isinstance(value, float) and math.isfinite(value)


def _said(reason: str | None) -> str:
    return (reason or "").rstrip(".") or "CloudWatch gives no reason"
