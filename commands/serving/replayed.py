"""Replays requests to two registered versions on this machine, and tells what came of it."""

from __future__ import annotations

import secrets
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from rich.console import Console

from commands.terminal.aws import Aws, calls
from commands.terminal.messages import tell
from constructs_lib.aws.registry import ModelPackage
from constructs_lib.confinement.versions import Versions
from constructs_lib.errors import ReleaseError
from constructs_lib.jobs.common.texts import printable
from constructs_lib.jobs.verify_model.load import percentile, rounded
from constructs_lib.release.samples.manifest import Tolerance
from constructs_lib.replay.comparing import Comparison
from constructs_lib.replay.requests import ReplayRequest, is_archive, read_requests
from constructs_lib.replay.running import Replayed, ReplayServers
from constructs_lib.replay.version import RegisteredFiles, ReplayedVersion
from constructs_lib.terminal.progress import bytes_bar, counted_bar

SCHEMA_VERSION: Final = 1
_WITHOUT_WALLS: Final = (
    "this machine gives no namespaces to users: the models' code gets neither your variables nor"
    " your home as its own, but can read your files and use the network."
)
_MILLISECONDS: Final = 1000


class NothingAnsweredError(ReleaseError):
    """Two versions of which none answered a request: nothing was compared."""


@dataclass(frozen=True)
class Replay:
    """What to replay: requests, and two versions of one region, the one before first."""

    aws: Aws
    pipeline: str
    before: ModelPackage
    why: str
    """Why that one; goes on after "version 1, which"."""
    after: ModelPackage
    requests: Path | None
    """None: the sample requests of the second one."""

    def run(self) -> dict[str, Any]:
        """Ask both versions; returns the document that ``--json`` prints.

        Raises:
            ReleaseError: They cannot be asked, or there is nothing to ask.
        """
        known = self._given()
        with ExitStack() as stack:
            files = [self._files(stack, each) for each in (self.before, self.after)]
            versions = [_fetched(each) for each in files]
            requests = known if known is not None else self._samples(files[1], versions[1])
            return self._replayed(versions[0], versions[1], requests)

    def _given(self) -> list[ReplayRequest] | None:
        """Read what is not of a version, before anything is fetched."""
        if self.requests is None:
            return None
        if is_archive(self.requests) and self.requests.is_file():
            return None
        return read_requests(self.requests)

    def _files(self, stack: ExitStack, package: ModelPackage) -> RegisteredFiles:
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="replay-"))
        client = self.aws.client("s3", package.region)
        return RegisteredFiles(package, client, Path(folder).resolve())

    def _samples(self, files: RegisteredFiles, version: ReplayedVersion) -> list[ReplayRequest]:
        with calls(f"Cannot read the sample requests of version {self.after.version}"):
            archive = self.requests or files.sample_payload()
        return list(version.sample_requests(archive))

    def _replayed(
        self, before: ReplayedVersion, after: ReplayedVersion, requests: Sequence[ReplayRequest]
    ) -> dict[str, Any]:
        default = Tolerance()
        comparison = Comparison(
            (before.names, after.names),
            {**before.kinds, **after.kinds},
            after.tolerances,
            default.model_dump(),
        )
        with ReplayServers.started(before, after) as servers:
            if not servers.have_walls:
                tell("note", _WITHOUT_WALLS)
            with counted_bar("Asking both versions", len(requests), _bars()) as advance:
                found = servers.replay(requests, comparison, advance)
        if not found.seconds[0] and not found.differing:
            raise NothingAnsweredError(
                f"Neither version answered any of {len(requests)} requests, so nothing was"
                f" compared: {found.first_failure}. Send what the versions take: content types and"
                " fields are those of the config."
            )
        return self.document(found, comparison, after.tolerances, default)

    def document(
        self,
        found: Replayed,
        comparison: Comparison,
        tolerances: Mapping[str, Mapping[str, float]],
        default: Tolerance,
    ) -> dict[str, Any]:
        """Return the document of what came of it."""
        sent = found.agreeing + found.differing
        return {
            "schema_version": SCHEMA_VERSION,
            "id": f"replay-{secrets.token_hex(6)}",
            "time": datetime.now(UTC).isoformat(timespec="seconds"),
            "pipeline": self.pipeline,
            "region": self.after.region,
            "agree": found.agrees,
            "against": {**_version(self.before), "why": self.why},
            "version": _version(self.after),
            "requests": {
                "from": printable(
                    str(self.requests or f"sample requests of version {self.after.version}")
                ),
                "sent": sent,
                "agreeing": found.agreeing,
                "differing": found.differing,
                "failing_against": found.failing[0],
                "failing_version": found.failing[1],
                "failing_in_both": found.failing_in_both,
                "first_failure": found.first_failure,
                "not_sent": found.not_sent,
            },
            "tolerances": {**tolerances, "default": default.model_dump()},
            "fields": comparison.facts(),
            "latency_in_millisecond": {
                "against": _latency(found.seconds[0]),
                "version": _latency(found.seconds[1]),
            },
            "judged": _judged(self.after),
        }


def _fetched(files: RegisteredFiles) -> ReplayedVersion:
    package = files.package
    what = f"Reading version {package.version}"
    with calls(f"Cannot read the files of version {package.version} in {package.region}"):
        size = files.size_bytes()
        with bytes_bar(what, size, _bars()) as advance:
            return files.fetch(advance)


def _bars() -> Console:
    return Console(stderr=True)


def _version(package: ModelPackage) -> dict[str, Any]:
    return {
        "version": package.version,
        "arn": package.arn,
        "approval_status": package.approval_status,
        "artifact_sha256": package.artifact_sha256,
    }


def _latency(seconds: Sequence[float]) -> dict[str, float] | None:
    ordered = sorted(_MILLISECONDS * each for each in seconds)
    if not ordered:
        return None
    return {
        "p50": rounded(percentile(ordered, 0.5)),
        "p99": rounded(percentile(ordered, 0.99)),
        "max": rounded(ordered[-1]),
    }


def _judged(package: ModelPackage) -> str:
    """Say which Python answered, and which the container has."""
    here, container = Versions.here(), Versions.of_image(package.image_uri)
    return f"Judged under {here}." if container is None else here.judged_for(container)
