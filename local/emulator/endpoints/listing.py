"""ListModels, ListEndpointConfigs and ListEndpoints: by name, by time, page by page.

moto lists models without looking at what is asked for, and the others in another order.

Source: the three calls in the Amazon SageMaker API reference: by default the newest comes first.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, Final

from local.emulator.endpoints.words import refused
from local.emulator.monitoring.times import in_utc
from local.emulator.sagemaker.validation import check_request, request_of

_PAGE: Final = 10
"""MaxResults, where none is given."""

Summary = Mapping[str, Any]


def install_listings() -> None:
    """Take the calls over from moto."""
    from moto.core.responses import ActionResult
    from moto.sagemaker.responses import SageMakerResponse as Answers

    def list_models(response: Any) -> Any:
        found = map(_model_summary, list(response.sagemaker_backend._models.values()))
        return ActionResult(_page("Models", "Model", found, _request(response, "ListModels")))

    def list_endpoint_configs(response: Any) -> Any:
        kept = list(response.sagemaker_backend.endpoint_configs.values())
        request = _request(response, "ListEndpointConfigs")
        found = (each.summary() for each in kept)
        return ActionResult(_page("EndpointConfigs", "EndpointConfig", found, request))

    def list_endpoints(response: Any) -> Any:
        kept = list(response.sagemaker_backend.endpoints.values())
        request = _request(response, "ListEndpoints")
        status = request.get("StatusEquals")
        found = (each.summary() for each in kept if status in (None, each.endpoint_status))
        return ActionResult(_page("Endpoints", "Endpoint", found, request))

    for answered in (list_models, list_endpoint_configs, list_endpoints):
        setattr(Answers, answered.__name__, answered)


def _request(response: Any, operation: str) -> dict[str, Any]:
    request = request_of(response)
    check_request(operation, request)
    return request


def _model_summary(model: Any) -> Summary:
    return {
        "ModelName": model.model_name,
        "ModelArn": model.arn,
        "CreationTime": model.creation_time,
    }


def _page(
    member: str, kind: str, summaries: Iterable[Summary], request: Mapping[str, Any]
) -> dict[str, Any]:
    name = f"{kind}Name"
    found = [each for each in summaries if _is_asked_for(each, name, request)]
    found.sort(key=_order(name, request.get("SortBy", "CreationTime")))
    if request.get("SortOrder", "Descending") == "Descending":
        found.reverse()
    start, size = _start(request.get("NextToken")), request.get("MaxResults", _PAGE)
    answer: dict[str, Any] = {member: found[start : start + size]}
    if start + size < len(found):
        answer["NextToken"] = str(start + size)
    return answer


def _is_asked_for(summary: Summary, name: str, request: Mapping[str, Any]) -> bool:
    if request.get("NameContains", "") not in summary[name]:
        return False
    for member in ("CreationTime", "LastModifiedTime"):
        before, after = request.get(f"{member}Before"), request.get(f"{member}After")
        moment = summary.get(member)
        if before is not None and not _utc(moment) < _utc(before):
            return False
        if after is not None and not _utc(moment) > _utc(after):
            return False
    return True


def _order(name: str, by: str) -> Callable[[Summary], Any]:
    members = {"Name": name, "Status": "EndpointStatus"}
    return lambda summary: summary[members.get(by, "CreationTime")]


def _start(token: str | None) -> int:
    if token is None:
        return 0
    if not token.isdecimal():
        raise refused(f"Invalid NextToken: {token}")
    return int(token)


def _utc(moment: Any) -> datetime:
    """Read a time of moto's, or one of a request: seconds since 1970."""
    if isinstance(moment, int | float):
        return datetime.fromtimestamp(moment, UTC)
    return in_utc(moment)
