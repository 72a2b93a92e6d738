"""A pipeline moves to Ray Serve's container with no more of its file changed than has to be."""

from __future__ import annotations

import codecs
import json
import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from constructs_lib.configs import PipelineConfigs
from constructs_lib.definition import compile_pipeline
from constructs_lib.regions import RegionNames
from constructs_lib.release.moving.code_changes import what_breaks
from constructs_lib.release.moving.comparison import compared
from constructs_lib.release.moving.config_change import MoveError, move_to_ray
from constructs_lib.text_files import replace_text
from tests.serving.conftest import DIGEST, Write
from tests.synth.conftest import TRAINING


def _lines(before: str, after: str) -> tuple[list[str], list[str]]:
    """Lines that only one of them has."""
    old, new = before.splitlines(), after.splitlines()
    return [each for each in old if each not in new], [each for each in new if each not in old]


def test_the_file_keeps_every_other_character(write: Write) -> None:
    path = write("pytorch", serving_container=None)
    before = path.read_bytes()

    change = move_to_ray(PipelineConfigs.load(path))

    assert path.read_bytes() == before
    assert [str(each) for each in change.changes] == [
        '$.configuration.shared.framework_version: "2.6.0" -> "2.10.0"',
        '$.configuration.shared.py_version: "py312" -> "py313"',
        '$.configuration.specific.PytorchModel.serving_container: not set -> "ray"',
    ]
    gone, new = _lines(before.decode(), change.text)
    assert [each.strip() for each in gone] == [
        '"framework_version": "2.6.0",',
        '"py_version": "py312",',
        '"inference_instance_type": "ml.m5.large"',
    ]
    assert [each.strip() for each in new] == [
        '"framework_version": "2.10.0",',
        '"py_version": "py313",',
        '"inference_instance_type": "ml.m5.large",',
        '"serving_container": "ray"',
    ]
    change.write()
    assert compile_pipeline(PipelineConfigs.load(path)).registration_file
    assert list(path.parent.glob(".*.tmp")) == []


@pytest.mark.parametrize("container", ["custom", "huggingface", "pytorch"])
def test_what_only_other_containers_take_goes(container: str, write: Write) -> None:
    more: dict[str, Any] = {}
    if container != "custom":
        more["serving_image_digests"] = {"us-east-1": DIGEST}
    change = move_to_ray(PipelineConfigs.load(write(container, **more)))

    model = change.configs.model
    assert model.serving_container == "ray"
    assert model.serving_image_digests is None
    assert model.serving_images is None
    assert model.serving_entrypoint is None
    assert "transformers_version" not in change.text
    assert all(each.after in (None, "ray", "2.10.0", "py313") for each in change.changes)


def test_training_keeps_its_container(write: Write) -> None:
    path = write("pytorch", serving_container=None)
    document = json.loads(path.read_text())
    document["configuration"]["specific"]["PytorchTraining"] = TRAINING
    document["metadata"]["config_types"]["PytorchTraining"] = "PytorchTrainingConfig"
    path.write_text(json.dumps(document, indent=2))

    configs = move_to_ray(PipelineConfigs.load(path)).configs

    assert configs.training is not None
    assert configs.training.framework_version == "2.6.0"
    assert configs.model.framework_version == "2.10.0"


def test_what_is_on_ray_stays_as_it_is(write: Write) -> None:
    path = write("ray")
    change = move_to_ray(PipelineConfigs.load(path))

    assert (change.changes, change.text) == ((), path.read_text())


def test_a_section_without_a_place_of_its_own_gets_the_field_where_all_is(write: Write) -> None:
    path = write("pytorch", serving_container=None)
    document = json.loads(path.read_text())
    section = document["configuration"]["specific"].pop("PytorchModel")
    document["configuration"]["shared"] |= section
    path.write_text(json.dumps(document, indent=2))

    change = move_to_ray(PipelineConfigs.load(path))

    assert change.configs.model.serving_container == "ray"
    assert json.loads(change.text)["configuration"]["shared"]["serving_container"] == "ray"


