from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from constructs_lib.configs import (
    BasePipelineConfig,
    ConfigFileError,
    PackageStepConfig,
    PayloadConfig,
    ProcessingStepConfigBase,
    PytorchModelCreationConfig,
    PytorchTrainingConfig,
    VariableType,
    load_configs,
    save_configs,
)
from constructs_lib.regions import RegionNames

SAVED_AT = datetime.fromisoformat("2026-03-14T09:26:53")


def _texts(**options: Any) -> st.SearchStrategy[str]:
    # Files with control and format characters are refused.
    return st.text(st.characters(exclude_categories=["Cs", "Cc", "Cf"]), **options)


FILLED = _texts(min_size=1, max_size=20).filter(lambda text: bool(text.strip()))
PLAIN = st.text("abc {}\"',\n:ä", max_size=20).filter(lambda text: "{" not in text)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
    | _texts(max_size=10),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(st.text("abc-. ", max_size=5), inner, max_size=3),
    max_leaves=8,
)  # fmt: skip

NUMBER = st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False)
NUMBERS = NUMBER | st.lists(NUMBER, min_size=1, max_size=3)


@st.composite
def _base_fields(draw: st.DrawFn) -> dict[str, Any]:
    region = draw(st.sampled_from(RegionNames().codes))
    return {
        "author": draw(st.sampled_from(["alice", "b0b"])),
        "current_date": draw(st.dates()).isoformat(),
        "region": region,
        "bucket": draw(st.none() | st.just("alice-models")),
        "pipeline_version": draw(st.from_regex(r"[0-9]\.[0-9]{1,2}", fullmatch=True)),
        "pipeline_description": draw(FILLED),
        "source_dir": "s3://alice-models/code",
    }


@st.composite
def _payloads(draw: st.DrawFn, base: dict[str, Any]) -> PayloadConfig:
    variables = draw(st.dictionaries(FILLED, st.sampled_from(VariableType), min_size=1, max_size=5))
    texts = [name for name, type_ in variables.items() if type_ is VariableType.TEXT]
    numbers = [name for name in variables if name not in texts]
    return PayloadConfig(
        **base,
        model_owner=draw(FILLED),
        model_registration_domain="domain",
        model_registration_objective="objective",
        source_model_inference_input_variable_list=variables,
        source_model_inference_output_variable_list=draw(
            st.dictionaries(FILLED, st.sampled_from(VariableType), min_size=1, max_size=3)
        ),
        registration_regions=draw(
            st.none() | st.permutations(RegionNames().codes) | st.just([base["region"]])
        ),
        inference_instance_types=draw(st.none() | st.just(["ml.m5.large", "ml.m5.xlarge"])),
        max_acceptable_error_rate=draw(st.floats(0, 1)),
        default_numeric_value=draw(st.floats(allow_nan=False, allow_infinity=False)),
        numeric_field_values=draw(
            st.none() | st.fixed_dictionaries(dict.fromkeys(numbers, NUMBERS))
        ),
        special_field_values=draw(st.none() | st.fixed_dictionaries(dict.fromkeys(texts, PLAIN))),
        payload_script_arguments=draw(JSON),
    )


@st.composite
def _configs(draw: st.DrawFn) -> dict[str, BasePipelineConfig]:
    base = draw(_base_fields())
    other_base = draw(st.just(base) | _base_fields())
    return {
        "Base": BasePipelineConfig(**base),
        "PytorchModel": PytorchModelCreationConfig(
            **other_base, max_payload_size=draw(st.integers(1, 100))
        ),
        "PytorchTraining_daily": PytorchTrainingConfig(
            **base,
            input_path="s3://alice-models/in/1",
            output_path="s3://alice-models/out/1",
            hyperparameters=draw(st.dictionaries(st.text("abc. -", max_size=5), JSON, max_size=5)),
        ),
        "Processing": ProcessingStepConfigBase(
            **base, processing_volume_size=draw(st.integers(10, 12))
        ),
        "Package": PackageStepConfig(
            **other_base,
            processing_volume_size=draw(st.integers(10, 12)),
            processing_script_arguments=draw(st.none() | st.lists(_texts(max_size=5))),
        ),
        "Payload": draw(_payloads(base)),
    }


