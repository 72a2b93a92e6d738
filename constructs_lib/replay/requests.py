"""Reads the requests to replay: JSON lines, a JSON array, captured data, or single requests.

Source of what a line of captured data holds: "Capture data from real-time endpoint" in the Amazon
SageMaker developer guide.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from constructs_lib.endpoints.answers import CONTENT_TYPES
from constructs_lib.errors import ReleaseError
from constructs_lib.fields.json_texts import UnreadableJsonError, read_json
from constructs_lib.jobs.common.serving.default_functions import JSON
from constructs_lib.jobs.common.texts import printable
from constructs_lib.jobs.verify_model.payloads import base_type
from constructs_lib.terminal.paths import shown_path

ARCHIVES: Final = (".tar.gz", ".tgz")
"""How the names of sample payloads end, whose content types their registration tells."""
_LINES: Final = (".jsonl", ".ndjson")
_CAPTURED: Final = "captureData"
_BLANKS: Final = " \t\r\n\ufeff"
"""Around a JSON text: with the byte order mark of a file that was appended to another."""
_BETWEEN_ITEMS: Final = re.compile(rf"[{_BLANKS},]*")
_NOT_REQUESTS: Final = (".expected.json",)
_MANIFEST: Final = "manifest.json"


class ReplayRequestsError(ReleaseError):
    """A file holds no requests that could be replayed."""


@dataclass(frozen=True)
class ReplayRequest:
    """One request, and where it comes from."""

    source: str
    """As people find it: a file, and of several requests in it the line or number."""
    body: bytes
    content_type: str
    accept: str | None = None
    """Content type that the answer should have; None leaves it to the versions."""


def read_requests(path: Path) -> list[ReplayRequest]:
    """Read the requests of a file, or of all files in a folder, by their names.

    A name that ends in ``.jsonl`` or ``.ndjson`` is a request per line, ``.json`` an array of
    requests or one, other known endings one request. Lines that are captured data are the requests
    that an endpoint was sent.

    Raises:
        ReplayRequestsError: There are none, or one cannot be read; names the file and the line.
    """
    try:
        requests = [each for file in _files(path) for each in _requests_of(file)]
    except OSError as error:
        raise ReplayRequestsError(
            f"Cannot read the requests {_named(path)}: {error.strerror}."
        ) from error
    if not requests:
        raise ReplayRequestsError(
            f"{_named(path)} holds no request: it has to hold at least one, such as a line of JSON."
        )
    return requests


def is_archive(path: Path) -> bool:
    """Whether a file is a sample payload by its name."""
    return path.name.lower().endswith(ARCHIVES)


def _named(path: Path) -> str:
    """Return a path as it can be printed, whatever bytes its name has."""
    return printable(str(shown_path(path)))


def _files(path: Path) -> Iterator[Path]:
    if not path.is_dir():
        yield path
        return
    for each in sorted(path.rglob("*")):
        inside = each.relative_to(path).parts
        is_hidden = any(part.startswith(".") for part in inside)
        if not each.is_file() or is_hidden or not _is_request(each.name):
            continue
        if is_archive(each):
            raise ReplayRequestsError(
                f"{_named(each)} holds sample payloads, which are read on their own: give this"
                " file itself as the requests, or take it out of the folder."
            )
        yield each


def _is_request(name: str) -> bool:
    """Whether a file beside sample requests is one of them: expected answers are none."""
    return name != _MANIFEST and not name.endswith(_NOT_REQUESTS)


def _requests_of(file: Path) -> Iterator[ReplayRequest]:
    kind, content = file.suffix.lower(), file.read_bytes()
    if kind in _LINES:
        yield from _lines(_named(file), _text(file, content))
    elif kind == ".json":
        yield from _json(_named(file), _text(file, content))
    elif kind in CONTENT_TYPES:
        if content:
            yield ReplayRequest(_named(file), content, CONTENT_TYPES[kind])
    else:
        known = ", ".join(sorted({*CONTENT_TYPES, *_LINES, *ARCHIVES}))
        raise ReplayRequestsError(
            f"The name of {_named(file)} does not tell what it holds. Rename it, such as to"
            f" {printable(file.stem)}.jsonl for a request per line. Known endings: {known}."
        )


def _text(file: Path, content: bytes) -> str:
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise ReplayRequestsError(
            f"{_named(file)}, line {line}: is no text in UTF-8. Write the file in UTF-8."
        ) from error


def _json(name: str, text: str) -> Iterator[ReplayRequest]:
    """Yield the requests of a file that is one JSON document, or JSON lines after all."""
    if not text.strip(_BLANKS):
        return
    try:
        document = read_json(text)
    except UnreadableJsonError as error:
        if not _has_documents(text):
            raise ReplayRequestsError(
                f"{name}: {error}. It has to hold an array of requests, one request, or"
                " a request per line."
            ) from error
        yield from _lines(name, text)
        return
    if not isinstance(document, list):
        yield _of_value(name, document, text.strip(_BLANKS))
        return
    for number, (value, own) in enumerate(_items(text), 1):
        yield _of_value(f"{name}, request {number}", value, own)


def _has_documents(text: str) -> bool:
    """Whether the first line with something in it is a whole JSON document: there are lines."""
    first = next(line for line in text.split("\n") if line.strip(_BLANKS))
    try:
        read_json(first)
    except UnreadableJsonError:
        return False
    return True


def _items(text: str) -> Iterator[tuple[Any, str]]:
    """Yield each item of a valid JSON array with its own text: numbers stay as they are written."""
    decoder, at = json.JSONDecoder(), text.index("[") + 1
    while between := _BETWEEN_ITEMS.match(text, at):
        if text[between.end()] == "]":
            return
        value, at = decoder.raw_decode(text, between.end())
        yield value, text[between.end() : at]


def _lines(name: str, text: str) -> Iterator[ReplayRequest]:
    for number, line in enumerate(text.split("\n"), 1):
        own = line.strip(_BLANKS)
        if not own:
            continue
        try:
            value = read_json(own, line=number)
        except UnreadableJsonError as error:
            raise ReplayRequestsError(
                f"{name}: {error}. Each line has to hold one request, or what data"
                " capture has written."
            ) from error
        yield _of_value(f"{name}, line {number}", value, own)


def _of_value(source: str, value: Any, text: str) -> ReplayRequest:
    if isinstance(value, dict) and isinstance(value.get(_CAPTURED), dict):
        return _captured(source, value[_CAPTURED])
    return ReplayRequest(source, text.encode(), JSON)


def _captured(source: str, data: Mapping[str, Any]) -> ReplayRequest:
    """Return the request of a line of captured data."""
    asked = data.get("endpointInput")
    if not isinstance(asked, dict):
        others = ", ".join(sorted(data.keys() - {"endpointInput"}))
        raise ReplayRequestsError(
            f"{source}: data capture has kept no request there (endpointInput), only"
            f" {others or 'nothing'}. Capture Input, too, or leave the line out."
        )
    body, kind = asked.get("data"), asked.get("observedContentType")
    if not isinstance(body, str) or not isinstance(kind, str):
        raise ReplayRequestsError(
            f"{source}: is no captured request: endpointInput needs the texts data and"
            f" observedContentType, and has {', '.join(sorted(asked)) or 'nothing'}."
        )
    answered = data.get("endpointOutput")
    accept = answered.get("observedContentType") if isinstance(answered, dict) else None
    return ReplayRequest(
        source,
        _decoded(source, body, asked.get("encoding")),
        kind,
        base_type(accept) if isinstance(accept, str) else None,
    )


def _decoded(source: str, body: str, encoding: Any) -> bytes:
    if encoding != "BASE64":
        try:
            return body.encode()
        except UnicodeEncodeError as error:
            raise ReplayRequestsError(
                f"{source}: its data holds half of a character pair (\\ud800 to \\udfff on its"
                " own), which no request can. Leave the line out."
            ) from error
    try:
        return base64.b64decode(body, validate=True)
    except (binascii.Error, ValueError) as error:
        raise ReplayRequestsError(
            f"{source}: its data is said to be BASE64, and is not: {error}."
        ) from error
