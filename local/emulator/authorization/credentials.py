"""Who signed a request: the access key that it names, and whether the signature is that key's.

Sources: "AWS Signature Version 4 for API requests" in the IAM user guide; "Signing and
authenticating REST requests" (version 2, which SDKs still write into presigned URLs) in the Amazon
S3 API reference.
"""

from __future__ import annotations

import hmac
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit, urlunsplit

from botocore.auth import HmacV1QueryAuth, S3SigV4Auth, S3SigV4QueryAuth, SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.compat import HTTPHeaders
from botocore.credentials import Credentials

_ALGORITHM: Final = "AWS4-HMAC-SHA256"
_PARTS_OF_SCOPE: Final = 5
_OF_THE_SIGNATURE: Final = frozenset({"X-Amz-Signature"})


@dataclass(frozen=True)
class Signature:
    """What a request says about who signed it; ``service`` is the service's signing name."""

    access_key_id: str
    region: str
    service: str
    session_token: str | None
    signed_headers: tuple[str, ...]
    """Empty in a signature of version 2."""
    text: str
    is_presigned: bool = False

    def is_made_with(self, secret_access_key: str, request: Any) -> bool:
        """Whether the signature of ``request`` (moto's) was made with this secret."""
        keys = Credentials(self.access_key_id, secret_access_key, self.session_token)
        sign = self._version_4 if self.signed_headers else _version_2
        return hmac.compare_digest(sign(keys, request).encode(), self.text.encode())

    def _version_4(self, keys: Credentials, request: Any) -> str:
        signer = self._signer(keys)
        signed = AWSRequest(request.method, _url_as_signed(request))
        for name in self.signed_headers:
            signed.headers[name] = request.headers.get(name, "")
        if "X-Forwarded-Host" in request.headers:  # a proxy was asked, and asks on
            signed.headers.replace_header("host", request.headers["X-Forwarded-Host"])
        if self.service != "s3":  # Amazon S3's requests name the digest of their body
            signed.data = request.get_data()
        date = request.headers.get("X-Amz-Date") or request.args.get("X-Amz-Date", "")
        signed.context["timestamp"] = date
        to_sign = signer.string_to_sign(signed, signer.canonical_request(signed))
        return str(signer.signature(to_sign, signed))

    def _signer(self, keys: Credentials) -> SigV4Auth:
        if self.service != "s3":
            return SigV4Auth(keys, self.service, self.region)
        kind = S3SigV4QueryAuth if self.is_presigned else S3SigV4Auth
        return kind(keys, self.service, self.region)


class _UntilThen(HmacV1QueryAuth):  # type: ignore[misc]  # botocore is not typed
    """A signature of version 2 that ends at a time that is given, not one from now on."""

    def _get_date(self) -> str:
        return str(self._expires)


def _version_2(keys: Credentials, request: Any) -> str:
    headers = HTTPHeaders()
    for name, value in request.headers.items():
        if name.lower().startswith("x-amz-") or (name in ("Content-Md5", "Content-Type") and value):
            headers[name] = value
    signer = _UntilThen(keys, request.args.get("Expires", ""))
    return str(signer.get_signature(request.method, urlsplit(request.raw_url), headers))


def read_signature(request: Any) -> Signature | None:
    """Read the signature of ``request`` (moto's), in its header or its query; None without one."""
    header, query = request.headers.get("Authorization", ""), request.args
    if header.startswith(_ALGORITHM):
        parts = header.removeprefix(_ALGORITHM).split(",")
        fields = dict(part.strip().partition("=")[::2] for part in parts)
        token = request.headers.get("X-Amz-Security-Token")
        return _signature(
            fields.get("Credential", ""),
            fields.get("SignedHeaders"),
            fields.get("Signature"),
            token,
        )
    if "X-Amz-Signature" in query:
        names = ("X-Amz-SignedHeaders", "X-Amz-Signature", "X-Amz-Security-Token")
        rest = (query.get(name) for name in names)
        return _signature(query.get("X-Amz-Credential", ""), *rest, is_presigned=True)
    if "Signature" in query and "AWSAccessKeyId" in query:
        token = query.get("x-amz-security-token")
        key, text = query["AWSAccessKeyId"], query["Signature"]
        return Signature(key, "us-east-1", "s3", token, (), text, is_presigned=True)
    return None


def _signature(
    scope: str,
    signed_headers: str | None,
    text: str | None,
    token: str | None,
    *,
    is_presigned: bool = False,
) -> Signature | None:
    parts = scope.split("/")
    if len(parts) != _PARTS_OF_SCOPE or not signed_headers or not text:
        return None
    key, _, region, service, _ = parts
    names = tuple(signed_headers.split(";"))
    return Signature(key, region, service.lower(), token, names, text, is_presigned)


def _url_as_signed(request: Any) -> str:
    """Return the URL as it arrived, without the signature itself."""
    scheme, host, path, query, _ = urlsplit(request.raw_url)
    pairs = [pair for pair in query.split("&") if pair.partition("=")[0] not in _OF_THE_SIGNATURE]
    return str(urlunsplit((scheme, host, path, "&".join(pairs), "")))
