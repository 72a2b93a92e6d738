"""Which operation of which service a request calls, with its parameters, by botocore's models."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from threading import Lock
from typing import Any, Final

from local.emulator.authorization.credentials import Signature

_BY_SIGNING_NAME: Final = {
    "elasticloadbalancing": "elbv2",
    "email": "ses",
    "monitoring": "cloudwatch",
    "states": "stepfunctions",
}
"""botocore's names of services that sign with another one."""
_READING_MODELS: Final = Lock()
"""Neither moto nor botocore builds its models in several threads at once."""
_RUNTIMES: Final = {
    "sagemaker": ("invocations", "sagemaker-runtime"),
    "s3": ("/v20180820/", "s3control"),
}
"""Services that share a signing name with another one, by what is in their paths."""


@dataclass(frozen=True)
class Operation:
    """A call as the service's API names it."""

    service: str
    """botocore's name of the service."""
    name: str
    region: str
    account: str
    parameters: Mapping[str, Any] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    """In lower case."""

    def text(self, name: str) -> str | None:
        """Return a parameter that holds text; None if it is not given, or holds something else."""
        value = self.parameters.get(name)
        return value if isinstance(value, str) and value else None


def read_operation(request: Any, signature: Signature, account: str) -> Operation | None:
    """Read what ``request`` (moto's) calls; None for what no service model knows."""
    service = service_name(request, signature)
    router = read_model(service)
    if router is None:
        return None
    from werkzeug.exceptions import HTTPException

    try:
        with _READING_MODELS:
            model, uri_parameters = router.match(request)
        parameters = _parse(request, model, uri_parameters)
    except (HTTPException, NotImplementedError):
        return None
    headers = {name.lower(): value for name, value in request.headers.items()}
    return Operation(service, str(model.name), signature.region, account, parameters, headers)


def read_model(service: str) -> Any:
    """Read the model of a service, once; returns what finds its operations, None for no service."""
    with _READING_MODELS:
        return _router(service)


def service_name(request: Any, signature: Signature) -> str:
    """Botocore's name of the service that a request is for."""
    part, other = _RUNTIMES.get(signature.service, (None, ""))
    if part is not None and part in request.path:
        return other
    return _BY_SIGNING_NAME.get(signature.service, signature.service)


@cache
def _router(service: str) -> Any:
    from botocore.exceptions import UnknownServiceError
    from moto.core.routing import get_service_router

    try:
        return get_service_router(service)
    except UnknownServiceError:
        return None


def _parse(request: Any, model: Any, uri_parameters: Mapping[str, Any]) -> Mapping[str, Any]:
    from moto.core.parse import PROTOCOL_PARSERS
    from moto.core.request import determine_request_protocol

    if model.service_model.service_name == "s3" and not _has_document(model):
        return _without_body(request, model, uri_parameters)
    protocol = determine_request_protocol(model.service_model, request.content_type)
    parsed: Mapping[str, Any] = PROTOCOL_PARSERS[protocol](model).parse(
        {
            "method": request.method,
            "values": request.values,
            "headers": request.headers,
            "body": request.get_data(),
            "url_path": request.path,
            "url_params": uri_parameters,
        }
    )
    return parsed


def _has_document(model: Any) -> bool:
    """Whether an operation of Amazon S3 names what it works on in its body."""
    return str(model.name) == "DeleteObjects"


def _without_body(request: Any, model: Any, uri_parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Read what stands in path, query and headers: the body may be an object of many gigabytes."""
    found: dict[str, Any] = dict(uri_parameters)
    for name, shape in model.input_shape.members.items() if model.input_shape else ():
        place, key = shape.serialization.get("location"), shape.serialization.get("name", name)
        values = {"header": request.headers, "querystring": request.args}.get(place)
        if values is not None and key in values:
            found[name] = values[key]
    return found
