from __future__ import annotations

import copy
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from constructs_lib.configs import (
    BasePipelineConfig,
    ModelRegistrationConfig,
    PackageStepConfig,
    PayloadConfig,
    PipelineConfigs,
    ProcessingStepConfigBase,
    PytorchModelCreationConfig,
    PytorchTrainingConfig,
    load_configs,
)
from constructs_lib.errors import EarlierInterfaceError
from constructs_lib.fields.regions import REGION_NAMES
from constructs_lib.regions import EU, RegionNames

BASE: dict[str, Any] = {"author": "alice", "current_date": "2026-03-14"}
CODE: dict[str, Any] = {**BASE, "source_dir": "s3://alice-models/code"}
REGISTRATION: dict[str, Any] = {
    **BASE,
    "model_owner": "team",
    "model_registration_domain": "domain",
    "model_registration_objective": "objective",
    "source_model_inference_input_variable_list": [["b", "numeric"], ["a", "TEXT"]],
}
MIMS_PACKAGE = "mims_package.py"
Write = Callable[..., Path]


def _defaults(config: BasePipelineConfig, given: dict[str, Any]) -> dict[str, Any]:
    """What the class adds to the base's fields, without what was given."""
    own = set(type(config).model_fields) - set(BasePipelineConfig.model_fields) - set(given)
    return {name: value for name, value in config.model_dump(mode="json").items() if name in own}


def test_the_base_derives_what_is_not_given() -> None:
    base = BasePipelineConfig(**BASE, bucket="alice-models", region="EU")

    assert base.model_dump(mode="json") == {
        **BASE,
        "region": "EU",
        "aws_region": "eu-west-1",
        "bucket": "alice-models",
        "pipeline_name": "alice-BSM-RnR-EU",
        "pipeline_description": "BSM RnR EU",
        "pipeline_version": "0.1.0",
        "pipeline_s3_loc": "s3://alice-models/MODS/alice-BSM-RnR-EU_0.1.0",
        "framework_version": "2.1.0",
        "py_version": "py310",
        "source_dir": None,
    }


@pytest.mark.parametrize(
    ("region", "aws_region"), [("NA", "us-east-1"), ("EU", "eu-west-1"), ("FE", "us-west-2")]
)
def test_each_region_code_stands_for_an_aws_region(region: Any, aws_region: str) -> None:
    assert BasePipelineConfig(**BASE, region=region).aws_region == aws_region


NAMES = RegionNames({"AP": "ap-southeast-2"})


def _registration(names: RegionNames, **fields: Any) -> ModelRegistrationConfig:
    context = {REGION_NAMES: names}
    return ModelRegistrationConfig.model_validate({**REGISTRATION, **fields}, context=context)


@pytest.mark.parametrize(
    ("names", "region", "code", "pipeline_name"),
    [
        (NAMES, "AP", "AP", "alice-BSM-RnR-AP"),
        (RegionNames(), "ap-southeast-2", "ap-southeast-2", "alice-BSM-RnR-ap-southeast-2"),
    ],
)
def test_a_region_is_called_by_its_name_where_the_app_has_one(
    names: RegionNames, region: str, code: str, pipeline_name: str
) -> None:
    config = _registration(names, region=region)

    assert (config.region, config.aws_region) == (code, "ap-southeast-2")
    assert config.region.aws_region == "ap-southeast-2"
    assert config.pipeline_name == pipeline_name
    assert json.loads(config.model_dump_json())["region"] == code


def test_registration_regions_are_names_or_regions() -> None:
    given = ["us-east-1", "EU", "AP", "eu-central-1"]

    regions = _registration(NAMES, registration_regions=given).regions

    assert regions == ("NA", "EU", "AP", "eu-central-1")
    assert [each.aws_region for each in regions] == [
        "us-east-1",
        "eu-west-1",
        "ap-southeast-2",
        "eu-central-1",
    ]


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"registration_regions": ["NA", "us-east-1"]}, "names NA more than once"),
        ({"region": "ap-southeast-2"}, 'name of a region that has one, .* use "AP"'),
        ({"region": "AP", "aws_region": "us-east-1"}, 'contradicts region AP, which is "ap-south'),
        (
            {"region": "eu-central-1", "aws_region": "us-east-1"},
            'contradicts region eu-central-1, which is "eu-central-1"',
        ),
        (
            {"region": "AP", "pipeline_name": "a-BSM-RnR-eu-central-1"},
            "names region eu-central-1 but region is AP",
        ),
        ({"region": "AP", "pipeline_name": "a-BSM-RnR-NA"}, "names region NA but region is AP"),
        ({"registration_regions": ["XX"]}, "is no region: allowed are the names NA, EU, FE, AP"),
    ],
)
def test_regions_that_contradict_each_other_are_refused(
    fields: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValidationError, match=message):
        _registration(NAMES, **fields)


