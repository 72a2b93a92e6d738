"""The logs of an execution: where they are, how they end, and the warnings in them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final
from urllib.parse import quote

from local.report.html import Html, element
from local.runner.records import Execution, StepExecution

_TAIL_LINES: Final = 40
_TAIL_BYTES: Final = 16_000
_EMBEDDED_BYTES: Final = 200_000
"""Of each log: the page is to be mailed."""
_MAX_WARNINGS: Final = 20
"""Of one log: the log itself has the others."""
_WARNING: Final = re.compile(r"warning\b|\bwarn\b", re.IGNORECASE)
"""``UserWarning: ...`` of Python, ``[WARN]`` of servers."""


def link_to_log(execution: Execution, step: StepExecution) -> Html | None:
    """Link to a step's log, relative to the report; None without a log."""
    path = _log_path(execution, step)
    if path is None:
        return None
    relative = path.relative_to(execution.folder.resolve()).as_posix()
    return element("a", relative, href=quote(relative))


def tail_of_log(execution: Execution, step: StepExecution) -> str:
    """Return the last lines of a step's log; empty without a log."""
    path = _log_path(execution, step)
    if path is None:
        return ""
    return "\n".join(_end(path, _TAIL_BYTES).splitlines()[-_TAIL_LINES:])


def embedded_log(execution: Execution, step: StepExecution) -> Html | None:
    """Return a step's log to open in the page, which may be mailed alone; None without a log."""
    path = _log_path(execution, step)
    if path is None or path.stat().st_size == 0:
        return None
    size = path.stat().st_size
    cut = f", its last {_EMBEDDED_BYTES:,} of {size:,} bytes" if size > _EMBEDDED_BYTES else ""
    return element(
        "details",
        element("summary", f"Log of {step.name}{cut}"),
        element("pre", element("bdi", _end(path, _EMBEDDED_BYTES)), tabindex="0"),
    )


def warnings_in_log(execution: Execution, step: StepExecution) -> Iterator[str]:
    """Yield the first warnings of a step's log."""
    path = _log_path(execution, step)
    if path is None:
        return
    count = 0
    with path.open(encoding="utf-8", errors="replace") as log:
        for line in log:
            if _WARNING.search(line):
                yield line.strip()
                count += 1
            if count == _MAX_WARNINGS:
                return


def _end(path: Path, most_bytes: int) -> str:
    with path.open("rb") as log:
        log.seek(max(path.stat().st_size - most_bytes, 0))
        return log.read().decode(errors="replace")


def _log_path(execution: Execution, step: StepExecution) -> Path | None:
    """Where the log is; a record that names a file elsewhere has none."""
    path = step.log_path and step.log_path.resolve()
    inside = path is not None and path.is_relative_to(execution.folder.resolve())
    return path if path and inside and path.is_file() else None
