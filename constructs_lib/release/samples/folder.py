"""Reads a folder of own sample requests, and finds everything that is wrong with it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Final

from constructs_lib.configs import VariableType
from constructs_lib.fields.rules import did_you_mean, shown
from constructs_lib.jobs.common.limits import KIB, MIB
from constructs_lib.jobs.verify_model.payloads import GENERATED, count_records
from constructs_lib.release.samples.errors import UnusableSampleError
from constructs_lib.release.samples.expected import ExpectedRecord, expected_records
from constructs_lib.release.samples.manifest import SampleManifest, read_manifest
from constructs_lib.release.samples.texts import refuse_broken

MANIFEST: Final = "manifest.json"
MOST_REQUESTS: Final = 50
LARGEST_OTHER_BYTES: Final = 100 * KIB
"""Of manifest and expected answers: the latter travel in ``registration.json``, which the functions
that register read whole."""

_EXPECTED: Final = re.compile(r"(?P<stem>.+)\.expected(?P<extension>\.[^.]*)?")
_ANSWERS: Final = (".json", ".csv")
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")


@dataclass(frozen=True, kw_only=True)
class SampleRequest:
    """One request, and the answer that is expected."""

    name: str
    body: bytes
    content_type: str
    expected: list[ExpectedRecord] | None
    """One per record of the request; None if any answer will do."""


class SampleFolder:
    """The files of one folder."""

    def __init__(
        self,
        files: Mapping[str, Path],
        outputs: Mapping[str, VariableType],
        max_payload_size: int,
    ) -> None:
        """Take the files by name, the declared output variables, and the largest request (MB)."""
        self.problems: list[str] = []
        self.manifest = SampleManifest()
        self._files = files
        self._outputs = outputs
        self._max_payload_size = max_payload_size
        self._names = [name for name in files if name != MANIFEST and not _EXPECTED.fullmatch(name)]

    def read(self) -> list[SampleRequest]:
        """Return the requests that can be used; what cannot is in ``problems`` afterwards."""
        if MANIFEST in self._files and not self._read_manifest():
            return []
        self._look_at_all()
        expected = self._read_expected()
        return [
            request
            for name in self._names
            if (request := self._read_request(name, expected)) is not None
        ]

    def _read_manifest(self) -> bool:
        """Tell whether the manifest can be read: nothing else is looked at before."""
        try:
            self.manifest = read_manifest(self._content(MANIFEST, LARGEST_OTHER_BYTES))
        except UnusableSampleError as error:
            self._tell(MANIFEST, error)
            return False
        for problem in self.manifest.problems(self._names, self._outputs):
            self._tell(MANIFEST, problem)
        return True

    def _look_at_all(self) -> None:
        if not self._names:
            self.problems.append(
                "holds no request: put one into it, such as first.csv, or leave"
                " sample_requests_dir out of the config"
            )
        if len(self._names) > MOST_REQUESTS:
            self.problems.append(
                f"holds {len(self._names)} requests; at most {MOST_REQUESTS} are taken, because"
                " each is sent for every response type: remove some"
            )

    def _read_expected(self) -> dict[str, tuple[str, list[ExpectedRecord]]]:
        """Return expected answers by the stem of their requests, each with its file's name."""
        found: dict[str, tuple[str, list[ExpectedRecord]]] = {}
        for name in self._files:
            if match := _EXPECTED.fullmatch(name):
                stem, extension = match["stem"], match["extension"]
                try:
                    self._refuse_lost(stem, extension, found)
                    content = self._content(name, LARGEST_OTHER_BYTES)
                    found[stem] = name, expected_records(content, extension, self._outputs)
                except UnusableSampleError as error:
                    self._tell(name, error)
        return found

    def _refuse_lost(
        self, stem: str, extension: str | None, found: Mapping[str, tuple[str, object]]
    ) -> None:
        if extension not in _ANSWERS:
            raise UnusableSampleError(
                f"an expected answer is a file in {' or '.join(_ANSWERS)}, whatever its request is:"
                " rename it"
            )
        if stem in found:
            raise UnusableSampleError(
                f"is a second expected answer beside {found[stem][0]}: remove one of them"
            )
        stems = [_stem(name) for name in self._names]
        if stem not in stems:
            raise UnusableSampleError(
                f"there is no request {stem}.*, whose answer this could be: add it, or rename"
                f" this file to NAME.expected{extension}{did_you_mean(stem, stems)}"
            )

    def _read_request(
        self, name: str, expected: Mapping[str, tuple[str, list[ExpectedRecord]]]
    ) -> SampleRequest | None:
        try:
            _refuse_name(name)
            content_type = self.manifest.content_type(name)
            body = self._content(name, self._max_payload_size * MIB)
            refuse_broken(body, content_type)
            answer_name, answer = expected.get(_stem(name), ("", None))
            if answer is not None:
                _refuse_another_count(answer_name, answer, count_records(body, content_type))
        except UnusableSampleError as error:
            self._tell(name, error)
            return None
        return SampleRequest(name=name, body=body, content_type=content_type, expected=answer)

    def _content(self, name: str, most_bytes: int) -> bytes:
        try:
            size = self._files[name].stat().st_size
            if size <= most_bytes:
                return self._files[name].read_bytes()
        except OSError as error:
            raise UnusableSampleError(f"cannot be read: {error.strerror}") from error
        is_request = name in self._names
        fix = (
            "make it smaller, or raise max_payload_size of PytorchModel"
            if is_request
            else "leave out what is not compared"
        )
        raise UnusableSampleError(
            f"has {_in_words(size)}; at most {_in_words(most_bytes)} are taken: {fix}"
        )

    def _tell(self, name: str, problem: object) -> None:
        # A terminal would obey control characters, and a log break at them.
        self.problems.append(f"{name if name.isprintable() else shown(name)}: {problem}")


def _stem(name: str) -> str:
    return PurePosixPath(name).stem


def _in_words(size: int) -> str:
    return f"{size / MIB:.2f} MB" if size >= MIB else f"{size / KIB:.0f} KB"


def _refuse_name(name: str) -> None:
    if "/" in name:
        raise UnusableSampleError("is in a folder of its own: put it beside the others")
    if not _NAME.fullmatch(name):
        raise UnusableSampleError(
            "the name has to be of up to 100 letters, digits and any of ._-: rename it"
        )
    if name.startswith(GENERATED):
        raise UnusableSampleError(
            f"generated requests have names that begin with {GENERATED}: rename it"
        )


def _refuse_another_count(
    name: str, expected: list[ExpectedRecord], record_count: int | None
) -> None:
    if record_count not in (None, len(expected)):
        raise UnusableSampleError(
            f"has {record_count} records, its expected answer {name} has {len(expected)}: give one"
            " record per record of the request"
        )
