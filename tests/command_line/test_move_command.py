"""``release move``: from a look at what changes to a changed file."""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from commands.program import app
from commands.terminal import places
from constructs_lib.compilation.parent import cache_key
from constructs_lib.configs import PipelineConfigs
from constructs_lib.release import doctor
from constructs_lib.release.archives import folder_archive
from constructs_lib.release.moving import comparison
from tests.example_pipeline import MODEL, copy_example, serve_by_pytorch


@pytest.fixture(scope="module", autouse=True)
def _no_model_is_examined_twice() -> Iterator[None]:
    """Keep what came of a model: of two looks at the same files, the first starts processes."""
    kept: dict[tuple[object, ...], str] = {}

    def evaluation_of(configs: PipelineConfigs, model: Path, folder: Path) -> dict[str, Any]:
        code = configs.model.get_source_dir()
        assert isinstance(code, Path)
        given = [path for path in (model, *sorted(model.rglob("*"))) if path.is_file()]
        content = tuple((path.relative_to(places.ROOT), path.read_bytes()) for path in given)
        asked = (cache_key(configs, "us-east-1"), folder_archive(code), content)
        if asked not in kept:
            kept[asked] = json.dumps(doctor.evaluation_of(configs, model, folder))
        evaluation: dict[str, Any] = json.loads(kept[asked])
        return evaluation

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(comparison, "evaluation_of", evaluation_of)
        yield


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The example on PyTorch's container, in an app of its own; returns its config."""
    monkeypatch.setattr(places, "ROOT", tmp_path)
    (tmp_path / "cdk.json").write_text(json.dumps({"context": {"model-release": {}}}))
    return serve_by_pytorch(copy_example(tmp_path / "pipelines" / "own"))


def _move(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["move", "own", "--to", "ray", *arguments])


def _facts(*arguments: str) -> tuple[int, dict[str, Any]]:
    result = _move("--json", *arguments)
    facts: dict[str, Any] = json.loads(result.stdout)
    return result.exit_code, facts


def test_a_look_changes_no_file_and_a_move_only_the_config(config: Path) -> None:
    before = config.read_bytes()

    exit_code, looked = _facts("--dry-run")
    assert (exit_code, looked["changed"], config.read_bytes()) == (0, False, before)
    result = _move()

    assert result.exit_code == 0, result.output
    assert 'PytorchModel.serving_container: not set -> "ray"' in result.stdout
    assert "answers   4 of 4 the same (functions called directly / " in result.stdout
    assert "Next: release validate own" in result.stdout
    document = json.loads(config.read_text())
    assert document["configuration"]["specific"]["PytorchModel"]["serving_container"] == "ray"
    assert looked["answers"]["same"] is True
    assert [each["after"] for each in looked["changes"]] == ["2.10.0", "py313", "ray"]


def test_code_that_breaks_there_keeps_the_file_unless_it_is_to_be_changed_anyway(
    config: Path,
) -> None:
    (config.parent / "inference" / "old.py").write_text("import sys\nimport cgi\n")
    (config.parent / "model" / "model.tar.gz").unlink()
    before = config.read_bytes()

    exit_code, facts = _facts()
    told = _move()

    assert (exit_code, facts["changed"], facts["answers"]) == (1, False, None)
    (problem,) = facts["code"]
    assert (problem["severity"], problem["line"]) == ("error", 2)
    assert problem["file"].endswith("old.py")
    assert told.exit_code == 1
    assert "is as it was: correct what is told above, or add --anyway" in told.stderr
    assert "not compared: no model was given" in told.stdout
    assert config.read_bytes() == before
    assert _move("--anyway").exit_code == 0
    assert config.read_bytes() != before


def test_a_model_that_package_would_refuse_is_told(config: Path, tmp_path: Path) -> None:
    own = tmp_path / "own.tar.gz"
    with tarfile.open(MODEL) as source, tarfile.open(own, "w:gz") as archive:
        for member in source:
            archive.addfile(member, source.extractfile(member))
        archive.addfile(tarfile.TarInfo("config.yaml"), io.BytesIO())

    exit_code, facts = _facts(str(own))

    assert exit_code == 1
    assert "member 'config.yaml' stands where Package puts" in facts["answers"]["errors"][0]


@pytest.mark.parametrize("kind", ["truncated", "no archive", "empty folder", "broken code"])
def test_a_model_that_answers_on_neither_container_keeps_the_file(
    kind: str, config: Path, tmp_path: Path
) -> None:
    model = tmp_path / "given"
    if kind == "empty folder":
        model.mkdir()
    else:
        content = MODEL.read_bytes()
        model.write_bytes({"truncated": content[:2000], "no archive": b"# Read"}.get(kind, content))
    if kind == "broken code":
        code = config.parent / "inference" / "inference.py"
        raising = "\n\ndef model_fn(model_dir, context=None):\n    raise KeyError('weights')\n"
        code.write_text(code.read_text() + raising)
    cause = "model_fn raises KeyError" if kind == "broken code" else "Package refuses it: "
    before = config.read_bytes()

    exit_code, facts = _facts(str(model))

    assert (exit_code, facts["changed"], facts["answers"]["same"]) == (1, False, False)
    (error,) = facts["answers"]["errors"]
    assert error.startswith("nothing to compare with: ")
    assert cause in error
    assert config.read_bytes() == before
    anyway = _move(str(model), "--anyway")
    assert anyway.exit_code == 0
    assert "error nothing to compare with: " in anyway.stdout
    assert config.read_bytes() != before


def test_a_type_that_ray_does_not_run_on_is_refused_by_name(config: Path) -> None:
    document = json.loads(config.read_text())
    model = document["configuration"]["specific"]["PytorchModel"]
    model["inference_instance_type"] = "ml.m7g.large"
    document["configuration"]["specific"]["Payload"]["verification"] = "off"
    config.write_text(json.dumps(document))
    before = config.read_bytes()

    result = _move()

    assert result.exit_code == 1
    assert "ml.m7g.large has processors of arm64 (Graviton)" in str(result.exception)
    assert config.read_bytes() == before


def test_where_nothing_is_to_change_that_is_told(config: Path) -> None:
    assert _move().exit_code == 0
    before = config.read_bytes()

    result = _move()

    assert result.exit_code == 0
    assert "own is served by ray already." in result.stdout
    assert config.read_bytes() == before