@settings(deadline=None)
@given(configs=_configs())
def test_saved_configs_load_as_they_were(
    configs: dict[str, BasePipelineConfig], tmp_path_factory: pytest.TempPathFactory
) -> None:
    file = tmp_path_factory.getbasetemp() / "round_trip.json"

    save_configs(configs, file)

    assert load_configs(file) == configs


def test_the_current_generation_is_written_exactly(data: Path, tmp_path: Path) -> None:
    configs = load_configs(data / "g1.json")

    save_configs(configs, tmp_path / "config.json", created_at=SAVED_AT)

    assert (tmp_path / "config.json").read_text() == (data / "g4.json").read_text()


def test_the_time_of_saving_is_now_unless_given(data: Path, tmp_path: Path) -> None:
    before = datetime.now(UTC)

    save_configs(load_configs(data / "g3.json"), tmp_path / "config.json")

    created_at = json.loads((tmp_path / "config.json").read_text())["metadata"]["created_at"]
    assert before <= datetime.fromisoformat(created_at) <= datetime.now(UTC)


def test_the_order_of_input_variables_survives_the_sorting_of_keys(
    write_config: Callable[..., Path], tmp_path: Path
) -> None:
    variables = "$.configuration.shared.source_model_inference_input_variable_list"
    file = write_config((variables, {"z": "text", "a": "Numeric", "dialogue": "TEXT"}))

    save_configs(load_configs(file), tmp_path / "saved.json")

    payload = load_configs(tmp_path / "saved.json")["Payload"]
    assert isinstance(payload, PayloadConfig)
    assert list(payload.input_variables.items()) == [
        ("z", "TEXT"),
        ("a", "NUMERIC"),
        ("dialogue", "TEXT"),
    ]


def test_a_field_is_shared_only_when_all_that_have_it_agree(data: Path, tmp_path: Path) -> None:
    configs = load_configs(data / "g3.json")
    configs["Package"] = configs["Package"].model_copy(update={"processing_volume_size": 20})

    save_configs(configs, tmp_path / "config.json")

    saved = json.loads((tmp_path / "config.json").read_text())["configuration"]
    assert "processing_volume_size" not in saved["shared"]
    assert saved["processing"]["Package"]["processing_volume_size"] == 20
    assert saved["processing"]["Processing"]["processing_volume_size"] == 50
    assert "expected_tps" in saved["specific"]["Payload"]


def test_saving_replaces_a_file_as_a_whole_or_not_at_all(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "config.json"
    file.write_text("as it was")

    def fail(_: Path, __: Path) -> None:
        raise OSError("no space left on device")

    monkeypatch.setattr(Path, "replace", fail)
    with pytest.raises(ConfigFileError, match="cannot write the file: no space left on device"):
        save_configs(load_configs(data / "g3.json"), file)

    assert file.read_text() == "as it was"
    assert [each.name for each in tmp_path.iterdir()] == ["config.json"]


def test_a_folder_that_is_not_there_is_a_problem_of_the_file(data: Path, tmp_path: Path) -> None:
    file = tmp_path / "absent" / "config.json"

    with pytest.raises(ConfigFileError, match="cannot write the file: No such file") as error:
        save_configs(load_configs(data / "g3.json"), file)

    assert error.value.file == file


def test_a_replaced_file_keeps_its_schema_reference(
    write_config: Callable[..., Path], tmp_path: Path
) -> None:
    file = write_config(("$.$schema", "../config.schema.json"))

    save_configs(load_configs(file), file)
    save_configs(load_configs(file), tmp_path / "new.json")

    assert json.loads(file.read_text())["$schema"] == "../config.schema.json"
    assert "$schema" not in json.loads((tmp_path / "new.json").read_text())


def test_names_of_regions_are_saved_as_they_were_read(
    write_config: Callable[..., Path], tmp_path: Path
) -> None:
    names, shared = RegionNames({"AP": "ap-southeast-2"}), "$.configuration.shared"
    changes = [
        (f"{shared}.registration_regions", ["EU", "AP", "sa-east-1"]),
        (f"{shared}.pipeline_name", "reversal"),
    ]
    configs = load_configs(write_config(*changes), region_names=names)

    save_configs(configs, tmp_path / "new.json")

    assert load_configs(tmp_path / "new.json", region_names=names) == configs
    with pytest.raises(ConfigFileError, match="is no region"):
        load_configs(tmp_path / "new.json")
