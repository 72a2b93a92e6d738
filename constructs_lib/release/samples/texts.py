"""Reads the files of own sample requests that are texts."""

from __future__ import annotations

import codecs
import csv
import io
from typing import Any

from constructs_lib.configs.document import losses, parse, unusable
from constructs_lib.fields.json_texts import UnreadableJsonError, read_json, utf8_text
from constructs_lib.jobs.common.serving.default_functions import CSV, JSON
from constructs_lib.jobs.verify_model.payloads import JSON_LINES, base_type
from constructs_lib.release.samples.errors import UnusableSampleError


def as_text(content: bytes) -> str:
    """Decode a file, without the byte order mark that some editors put before a text.

    Raises:
        UnusableSampleError: It is not UTF-8.
    """
    try:
        return utf8_text(content)
    except UnreadableJsonError as error:
        raise UnusableSampleError(str(error)) from None


def as_json(content: bytes) -> Any:
    """Read JSON, of which nothing is lost.

    Raises:
        UnusableSampleError: It is no JSON that can be used, or names something twice.
    """
    try:
        document = parse(content)
    except UnreadableJsonError as error:
        raise UnusableSampleError(str(error)) from None
    if problems := unusable(document) or losses(document):
        raise UnusableSampleError("; ".join(map(str, problems)))
    return document


def refuse_broken(body: bytes, content_type: str) -> None:
    """Refuse a request that is not of its content type, as far as anybody can tell.

    Raises:
        UnusableSampleError: Says what is wrong, and where.
    """
    if not body.strip():
        raise UnusableSampleError("is empty: put a request into it, or remove it")
    kind = base_type(content_type)
    if body.startswith(codecs.BOM_UTF8) and kind in (JSON, CSV, *JSON_LINES):
        raise UnusableSampleError(
            "begins with a byte order mark, which would be sent as part of the request, and which"
            " readers of JSON and CSV refuse or take for text: save it as UTF-8 without one"
        )
    try:
        _parse(body, kind)
    except UnreadableJsonError as error:
        raise UnusableSampleError(str(error)) from None
    except csv.Error as error:
        raise UnusableSampleError(f"is not CSV: {error}") from None


def _parse(body: bytes, kind: str) -> None:
    if kind == JSON:
        read_json(body)
    elif kind in JSON_LINES:
        for number, line in enumerate(utf8_text(body).splitlines(), 1):
            if line.strip():
                read_json(line, line=number)
    elif kind == CSV:
        list(csv.reader(io.StringIO(utf8_text(body), newline=""), strict=True))
