"""The settings that a workflow hands to its functions."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest

from constructs_lib.configs import PipelineConfigs
from constructs_lib.definition import compile_pipeline
from constructs_lib.deployment.settings import NoEndpointError, ServingPlace, deployment_settings
from constructs_lib.service_model import enum_values, service_model
from constructs_lib.serving.images import InstanceTypeImageError
from tests.example_pipeline import CONFIG, copy_example, serve_by_pytorch

REGIONS = ("us-east-1", "eu-west-1", "us-west-2")
PLACES = {
    region: ServingPlace(role_arn=f"role-{region}", key_arn=f"key-{region}", bucket_name=region)
    for region in REGIONS
}


def _configs(folder: Path, *, pytorch: bool = False, **fields: Any) -> PipelineConfigs:
    path = copy_example(folder / "example", "model")
    if pytorch:
        serve_by_pytorch(path, "2.6.0", "py312")
    document = json.loads(path.read_text())
    document["metadata"]["config_types"]["Endpoint"] = "EndpointConfig"
    document["configuration"]["specific"]["Endpoint"] = fields
    path.write_text(json.dumps(document))
    return PipelineConfigs.load(path)


def _settings(configs: PipelineConfigs, home_region: str = "us-east-1") -> dict[str, Any]:
    return deployment_settings(configs, home_region=home_region, places=PLACES, topic_arn=None)


def test_they_say_all_that_the_functions_need(tmp_path: Path) -> None:
    def target(code: str, region: str) -> dict[str, str]:
        return {
            "region_code": code,
            "aws_region": region,
            "model_package_group_name": "returns-risk",
            "role_arn": f"role-{region}",
            "key_arn": f"key-{region}",
            "bucket_name": region,
        }

    assert _settings(_configs(tmp_path)) == {
        "schema_version": 1,
        "pipeline_name": "returns-risk",
        "endpoint_name": "returns-risk",
        "home_region": "us-east-1",
        "lead_region": "us-east-1",
        "waves": [
            [target("NA", "us-east-1")],
            [target("EU", "eu-west-1"), target("FE", "us-west-2")],
        ],
        "instance_type": "ml.m5.large",
        "instance_count": 1,
        "encrypts_volumes": True,
        "inference_ami_version": None,
        "model_environment": {},
        "variant_name": "AllTraffic",
        "autoscaling": None,
        "data_capture": None,
        "kept_versions": 3,
        "shift": {"type": "ALL_AT_ONCE", "percentage": None, "wait_seconds": 300},
        "alarms": {"latency_milliseconds": 200, "error_rate_percent": 1.0, "names": []},
        "bake_seconds": 300,
        "bake_traffic_per_minute": 0,
        "termination_wait_seconds": 120,
        "maximum_execution_timeout_seconds": 300 + 120 + 900 + 300 + 1800,
        "startup_timeout_seconds": 300,
        "download_timeout_seconds": 900,
        "verification": "enforce",
        "topic_arn": None,
        "is_isolated": True,
    }


def test_they_are_plain_json(tmp_path: Path) -> None:
    settings = _settings(_configs(tmp_path))

    assert json.loads(json.dumps(settings)) == settings
    assert {type(each["region_code"]) for wave in settings["waves"] for each in wave} == {str}


def test_what_is_given_is_told(tmp_path: Path) -> None:
    settings = _settings(
        _configs(
            tmp_path,
            endpoint_name="scores",
            waves=[["FE"], ["NA"]],
            instance_count=2,
            max_instance_count=5,
            invocations_per_instance=600,
            data_capture_percentage=10,
        )
    )

    assert settings["endpoint_name"] == "scores"
    assert [[each["region_code"] for each in wave] for wave in settings["waves"]] == [
        ["FE"],
        ["NA"],
    ]
    assert settings["autoscaling"] == {
        "min_capacity": 2,
        "max_capacity": 5,
        "invocations_per_instance": 600,
    }
    assert settings["data_capture"] == {"percentage": 10, "prefix": "returns-risk/captured"}


def test_versions_are_numbered_as_at_home_or_as_in_the_first_wave(tmp_path: Path) -> None:
    configs = _configs(tmp_path, waves=[["FE"], ["NA"]])

    assert _settings(configs)["lead_region"] == "us-east-1"
    assert _settings(configs, home_region="eu-central-1")["lead_region"] == "us-west-2"


def test_a_ray_container_with_gpus_gets_the_machine_image_that_it_needs(tmp_path: Path) -> None:
    configs = _configs(tmp_path)
    model = configs.model.model_copy(update={"inference_instance_type": "ml.g5.xlarge"})
    settings = _settings(PipelineConfigs(**{**vars(configs), "model": model}))

    assert settings["inference_ami_version"] in enum_values("ProductionVariantInferenceAmiVersion")
    assert settings["encrypts_volumes"] is False


def test_an_update_has_time_for_all_that_it_waits_for(tmp_path: Path) -> None:
    most = service_model().shape_for("MaximumExecutionTimeoutInSeconds").metadata["max"]
    configs = _configs(tmp_path, termination_wait_seconds=3600)
    slow = {"data_download_timeout": 3600, "container_startup_health_check_timeout": 3600}
    model = configs.model.model_copy(update=slow)

    seconds = _settings(PipelineConfigs(**{**vars(configs), "model": model}))

    assert 3 * 3600 < seconds["maximum_execution_timeout_seconds"] <= most


def test_a_pipeline_without_the_section_serves_nothing() -> None:
    configs = dataclasses.replace(PipelineConfigs.load(CONFIG), endpoint=None)

    with pytest.raises(NoEndpointError, match=r"returns-risk serves nothing.*config_types"):
        _settings(configs)


def test_every_region_has_a_place(tmp_path: Path) -> None:
    places = {"us-east-1": PLACES["us-east-1"]}

    with pytest.raises(NoEndpointError, match=r"EU \(eu-west-1\), FE \(us-west-2\)"):
        deployment_settings(
            _configs(tmp_path), home_region="us-east-1", places=places, topic_arn=None
        )


@pytest.mark.parametrize(
    ("instance_type", "said"),
    [
        ("ml.m7g.large", "Graviton"),
        ("ml.inf2.xlarge", "AWS Inferentia"),
        ("ml.g5.xlarge", "The endpoint's instance_type ml.g5.xlarge runs"),
    ],
)
def test_an_endpoint_runs_the_image_that_is_registered(
    tmp_path: Path, instance_type: str, said: str
) -> None:
    with pytest.raises(InstanceTypeImageError, match=said) as error:
        compile_pipeline(_configs(tmp_path, instance_type=instance_type))

    assert error.value.field == "endpoint.instance_type"


def test_another_type_of_the_same_image_will_do(tmp_path: Path) -> None:
    configs = _configs(tmp_path, pytorch=True, instance_type="ml.c5.xlarge")

    compile_pipeline(configs)

    assert _settings(configs)["instance_type"] == "ml.c5.xlarge"
