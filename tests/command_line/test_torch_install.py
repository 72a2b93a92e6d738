"""``make torch``: which version is installed, and that check-archive and run find it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from commands.local import torch
from commands.terminal import places
from constructs_lib import confinement
from constructs_lib.confinement import versions
from constructs_lib.confinement.versions import Versions
from tests.command_line.fake_uv import put_uv
from tests.example_pipeline import copy_example, serve_by_pytorch


@pytest.fixture
def prefix(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An environment in which nothing is installed."""
    (tmp_path / "venv" / "bin").mkdir(parents=True)
    monkeypatch.setattr("sys.prefix", str(tmp_path / "venv"))
    for module in (torch, versions, confinement):
        monkeypatch.setattr(module, "TORCH", tmp_path / "venv" / "torch")
    monkeypatch.setattr(places, "ROOT", tmp_path)
    return tmp_path / "venv"


def _pipeline(prefix: Path, name: str, version: str) -> None:
    path = serve_by_pytorch(copy_example(prefix.parent / "pipelines" / name), version)
    document = json.loads(path.read_text())
    document["configuration"]["shared"]["pipeline_name"] = name
    path.write_text(json.dumps(document))
    (prefix.parent / "cdk.json").write_text('{"context": {"model-release": {}}}')


def test_the_version_of_the_containers_is_installed(
    prefix: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    called = put_uv(prefix, "2.1.0")
    _pipeline(prefix, "one", "2.1.0")

    assert torch.main([]) == 0

    assert called.read_text().startswith("true pip install --python ")
    assert "torch>=2.1.0 numpy>=1.26,<2 pandas>=2.2,<2.3" in called.read_text()
    told = capsys.readouterr()
    assert "torch 2.1.0: release check-archive and release run use it." in told.out
    assert told.err == ""


def test_what_this_python_lacks_is_told(prefix: Path, capsys: pytest.CaptureFixture[str]) -> None:
    put_uv(prefix, "2.6.0")

    assert torch.main(["2.1.0"]) == 0

    assert "the containers have torch 2.1.0, which there is not for this Python" in (
        capsys.readouterr().err
    )


def test_of_several_containers_the_newest_counts(
    prefix: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    called = put_uv(prefix, "2.6.0")
    _pipeline(prefix, "one", "2.1.0")
    _pipeline(prefix, "two", "2.6.0")

    assert torch.main([]) == 0

    assert "torch>=2.6.0\n" in called.read_text()
    assert "the pipelines have torch 2.1.0, 2.6.0" in capsys.readouterr().err


def test_what_is_there_is_not_installed_again(prefix: Path) -> None:
    called = put_uv(prefix, "2.1.0")
    torch.main(["2.1.0"])
    called.unlink()

    assert torch.main(["2.1.0"]) == 0
    assert not called.exists()


def test_a_download_that_fails_leaves_what_was_there(
    prefix: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    put_uv(prefix, "2.1.0")
    torch.main(["2.1.0"])
    put_uv(prefix, "2.2.0", code=2)

    assert torch.main(["2.2.0"]) == 1

    assert "error: torch 2.2.0 or newer cannot be installed" in capsys.readouterr().err
    assert versions.installed_torch() == "2.1.0"


def test_models_code_finds_it_and_verdicts_name_it(prefix: Path) -> None:
    assert "torch" not in confinement.inherited().get("PYTHONPATH", "")
    put_uv(prefix, "2.1.0")
    torch.main(["2.1.0"])

    assert confinement.inherited()["PYTHONPATH"].endswith(str(prefix / "torch"))
    assert Versions.here().torch == "2.1.0"


@pytest.mark.parametrize(("here", "helps"), [("2.1.0", True), ("2.6.0+cpu", False), (None, False)])
def test_a_verdict_of_another_torch_says_how_to_get_the_containers(
    here: str | None, *, helps: bool
) -> None:
    told = Versions("3.11.2", here).judged_for(Versions("3.12", "2.6.0"))

    assert ("make torch VERSION=2.6.0 installs that one" in told) is helps
