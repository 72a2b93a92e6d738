"""What the files of a registered version say of it: evaluation, packaging manifest, registration.

Nothing here is measured or judged anew. What cannot be read is told.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from commands.terminal.aws import Aws, AwsCallError, read_s3_object
from constructs_lib.aws.registry import MEASURED, ModelPackage
from constructs_lib.diff.leaves import MISSING, differences
from constructs_lib.findings import Path
from constructs_lib.jobs.verify_model.findings import shortened
from constructs_lib.s3_layout import EVALUATION, MANIFEST, REGISTRATION_REQUEST

_FILES: Final = {
    EVALUATION: "evaluation",
    MANIFEST: "packaging_manifest",
    REGISTRATION_REQUEST: "registration_request",
}
"""The files of a version, and the names that its metadata has for their URIs."""
_OF_ITS_TIME: Final = ("served_", "deploying_", "load_test")
"""How names of metadata begin that say what became of a version."""
_TOLD_APART: Final = frozenset(
    {
        *_FILES.values(),
        *("pipeline_execution_arn", "artifact_sha256", "code_sha256"),
        *MEASURED,
    }
)
_NOTHING: Final = "-"
_DIGEST: Final = re.compile(r"([0-9a-f]{12})[0-9a-f]{28,52}(-dirty)?")
"""A commit's or a file's, of which the beginning is enough to tell it from another."""


@dataclass(frozen=True)
class VersionEvidence:
    """A version, and its files as far as they can be read."""

    package: ModelPackage
    files: Mapping[str, Mapping[str, Any]]
    """By name: ``evaluation.json`` and others."""
    unread: tuple[str, ...]
    """Why others cannot be, one sentence each."""

    @property
    def evaluation(self) -> Mapping[str, Any] | None:
        """What verification found."""
        return self.files.get(EVALUATION)

    @property
    def pickles(self) -> Mapping[str, Any] | None:
        """What packaging found in the model's pickles; an own packaging script looks at none."""
        found = self.files.get(MANIFEST, {}).get("pickles")
        return found if isinstance(found, Mapping) else None

    @property
    def limits(self) -> Mapping[str, Any]:
        """The limits that it was verified with."""
        return _section(self.evaluation, "limits")

    def measured(self) -> dict[str, float]:
        """Return the measured numbers that there are, by name."""
        evaluation, known = self.evaluation, self.package.measured
        load = _section(evaluation, "load")
        latency = _section(load, "latency_in_millisecond")
        found = {
            "latency p50 ms": latency.get("p50"),
            "latency p99 ms": latency.get("p99", known.get("latency_p99_in_millisecond")),
            "error rate": load.get("error_rate", known.get("error_rate")),
            "requests a second": load.get("achieved_tps", known.get("achieved_tps")),
            "peak memory MB": _section(evaluation, "memory").get("peak_in_megabyte"),
            "cold load s": (evaluation or {}).get("cold_load_in_second"),
        }
        return {name: float(value) for name, value in found.items() if _is_number(value)}


def read_evidence(aws: Aws, package: ModelPackage) -> VersionEvidence:
    """Read the files of a version, as far as they can be."""
    client = aws.client("s3", package.region)
    files: dict[str, Mapping[str, Any]] = {}
    unread = []
    for file, name in _FILES.items():
        uri = package.metadata.get(name)
        try:
            if uri is not None:
                files[file] = _document(read_s3_object(client, uri), uri)
            elif file != EVALUATION or package.metadata.get("verification") != "off":
                unread.append(
                    f"{file} of version {package.version} is not known: its metadata has no {name}."
                )
        except (AwsCallError, ValueError) as error:
            unread.append(f"{file} of version {package.version} is not known: {error}")
    return VersionEvidence(package, files, tuple(unread))


def _document(content: bytes, uri: str) -> Mapping[str, Any]:
    try:
        document = json.loads(content)
    except ValueError as error:
        raise ValueError(f"{uri} is no JSON: {error}.") from error
    if not isinstance(document, dict):
        raise ValueError(f"{uri} holds no JSON object.")  # noqa: TRY004  # it is about content
    return document


def _section(document: Mapping[str, Any] | None, name: str) -> Mapping[str, Any]:
    """Return a member that is an object; an empty one where it is none."""
    found = (document or {}).get(name)
    return found if isinstance(found, Mapping) else {}


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def changes(before: VersionEvidence, after: VersionEvidence) -> Iterator[tuple[str, str, str]]:
    """Yield what differs between two versions, but measured numbers: name, before and after.

    Of files that only one of them has, nothing is compared.
    """
    facts = [_facts(each) for each in (before, after)]
    for name in dict.fromkeys([*facts[0], *facts[1]]):
        sides = [each[name] for each in facts if name in each]
        if len(sides) == len(facts):
            for leaf in differences(sides[0], sides[1], (name,)):
                yield _place(leaf.path), _shown(leaf.before), _shown(leaf.after)


def _place(path: Path) -> str:
    """Write a path as ``settings.content_types[1]``."""
    parts = (f"[{each}]" if isinstance(each, int) else f".{each}" for each in path)
    return "".join(parts).removeprefix(".")


def _facts(evidence: VersionEvidence) -> dict[str, Any]:
    """Return what two versions are compared by; what cannot be read is left out."""
    package, manifest = evidence.package, evidence.files.get(MANIFEST)
    metadata = {
        name: value
        for name, value in sorted(package.metadata.items())
        if name not in _TOLD_APART and not name.startswith(_OF_ITS_TIME)
    }
    facts: dict[str, Any] = {
        "artifact": package.artifact_sha256,
        "code": package.metadata.get("code_sha256"),
        "image": package.image_uri,
        **metadata,
    }
    if manifest is not None:
        facts["size_bytes"] = manifest.get("size_bytes")
    if (evaluation := evidence.evaluation) is not None:
        facts["requirements"] = evaluation.get("requirements", [])
        facts["functions"] = _section(_section(evaluation, "handler"), "functions")
        environment = _section(evaluation, "environment")
        facts["verified by"] = {
            "python": environment.get("python"),
            **_section(environment, "packages"),
        }
    if settings := _settings(evidence):
        facts["settings"] = settings
    return facts


def _settings(evidence: VersionEvidence) -> dict[str, Any]:
    """Return what was declared of a version in its region, but what its metadata has, too."""
    registration = evidence.files.get(REGISTRATION_REQUEST)
    region = evidence.package.metadata.get("model_registration_region", "")
    request = _section(_section(_section(registration, "regions"), region), "request")
    known = {"image_uri", *evidence.package.metadata}
    settings = {name: value for name, value in request.items() if name not in known}
    if not settings:
        return {}
    own = _section(registration, "sample_requests")
    return {
        **settings,
        "serving": _section(registration, "serving"),
        "sample_requests": [each.get("name") for each in own.get("requests", [])],
        "tolerances": _section(own, "tolerances"),
    }


def _shown(value: Any) -> str:
    """Write a value on one line: digests are cut, and nothing is a hyphen."""
    if value is MISSING or value is None or value in ("", [], {}):
        return _NOTHING
    if isinstance(value, str):
        return _DIGEST.sub(r"\1...\2", value) if _DIGEST.fullmatch(value) else shortened(value)
    return shortened(json.dumps(value))
