"""Refused requests, answered as the service that they are for answers.

Source: "Common errors" of each service's API reference.
"""

from __future__ import annotations

from typing import Any, Final

_DENIED: Final = {
    "cloudformation": ("AccessDenied", 403),
    "cloudwatch": ("AccessDenied", 403),
    "ec2": ("UnauthorizedOperation", 403),
    "iam": ("AccessDenied", 403),
    "lambda": ("AccessDeniedException", 403),
    "s3": ("AccessDenied", 403),
    "scheduler": ("AccessDeniedException", 403),
    "sns": ("AuthorizationError", 403),
    "sqs": ("AccessDenied", 403),
    "sts": ("AccessDenied", 403),
}
_OTHER_DENIED: Final = ("AccessDeniedException", 400)
_UNKNOWN: Final = {
    "ec2": ("AuthFailure", 401, "AWS was not able to validate the provided access credentials"),
    "s3": (
        "InvalidAccessKeyId",
        403,
        "The AWS Access Key Id you provided does not exist in our records.",
    ),
}
_UNKNOWN_MESSAGE: Final = "The security token included in the request is invalid."
_WRONG_MESSAGE: Final = (
    "The request signature we calculated does not match the signature you provided. Check your AWS"
    " Secret Access Key and signing method."
)
_MISSING_MESSAGE: Final = "Request is missing Authentication Token"


class RefusedError(Exception):
    """A request that is not answered: an error of the service, with its status."""

    def __init__(self, code: str, status: int, message: str) -> None:
        """Refuse with an error code, an HTTP status and a message."""
        super().__init__(message)
        self.code, self.status, self.message = code, status, message


def denied(service: str, message: str) -> RefusedError:
    """Refuse what no policy allows."""
    code, status = _DENIED.get(service, _OTHER_DENIED)
    return RefusedError(code, status, message)


def unknown_key(service: str) -> RefusedError:
    """Refuse an access key that does not exist, or a session that is over."""
    if service in _UNKNOWN:
        return RefusedError(*_UNKNOWN[service])
    if _is_json(service):
        return RefusedError("UnrecognizedClientException", 400, _UNKNOWN_MESSAGE)
    return RefusedError("InvalidClientTokenId", 403, _UNKNOWN_MESSAGE)


def wrong_signature(service: str) -> RefusedError:
    """Refuse a signature that the access key's secret did not make."""
    code = "InvalidSignatureException" if _is_json(service) else "SignatureDoesNotMatch"
    return RefusedError(code, 403, _WRONG_MESSAGE)


def unsigned() -> RefusedError:
    """Refuse a request that nobody signed."""
    return RefusedError("MissingAuthenticationToken", 403, _MISSING_MESSAGE)


def _is_json(service: str) -> bool:
    from botocore.exceptions import UnknownServiceError
    from moto.core.utils import get_service_model

    try:
        return "json" in str(get_service_model(service).protocol)
    except UnknownServiceError:
        return False


def serialize(
    refused: RefusedError, request: Any, service: str | None
) -> tuple[int, dict[str, str], bytes]:
    """Write a refusal in the protocol of the service: status, headers and body."""
    from botocore.exceptions import UnknownServiceError
    from moto.core.model import OperationModel
    from moto.core.request import determine_request_protocol
    from moto.core.serialize import get_serializer_class
    from moto.core.utils import get_service_model

    try:
        model = get_service_model(service or "s3")
        protocol = determine_request_protocol(model, request.content_type)
        serializer = get_serializer_class(model.service_name, protocol)
    except (UnknownServiceError, NotImplementedError):
        return refused.status, {"Content-Type": "text/plain"}, refused.message.encode()
    answer = serializer(OperationModel({}, model)).serialize(refused)
    body = answer["body"]
    data = body.encode() if isinstance(body, str) else bytes(body)
    headers = {name: str(value) for name, value in answer["headers"].items()}
    return refused.status, headers, data
