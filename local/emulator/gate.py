"""The gate before all services: who calls, from where, and whether the call is allowed.

A web page cannot reach the services through a browser on the same machine: requests with a foreign
``Origin``, ``Sec-Fetch-Site`` or ``Host`` are refused, and no CORS header is sent. Other users of
the machine do not know the access key.
"""

from __future__ import annotations

import logging
import uuid
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from io import BytesIO
from typing import Any, Final
from urllib.parse import urlsplit

from moto.core.request import Request

from local.emulator.authorization.actions import uses
from local.emulator.authorization.credentials import Signature, read_signature
from local.emulator.authorization.decisions import Decisions
from local.emulator.authorization.identities import CallerIdentity, Identities, Kind
from local.emulator.authorization.operations import read_operation, service_name
from local.emulator.authorization.refusals import (
    RefusedError,
    denied,
    serialize,
    unknown_key,
    unsigned,
    wrong_signature,
)
from local.emulator.house_calls import HOUSE_PATH

_OWN_SITES: Final = frozenset({"none", "same-origin"})
_LOCAL_NAMES: Final = frozenset({"localhost", "127.0.0.1"})
_CHUNK_BYTES: Final = 1 << 20

Application = Callable[[dict[str, Any], Any], Iterable[bytes]]


@dataclass(frozen=True)
class RequestGate:
    """Lets through to ``services``, or to ``house``, what may pass."""

    services: Application
    house: Application
    identities: Identities
    decisions: Decisions

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        """Answer one request."""
        request = Request(environ)
        try:
            _refuse_foreign(request)
            application = self._admit(request)
        except RefusedError as refused:
            return _refuse(refused, request, start_response)
        except Exception as error:
            logging.getLogger(__name__).exception("defect of the gate")
            message = f"The embedded AWS cannot decide this: {type(error).__name__}: {error}"
            return _refuse(RefusedError("InternalFailure", 400, message), request, start_response)
        return application(environ, _without_cors(start_response))

    def _admit(self, request: Any) -> Application:
        signature = read_signature(request)
        if signature is None:
            raise unsigned()
        _keep_body(request, signature)
        identity = self._identify(request, signature)
        if request.path.startswith(HOUSE_PATH):
            if identity.kind not in (Kind.ADMINISTRATOR, Kind.EMULATOR):
                raise denied("s3", f"User: {identity.arn} is not an administrator")
            return self.house
        self._decide(request, signature, identity)
        return self.services

    def _identify(self, request: Any, signature: Signature) -> CallerIdentity:
        service = service_name(request, signature)
        found = self.identities.find(signature.access_key_id)
        if found is None or (found[0].token or "") != (signature.session_token or ""):
            raise unknown_key(service)
        key, identity = found
        if not signature.is_made_with(key.secret, request):
            raise wrong_signature(service)
        return identity

    def _decide(self, request: Any, signature: Signature, identity: CallerIdentity) -> None:
        if not self.decisions.decides(identity, service_name(request, signature)):
            return
        operation = read_operation(request, signature, self.identities.account)
        if operation is None:
            if identity.kind is not Kind.ADMINISTRATOR:
                raise denied(signature.service, f"User: {identity.arn} called an unknown operation")
            return
        for use in uses(operation):
            denial = self.decisions.denial(
                identity, use, region=signature.region, operation=operation
            )
            if denial is not None:
                raise denied(operation.service, denial.message)


def _refuse_foreign(request: Any) -> None:
    host = request.headers.get("Host", "")
    own = request.environ["SERVER_PORT"]
    origin, site = request.headers.get("Origin"), request.headers.get("Sec-Fetch-Site")
    if not _is_local(host, own):
        raise RefusedError("AccessDenied", 403, f"Host is '{host}', not localhost:{own}")
    if origin is not None and not _is_local(urlsplit(origin).netloc, own):
        raise RefusedError("AccessDenied", 403, f"Requests from '{origin}' are not answered")
    if site is not None and site not in _OWN_SITES:
        raise RefusedError("AccessDenied", 403, f"Another site's requests are not answered: {site}")


def _is_local(host: str, port: str) -> bool:
    name, _, given = host.partition(":")
    # Browsers and operating systems resolve *.localhost to this machine, whatever a DNS says.
    return given == port and (name in _LOCAL_NAMES or name.endswith(".localhost"))


def _keep_body(request: Any, signature: Signature) -> None:
    """Read the body where it tells what is called, and leave it for the service to read again.

    Amazon S3 does so in one operation; its other bodies may be objects of many gigabytes.
    """
    if signature.service != "s3" or "delete" in request.args:
        request.environ["wsgi.input"] = BytesIO(request.get_data())


def _refuse(refused: RefusedError, request: Any, start_response: Any) -> Iterable[bytes]:
    while request.stream.read(_CHUNK_BYTES):
        pass  # a client that is still sending would find the connection broken
    signature = read_signature(request)
    service = service_name(request, signature) if signature else None
    status, headers, body = serialize(refused, request, service)
    own = {"Content-Length": str(len(body)), "x-amzn-RequestId": str(uuid.uuid4())}
    start_response(f"{status} {refused.code}", [*headers.items(), *own.items()])
    return [b"" if request.method == "HEAD" else body]


def _without_cors(start_response: Any) -> Any:
    def start(status: str, headers: list[tuple[str, str]], *rest: Any) -> Any:
        kept = [each for each in headers if not each[0].lower().startswith("access-control-")]
        return start_response(status, kept, *rest)

    return start
