from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from constructs_lib.configs import (
    CONFIG_CLASSES,
    ConfigFileError,
    ConfigProblem,
    Generation,
    PackageStepConfig,
    PipelineConfigs,
    load_configs,
    read_config_file,
)

CONFIG_TYPES = "$.metadata.config_types"
Problems = Callable[..., tuple[ConfigProblem, ...]]
Write = Callable[..., Path]


@pytest.mark.parametrize("generation", ["g1", "g2", "g3", "later"])
def test_every_generation_of_a_file_loads_to_the_same_configs(data: Path, generation: str) -> None:
    assert load_configs(data / f"{generation}.json") == load_configs(data / "g4.json")


@pytest.mark.parametrize("generation", list(Generation))
def test_the_generation_is_detected(data: Path, generation: Generation) -> None:
    file = read_config_file(data / f"{generation.value.lower()}.json")

    assert file.generation is generation


@pytest.mark.parametrize("generation", ["g1", "g2", "g3", "g4", "later"])
def test_configs_are_keyed_by_current_step_keys(data: Path, generation: str) -> None:
    configs = load_configs(data / f"{generation}.json", CONFIG_CLASSES)

    assert {key: type(config).__name__ for key, config in configs.items()} == {
        "Base": "BasePipelineConfig",
        "PytorchTraining": "PytorchTrainingConfig",
        "PytorchModel": "PytorchModelCreationConfig",
        "Processing": "ProcessingStepConfigBase",
        "Package": "PackageStepConfig",
        "Registration": "ModelRegistrationConfig",
        "Payload": "PayloadConfig",
    }


