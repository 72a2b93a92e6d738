"""What differs from one format of a config file to the next, and what is told of it."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from constructs_lib.configs import (
    ConfigFileError,
    ConfigProblem,
    PipelineConfigs,
    load_configs,
    save_configs,
)
from constructs_lib.configs.formats.packaging_script import is_earlier_script
from constructs_lib.configs.processing import OWN_PACKAGING_SCRIPT

SPECIFIC = "$.configuration.specific"
TRAINING = f"{SPECIFIC}.PytorchTraining"
CONFIG_TYPES = "$.metadata.config_types"
EARLIER_SCRIPT = """
import shutil, tarfile
from pathlib import Path
MODEL = Path("/opt/ml/processing/input/model")
OUTPUT = Path("/opt/ml/processing/output")
tarfile.open(MODEL / "model.tar.gz").extractall("/tmp/packaging")
tarfile.open(OUTPUT / "model.tar.gz", "w:gz").add("/tmp/packaging", ".")
"""
Problems = Callable[..., tuple[ConfigProblem, ...]]
Write = Callable[..., Path]


def _notes(file: Path) -> list[str]:
    return [str(note) for note in PipelineConfigs.load(file).notes]


@pytest.mark.parametrize(
    ("path", "problem"),
    [
        ("$.configration", 'unknown key; did you mean "configuration"?'),
        ("$.metadata.config_type", 'unknown key; did you mean "config_types"?'),
        ("$.configuration.sharde", 'unknown key; did you mean "shared"?'),
        (f"{SPECIFIC}.Payloads", 'unknown key; did you mean "Payload"?'),
        ("$.configuration.shared.autor", 'unknown field; did you mean "author"?'),
        (f"{SPECIFIC}.Payload.expected_tsp", 'unknown field; did you mean "expected_tps"?'),
        (f"{SPECIFIC}.Base.expected_tps", "unknown field: remove it"),
        (f"{SPECIFIC}.Base.__model_type__", "unknown field: remove it"),
        (f"{SPECIFIC}.Package.packaging_entry_point", "unknown field"),
    ],
)
def test_an_unknown_name_is_a_problem_in_the_current_format(
    problems_of: Problems, path: str, problem: str
) -> None:
    [found] = problems_of((path, {}))

    assert str(found).startswith(f"{path}: {problem}")


@pytest.mark.parametrize("given", [3, "4", True, None, 5])
def test_another_format_than_the_current_one_is_refused(problems_of: Problems, given: Any) -> None:
    problems = problems_of(("$.metadata.format", given))

    assert str(problems[0]) == (
        "$.metadata.format: must be 4, the current format; files of older formats have none "
        f"(got {json.dumps(given)})"
    )


def test_a_misspelt_format_is_told(write_config: Write) -> None:
    file = write_config(("$.metadata.fromat", 4), generation="g3")

    [warning] = PipelineConfigs.load(file).warnings

    assert str(warning) == '$.metadata.fromat: unknown key, ignored; did you mean "format"?'


def test_saved_files_are_in_the_current_format(data: Path, tmp_path: Path) -> None:
    for generation in ("g1", "g2", "g3", "later"):
        save_configs(load_configs(data / f"{generation}.json"), tmp_path / "saved.json")

        assert json.loads((tmp_path / "saved.json").read_text())["metadata"]["format"] == 4


def test_saved_files_keep_the_texts_that_the_earlier_loader_needs(
    data: Path, tmp_path: Path
) -> None:
    texts = json.loads((data / "g1.json").read_text())["configuration"]["input_names"]

    save_configs(load_configs(data / "g1.json"), tmp_path / "saved.json")

    saved = json.loads((tmp_path / "saved.json").read_text())["configuration"]
    assert saved["processing"]["Package"]["input_names"] == texts


@pytest.mark.parametrize("generation", ["g1", "g2", "g3", "later"])
def test_a_training_section_of_another_format_is_kept_and_not_used(
    write_config: Write, tmp_path: Path, generation: str
) -> None:
    file = write_config(generation=generation)

    configs = PipelineConfigs.load(file)
    save_configs(load_configs(file), tmp_path / "saved.json")

    assert configs.training is None
    [note] = [str(note) for note in configs.notes if "train" in str(note)]
    assert "is kept and not used" in note
    fix = 'add "format": 4 to metadata' if generation == "g3" else "save the file in format 4"
    assert fix in note
    assert "and set train_in_pipeline to true" in note
    assert load_configs(tmp_path / "saved.json")["PytorchTraining"] is not None


def test_a_pipeline_trains_when_its_file_says_so(write_config: Write) -> None:
    configs = PipelineConfigs.load(write_config((f"{TRAINING}.train_in_pipeline", True)))

    assert configs.training is not None
    assert not [note for note in configs.notes if "train" in str(note)]


@pytest.mark.parametrize("generation", ["g2", "g3", "later"])
@pytest.mark.parametrize(
    ("name", "value", "without"),
    [
        ("numeric_field_values", {"concsi": 1}, "every NUMERIC input has default_numeric_value"),
        (
            "environment_variables",
            {"A": "1"},
            "the container has only the variables that the app sets",
        ),
        ("sample_requests_dir", "code", "the generated sample requests are all there are"),
    ],
)
def test_what_is_new_is_set_in_the_current_format_only(
    problems_of: Problems, generation: str, name: str, value: Any, without: str
) -> None:
    path = f"$.configuration.shared.{name}"

    [problem] = problems_of((path, value), generation=generation)

    assert problem.path == path
    assert problem.message.startswith("is a field of files in format 4: ")
    assert problem.message.endswith(f"leave the field out, without which {without}")


@pytest.mark.parametrize("generation", ["g2", "g3"])
def test_the_choice_to_train_is_refused_in_other_formats(
    problems_of: Problems, generation: str
) -> None:
    step = "Training" if generation == "g2" else "PytorchTraining"

    [problem] = problems_of((f"{SPECIFIC}.{step}.train_in_pipeline", True), generation=generation)

    assert problem.path == f"{SPECIFIC}.{step}.train_in_pipeline"
    assert "is a field of files in format 4: " in problem.message


def test_a_section_that_is_not_used_is_no_reason_to_refuse_an_older_file(
    write_config: Write, problems_of: Problems
) -> None:
    edit = (f"{TRAINING}.training_entry_point", "lost.py")

    [warning] = PipelineConfigs.load(write_config(edit, generation="g3")).warnings

    assert "the section is left out" in str(warning)
    assert "lost.py" in str(warning)
    assert "lost.py" in str(problems_of(edit)[0])


def test_the_first_files_names_of_the_packaging_script_are_read(write_config: Write) -> None:
    def rename(document: dict[str, Any], old: str, new: str) -> None:
        document["configuration"][new] = document["configuration"].pop(old, ["--more"])
        sources = document["metadata"]["config_sources"]
        sources[new] = sources.pop(old, ["Package"])

    file = write_config(generation="g1")
    document = json.loads(file.read_text())
    rename(document, "processing_entry_point", "packaging_entry_point")
    rename(document, "processing_script_arguments", "packaging_script_arguments")
    document["configuration"]["packaging_entry_point"] = "own.py"
    file.write_text(json.dumps(document))
    (file.parent / "code" / "own.py").write_text("import sys; sys.argv")

    configs = PipelineConfigs.load(file)

    assert configs.package.processing_entry_point == "own.py"
    assert configs.package.script_arguments == ["--more"]
    assert configs.warnings == ()
    assert [str(note) for note in configs.notes if "packaging_" in str(note)] == [
        "$: packaging_entry_point is read as processing_entry_point, which is its name today",
        "$: packaging_script_arguments is read as processing_script_arguments, which is its name "
        "today",
    ]


@pytest.mark.parametrize("name", ["mims_package.py", "another.py"])
def test_a_packaging_script_of_the_earlier_system_is_not_run(
    write_config: Write, name: str
) -> None:
    package = "$.configuration.processing.Package"
    file = write_config((f"{package}.processing_entry_point", name), generation="g3")
    script = file.parent / "code" / name
    script.write_text(EARLIER_SCRIPT)

    configs = PipelineConfigs.load(file)

    assert configs.package.uses_own_script
    assert configs.package.get_script_path() == str(OWN_PACKAGING_SCRIPT)
    [note] = [note for note in configs.notes if note.path.endswith("processing_entry_point")]
    assert str(script) in note.message
    assert "is not run" in note.message


def test_arguments_of_a_script_that_is_not_run_are_not_used(write_config: Write) -> None:
    package = "$.configuration.processing.Package"
    file = write_config((f"{package}.processing_script_arguments", ["--more"]))
    (file.parent / "code" / "mims_package.py").write_text(EARLIER_SCRIPT)

    configs = PipelineConfigs.load(file)

    assert configs.package.script_arguments == []
    assert "its arguments are not used either" in " ".join(map(str, configs.notes))


@pytest.mark.parametrize(
    "text",
    [
        "import sys\nprint(sys.argv)\nroot = '/opt/ml/processing/input'\n",
        "import click\nDEFAULT = '/opt/ml/processing/'\nclick.option('--output')\n",
        "",
    ],
    ids=["argv", "options", "empty"],
)
def test_a_script_that_looks_at_its_arguments_is_the_users_own(tmp_path: Path, text: str) -> None:
    script = tmp_path / "own.py"
    script.write_text(text)

    assert not is_earlier_script(script)


def test_what_is_read_and_not_used_is_told_once(write_config: Write) -> None:
    file = write_config(
        (f"{SPECIFIC}.Payload.payload_script_path", "payloads.py"),
        (f"{SPECIFIC}.Payload.sample_payload_s3_key", "payload.tar.gz"),
        generation="g3",
    )

    [note] = [note for note in _notes(file) if "not used here" in note]

    assert note == (
        "$: read for the earlier system and not used here: section Processing, pipeline_s3_loc, "
        "the texts of input_names, the texts of output_names, payload_script_path, "
        "sample_payload_s3_key, initial_instance_count"
    )


def test_the_defaults_that_saving_writes_are_not_told(write_config: Write) -> None:
    [note] = [note for note in _notes(write_config()) if "not used here" in note]

    assert note.endswith("not used here: section Processing, pipeline_s3_loc")


@pytest.fixture
def later(write_config: Write) -> Callable[..., Path]:
    """A later tool's file as it really is: its names, no Base, fields where it has them."""

    def write(*edits: Any) -> Path:
        file = write_config(*edits, generation="later")
        document = json.loads(file.read_text())
        types, configuration = document["metadata"]["config_types"], document["configuration"]
        for key, new_key, class_name in (
            ("PytorchModel", "PyTorchModel", "PyTorchModelStepConfig"),
            ("PytorchTraining", "PyTorchTraining", "PyTorchTrainingConfig"),
        ):
            types.pop(key)
            if key in configuration["specific"]:
                types[new_key] = class_name
                section = configuration["specific"].pop(key)
                configuration["specific"][new_key] = {**section, "__model_type__": class_name}
        for key in ("Base", "Processing"):
            types.pop(key)
            configuration["specific"].pop(key)
        types["CradleDataLoading_training"] = "CradleDataLoadingConfig"
        types["XGBoostTraining"] = "XGBoostTrainingConfig"
        configuration["specific"]["XGBoostTraining"] = {"__model_type__": "XGBoostTrainingConfig"}
        registration = configuration["specific"]["Registration"]
        registration["model_domain"] = configuration["shared"].pop("model_registration_domain")
        registration["model_objective"] = configuration["shared"].pop(
            "model_registration_objective"
        )
        registration["model_owner"] = configuration["shared"].pop("model_owner")
        configuration["specific"]["Payload"]["load_test_instance_type_list"] = ["ml.m5.4xlarge"]
        file.write_text(json.dumps(document))
        return file

    return write


