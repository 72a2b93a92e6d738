"""The cache of compiled definitions: what it returns is what compiling anew gives."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from constructs_lib.compilation import parent as compilation
from constructs_lib.compilation.checks import pipeline_findings
from constructs_lib.compilation.parent import (
    CheckedPipeline,
    Compilation,
    CompilationError,
    cache_key,
    source_digest,
)
from constructs_lib.compilation.provenance import traced
from constructs_lib.configs import PipelineConfigs
from constructs_lib.definition import compile_pipeline
from constructs_lib.regions import RegionNames
from tests.example_pipeline import copy_example, serve_by_pytorch
from tests.synth.app_copy import copy_app, run
from tests.warm.compiler import start_as_the_app_does

HOME = "us-east-1"


@pytest.fixture
def configs(example_config: Path) -> PipelineConfigs:
    return PipelineConfigs.load(example_config)


def _compile(configs: PipelineConfigs, cache: Path | None) -> CheckedPipeline:
    with Compilation({"model": configs}, home_region=HOME, cache=cache) as compiled:
        return compiled["model"]


@pytest.fixture(scope="module")
def compiled_once(
    example_config: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[CheckedPipeline, Path]:
    """The example as a compiler gives it that the app has started, and its entry in a cache."""
    cache = tmp_path_factory.mktemp("cache")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(compilation, "_start_compiler", start_as_the_app_does)
        compiled = _compile(PipelineConfigs.load(example_config), cache)
    (entry,) = cache.glob("*.json")
    return compiled, entry


def _refuse_to_start(*_: object) -> None:
    raise AssertionError("the compiler was started")


def _refuse_to_touch(*_: object) -> None:
    raise AssertionError("the cache was touched")


def test_a_compiled_pipeline_is_kept_and_found_again(
    configs: PipelineConfigs,
    compiled_once: tuple[CheckedPipeline, Path],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    expected = compile_pipeline(configs)
    cold, entry = compiled_once

    monkeypatch.setattr(compilation, "_start_compiler", _refuse_to_start)
    warm = _compile(configs, entry.parent)

    assert cold == warm
    assert warm.pipeline == expected
    assert list(warm.findings) == list(traced(pipeline_findings(configs, expected), configs))


@pytest.mark.parametrize("damage", ["", "{}", "no digest\n{}", "cut", "flip"])
def test_a_damaged_entry_is_compiled_anew_and_mended(
    configs: PipelineConfigs,
    compiled_once: tuple[CheckedPipeline, Path],
    tmp_path: Path,
    damage: str,
) -> None:
    sound, kept = compiled_once
    text = kept.read_text()
    entry = tmp_path / kept.name
    entry.write_text(
        {"cut": text[:-10], "flip": text.replace("Package", "Rackage", 1)}.get(damage, damage)
    )

    assert _compile(configs, tmp_path) == sound
    assert entry.read_text() == text


def test_without_a_cache_nothing_is_read_or_kept(
    configs: PipelineConfigs,
    compiled_once: tuple[CheckedPipeline, Path],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with_cache, _ = compiled_once
    for touched in ("_kept", "_keep"):
        monkeypatch.setattr(compilation, touched, _refuse_to_touch)

    assert _compile(configs, None) == with_cache


def test_a_file_in_place_of_the_folder_costs_time_only(
    configs: PipelineConfigs, tmp_path: Path
) -> None:
    (tmp_path / "cache").write_text("")

    assert _compile(configs, tmp_path / "cache").pipeline.body


def test_every_config_field_and_the_region_make_another_key(
    example_config: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "model"
    shutil.copytree(example_config.parent, folder)
    document = json.loads(example_config.read_text())
    keys = {
        cache_key(PipelineConfigs.load(example_config), region) for region in (HOME, "eu-west-1")
    }
    edits = [
        ("shared", "pipeline_description", "another"),
        ("shared", "model_owner", "another"),
        ("shared", "pipeline_version", "2.2.0"),
    ]
    variables = document["configuration"]["shared"]["source_model_inference_input_variable_list"]
    edits.append(("shared", "source_model_inference_input_variable_list", variables[::-1]))
    for section, field, value in edits:
        edited = json.loads(example_config.read_text())
        edited["configuration"][section][field] = value
        (folder / "config.json").write_text(json.dumps(edited))
        keys.add(cache_key(PipelineConfigs.load(folder / "config.json"), HOME))

    assert len(keys) == 2 + len(edits)


def test_another_region_of_the_same_name_makes_another_key(tmp_path: Path) -> None:
    path = copy_example(tmp_path / "model")
    document = json.loads(path.read_text())
    document["configuration"]["shared"]["registration_regions"] = ["NA", "AP"]
    path.write_text(json.dumps(document))

    keys = {
        cache_key(PipelineConfigs.load(path, region_names=RegionNames({"AP": each})), HOME)
        for each in ("ap-south-1", "ap-southeast-2")
    }

    assert len(keys) == 2


def test_a_packaging_script_that_is_not_run_makes_another_key_without_its_arguments(
    example_config: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "model"
    shutil.copytree(example_config.parent, folder)
    path = folder / "config.json"
    document = json.loads(path.read_text())
    document["configuration"]["shared"]["processing_script_arguments"] = ["--more"]
    path.write_text(json.dumps(document))
    before = cache_key(PipelineConfigs.load(path), HOME)
    earlier = "open('/opt/ml/processing/output/model.tar.gz', 'wb')"
    (folder / "inference" / "mims_package.py").write_text(earlier)

    assert cache_key(PipelineConfigs.load(path), HOME) != before


def test_another_library_version_makes_another_key(
    configs: PipelineConfigs, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = cache_key(configs, HOME)
    environment = compilation._environment()
    assert any(name.startswith("sagemaker-3") for name in environment)
    assert any(name.startswith("botocore-") for name in environment)
    monkeypatch.setattr(compilation, "_environment", lambda: [*environment[:-1], "botocore-9.9.9"])

    assert cache_key(configs, HOME) != before


def test_another_source_makes_another_key_and_a_job_script_does_not(tmp_path: Path) -> None:
    package = tmp_path / "package"
    (package / "jobs").mkdir(parents=True)
    (package / "steps.py").write_text("one")
    digests = [source_digest(package)]
    (package / "jobs" / "script.py").write_text("not compiled from")
    digests.append(source_digest(package))
    (package / "steps.py").write_text("two")
    digests.append(source_digest(package))
    (package / "more.py").write_text("")
    digests.append(source_digest(package))

    assert digests[0] == digests[1]
    assert len(set(digests)) == 3


_CHANGES = """
import json, sys
from pathlib import Path
from constructs_lib.compilation import parent

