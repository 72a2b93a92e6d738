"""The standing alarms of an endpoint: the limits of its deployments, for the time after.

They see all that the endpoint answers, whatever it serves with, and end nothing: people are told,
by the function of the app's notifications, which reads the pipeline and the version out of the
description. They are made where a version comes to serve and removed with the endpoint.
CloudFormation could do that in no region that has no stack of this pipeline.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from ..work import Work
from .alarms import KINDS, endpoint, endpoint_alarms

_STANDING: Final = "standing"


def standing_requests(settings: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the arguments of PutMetricAlarm for each standing alarm."""
    return endpoint_alarms(settings, _prefix(settings), endpoint(settings))


def put_standing_alarms(work: Work, target: Mapping[str, Any], version: int) -> None:
    """Make the standing alarms of a region, and remove those that the config has no more.

    Args:
        work: What to work with.
        target: The region.
        version: The version that serves, by the number that commands take.
    """
    cloudwatch = work.clients.cloudwatch(target["aws_region"])
    requests = standing_requests(work.settings)
    serves = f"Pipeline: {work.pipeline_name}. Version: {version}."
    for request in requests:
        description = f"{request['AlarmDescription']}. {serves}"
        cloudwatch.put_metric_alarm(**{**request, "AlarmDescription": description})
    wanted = {request["AlarmName"] for request in requests}
    _remove(work, target, [name for name in standing_names(work.settings) if name not in wanted])


def remove_standing_alarms(work: Work, target: Mapping[str, Any]) -> None:
    """Remove the standing alarms of a region; CloudWatch takes names of alarms that are gone."""
    _remove(work, target, standing_names(work.settings))


def standing_names(settings: Mapping[str, Any]) -> list[str]:
    """Name all standing alarms that an endpoint can have."""
    return [f"{_prefix(settings)}-{kind}" for kind in KINDS]


def _prefix(settings: Mapping[str, Any]) -> str:
    return f"{settings['endpoint_name']}-{_STANDING}"


def _remove(work: Work, target: Mapping[str, Any], names: list[str]) -> None:
    if names:
        work.clients.cloudwatch(target["aws_region"]).delete_alarms(AlarmNames=names)
