"""Looks for code in a model's pickles on this machine, as the Package step does."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from constructs_lib.configs import PackageStepConfig
from constructs_lib.jobs.common.limits import Limits
from constructs_lib.jobs.package_model.archive_file import checked, read_archive
from constructs_lib.jobs.package_model.errors import RefusedError
from constructs_lib.jobs.package_model.inflating import inflate_with_zlib
from constructs_lib.jobs.package_model.pickles import OFF, WARN
from constructs_lib.jobs.package_model.pickles.contents import ContentScanner
from constructs_lib.jobs.package_model.pickles.findings import PickleReport, told_to_paste
from constructs_lib.jobs.package_model.pickles.intake import ModelIntake
from constructs_lib.jobs.package_model.pickles.regions import Region
from constructs_lib.jobs.package_model.reading import ByteSource, read_chunks
from constructs_lib.jobs.package_model.rules import in_code
from constructs_lib.jobs.package_model.tar.members import Member
from constructs_lib.jobs.package_model.tar.scanner import Edit, TarScanner


def pickle_findings(model: Path, config: PackageStepConfig) -> list[dict[str, Any]]:
    """Return what Package would find in a model's pickles, by the config's policy.

    Its ``code/``, which packaging replaces, is left out. Nothing of the model is loaded.

    Args:
        model: A ``model.tar.gz``, or a folder laid out like one. What cannot be read of it is
            passed over: other checks say so.
        config: The packaging step's settings.

    Returns:
        Each with ``severity``, ``code``, ``message`` and ``fix``.
    """
    policy = config.pickle_policy or WARN
    if policy == OFF:
        return []
    report = PickleReport()
    scanner = ContentScanner(report, own_names=config.allowed_pickle_globals or ())
    if model.is_dir():
        _scan_folder(model, scanner)
    else:
        with model.open("rb") as file:
            _scan_archive(file, scanner)
    shown = [
        {name: value for name, value in finding.facts(policy).items() if name in _SHOWN}
        for finding in report.findings
    ]
    refused = report.refused(policy)
    if names := refused and told_to_paste(refused):
        shown[report.findings.index(refused[-1])]["fix"] += f".{names}"
    return shown


_SHOWN = ("severity", "code", "message", "fix")


def _scan_folder(folder: Path, scanner: ContentScanner) -> None:
    for path in _files(folder):
        with path.open("rb") as file:
            region = Region(file, 0, path.stat().st_size)
            scanner.scan(region, path.relative_to(folder).as_posix())


def _files(folder: Path) -> Iterator[Path]:
    for path in sorted(folder.rglob("*")):
        if path.is_file() and not in_code(path.relative_to(folder).as_posix()):
            yield path


def _scan_archive(file: IO[bytes], scanner: ContentScanner) -> None:
    intake = ModelIntake(scanner)
    tar = TarScanner(intake.noting(_without_code))
    try:
        source = ByteSource(read_chunks(file))
        for segment in checked(read_archive(source, inflate_with_zlib), Limits()):
            tar.feed(segment.data)
            intake.feed(segment.data)
    except RefusedError:
        return
    finally:
        intake.close()


def _without_code(member: Member) -> Edit | None:
    return Edit(member.start, member.end) if in_code(member.path) else None