def digest():
    parent._environment.cache_clear()
    return parent._environment()[-1]

changed = {}
for room in sys.argv[1:]:
    path = Path(room)
    file = path if path.is_file() else sorted(path.rglob("*.py"))[-1]
    before = digest()
    file.write_text(file.read_text() + "# changed\\n")
    changed[room] = digest() != before
print(json.dumps(changed))
"""


def test_a_change_in_any_room_that_definitions_depend_on_is_a_miss(tmp_path: Path) -> None:
    app = copy_app(tmp_path / "app")
    rooms = [path.name for path in (app / "constructs_lib").iterdir() if path.name[0] != "_"]
    paths = [f"constructs_lib/{name}" for name in sorted(rooms)]

    done = run(app, "-c", _CHANGES, *paths)

    assert done.returncode == 0, done.stderr
    unseen = {room for room, changed in json.loads(done.stdout).items() if not changed}
    assert unseen == {"constructs_lib/infrastructure", "constructs_lib/jobs"}


def test_what_cannot_be_compiled_is_an_error_in_words(example_config: Path, tmp_path: Path) -> None:
    folder = tmp_path / "model"
    shutil.copytree(example_config.parent, folder)
    serve_by_pytorch(folder / "config.json", "99.0")
    configs = PipelineConfigs.load(folder / "config.json")

    with pytest.raises(CompilationError, match="no container") as error:
        _compile(configs, tmp_path / "cache")

    assert not (tmp_path / "cache").exists()
    assert str(error.value) == (
        f"{tmp_path.name}/model/config.json $.configuration.shared.framework_version: AWS publishes"
        " no container of pytorch 99.0 with py310 for inference on ml.m5.large in us-east-1. Change"
        " framework_version: 2.6.0, 2.5.1, 2.4.0, 2.3.0, 2.2.0, 2.1.0, 2.0.1, 2.0.0, 1.13.1,"
        " 1.12.1, 1.12.0, 1.11.0."
    )
