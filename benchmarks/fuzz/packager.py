"""Drives archives through the packaging job: its rules alone, or the whole of it."""

from __future__ import annotations

import gzip
import io
from dataclasses import dataclass
from pathlib import Path

from constructs_lib.jobs.common.code_members import code_tar
from constructs_lib.jobs.common.errors import JobError
from constructs_lib.jobs.common.limits import Limits
from constructs_lib.jobs.package_model.inference_code import admit_code, read_code
from constructs_lib.jobs.package_model.inventory import Inventory
from constructs_lib.jobs.package_model.job import PackagingJob, package, stopping_cleanly
from constructs_lib.jobs.package_model.rules import ModelRules
from constructs_lib.jobs.package_model.tar.scanner import TarScanner

ENTRY_POINT = "inference.py"
CODE = b"verified = True\n"


@dataclass(frozen=True)
class Refused:
    """An archive that the job does not accept."""

    reason: str


Verdict = bytes | Refused
"""The uncompressed output, or the refusal."""


class Packager:
    """Packages archives with a little inference code."""

    def __init__(self, folder: Path) -> None:
        """Work in an existing, empty folder."""
        self._folder = folder
        self._code = folder / "code"
        self._code.mkdir()
        (self._code / ENTRY_POINT).write_bytes(CODE)
        self._members = read_code(self._code, Limits(), io.BytesIO())
        self._new_code = b"".join(code_tar(self._members))

    def by_rules(self, archive: bytes) -> Verdict:
        """Package an uncompressed archive as the job does, without its gzip and its threads."""
        inventory = Inventory(Limits().members)
        admit_code(self._members, inventory)
        rules = ModelRules(inventory, "refuse")
        scanner = TarScanner(rules.visit)
        try:
            scanner.feed(archive)
            scanner.finish()
            rules.finish()
        except JobError as error:
            return Refused(str(error))
        return self._new_code + _edited(archive, scanner)

    def by_job(self, packed: bytes, *, recompress: bool = False) -> Verdict:
        """Package a file as the job does from its command line on."""
        model = self._folder / "model.tar.gz"
        output = self._folder / "output" / "model.tar.gz"
        model.write_bytes(packed)
        manifest = output.with_name("manifest.json")
        job = PackagingJob(model, self._code, output, (manifest,), recompress=recompress)
        try:
            # Which gives the signals back that the job ignores at its end.
            with stopping_cleanly():
                package(job)
        except JobError as error:
            return Refused(str(error))
        return gzip.decompress(output.read_bytes())


def _edited(archive: bytes, scanner: TarScanner) -> bytes:
    parts = []
    at = 0
    for edit in scanner.edits:
        parts += [archive[at : edit.start], edit.replacement]
        at = edit.end
    return b"".join([*parts, archive[at:]])
