"""The library that travels with the packaging job: the same bytes with it and without it."""

from __future__ import annotations

import io
import random
import subprocess
import sys
import zipfile
import zlib
from functools import cache
from pathlib import Path
from typing import NamedTuple

import pytest

from constructs_lib.jobs.archive import PACKAGE, job_archive
from constructs_lib.jobs.package_model import libraries
from constructs_lib.jobs.package_model.reading import Span
from tests.jobs.test_package_model import MIB, member, packed, tar

_LIBRARY = f"{PACKAGE}/package_model/{libraries.ZLIB_NG}"
_RANDOM = random.Random(2)


@cache
def _model() -> bytes:
    """An archive with weights as of float32: three bytes of noise, and one of few values."""
    weights = bytearray(_RANDOM.randbytes(4 * MIB))
    weights[3::4] = bytes(_RANDOM.choices((60, 61, 188, 189), k=MIB))
    words = b" ".join(_RANDOM.choices((b"refund", b"label", b"box", b"late"), k=400_000))
    return packed(
        tar(
            member("weights.bin", bytes(weights)),
            member("code/old.py", b"old = True\n" * 500),
            member("vocabulary.txt", words),
            member("stored.bin", _RANDOM.randbytes(MIB)),
        )
    )


class _Run(NamedTuple):
    exit_code: int
    log: str
    output: bytes
    manifest: str


def _with_library(content: bytes | None) -> bytes:
    """Make the job's archive with another library, or with none."""
    made = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(job_archive("package_model"))) as archive,
        zipfile.ZipFile(made, "w") as changed,
    ):
        for name in archive.namelist():
            if name != _LIBRARY:
                changed.writestr(name, archive.read(name))
        if content is not None:
            changed.writestr(_LIBRARY, content)
    return made.getvalue()


def _run(folder: Path, script: bytes, model: bytes | None = None) -> _Run:
    folder.mkdir()
    program, output = folder / "package_model.zip", folder / "output" / "model.tar.gz"
    program.write_bytes(script)
    (folder / "model.tar.gz").write_bytes(_model() if model is None else model)
    (folder / "code").mkdir()
    (folder / "code" / "inference.py").write_text("new = True\n")
    paths = {"model": folder / "model.tar.gz", "code": folder / "code", "output": output}
    options = [text for name, path in paths.items() for text in (f"--{name}", str(path))]
    done = subprocess.run(
        [sys.executable, str(program), *options], capture_output=True, text=True, check=False
    )
    manifest = output.with_name("manifest.json")
    return _Run(
        done.returncode,
        done.stdout + done.stderr,
        output.read_bytes() if output.exists() else b"",
        manifest.read_text() if manifest.exists() else "",
    )


def test_the_output_is_the_same_with_the_library_and_without(tmp_path: Path) -> None:
    travelling = _run(tmp_path / "with", job_archive("package_model"))
    without = _run(tmp_path / "without", _with_library(None))

    assert travelling.exit_code == without.exit_code == 0, travelling.log + without.log
    assert "method: copying compressed blocks (zlib-ng 2." in travelling.log
    assert "method: copying compressed blocks (zlib 1." in without.log
    assert travelling.output == without.output
    assert travelling.manifest == without.manifest


@pytest.mark.parametrize("content", [b"", b"\x7fELF of another machine"], ids=["empty", "foreign"])
def test_a_library_that_cannot_be_loaded_is_done_without(tmp_path: Path, content: bytes) -> None:
    run = _run(tmp_path / "run", _with_library(content))

    assert run.exit_code == 0, run.log
    assert "(zlib 1." in run.log


@pytest.mark.parametrize("damage", ["flipped", "cut"])
def test_damage_is_refused_with_the_library_too(tmp_path: Path, damage: str) -> None:
    model = bytearray(_model())
    middle = len(model) // 3
    if damage == "flipped":
        model[middle] ^= 0b100
    else:
        del model[-middle:]

    run = _run(tmp_path / "run", job_archive("package_model"), bytes(model))

    assert run.exit_code == 1
    assert "is damaged" in run.log or "is truncated" in run.log
    assert "Traceback" not in run.log
    assert run.output == b""


def test_its_checksum_is_that_of_zlib() -> None:
    data = _RANDOM.randbytes(1000)

    last = Span(data, 500, len(data))
    assert libraries.crc32(last, libraries.crc32(data[:500])) == zlib.crc32(data)
