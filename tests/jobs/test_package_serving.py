"""Package puts what Ray Serve's container looks for beside ``code/``, in nobody's place."""

from __future__ import annotations

import hashlib
import io
import json
import subprocess
import sys
import tarfile
from pathlib import Path
from typing import Any

import pytest

from constructs_lib.jobs.archive import job_archive
from constructs_lib.jobs.package_model.command_line import main
from constructs_lib.jobs.ray_serving import layout

CODE = {"inference.py": b"def model_fn(folder):\n    return folder\n"}


def _archive(path: Path, members: dict[str, bytes]) -> Path:
    with tarfile.open(path, "w:gz", format=tarfile.PAX_FORMAT) as archive:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return path


def _arguments(folder: Path, model: dict[str, bytes], *more: str) -> list[str]:
    code = folder / "code"
    code.mkdir()
    for name, content in CODE.items():
        (code / name).write_bytes(content)
    source = _archive(folder / "source.tar.gz", model)
    output = folder / "released" / "model.tar.gz"
    paths = ("--model", str(source), "--code", str(code), "--output", str(output))
    return [*paths, "--entry-point", "inference.py", *more]


def _contents(folder: Path) -> dict[str, bytes]:
    with tarfile.open(folder / "released" / "model.tar.gz") as archive:
        return {info.name: file.read() for info in archive if (file := archive.extractfile(info))}


def _manifest(folder: Path) -> dict[str, Any]:
    manifest: dict[str, Any] = json.loads((folder / "released" / "manifest.json").read_text())
    return manifest


def test_the_files_of_ray_are_at_the_root_and_the_manifest_tells_them(tmp_path: Path) -> None:
    arguments = _arguments(tmp_path, {"model.pth": b"weights"}, "--serving", "ray")
    assert main([*arguments, "--serving-workers", "3"]) == 0
    expected = layout.files("inference.py", 3)

    contents = _contents(tmp_path)
    assert contents == {
        "code/inference.py": CODE["inference.py"],
        **expected,
        "model.pth": b"weights",
    }
    manifest = _manifest(tmp_path)
    digests = {name: hashlib.sha256(each).hexdigest() for name, each in expected.items()}
    assert manifest["serving"] == {"container": "ray", "files": digests}
    assert manifest["member_count"] == len(contents) + 1  # code/


def test_the_archive_of_the_job_writes_the_same_bytes(tmp_path: Path) -> None:
    arguments = _arguments(tmp_path, {"model.pth": b"weights"}, "--serving", "ray")
    assert main(arguments) == 0
    first = (tmp_path / "released" / "model.tar.gz").read_bytes()
    script = tmp_path / "package_model.zip"
    script.write_bytes(job_archive("package_model"))

    subprocess.run([sys.executable, "-I", str(script), *arguments], check=True)

    assert (tmp_path / "released" / "model.tar.gz").read_bytes() == first


def test_the_code_has_the_digest_that_it_has_without_ray(tmp_path: Path) -> None:
    digests = set()
    for name, more in (("ray", ("--serving", "ray")), ("pytorch", ())):
        folder = tmp_path / name
        folder.mkdir()
        assert main(_arguments(folder, {"model.pth": b"weights"}, *more)) == 0
        digests.add(_manifest(folder)["code_sha256"])

    assert len(digests) == 1


def test_other_containers_get_and_tell_nothing_more(tmp_path: Path) -> None:
    model = {"config.yaml": b"mine: 1\n", "model.pth": b"weights"}

    assert main(_arguments(tmp_path, model)) == 0
    assert _contents(tmp_path)["config.yaml"] == b"mine: 1\n"
    assert "serving" not in _manifest(tmp_path)


@pytest.mark.parametrize("name", [*layout.files("inference.py"), "./config.yaml", "config.yaml/a"])
def test_a_model_that_has_such_a_file_is_refused_with_what_to_do(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model = {"model.pth": b"weights", name: b"mine"}

    assert main(_arguments(tmp_path, model, "--serving", "ray")) == 1
    told = capsys.readouterr().err
    assert f"member '{name.removeprefix('./')}' stands where Package puts what Ray Serve's" in told
    assert "give it another name" in told
    assert list((tmp_path / "released").iterdir()) == []


def test_a_file_of_that_name_is_refused_where_flattening_puts_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model = {"export/model.pth": b"weights", "export/config.yaml": b"mine"}
    arguments = _arguments(tmp_path, model, "--serving", "ray", "--single-folder", "flatten")

    assert main(arguments) == 1
    assert "member 'export/config.yaml' stands where" in capsys.readouterr().err


def test_a_file_of_that_name_in_a_folder_stays(tmp_path: Path) -> None:
    model = {"model.pth": b"weights", "parts/config.yaml": b"mine"}

    assert main(_arguments(tmp_path, model, "--serving", "ray")) == 0
    assert _contents(tmp_path)["parts/config.yaml"] == b"mine"


def test_ray_needs_an_entry_point(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = _arguments(tmp_path, {"model.pth": b"weights"}, "--serving", "ray")
    at = arguments.index("--entry-point")

    assert main(arguments[:at] + arguments[at + 2 :]) == 1
    assert "--serving ray needs --entry-point" in capsys.readouterr().err
