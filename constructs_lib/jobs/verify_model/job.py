"""What the job is asked to do."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, NamedTuple

from ..common.errors import JobError
from ..common.limits import Limits
from .findings import ModelFinding
from .server.starting import ServingContainer


class VerificationJob(NamedTuple):
    """What the command line asks for."""

    model: Path
    payload: Path
    request: Path
    program: Path
    """What a worker process runs: the archive of this job."""
    output: Path | None = None
    region_code: str | None = None
    code_sha256: str | None = None
    """Digest of the code as it was packaged."""
    load_seconds: float = 30.0
    request_timeout: float = 60.0
    startup_timeout: float = 300.0
    memory_limit: int | None = None
    workers: int | None = None
    limits: Limits = Limits()
    progress_seconds: float = 10.0
    findings: Path | None = None
    """What other checks have found, a JSON list; a model with an error is not loaded."""

    @property
    def is_in_container(self) -> bool:
        """Whether this is the pipeline's job, which runs in the serving container."""
        return self.output is not None


def read_findings(path: Path | None) -> list[ModelFinding]:
    """Return what other checks have found.

    Raises:
        JobError: the file holds something else.
    """
    if path is None:
        return []
    try:
        return [ModelFinding(**each) for each in json.loads(path.read_text(encoding="utf-8"))]
    except (OSError, ValueError, TypeError) as error:
        reason = f"{type(error).__name__}: {error}"
        raise JobError(f"{path}: not a list of findings ({reason})") from None


def read_request(path: Path, region_code: str | None) -> dict[str, Any]:
    """One region's registration request.

    Raises:
        JobError: the file is none, or lacks the region.
    """
    try:
        regions = _registration_file(path)["regions"]
        code = region_code or next(iter(regions))
        request = regions[code]["request"]
        for name in ("content_types", "response_types", "output_variables", "environment"):
            request[name]
        for name in ("expected_tps", "max_latency_in_millisecond", "max_acceptable_error_rate"):
            request["load_test"][name]
    except (OSError, ValueError, KeyError, TypeError, StopIteration) as error:
        reason = f"{type(error).__name__}: {error}"
        raise JobError(f"{path}: not a registration file with that region ({reason})") from None
    return request  # type: ignore[no-any-return]


def read_own_samples(path: Path) -> dict[str, Any] | None:
    """Return what a registration file says of the user's own sample requests; None without any."""
    return _registration_file(path).get("sample_requests")


def read_container(path: Path) -> ServingContainer:
    """Return what a registration file says of the serving container; files of before, nothing.

    Raises:
        JobError: it is not said as it should be.
    """
    said = _registration_file(path).get("serving")
    if said is None:
        return ServingContainer()
    try:
        container = ServingContainer(**{name: said[name] for name in ServingContainer._fields})
    except (KeyError, TypeError) as error:
        reason = f"{type(error).__name__}: {error}"
        raise JobError(f"{path}: does not say how the model is served ({reason})") from None
    return container


def _registration_file(path: Path) -> dict[str, Any]:
    return json.loads(path.read_text(encoding="utf-8"))  # type: ignore[no-any-return]