def test_a_copy_knows_the_names_that_its_file_was_read_with() -> None:
    copied = _registration(NAMES, region="EU").model_copy()

    copied.region = "AP"  # type: ignore[misc, assignment]

    assert copied.region.aws_region == "ap-southeast-2"


def test_without_a_bucket_there_is_no_location_in_it() -> None:
    assert BasePipelineConfig(**BASE).pipeline_s3_loc is None


def test_defaults_of_training() -> None:
    given = {
        **CODE,
        "input_path": "s3://alice-models/in/1",
        "output_path": "s3://alice-models/out/1",
        "hyperparameters": {},
    }

    assert _defaults(PytorchTrainingConfig(**given), given) == {
        "checkpoint_path": None,
        "training_instance_type": "ml.g5.12xlarge",
        "training_instance_count": 1,
        "training_volume_size": 30,
        "training_entry_point": "train.py",
        "train_in_pipeline": False,
        "enable_network_isolation": True,
    }


def test_defaults_of_model_creation() -> None:
    assert _defaults(PytorchModelCreationConfig(**CODE), CODE) == {
        "inference_instance_type": "ml.m5.large",
        "inference_entry_point": "inference.py",
        "initial_instance_count": 1,
        "container_startup_health_check_timeout": 300,
        "container_memory_limit": 6144,
        "data_download_timeout": 900,
        "inference_memory_limit": 6144,
        "max_concurrent_invocations": 10,
        "max_payload_size": 6,
        "environment_variables": None,
        "serving_container": "pytorch",
        "transformers_version": None,
        "model_server_workers": None,
        "serving_image_digests": None,
        "serving_images": None,
        "serving_entrypoint": None,
        "serving_contract": None,
    }


PROCESSING_DEFAULTS = {
    "processing_instance_count": 1,
    "processing_volume_size": 500,
    "processing_instance_type_large": "ml.m5.4xlarge",
    "processing_instance_type_small": "ml.m5.2xlarge",
    "use_large_processing_instance": False,
    "processing_source_dir": None,
    "processing_entry_point": None,
    "processing_script_arguments": None,
    "processing_framework_version": "1.2-1",
    "input_names": None,
    "output_names": None,
}


def test_defaults_of_processing() -> None:
    assert _defaults(ProcessingStepConfigBase(**BASE), BASE) == PROCESSING_DEFAULTS


def test_defaults_of_packaging() -> None:
    assert _defaults(PackageStepConfig(**BASE), BASE) == {
        **PROCESSING_DEFAULTS,
        "processing_entry_point": MIMS_PACKAGE,
        "pickle_policy": None,
        "allowed_pickle_globals": None,
        "input_names": {
            "inference_scripts_input": "Input name for inference scripts",
            "model_input": "Input name for model artifacts",
        },
        "output_names": {"packaged_model_output": "Output name for the packaged model"},
    }


def test_defaults_of_registration() -> None:
    assert _defaults(ModelRegistrationConfig(**REGISTRATION), REGISTRATION) == {
        "source_model_inference_content_types": ["text/csv"],
        "source_model_inference_response_types": ["application/json"],
        "source_model_inference_output_variable_list": {"legacy-score": "NUMERIC"},
        "registration_regions": None,
    }


def test_defaults_of_the_payload() -> None:
    registration = set(ModelRegistrationConfig.model_fields)
    defaults = _defaults(PayloadConfig(**REGISTRATION), REGISTRATION)

    assert {name: each for name, each in defaults.items() if name not in registration} == {
        "expected_tps": 2,
        "max_latency_in_millisecond": 800,
        "max_acceptable_error_rate": 0.2,
        "verification": "enforce",
        "verification_load_seconds": 30,
        "load_test_in_aws": False,
        "verification_instance_type": None,
        "inference_instance_types": None,
        "sample_payload_s3_key": None,
        "default_numeric_value": 0.0,
        "default_text_value": "DEFAULT_TEXT",
        "special_field_values": None,
        "numeric_field_values": None,
        "sample_requests_dir": None,
        "payload_script_path": None,
        "payload_script_arguments": None,
    }


@pytest.mark.parametrize("value", [float("nan"), [1.0, float("inf")], 10**400])
def test_a_numeric_input_takes_finite_values_only(value: Any) -> None:
    with pytest.raises(ValidationError, match="must be a number, or a list of numbers"):
        PayloadConfig(**REGISTRATION, numeric_field_values={"b": value})


def test_configs_cannot_be_changed() -> None:
    base = BasePipelineConfig(**BASE)

    with pytest.raises(EarlierInterfaceError, match=r"frozen: assign author to a copy"):
        base.author = "bob"  # type: ignore[misc]