@pytest.mark.parametrize("generation", ["g1", "g2", "g3", "g4"])
def test_files_of_every_format_are_moved(generation: str, tmp_path: Path) -> None:
    data = Path(__file__).parents[1] / "configs" / "data"
    shutil.copytree(data, tmp_path / "own")
    path = tmp_path / "own" / f"{generation}.json"

    change = move_to_ray(PipelineConfigs.read(path))

    assert change.configs.model.serving_container == "ray"
    assert change.configs.file is not None
    assert change.configs.file.file == path


@pytest.mark.parametrize("generation", ["g1", "g4"])
def test_a_byte_order_mark_stays_before_the_file(generation: str, tmp_path: Path) -> None:
    data = Path(__file__).parents[1] / "configs" / "data"
    shutil.copytree(data, tmp_path / "own")
    path = tmp_path / "own" / f"{generation}.json"
    plain = move_to_ray(PipelineConfigs.read(path)).text
    path.write_bytes(codecs.BOM_UTF8 + path.read_bytes())

    change = move_to_ray(PipelineConfigs.read(path))
    change.write()

    assert change.configs.model.serving_container == "ray"
    assert path.read_bytes() == codecs.BOM_UTF8 + plain.encode()


def test_a_link_to_the_file_stays_one(write: Write, tmp_path: Path) -> None:
    path = write("pytorch", serving_container=None)
    kept = tmp_path / "kept.json"
    path.rename(kept)
    path.symlink_to(kept)

    move_to_ray(PipelineConfigs.load(path)).write()

    assert path.is_symlink()
    assert '"ray"' in kept.read_text()


@pytest.mark.parametrize("mode", [0o600, 0o640, 0o444])
def test_the_file_keeps_its_mode(mode: int, write: Write) -> None:
    path = write("pytorch", serving_container=None)
    change = move_to_ray(PipelineConfigs.load(path))
    path.chmod(mode)

    replace_text(path, change.text)

    assert (path.stat().st_mode & 0o777, path.read_text()) == (mode, change.text)
    assert list(path.parent.glob(".*.tmp")) == []


def test_a_new_file_is_readable_as_any_other(tmp_path: Path) -> None:
    (tmp_path / "other").touch()

    replace_text(tmp_path / "new", "text")

    assert (tmp_path / "new").stat().st_mode == (tmp_path / "other").stat().st_mode


