"""The sample payloads."""

from __future__ import annotations

import base64
import csv
import json
import lzma
import tarfile
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from ..common.errors import JobError
from ..common.serving.default_functions import CSV, JSON

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

JSON_LINES = ("application/jsonlines", "application/jsonl", "application/x-ndjson")
GENERATED = "payload_"
"""How the names of generated sample requests begin; those of the user's own do not."""

_READ_BYTES = 1 << 20


class ExpectedAnswer(NamedTuple):
    """The values that the answer to a request has to have."""

    records: Sequence[Mapping[str, Any]]
    """Values by output variable; those that are not named may be any."""
    tolerances: Mapping[str, Mapping[str, float]]
    """By NUMERIC variable: ``absolute`` and ``relative``."""


class Payload:
    """One sample request, asking for one response type."""

    def __init__(
        self,
        name: str,
        body: bytes,
        content_type: str,
        accept: str,
        expected: ExpectedAnswer | None = None,
    ) -> None:
        """Encode it for a worker."""
        self.name = name
        self.body = body
        self.expected = expected
        self.content_type = content_type
        self.accept = accept
        self.is_own = not name.startswith(GENERATED)
        self.record_count = count_records(body, content_type)
        """None if nobody can tell."""
        request = {
            "body": base64.b64encode(body).decode("ascii"),
            "content_type": content_type,
            "accept": accept,
        }
        self.line = json.dumps(request).encode("ascii") + b"\n"

    def __str__(self) -> str:
        """As a message names it."""
        return f"{self.name} ({self.content_type} to {self.accept})"


def base_type(content_type: str) -> str:
    """Return ``text/csv`` for ``text/csv; charset=utf-8``."""
    return content_type.partition(";")[0].strip().lower()


def count_records(body: bytes, content_type: str) -> int | None:
    """How many records a request has: lines of CSV or JSON lines, or members of a JSON list.

    An object is one record, unless there are lists in it: whether their items are what is answered,
    only the code knows. Then, and of other content types, it is None.
    """
    kind = base_type(content_type)
    try:
        if kind == CSV:
            return sum(
                bool(row) for row in csv.reader(body.decode("utf-8").splitlines(keepends=True))
            )
        if kind in JSON_LINES:
            return sum(bool(line.strip()) for line in body.splitlines())
        return count_json(json.loads(body)) if kind == JSON else None
    except (ValueError, csv.Error, RecursionError):
        return None


def count_json(content: Any) -> int | None:
    """How many records JSON is, if that can be known."""
    if isinstance(content, dict):
        return None if has_lists(content) else 1
    return len(content) if is_records(content) else None


def has_lists(content: Any) -> bool:
    """Whether there is a list anywhere in JSON."""
    if isinstance(content, dict):
        return any(map(has_lists, content.values()))
    return isinstance(content, list)


def is_records(content: Any) -> bool:
    """Whether JSON is a list of records: of objects, or of rows of values."""
    return isinstance(content, list) and all(isinstance(item, (dict, list)) for item in content)


def read_payloads(
    archive_path: Path, request: Mapping[str, Any], own: Mapping[str, Any] | None
) -> list[Payload]:
    """Every sample payload with every response type, the user's own behind the generated ones.

    Args:
        archive_path: Of the sample payload.
        request: The registration request.
        own: What the registration file says of the user's own.

    Raises:
        JobError: the archive cannot be read, or lacks a payload.
    """
    files = read_files(archive_path)
    requests = list(generated_requests(files, request["content_types"]))
    requests += own_requests(own) if own else []
    missing = [name for name, *_ in requests if name not in files]
    if missing:
        raise JobError(f"{archive_path}: has no {missing[0]}, only {sorted(files)}")
    return [
        Payload(name, files[name], content_type, accept, expected)
        for name, content_type, expected in requests
        for accept in request["response_types"]
    ]


def read_files(archive_path: Path) -> dict[str, bytes]:
    """Read the files of the archive.

    Raises:
        JobError: it cannot be read.
    """
    files = {}
    try:
        with tarfile.open(str(archive_path)) as archive:
            for member in archive:
                if member.isfile():
                    files[member.name] = archive.extractfile(member).read()  # type: ignore[union-attr]
            # To the end: there the checksum is compared.
            while archive.fileobj.read(_READ_BYTES):
                pass
    except (OSError, tarfile.TarError, EOFError, zlib.error, lzma.LZMAError) as error:
        raise JobError(f"{archive_path}: no payload archive: {error}") from None
    return files


def generated_requests(
    files: Mapping[str, bytes], content_types: Iterable[str]
) -> Iterator[tuple[str, str, ExpectedAnswer | None]]:
    """Yield name and content type of the requests of each declared type."""
    for content_type in content_types:
        stem = f"{GENERATED}{content_type.replace('/', '_')}_"
        names = [name for name in sorted(files) if name.startswith(stem)]
        # Without any, a name that is missing says so.
        yield from ((name, content_type, None) for name in names or [f"{stem}*"])


def own_requests(own: Mapping[str, Any]) -> Iterator[tuple[str, str, ExpectedAnswer | None]]:
    """Yield name, content type and expected answer of the user's own requests."""
    for each in own["requests"]:
        expected = each["expected"]
        answer = None if expected is None else ExpectedAnswer(expected, own["tolerances"])
        yield each["name"], each["content_type"], answer