@pytest.mark.parametrize(
    "copied",
    [BasePipelineConfig.model_copy, copy.copy, copy.deepcopy],
    ids=["model_copy", "copy", "deepcopy"],
)
def test_fields_of_a_copy_can_be_assigned(
    copied: Callable[[BasePipelineConfig], BasePipelineConfig],
) -> None:
    base = BasePipelineConfig(**BASE, region="EU")
    copied_base = copied(base)

    copied_base.region = "NA"  # type: ignore[misc, assignment]
    copied_base.aws_region = "us-east-1"  # type: ignore[misc]

    assert (copied_base.region, copied_base.region.aws_region) == ("NA", "us-east-1")
    assert copied_base.aws_region == "us-east-1"
    assert (base.region, base.aws_region) == (EU, "eu-west-1")


def test_what_is_assigned_to_a_copy_has_to_be_a_value_of_the_field() -> None:
    package = PackageStepConfig(**BASE).model_copy()

    with pytest.raises(ValidationError, match="less than or equal to 1000"):
        package.processing_volume_size = 5000  # type: ignore[misc]
    with pytest.raises(AttributeError, match='did you mean "processing_volume_size"'):
        package.processing_volume = 50


def test_payloads_are_not_uploaded_by_hand() -> None:
    with pytest.raises(EarlierInterfaceError, match="release payloads"):
        PayloadConfig(**REGISTRATION).generate_and_upload_payloads()


def test_configs_made_in_code_take_no_unknown_field() -> None:
    with pytest.raises(ValidationError, match="Extra inputs"):
        BasePipelineConfig(**BASE, autor="bob")  # type: ignore[call-arg]


def test_configs_are_equal_when_their_settings_are(write_config: Write, data: Path) -> None:
    assert load_configs(write_config()) == load_configs(data / "g4.json")
    assert BasePipelineConfig(**BASE) != PackageStepConfig(**BASE)
    assert BasePipelineConfig(**BASE) != BasePipelineConfig(**BASE, region="FE")


def test_the_registration_regions_are_those_given_or_the_region() -> None:
    given = ModelRegistrationConfig(**REGISTRATION, registration_regions=["FE", "NA"])
    default = ModelRegistrationConfig(**REGISTRATION, region="EU")

    assert given.regions == ("FE", "NA")
    assert default.regions == ("EU",)


def test_the_variable_schema_keeps_the_order_of_inputs() -> None:
    assert ModelRegistrationConfig(**REGISTRATION).get_variable_schema() == {
        "input": {"variables": [{"name": "b", "type": "NUMERIC"}, {"name": "a", "type": "TEXT"}]},
        "output": {"variables": [{"name": "legacy-score", "type": "NUMERIC"}]},
    }


def test_the_container_environment_holds_strings_for_one_region() -> None:
    config = PytorchModelCreationConfig(**CODE, max_payload_size=7, container_memory_limit=7000)

    assert config.container_environment("eu-west-1") == {
        "MMS_DEFAULT_RESPONSE_TIMEOUT": "300",
        "SAGEMAKER_CONTAINER_LOG_LEVEL": "20",
        "SAGEMAKER_PROGRAM": "inference.py",
        "SAGEMAKER_SUBMIT_DIRECTORY": "/opt/ml/model/code",
        "SAGEMAKER_CONTAINER_MEMORY_LIMIT": "7000",
        "SAGEMAKER_MODEL_DATA_DOWNLOAD_TIMEOUT": "900",
        "SAGEMAKER_INFERENCE_MEMORY_LIMIT": "6144",
        "SAGEMAKER_MAX_CONCURRENT_INVOCATIONS": "10",
        "SAGEMAKER_MAX_PAYLOAD_IN_MB": "7",
        "AWS_REGION": "eu-west-1",
        "SAGEMAKER_REGION": "eu-west-1",
    }


def test_hyperparameters_become_strings(data: Path) -> None:
    training = load_configs(data / "g4.json")["PytorchTraining"]

    assert isinstance(training, PytorchTrainingConfig)
    assert training.sagemaker_hyperparameters() == {
        "cat_field_list": '["dialogue"]',
        "class_weights": "[1.0, 10.0]",
        "full_field_list": (
            '["order_id", "ttm_conc_amt", "concsi", "dialogue", "llm_reversal_flag"]'
        ),
        "id_name": "order_id",
        "is_binary": "true",
        "label_name": "llm_reversal_flag",
        "lr": "3e-05",
        "max_epochs": "3",
        "model_class": "multimodal_bert",
        "multiclass_categories": "[0, 1]",
        "tab_field_list": '["ttm_conc_amt", "concsi"]',
    }


def test_too_many_hyperparameters_are_refused() -> None:
    with pytest.raises(ValidationError, match="has 101 entries; SageMaker takes at most 100"):
        PytorchTrainingConfig(
            **CODE,
            input_path="s3://alice-models/in/1",
            output_path="s3://alice-models/out/1",
            hyperparameters={str(number): number for number in range(101)},
        )


