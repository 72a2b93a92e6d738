"""AWS in this process, by moto, at little cost: what every request would do again is kept.

Tests and faults make tens of thousands of calls. What is left out of a call, or kept, has no effect
on its answer: a client's signature, the headers that tell who it is, and its retries, as moto looks
at none of them and is never busy; clients themselves, each of which reads the service's model; and
what moto finds out anew at each request about itself.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import cache
from typing import Any, Final
from unittest.mock import patch

import boto3
from botocore.auth import STREAMING_UNSIGNED_PAYLOAD_TRAILER
from botocore.awsrequest import AWSPreparedRequest, create_request_object
from botocore.config import Config
from botocore.endpoint import Endpoint
from botocore.httpchecksum import AwsChunkedWrapper
from botocore.useragent import UserAgentString
from moto import mock_aws
from moto.backend_index import backend_url_patterns
from moto.backends import get_backend
from moto.core import DEFAULT_ACCOUNT_ID, responses
from moto.core.botocore_stubber import BotocoreStubber
from moto.core.exceptions import HTTPException
from moto.core.request import normalize_request
from moto.core.serialize import DEFAULT_ALIAS_PROVIDERS, XFormedAttributePicker

_make_client: Final = boto3.client
_find_names: Final[Any] = XFormedAttributePicker.get_possible_keys
_clients: Final[dict[tuple[str, str, Config | None], tuple[Any, Any]]] = {}
"""With what their handlers are looked up in, which is made anew where one is added."""
_services: Final[dict[str, Callable[..., Any]]] = {}
"""What answers requests, by their URLs."""
_names: Final[dict[tuple[object, ...], tuple[str, ...]]] = {}


@contextmanager
def aws_in_process() -> Iterator[None]:
    """Answer all clients of this process by an AWS that is empty."""
    with ExitStack() as stack:
        stack.enter_context(mock_aws())
        for owner, name, instead in (
            (boto3, "client", _client),
            (Endpoint, "make_request", _send_once),
            (UserAgentString, "to_string", lambda _agent: "nobody"),
            (BotocoreStubber, "process_request", _answer),
            (XFormedAttributePicker, "get_possible_keys", _names_of),
            (responses, "method_names_from_class", cache(responses.method_names_from_class)),
        ):
            stack.enter_context(patch.object(owner, name, instead))
        yield


def _client(service: str, region_name: str | None = None, *, config: Config | None = None) -> Any:
    """Return a client, which may be used already, but has only the handlers of a new one."""
    place = (service, region_name or os.environ["AWS_DEFAULT_REGION"], config)
    client, handlers = _clients.get(place, (None, None))
    if client is None or handlers is not client.meta.events._emitter._lookup_cache:
        client = _make_client(service, region_name, config=config)
        _clients[place] = (client, client.meta.events._emitter._lookup_cache)
    return client


def _send_once(endpoint: Endpoint, operation_model: Any, request: dict[str, Any]) -> Any:
    """Send a request as it is: with the name of a signer and no signature, and not again."""
    region = request["context"]["client_region"]
    request["headers"]["Authorization"] = f"AWS4-HMAC-SHA256 Credential=nobody/today/{region}"
    if isinstance(request["body"], AwsChunkedWrapper):
        request["headers"]["X-Amz-Content-SHA256"] = STREAMING_UNSIGNED_PAYLOAD_TRAILER
    prepared = endpoint.prepare_request(create_request_object(request))
    answer, exception = endpoint._get_response(prepared, operation_model, request["context"])
    if exception is not None:
        raise exception
    return answer


def _answer(_stubber: Any, request: AWSPreparedRequest) -> Any:
    """Let the service of a URL answer, as moto does, which looks for it among all each time."""
    url = request.url.partition("?")[0]
    if url not in _services:
        _services[url] = next(_services_of(url))
    asked = normalize_request(request)
    try:
        return _services[url](asked, asked.raw_url, asked.headers)
    except HTTPException as refusal:
        return refusal.code, refusal.get_headers(), refusal.get_body()


def _services_of(url: str) -> Iterator[Callable[..., Any]]:
    for service, pattern in backend_url_patterns:
        if pattern.match(url):
            backends = get_backend(service)[DEFAULT_ACCOUNT_ID]
            backend = backends["us-east-1" if "us-east-1" in backends else "aws"]
            yield from (answer for path, answer in backend.urls.items() if re.match(path, url))


def _names_of(picker: Any, context: Any) -> tuple[str, ...]:
    """Return by which names a member of an answer may be found in an object of a class."""
    if picker.alias_providers is not DEFAULT_ALIAS_PROVIDERS:
        return tuple(_find_names(picker, context))
    place = (type(context.obj), context.key, context.shape)
    if place not in _names:
        _names[place] = tuple(_find_names(picker, context))
    return _names[place]