@pytest.fixture
def logged(caplog: pytest.LogCaptureFixture) -> Iterator[Callable[[], list[str]]]:
    """The messages of the log."""
    with caplog.at_level(logging.WARNING):
        yield lambda: [record.getMessage() for record in caplog.records]


def test_a_later_tools_file_loads_where_it_means_the_same(
    later: Callable[..., Path], data: Path, logged: Callable[[], list[str]]
) -> None:
    configs = PipelineConfigs.load(later())

    same = load_configs(data / "g4.json")
    assert (configs.base, configs.model, configs.package, configs.registration) == (
        same["Base"],
        same["PytorchModel"],
        same["Package"],
        same["Registration"],
    )
    assert configs.payload.inference_instance_types == ["ml.m5.4xlarge"]
    assert configs.payload.model_registration_domain == "BuyerSellerMessaging"
    [warning] = logged()
    assert "not read: CradleDataLoading_training, XGBoostTraining;" in warning
    assert "model_domain is model_registration_domain" in warning
    assert "load_test_instance_type_list is inference_instance_types" in warning
    assert "did you mean" not in warning


def test_a_later_tools_file_of_another_framework_is_refused_in_one_message(
    later: Callable[..., Path], logged: Callable[[], list[str]]
) -> None:
    file = later((f"{SPECIFIC}.PytorchModel", ...), ("$.configuration.shared.region", "XX"))

    with pytest.raises(ConfigFileError) as error:
        PipelineConfigs.load(file)

    [problem] = error.value.problems
    assert "it has no section PytorchModel" in problem.message
    assert "without a counterpart here: CradleDataLoading_training, XGBoostTraining" in (
        problem.message
    )
    assert "model_objective is model_registration_objective" in problem.message
    assert "did you mean" not in str(error.value)
    assert logged() == []