@pytest.mark.parametrize(
    ("use_large", "size", "instance_type"),
    [
        (False, None, "ml.m5.2xlarge"),
        (True, None, "ml.m5.4xlarge"),
        (True, "small", "ml.m5.2xlarge"),
        (False, "large", "ml.m5.4xlarge"),
        (False, "LARGE", "ml.m5.4xlarge"),
    ],
)
def test_the_instance_type_is_of_the_size_asked_for(
    use_large: bool, size: Any, instance_type: str
) -> None:
    config = ProcessingStepConfigBase(**BASE, use_large_processing_instance=use_large)

    assert config.get_instance_type(size) == instance_type


def test_another_size_is_refused() -> None:
    with pytest.raises(ValueError, match="size must be small, large or None, not 'medium'"):
        ProcessingStepConfigBase(**BASE).get_instance_type("medium")


def test_local_paths_start_at_the_config_file_unless_a_root_is_given(
    write_config: Write, tmp_path: Path, data: Path
) -> None:
    file = write_config()

    assert PipelineConfigs.load(file).model.get_source_dir() == tmp_path / "code"
    assert PipelineConfigs.load(file, root=data).model.get_source_dir() == data / "code"
    assert PipelineConfigs.load(file).model.source_dir == "code"


def test_a_relative_config_path_gives_absolute_local_paths(
    write_config: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_config()
    monkeypatch.chdir(tmp_path)

    configs = PipelineConfigs.load("config.json")
    monkeypatch.chdir("/")

    assert configs.model.get_source_dir() == tmp_path / "code"


def test_a_source_dir_in_s3_is_taken_as_it_is() -> None:
    assert PytorchModelCreationConfig(**CODE).get_source_dir() == "s3://alice-models/code"


def test_without_an_entry_point_there_is_no_script() -> None:
    assert ProcessingStepConfigBase(**CODE).get_script_path() is None


def test_a_processing_script_is_found_in_the_steps_own_source_dir(
    write_config: Write, tmp_path: Path
) -> None:
    (tmp_path / "scripts" / "sub").mkdir(parents=True)
    (tmp_path / "scripts" / "sub" / "clean.py").touch()
    file = write_config(
        (
            "$.configuration.processing.Processing",
            {"processing_source_dir": "scripts", "processing_entry_point": "sub/clean.py"},
        )
    )

    processing = PipelineConfigs.load(file).processing

    assert processing is not None
    assert processing.get_script_path() == str(tmp_path / "scripts" / "sub" / "clean.py")


def test_the_apps_own_script_packages_by_default(data: Path) -> None:
    package = PipelineConfigs.load(data / "g3.json").package

    assert package.uses_own_script
    assert Path(package.get_script_path()).parts[-3:] == (
        "constructs_lib",
        "jobs",
        "package_model",
    )


@pytest.mark.parametrize("entry_point", [MIMS_PACKAGE, "pack.py"])
def test_a_packaging_script_of_the_users_packages(
    write_config: Write, tmp_path: Path, entry_point: str
) -> None:
    file = write_config(("$.configuration.processing.Package.processing_entry_point", entry_point))
    (tmp_path / "code" / entry_point).touch()

    package = PipelineConfigs.load(file).package

    assert not package.uses_own_script
    assert package.get_script_path() == str(tmp_path / "code" / entry_point)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        (
            {"processing_source_dir": "s3://b-c/jobs/"},
            "must be a local folder for packaging, whose script is deployed with the pipeline",
        ),
        (
            {"processing_entry_point": "pack.py"},
            'must be a local file, and its folder is "s3://alice-models/code": set '
            'processing_source_dir to the local folder that holds "pack.py"',
        ),
    ],
)
def test_a_packaging_script_in_s3_is_refused(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        PackageStepConfig(**CODE, **fields)


def test_a_processing_script_may_be_in_s3() -> None:
    processing = ProcessingStepConfigBase(**CODE, processing_entry_point="clean.py")

    assert processing.get_script_path() == "s3://alice-models/code/clean.py"


def test_a_local_packaging_script_goes_with_inference_code_in_s3(tmp_path: Path) -> None:
    script = tmp_path / "pack.py"
    script.touch()

    package = PackageStepConfig(
        **CODE, processing_source_dir=str(tmp_path), processing_entry_point="pack.py"
    )

    assert package.get_script_path() == str(script)


def test_code_in_s3_is_no_sign_of_a_packaging_script_there() -> None:
    assert PackageStepConfig(**CODE).uses_own_script


def test_importing_the_configs_imports_no_aws_library() -> None:
    heavy = "{'boto3', 'botocore', 'sagemaker', 'aws_cdk'}"
    script = f"import sys, constructs_lib.configs; sys.exit(bool({heavy} & set(sys.modules)))"

    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0
