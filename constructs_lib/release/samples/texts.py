"""Reads the files of own sample requests that are texts."""

from __future__ import annotations

import csv
import io
import json
from typing import Any

from constructs_lib.fields.rules import shown
from constructs_lib.jobs.common.serving.default_functions import CSV, JSON
from constructs_lib.jobs.verify_model.payloads import JSON_LINES, base_type
from constructs_lib.release.samples.errors import UnusableSampleError


def as_text(content: bytes) -> str:
    """Decode a file.

    Raises:
        UnusableSampleError: It is not UTF-8.
    """
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise UnusableSampleError(
            f"is not UTF-8 (at byte {error.start}): save it in that encoding"
        ) from None


def distinct_members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Make a JSON object, as ``object_pairs_hook``; of a name given twice one would be lost.

    Raises:
        UnusableSampleError: A name is there more than once.
    """
    members: dict[str, Any] = {}
    for name, value in pairs:
        if name in members:
            raise UnusableSampleError(f"{shown(name)} is there more than once: keep one of them")
        members[name] = value
    return members


def refuse_broken(body: bytes, content_type: str) -> None:
    """Refuse a request that is not of its content type, as far as anybody can tell.

    Raises:
        UnusableSampleError: Says what is wrong, and where.
    """
    if not body.strip():
        raise UnusableSampleError("is empty: put a request into it, or remove it")
    kind = base_type(content_type)
    if kind == JSON:
        _refuse_broken_json(as_text(body), "")
    elif kind in JSON_LINES:
        for number, line in enumerate(as_text(body).splitlines(), 1):
            if line.strip():
                _refuse_broken_json(line, f"line {number} ")
    elif kind == CSV:
        try:
            list(csv.reader(io.StringIO(as_text(body), newline=""), strict=True))
        except csv.Error as error:
            raise UnusableSampleError(f"is not CSV: {error}") from None


def _refuse_broken_json(text: str, place: str) -> None:
    try:
        json.loads(text)
    except ValueError as error:
        raise UnusableSampleError(f"{place}is not JSON: {error}") from None
    except RecursionError:
        raise UnusableSampleError(f"{place}is nested too deeply for a JSON reader") from None
