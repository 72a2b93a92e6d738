"""The sample payloads, and the content types that the serving toolkit knows."""

from __future__ import annotations

import base64
import csv
import json
import tarfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..common.errors import JobError

if TYPE_CHECKING:
    from collections.abc import Mapping

CSV, JSON, NPY = "text/csv", "application/json", "application/x-npy"
TEXT_TYPES = (JSON, CSV)


class Payload:
    """One sample request, asking for one response type."""

    def __init__(self, name: str, body: bytes, content_type: str, accept: str) -> None:
        """Encode it for a worker."""
        self.name = name
        self.content_type = content_type
        self.accept = accept
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


def count_records(body: bytes, content_type: str) -> int | None:
    """How many records a request has: lines of CSV, or members of a JSON list."""
    try:
        if content_type == CSV:
            return sum(
                bool(row) for row in csv.reader(body.decode("utf-8").splitlines(keepends=True))
            )
        content: Any = json.loads(body) if content_type == JSON else None
    except (ValueError, csv.Error):
        return None
    if isinstance(content, dict):
        return 1
    return len(content) if is_records(content) else None


def is_records(content: Any) -> bool:
    """Whether JSON is a list of records: of objects, or of rows of values."""
    return isinstance(content, list) and all(isinstance(item, (dict, list)) for item in content)


def read_payloads(archive_path: Path, request: Mapping[str, Any]) -> list[Payload]:
    """Every sample payload with every response type.

    Raises:
        JobError: the archive cannot be read, or holds no payload of a declared type.
    """
    files = {}
    try:
        with tarfile.open(str(archive_path)) as archive:
            for member in archive:
                if member.isfile():
                    files[member.name] = archive.extractfile(member).read()  # type: ignore[union-attr]
    except (OSError, tarfile.TarError, EOFError) as error:
        raise JobError(f"{archive_path}: no payload archive: {error}") from None
    payloads = []
    for content_type in request["content_types"]:
        stem = f"payload_{content_type.replace('/', '_')}_"
        names = [name for name in sorted(files) if name.startswith(stem)]
        if not names:
            raise JobError(
                f"{archive_path}: has no sample payload of {content_type}, only {sorted(files)}"
            )
        for name in names:
            payloads += [
                Payload(name, files[name], content_type, accept)
                for accept in request["response_types"]
            ]
    return payloads
