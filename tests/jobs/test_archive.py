"""The archives that jobs of several modules are shipped as."""

from __future__ import annotations

import ast
import collections
import io
import json
import os
import shutil
import stat
import subprocess
import sys
import zipfile
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from constructs_lib.compiled_pipeline import CompiledPipeline
from constructs_lib.configs import PipelineConfigs
from constructs_lib.jobs import archive
from constructs_lib.jobs.archive import JOBS, PACKAGE, job_archive, local_archive, script_content
from constructs_lib.release.files import release_files

FOLDER = Path(archive.__file__).parent
EXAMPLE = Path(__file__).parents[2] / "pipelines" / "returns_risk"


def modules(job: str) -> dict[str, bytes]:
    """Content by name, in the archive's order."""
    with zipfile.ZipFile(io.BytesIO(job_archive(job))) as file:
        return {info.filename: file.read(info) for info in file.infolist()}


@pytest.mark.parametrize("job", JOBS)
def test_everything_but_the_start_is_in_one_package(job: str) -> None:
    first, *others = modules(job)

    assert first == "__main__.py"
    assert {name.split("/")[0] for name in others} == {PACKAGE}
    of_ray = {"ray_serving"} if job == "package_model" else set()
    assert {name.split("/")[1] for name in others} == {"__init__.py", "common", job, *of_ray}


@pytest.mark.parametrize("job", JOBS)
def test_every_module_of_the_job_is_in_it(job: str) -> None:
    held = modules(job)

    for folder in (FOLDER / "common", FOLDER / job):
        for module in folder.rglob("*.py"):
            name = f"{PACKAGE}/{module.relative_to(FOLDER).as_posix()}"
            assert held[name] == module.read_bytes()


COMPILED = """
import runpy, sys

compiled = []
sys.addaudithook(lambda event, found: event == "compile" and compiled.append(str(found[1])))
sys.path.insert(0, sys.argv[1])
sys.argv = [sys.argv[1], "--help"]
try:
    runpy.run_path(sys.argv[0], run_name="__main__")
finally:
    print(*(name for name in compiled if name.startswith(sys.argv[0])), sep="\\n", file=sys.stderr)
"""
"""Runs an archive, and names each module of it that is compiled, each time that it is."""


@pytest.mark.parametrize("job", JOBS)
def test_a_module_that_is_imported_is_compiled_once(job: str, tmp_path: Path) -> None:
    program = tmp_path / "job.zip"
    program.write_bytes(job_archive(job))

    result = subprocess.run(
        [sys.executable, "-c", COMPILED, program], capture_output=True, text=True, check=True
    )

    # What is imported before there is anything to see to it is compiled twice.
    before = ("__init__", "common/__init__", "common/importing")
    first = {f"{program}/__main__.py", *(f"{program}/{PACKAGE}/{each}.py" for each in before)}
    counts = collections.Counter(result.stderr.split())
    assert counts[f"{program}/{PACKAGE}/{job}/command_line.py"] == 1
    assert {name for name, count in counts.items() if count > 1} <= first


def test_nothing_of_a_member_depends_on_the_machine() -> None:
    with zipfile.ZipFile(io.BytesIO(job_archive("package_model"))) as file:
        for info in file.infolist():
            assert info.date_time == (1980, 1, 1, 0, 0, 0)
            assert info.compress_type == zipfile.ZIP_STORED
            assert info.create_system == 3
            assert info.external_attr >> 16 == stat.S_IFREG | 0o644
            assert (info.extra, info.comment) == (b"", b"")


@pytest.mark.parametrize("job", JOBS)
def test_another_checkout_makes_the_same_bytes(job: str, tmp_path: Path) -> None:
    copy = tmp_path / "jobs"
    shutil.copytree(FOLDER, copy, ignore=shutil.ignore_patterns("__pycache__"))
    (copy / job / "__pycache__").mkdir()
    (copy / job / "__pycache__" / "job.cpython-311.pyc").write_bytes(b"compiled")
    for module in copy.rglob("*.py"):
        module.chmod(0o700)
        os.utime(module, (1e9, 1e9))

    subprocess.run(
        [sys.executable, copy / "archive.py", job],
        cwd=tmp_path,
        env={"TZ": "Asia/Tokyo", "LC_ALL": "C"},
        check=True,
    )

    assert (tmp_path / f"{job}.zip").read_bytes() == job_archive(job)


@pytest.mark.parametrize("job", JOBS)
def test_the_archive_for_this_python_is_that_of_containers_and_need_not_be_compiled(
    job: str, tmp_path: Path
) -> None:
    with zipfile.ZipFile(io.BytesIO(local_archive(job))) as file:
        held = {name: file.read(name) for name in file.namelist()}
    shipped = modules(job)
    assert {name: held[name] for name in shipped} == shipped
    with zipfile.ZipFile(tmp_path / f"{job}.zip", "w") as file:
        for name, content in held.items():
            if name == "__main__.py" or not name.endswith(".py"):
                file.writestr(name, content)

    command = [sys.executable, str(tmp_path / f"{job}.zip"), "--help"]
    told = subprocess.run(command, capture_output=True, text=True, check=True).stdout

    assert told.startswith(f"usage: {job}.zip")


@pytest.mark.parametrize("job", JOBS)
def test_another_python_compiles_what_the_archive_for_this_one_holds(
    job: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(archive, "_TAKEN_AS_IT_IS", b"\0\0\r\n" + archive._TAKEN_AS_IT_IS[4:])
    file = tmp_path / "job.zip"
    file.write_bytes(local_archive.__wrapped__(job))

    command = [sys.executable, str(file), "--help"]
    result = subprocess.run(command, capture_output=True, text=True, check=False)

    assert (result.returncode, result.stderr) == (0, "")


def test_a_job_that_is_not_there_is_told_with_those_that_are(tmp_path: Path) -> None:
    command = [sys.executable, str(FOLDER / "archive.py"), "pack_model"]
    result = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)

    assert result.returncode == 1
    assert result.stderr == (
        "error: there is no job 'pack_model'; there are package_model, verify_model\n"
    )
    assert list(tmp_path.iterdir()) == []


def test_a_script_of_one_file_is_shipped_as_it_is(tmp_path: Path) -> None:
    script = tmp_path / "package_model"
    script.write_text("print(1)\n")

    assert script_content(script) == b"print(1)\n"
    assert script_content(FOLDER / "package_model") == job_archive("package_model")


@pytest.mark.parametrize("own", [False, True])
def test_the_name_of_the_packaging_script_tells_how_it_is_stored(tmp_path: Path, own: bool) -> None:
    shutil.copytree(EXAMPLE, tmp_path / "own", ignore=shutil.ignore_patterns("model"))
    config = tmp_path / "own" / "config.json"
    document = json.loads(config.read_text())
    if own:
        document["configuration"]["processing"]["Package"] |= {
            "processing_source_dir": ".",
            "processing_entry_point": "own.py",
        }
    config.write_text(json.dumps(document))
    (tmp_path / "own" / "own.py").write_text("print(1)\n")
    compiled = cast("CompiledPipeline", SimpleNamespace(registration_file="{}"))

    files = release_files(PipelineConfigs.load(config), compiled)

    assert (files.packaging_script_name, files.packaging_script) == (
        ("package_model.py", b"print(1)\n")
        if own
        else ("package_model.zip", job_archive("package_model"))
    )


@pytest.mark.parametrize("job", JOBS)
def test_every_module_is_valid_in_the_oldest_container(job: str) -> None:
    for name, content in modules(job).items():
        if name.endswith(".py"):
            ast.parse(content, name, feature_version=(3, 8))
