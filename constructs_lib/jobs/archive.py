"""Ships a job of several modules as one zip file, which Python runs as it is.

The same modules give the same bytes on every machine: order, dates and modes are fixed, and nothing
is compressed. Beside ``__main__.py`` the archive holds one package, which is this folder with what
the job needs of it, so its modules import each other as they do here. The packaging job brings the
shared object of zlib-ng along, always the one for its container, as ``make setup`` installs it. To
get an archive as a file::

    python -m constructs_lib.jobs.archive package_model
    python package_model.zip --help
"""

from __future__ import annotations

import functools
import io
import marshal
import stat
import sys
import zipfile
from collections.abc import Iterator
from importlib.machinery import SourceFileLoader
from importlib.util import MAGIC_NUMBER
from pathlib import Path
from typing import Final

PACKAGE: Final = "pytorch_model_release_jobs"
"""Name of the archives' package; no module of a model's code is called so."""
JOBS: Final = ("package_model", "verify_model")
"""Folders beside this module."""

_JOBS: Final = Path(__file__).parent
_SHARED: Final = {"package_model": ("common", "ray_serving"), "verify_model": ("common",)}
"""What a job needs beside its own folder."""
_ZLIB_NG: Final = Path(sys.prefix, "packaging", "zlib_ng")
"""Its wheel, the same on every machine; a job without it uses the zlib that its Python has."""
_ITS_LIBRARY: Final = f"{PACKAGE}/package_model/zlib_ng.so"
_MAIN: Final = """\
from {package}.common.importing import compile_once

if __name__ == "__main__":
    compile_once()
    from {package}.{job}.command_line import run

    run()
"""
_DATE: Final = (1980, 1, 1, 0, 0, 0)
"""The first that zip files know."""
_MODE: Final = stat.S_IFREG | 0o644
_UNIX: Final = 3
_TAKEN_AS_IT_IS: Final = MAGIC_NUMBER + (1).to_bytes(4, "little") + bytes(8)
"""Begins byte code that is compared with no source (PEP 552)."""


def script_content(script: Path) -> bytes:
    """Read what is shipped of a script: of a file itself, of a job's folder its archive."""
    return job_archive(script.name) if script.parent == _JOBS else script.read_bytes()


@functools.cache
def job_archive(job: str) -> bytes:
    """Make the archive of a job.

    Args:
        job: One of :data:`JOBS`.
    """
    main = _MAIN.format(package=PACKAGE, job=job).encode()
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr(_member("__main__.py"), main)
        for module in _modules(job):
            archive.writestr(_member(_name(module)), module.read_bytes())
        for library in _ZLIB_NG.glob("zlib_ng.*.so") if job == "package_model" else ():
            archive.writestr(_member(_ITS_LIBRARY), library.read_bytes())
    return buffer.getvalue()


@functools.cache
def local_archive(job: str) -> bytes:
    """Make the archive of a job that this Python runs: the same, with byte code beside the modules.

    Without it, each process of the job would compile what it imports.

    Args:
        job: One of :data:`JOBS`.
    """
    buffer = io.BytesIO(job_archive(job))
    with zipfile.ZipFile(buffer, "a", zipfile.ZIP_STORED) as archive:
        for module in _modules(job):
            code = SourceFileLoader(module.stem, str(module)).get_code(module.stem)
            archive.writestr(_member(f"{_name(module)}c"), _TAKEN_AS_IT_IS + marshal.dumps(code))
    return buffer.getvalue()


def _name(module: Path) -> str:
    return f"{PACKAGE}/{module.relative_to(_JOBS).as_posix()}"


def _modules(job: str) -> Iterator[Path]:
    yield _JOBS / "__init__.py"
    for folder in sorted((*_SHARED[job], job)):
        yield from sorted((_JOBS / folder).rglob("*.py"))


def _member(name: str) -> zipfile.ZipInfo:
    member = zipfile.ZipInfo(name, _DATE)
    member.create_system = _UNIX
    member.external_attr = _MODE << 16
    return member


def main() -> None:
    """Write the archives of the jobs that the command line names to the current folder."""
    for job in sys.argv[1:]:
        if job not in JOBS:
            sys.exit(f"error: there is no job {job!r}; there are {', '.join(JOBS)}")
        Path(f"{job}.zip").write_bytes(job_archive(job))


if __name__ == "__main__":
    main()
