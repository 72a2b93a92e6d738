"""The region that an event comes from, when a rule has sent it on to a bus of another one.

PutEvents has no member for it: it travels in the trace header, which nothing else uses here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Final

_ORIGIN: Final = "Origin="
_CURRENT: Final[ContextVar[str | None]] = ContextVar("origin", default=None)


def trace_of(region: str) -> str:
    """Return the trace header of an event that is sent on."""
    return f"{_ORIGIN}{region}"


@contextmanager
def origin_of(entries: Sequence[Mapping[str, Any]]) -> Iterator[None]:
    """Remember where the entries of a PutEvents call come from, while it is answered.

    Args:
        entries: As the call took them; what a rule sends on comes alone.
    """
    header = str(entries[0].get("TraceHeader") or "") if len(entries) == 1 else ""
    region = header.removeprefix(_ORIGIN) if header.startswith(_ORIGIN) else None
    before = _CURRENT.set(region)
    try:
        yield
    finally:
        _CURRENT.reset(before)


def with_origin(event: Mapping[str, Any]) -> dict[str, Any]:
    """Return an event of the call that is answered, with the region that it comes from."""
    region = _CURRENT.get()
    return dict(event) if region is None else {**event, "region": region}