def test_no_class_of_another_framework_is_suggested(problems_of: Problems) -> None:
    problems = problems_of(
        (f"{CONFIG_TYPES}.XGBoostTraining", "XGBoostTrainingConfig"), generation="g3"
    )

    assert "unknown config class" in problems[0].message
    assert "did you mean" not in problems[0].message


_MACHINES = ("volume_size", "instance_type_small", "instance_type_large")


def _without(write_config: Write, generation: str, *names: str) -> Path:
    edits = [(f"$.configuration.shared.processing_{name}", ...) for name in names]
    return write_config(*edits, generation=generation)


@pytest.mark.parametrize(
    ("generation", "defaults"),
    [
        ("g4", (200, "ml.m5.xlarge", "ml.m5.2xlarge")),
        ("g3", (500, "ml.m5.2xlarge", "ml.m5.4xlarge")),
    ],
)
def test_jobs_default_to_what_they_need_in_the_current_format_alone(
    write_config: Write, generation: str, defaults: tuple[int, str, str]
) -> None:
    package = PipelineConfigs.load(_without(write_config, generation, *_MACHINES)).package
    sizes = (package.get_instance_type(size) for size in ("small", "large"))

    assert (package.processing_volume_size, *sizes) == defaults


def test_a_saved_file_keeps_the_earlier_defaults(write_config: Write, tmp_path: Path) -> None:
    saved = tmp_path / "saved.json"
    save_configs(load_configs(_without(write_config, "g3", *_MACHINES)), saved)

    assert PipelineConfigs.load(saved).package.processing_volume_size == 500


