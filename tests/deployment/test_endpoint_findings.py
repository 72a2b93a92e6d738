"""What SageMaker would refuse of a deployment is found before anything is deployed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from constructs_lib.compilation.checks import endpoint_findings
from constructs_lib.compilation.provenance import traced
from constructs_lib.configs import PipelineConfigs
from tests.example_pipeline import copy_example


def _configs(folder: Path, model_type: str | None = None, **fields: Any) -> PipelineConfigs:
    path = copy_example(folder / "example", "model")
    document = json.loads(path.read_text())
    document["metadata"]["config_types"]["Endpoint"] = "EndpointConfig"
    document["configuration"]["specific"]["Endpoint"] = fields
    if model_type:
        document["configuration"]["specific"]["PytorchModel"]["inference_instance_type"] = (
            model_type
        )
    path.write_text(json.dumps(document))
    return PipelineConfigs.load(path)


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"endpoint_name": "a" * 63},
        {"data_capture_percentage": 100, "instance_type": "ml.g5.xlarge"},
        {"max_instance_count": 4, "invocations_per_instance": 600},
        {"termination_wait_seconds": 3600},
        {"instance_count": 2},
        {"instance_count": 4, "shift": "linear", "alarm_names": ["own"]},
        {"instance_count": 4, "shift": "rolling", "bake_traffic": 60},
    ],
)
def test_every_request_of_a_deployment_is_one_that_the_service_takes(
    tmp_path: Path, fields: dict[str, Any]
) -> None:
    assert endpoint_findings(_configs(tmp_path, **fields)) == []


def test_a_type_that_serves_nothing_is_told_at_its_field(tmp_path: Path) -> None:
    configs = _configs(tmp_path, model_type="ml.m5.huge")

    (finding,) = traced(endpoint_findings(configs), configs)

    assert finding.step == "Endpoint"
    assert finding.cause is not None
    assert finding.cause.endswith("$.configuration.specific.PytorchModel.inference_instance_type")


def test_and_at_the_endpoint_s_where_that_gives_it(tmp_path: Path) -> None:
    configs = _configs(tmp_path, instance_type="ml.m5.huge")

    (finding,) = traced(endpoint_findings(configs), configs)

    assert finding.cause is not None
    assert finding.cause.endswith("$.configuration.specific.Endpoint.instance_type")