def test_a_file_without_write_permission_is_not_replaced(
    write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write("pytorch", serving_container=None)
    before = path.read_bytes()
    change = move_to_ray(PipelineConfigs.load(path))
    # Root may write all files, whatever their mode.
    monkeypatch.setattr(os, "access", lambda file, kind: (file, kind) != (path, os.W_OK))

    with pytest.raises(MoveError, match=r"permissions do not let you.*chmod u\+w .*config\.json"):
        change.write()
    assert path.read_bytes() == before


def test_a_file_that_cannot_be_written_is_told(
    write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write("pytorch", serving_container=None)
    change = move_to_ray(PipelineConfigs.load(path))

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("constructs_lib.release.moving.config_change.replace_text", full)
    with pytest.raises(MoveError, match=r"cannot be written: No space left on device\.$"):
        change.write()


@pytest.mark.parametrize(
    ("code", "lines"),
    [
        ("import torch\ntorch.load('model.pth')\n", [2]),
        ("import torch as t\nx = t.load(f, map_location='cpu')\n", [2]),
        ("from torch import load\nload('m')\nload('m', weights_only=True)\n", [2]),
        ("import torch\ntorch.load('m', weights_only=False)\ntorch.load('m', **more)\n", []),
        ("import torch\ntorch.jit.load('m')\nnp.load('m')\nother.load('m')\n", []),
    ],
)
def test_calls_that_load_otherwise_since_pytorch_2_6_are_told(
    code: str, lines: list[int], write: Write
) -> None:
    path = write("pytorch", serving_container=None)
    document = json.loads(path.read_text())
    document["configuration"]["shared"] |= {"framework_version": "2.1.0", "py_version": "py310"}
    path.write_text(json.dumps(document))
    (path.parent / "inference" / "loading.py").write_text(code)
    before = PipelineConfigs.load(path)

    found = what_breaks(before, move_to_ray(before).configs)

    assert [each.line for each in found] == lines
    assert all("weights only since PyTorch 2.6" in each.message for each in found)
    patched = write("pytorch", serving_container=None)
    (patched.parent / "inference" / "loading.py").write_text(code)
    configs = PipelineConfigs.load(patched)
    assert what_breaks(configs, move_to_ray(configs).configs) == []


def _evaluation(*answers: str | None, **more: Any) -> dict[str, Any]:
    return {
        "payloads": [
            {
                "name": f"payload_{number}.csv",
                "content_type": "text/csv",
                "accept": "text/csv",
                "ok": answer is not None,
                "answer": answer,
                "answer_sha256": answer and f"digest of {answer}",
                "problem": None if answer else "raises KeyError",
            }
            for number, answer in enumerate(answers)
        ],
        "findings": more.get("findings", []),
        "server": {"described": more.get("way", "functions called directly")},
    }


def test_answers_are_compared_one_by_one() -> None:
    found = compared(_evaluation("0.1", "0.2", None), _evaluation("0.1", "0.25", None))

    (difference,) = found.differences
    assert str(difference) == "payload_1.csv (text/csv to text/csv): 0.2 before, 0.25 after"
    assert (found.count, found.is_same) == (2, False)
    assert compared(_evaluation("0.1"), _evaluation("0.1")).is_same


def test_an_answer_that_only_one_gives_is_a_difference() -> None:
    found = compared(_evaluation("0.1", "0.2"), _evaluation("0.1", None))
    lacking = compared(_evaluation("0.1", "0.2"), _evaluation("0.1"))

    assert str(found.differences[0]).endswith("0.2 before, raises KeyError after")
    assert str(lacking.differences[0]).endswith("0.2 before, not asked after")
    assert (lacking.count, len(lacking.differences)) == (2, 1)


def test_an_answer_that_only_the_new_container_gives_is_a_difference() -> None:
    found = compared(_evaluation("0.1"), _evaluation("0.1", "0.2"))

    assert str(found.differences[0]).endswith("not asked before, 0.2 after")
    assert (found.count, found.is_same) == (2, False)


@pytest.mark.parametrize("answers", [(), (None, None)])
def test_without_an_answer_to_compare_with_nothing_is_the_same(
    answers: tuple[str | None, ...],
) -> None:
    broken = {"severity": "error", "code": "a", "message": "A.", "fix": "Do a."}
    warning = {"severity": "warning", "code": "b", "message": "B.", "fix": "Do b."}
    evaluation = _evaluation(*answers, findings=[warning, broken])

    found = compared(evaluation, evaluation)

    assert found.errors == ("nothing to compare with: a: A. Do a.",)
    assert (found.count, found.is_same) == (0, False)


def test_a_pipeline_without_sample_payloads_is_told() -> None:
    found = compared(_evaluation(), _evaluation())

    assert found.errors == ("nothing to compare with: the pipeline has no sample payloads.",)
    assert not found.is_same


def test_what_is_wrong_on_the_new_container_alone_is_told() -> None:
    known = {"severity": "error", "code": "a", "message": "A.", "fix": "Do a."}
    new = {"severity": "error", "code": "b", "message": "B.", "fix": "Do b."}
    warning = {"severity": "warning", "code": "c", "message": "C.", "fix": "Do c."}

    old = _evaluation("0.1", findings=[known])
    found = compared(old, _evaluation("0.1", findings=[known, new, warning]))

    assert found.errors == ("b: B. Do b.",)
    assert not found.is_same


def test_regions_with_names_of_the_app_stay(write: Write) -> None:
    path = write("pytorch", serving_container=None)
    document = json.loads(path.read_text())
    document["configuration"]["shared"] |= {"region": "AP", "registration_regions": ["AP"]}
    path.write_text(json.dumps(document))
    names = RegionNames({"AP": "ap-southeast-2"})

    moved = move_to_ray(PipelineConfigs.load(path, region_names=names), names).configs

    assert moved.registration.registration_regions == ["AP"]


def test_code_that_is_not_packaged_is_not_told(write: Write) -> None:
    path = write("pytorch", serving_container=None)
    document = json.loads(path.read_text())
    document["configuration"]["shared"] |= {"framework_version": "2.1.0", "py_version": "py310"}
    path.write_text(json.dumps(document))
    hidden = path.parent / "inference" / ".ipynb_checkpoints"
    hidden.mkdir()
    (hidden / "old.py").write_text("import torch\ntorch.load('m')\n")
    before = PipelineConfigs.load(path)

    assert what_breaks(before, move_to_ray(before).configs) == []
