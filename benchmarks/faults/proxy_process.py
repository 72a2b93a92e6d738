"""Starts microburst with three corrections of how it relays requests and answers.

It drops the Content-Length of answers to HEAD: an object's size, which is what HeadObject is for.
And it cannot lose a whole answer, or one without a body: here ``abort_bytes: 0`` does. It does not
tell for which host a request was signed, and writes its path anew: here ``X-Forwarded-Host`` tells,
as with other proxies, and the path stays as it was signed.
"""

from __future__ import annotations

import os
import sys
import threading
from typing import Any

from aiohttp import ClientSession, web
from microburst import cli, forward  # type: ignore[import-untyped]
from yarl import URL

_stream_to_client = forward._stream_to_client
_outbound_headers = forward.Upstream._outbound_headers
_DROPPED = forward.HOP_BY_HOP - {"content-length"}


def _headers_with_host(forwarder: Any, request: web.Request) -> dict[str, str]:
    headers: dict[str, str] = _outbound_headers(forwarder, request)
    return {**headers, "x-forwarded-host": request.headers["host"]}


async def _stream(
    request: web.Request, status: int, headers: Any, mutator: Any, chunks: Any
) -> web.StreamResponse:
    if mutator is not None and mutator.abort_bytes == 0 and request.transport is not None:
        request.transport.abort()
        return web.StreamResponse()
    if request.method != "HEAD":
        answer: web.StreamResponse = await _stream_to_client(
            request, status, headers, mutator, chunks
        )
        return answer
    kept = {name: value for name, value in headers.items() if name.lower() not in _DROPPED}
    response = web.StreamResponse(status=status, headers=kept)
    await response.prepare(request)
    return response


def _end_with_the_parent() -> None:
    sys.stdin.read()
    os._exit(0)


if __name__ == "__main__":
    threading.Thread(target=_end_with_the_parent, daemon=True).start()
    forward._stream_to_client = _stream
    forward.Upstream._outbound_headers = _headers_with_host
    setattr(ClientSession, "_build_url", lambda _session, url: URL(url, encoded=True))  # noqa: B010
    sys.exit(cli.main())
