"""Starts microburst with two corrections of how it relays answers.

It drops the Content-Length of answers to HEAD: an object's size, which is what HeadObject is for.
And it cannot lose a whole answer, or one without a body: here ``abort_bytes: 0`` does.
"""

from __future__ import annotations

import sys
from typing import Any

from aiohttp import web
from microburst import cli, forward  # type: ignore[import-untyped]

_stream_to_client = forward._stream_to_client
_DROPPED = forward.HOP_BY_HOP - {"content-length"}


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


if __name__ == "__main__":
    forward._stream_to_client = _stream
    sys.exit(cli.main())