def test_what_earlier_defaults_cost_is_told(write_config: Write) -> None:
    [note] = [each for each in _notes(_without(write_config, "g3", *_MACHINES)) if "USD" in each]

    assert note == (
        "$.configuration.specific.Package: without processing_volume_size and"
        " processing_instance_type_small packaging has ml.m5.2xlarge with 500 GB (0.56 USD an"
        " hour), the earlier system's default; what it needs, and a file in format 4 has, is"
        " ml.m5.xlarge with 200 GB (0.27 USD an hour): set them here"
    )


@pytest.mark.parametrize(
    ("unset", "told"),
    [
        (["volume_size"], "without processing_volume_size packaging has ml.m5.2xlarge with 500 GB"),
        (["instance_type_large"], None),  # which does not run
        ([], None),
    ],
)
def test_what_is_set_or_does_not_run_costs_nothing_by_default(
    write_config: Write, unset: list[str], told: str | None
) -> None:
    notes = [each for each in _notes(_without(write_config, "g3", *unset)) if "USD" in each]

    assert [told is not None and told in note for note in notes] == ([True] if told else [])


def test_a_file_in_the_current_format_is_told_nothing_of_them(write_config: Write) -> None:
    notes = _notes(_without(write_config, "g4", *_MACHINES))

    assert not [each for each in notes if "USD" in each]