def test_what_is_not_read_of_a_later_tools_file_is_told_in_one_message(
    data: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        configs = PipelineConfigs.load(data / "later.json")

    assert [str(warning) for warning in configs.warnings] == [
        "$: a later tool's file, read where it means the same; fields that no section here has, "
        "not read: effective_source_dir, project_root_folder, script_path"
    ]
    assert "project_root_folder" in caplog.text


def test_a_step_key_may_carry_a_value(write_config: Write) -> None:
    file = write_config(
        (f"{CONFIG_TYPES}.Package", ...),
        (f"{CONFIG_TYPES}.Package_calibration", "PackageStepConfig"),
        ("$.configuration.specific.Package_calibration", {"job_type": "calibration"}),
        ("$.configuration.processing.Package_calibration", {"processing_volume_size": 77}),
        generation="g3",
    )

    package = load_configs(file)["Package_calibration"]

    assert isinstance(package, PackageStepConfig)
    assert package.processing_volume_size == 77
    assert PipelineConfigs.load(file).package == package


def test_an_older_step_key_may_carry_a_value_too(write_config: Write) -> None:
    file = write_config(
        (f"{CONFIG_TYPES}.PytorchModelCreationConfig", "Model_online"),
        ("$.configuration.specific.Model_online", {"max_payload_size": 9}),
        generation="g2",
    )

    assert PipelineConfigs.load(file).model.max_payload_size == 9


def test_two_sections_for_one_purpose_are_a_problem(problems_of: Problems) -> None:
    [problem] = problems_of((f"{CONFIG_TYPES}.Package_again", "PackageStepConfig"))

    assert "several sections of PackageStepConfig: Package, Package_again" in problem.message


def test_a_step_declared_by_its_older_and_its_current_key_is_a_problem(
    problems_of: Problems,
) -> None:
    [problem] = problems_of((f"{CONFIG_TYPES}.Model", "PytorchModelCreationConfig"))

    assert str(problem) == f'{CONFIG_TYPES}.Model: step "PytorchModel" is declared twice'


def test_the_most_specific_place_of_a_field_wins(write_config: Write) -> None:
    file = write_config(
        ("$.configuration.shared.processing_volume_size", 10),
        ("$.configuration.processing.Package.processing_volume_size", 20),
        ("$.configuration.processing.Processing.processing_volume_size", 20),
        ("$.configuration.specific.Package.processing_volume_size", 30),
    )

    configs = PipelineConfigs.load(file)

    assert configs.package.processing_volume_size == 30
    assert configs.processing is not None
    assert configs.processing.processing_volume_size == 20


def test_only_processing_steps_take_from_the_processing_part(write_config: Write) -> None:
    file = write_config(("$.configuration.processing.Payload", {"author": "bob"}), generation="g3")

    configs = PipelineConfigs.load(file)

    assert configs.payload.author == "alice"
    assert [str(warning) for warning in configs.warnings] == [
        "$.configuration.processing.Payload: unknown key, ignored"
    ]


@pytest.mark.parametrize(
    "edits",
    [
        [(CONFIG_TYPES, ...)],
        [("$.configuration", {"author": "alice"})],
        [("$.metadata.step_names", {"BasePipelineConfig": "Base"})],
        [(CONFIG_TYPES, {})],
        [(CONFIG_TYPES, {"Base": "BasePipelineConfig", "PackageStepConfig": "Package"})],
        [(CONFIG_TYPES, {"Bass": "BassConfig"})],
    ],
)
def test_a_generation_is_never_guessed(problems_of: Problems, edits: list[Any]) -> None:
    [problem] = problems_of(*edits)

    assert problem.path in {"$", CONFIG_TYPES}
    assert "cannot tell" in problem.message or "must map each step key" in problem.message


@pytest.mark.parametrize(
    ("edit", "problem"),
    [
        (("$.metadata", ...), "$.metadata: is required: a JSON object"),
        (("$.configuration", ...), "$.configuration: is required: a JSON object"),
        (("$.metadata", 1), "$.metadata: must be a JSON object (got 1)"),
        (
            ("$.configuration.specific", []),
            "$.configuration.specific: must be a JSON object (got [])",
        ),
        (
            ("$.configuration.specific.Base", "x"),
            '$.configuration.specific.Base: must be a JSON object (got "x")',
        ),
        ((CONFIG_TYPES, 3), f"{CONFIG_TYPES}: must be a JSON object (got 3)"),
        ((f"{CONFIG_TYPES}.Base", 3), f"{CONFIG_TYPES}.Base: must be text (got 3)"),
        (
            (f"{CONFIG_TYPES}.Package", "PackageStepConf"),
            f"{CONFIG_TYPES}.Package: unknown config class; known: BasePipelineConfig, "
            "PytorchTrainingConfig, PytorchModelCreationConfig, ProcessingStepConfigBase, "
            "PackageStepConfig, ModelRegistrationConfig, PayloadConfig, EndpointConfig; "
            'did you mean "PackageStepConfig"? (got "PackageStepConf")',
        ),
        (
            (f"{CONFIG_TYPES}.TorchModel", "PytorchModelCreationConfig"),
            f"{CONFIG_TYPES}.TorchModel: is not a step key of PytorchModelCreationConfig: "
            'use PytorchModel, or PytorchModel_<value> for one of several (got "TorchModel")',
        ),
    ],
)
def test_a_file_that_is_put_together_wrongly(
    problems_of: Problems, edit: tuple[str, Any], problem: str
) -> None:
    assert problem in [str(each) for each in problems_of(edit)]


def test_metadata_and_configuration_are_both_reported(problems_of: Problems) -> None:
    problems = problems_of(("$.metadata", ...), ("$.configuration", []))

    assert [problem.path for problem in problems] == ["$.metadata", "$.configuration"]


def test_the_oldest_files_need_the_steps_of_each_field(problems_of: Problems) -> None:
    problems = problems_of(("$.metadata.config_sources.author", "Base"), generation="g1")

    assert '$.metadata.config_sources.author: must be a list of step keys (got "Base")' in map(
        str, problems
    )


def test_a_field_without_steps_is_a_warning_in_the_oldest_files(write_config: Write) -> None:
    file = write_config(("$.configuration.lost", 1), generation="g1")

    assert [str(warning) for warning in read_config_file(file).warnings] == [
        "$.configuration.lost: no step in config_sources has it, ignored"
    ]


@pytest.mark.parametrize("missing", ["Payload", "Registration", "Base"])
def test_a_missing_section_is_reported_with_those_there_are(
    problems_of: Problems, missing: str
) -> None:
    [problem] = problems_of((f"{CONFIG_TYPES}.{missing}", ...), generation="g3")

    assert problem.message.startswith(f"section {missing} (")
    assert "required: Base, PytorchModel, Package, Registration, Payload" in problem.message
    assert "optional: Processing, PytorchTraining" in problem.message
    assert f"{missing}," not in problem.message.split("found: ")[1]


def test_optional_sections_may_be_absent(write_config: Write) -> None:
    file = write_config(
        (f"{CONFIG_TYPES}.Processing", ...),
        (f"{CONFIG_TYPES}.PytorchTraining", ...),
        generation="g3",
    )

    configs = PipelineConfigs.load(file)

    assert configs.processing is None
    assert configs.training is None


def test_load_configs_leaves_required_sections_to_the_caller(write_config: Write) -> None:
    file = write_config((CONFIG_TYPES, {"Base": "BasePipelineConfig"}), generation="g3")

    assert list(load_configs(file)) == ["Base"]


def test_only_the_given_classes_are_known(data: Path) -> None:
    classes = {name: each for name, each in CONFIG_CLASSES.items() if name != "PayloadConfig"}

    with pytest.raises(ConfigFileError, match="unknown config class; known: BasePipelineConfig"):
        load_configs(data / "g3.json", classes)


@pytest.mark.parametrize(
    ("path", "warning"),
    [
        ("$.configration", 'unknown key, ignored; did you mean "configuration"?'),
        ("$.configuration.sharde", 'unknown key, ignored; did you mean "shared"?'),
        ("$.configuration.specific.Payloads", 'unknown key, ignored; did you mean "Payload"?'),
        ("$.configuration.shared.autor", 'unknown field, ignored; did you mean "author"?'),
        (
            "$.configuration.specific.Payload.expected_tsp",
            'unknown field, ignored; did you mean "expected_tps"?',
        ),
        ("$.configuration.specific.Base.expected_tps", "unknown field, ignored"),
    ],
)
def test_an_unknown_name_is_a_warning_with_the_nearest_known_one(
    write_config: Write, path: str, warning: str
) -> None:
    configs = PipelineConfigs.load(write_config((path, {}), generation="g3"))

    assert [str(each) for each in configs.warnings] == [f"{path}: {warning}"]


def test_a_schema_reference_is_no_unknown_key(write_config: Write) -> None:
    file = write_config(("$.$schema", "../../constructs_lib/configs/config.schema.json"))

    assert PipelineConfigs.load(file).warnings == ()
