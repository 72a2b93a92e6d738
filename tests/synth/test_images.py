"""A model gets a container that runs on its instance types, or is refused with what AWS offers."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import botocore.regions
import pytest

from constructs_lib.configs import PipelineConfigs
from constructs_lib.definition import registration_requests
from constructs_lib.regions import NA
from constructs_lib.regions.tables import home_regions, sagemaker_regions
from constructs_lib.service_model import enum_values
from constructs_lib.service_model.instances import is_arm64
from constructs_lib.serving.images import (
    ImageError,
    ImageNotFoundError,
    InstanceTypeImageError,
)
from constructs_lib.serving.pytorch import pytorch_criteria
from constructs_lib.steps import sdk
from constructs_lib.steps.images import published_image, sklearn_image
from tests.example_pipeline import copy_example, serve_by_pytorch

VERSIONS = {"2.6.0": "py312", "2.1.0": "py310", "1.9.1": "py38"}


def _image(instance_type: str, version: str = "2.6.0", **changes: Any) -> str:
    criteria: dict[str, Any] = {"region": "us-east-1", "scope": "inference", **changes}
    return published_image(
        pytorch_criteria(
            framework_version=version,
            py_version=VERSIONS[version],
            instance_type=instance_type,
            **criteria,
        )
    )


@pytest.mark.parametrize("version", VERSIONS)
def test_a_type_that_serves_gets_a_container_of_its_architecture_for_inference_or_none(
    version: str,
) -> None:
    arm64 = {"pytorch-inference-arm64", "pytorch-inference-graviton"}
    of_families = {
        name.split(".")[1]: name for name in enum_values("ProductionVariantInstanceType")
    }
    served = {
        name: image for name in of_families.values() if (image := _image_if_any(name, version))
    }

    assert len(served) > 20
    for name, image in served.items():
        repository, _, tag = image.rpartition("/")[2].partition(":")
        assert repository in (arm64 if is_arm64(name) else {"pytorch-inference"})
        assert tag.startswith(f"{version}-")


def _image_if_any(instance_type: str, version: str) -> str | None:
    try:
        return _image(instance_type, version)
    except (ImageNotFoundError, InstanceTypeImageError):
        return None


@pytest.mark.parametrize(
    "instance_type",
    ["ml.c6gn.xlarge", "ml.m7g.large", "ml.m7gd.large", "ml.c8g.large", "ml.m8g.large"],
)
def test_every_generation_of_graviton_gets_the_container_of_arm64(instance_type: str) -> None:
    assert "/pytorch-inference-arm64:2.6.0-cpu-py312" in _image(instance_type)


def test_a_region_without_the_container_is_told_by_its_name() -> None:
    with pytest.raises(ImageNotFoundError, match=r"sklearn in mx-central-1.*another home_region"):
        sklearn_image(region="mx-central-1", framework_version="1.2-1", instance_type="ml.m5.large")
    with pytest.raises(ImageNotFoundError, match=r"pytorch in xx-north-1.*leave the region out"):
        _image("ml.m5.large", region="xx-north-1")


@pytest.mark.parametrize("region", sagemaker_regions())
def test_every_region_has_containers_of_pytorch_and_each_home_of_scikit_learn(region: str) -> None:
    assert f".ecr.{region}.amazonaws.com/" in _image("ml.m5.large", region=region)
    if region in home_regions():
        image = sklearn_image(region=region, framework_version="1.2-1", instance_type="ml.m5.large")
        assert f".ecr.{region}.amazonaws.com/" in image


def test_the_table_of_endpoints_is_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """It has 1 MB of JSON, and the SDK would read it for each image."""
    read, resolver = list[object](), botocore.regions.EndpointResolver

    def reading(table: object) -> object:
        read.append(table)
        return resolver(table)

    monkeypatch.setattr(botocore.regions, "EndpointResolver", reading)
    monkeypatch.setattr(sdk, "_endpoints", cache(sdk._endpoints.__wrapped__))
    published_image.cache_clear()

    images = {_image("ml.m5.large", region=region) for region in ("us-east-1", "eu-west-1")}

    assert len(images) == 2
    assert len(read) == 1


@pytest.mark.parametrize("instance_type", ["ml.g5g.xlarge", "ml.p6e-gb200.36xlarge"])
def test_arm64_with_gpus_has_no_container(instance_type: str) -> None:
    with pytest.raises(InstanceTypeImageError, match="none for types with both arm64 and GPUs"):
        _image(instance_type)


def test_arm64_trains_in_no_container_rather_than_in_one_for_inference() -> None:
    with pytest.raises(InstanceTypeImageError, match=r"none for training.*ml\.g5\.xlarge"):
        _image("ml.c7g.xlarge", scope="training")


@pytest.mark.parametrize(
    ("instance_type", "what"),
    [
        ("ml.inf1.xlarge", "AWS Inferentia"),
        ("ml.inf2.xlarge", "AWS Inferentia"),
        ("ml.trn1.2xlarge", "AWS Trainium"),
        ("ml.trn1n.32xlarge", "AWS Trainium"),
        ("ml.trn2.48xlarge", "AWS Trainium"),
        ("ml.dl1.24xlarge", "deep learning accelerators"),
    ],
)
@pytest.mark.parametrize("scope", ["inference", "training"])
def test_accelerators_are_refused_by_name_with_what_aws_offers(
    instance_type: str, what: str, scope: str
) -> None:
    with pytest.raises(InstanceTypeImageError, match=f"{instance_type}.*{what}.*Neuron containers"):
        _image(instance_type, scope=scope)


def _requests(folder: Path, types: list[str], serving: str = "ml.m5.xlarge") -> Any:
    path = serve_by_pytorch(copy_example(folder))
    document = json.loads(path.read_text())
    specific = document["configuration"]["specific"]
    specific["PytorchModel"]["inference_instance_type"] = serving
    specific["Payload"]["inference_instance_types"] = types
    path.write_text(json.dumps(document))
    return registration_requests(PipelineConfigs.load(path))


@pytest.mark.parametrize("other", ["ml.c7g.xlarge", "ml.m8g.xlarge", "ml.g5.xlarge"])
def test_types_that_run_different_containers_are_not_registered_as_one(
    tmp_path: Path, other: str
) -> None:
    with pytest.raises(InstanceTypeImageError) as refused:
        _requests(tmp_path / "mixed", ["ml.m5.xlarge", other])

    message = str(refused.value)
    assert "one container for all inference_instance_types" in message
    assert f"{other} runs 763104351884.dkr.ecr.us-east-1" in message
    assert ", ml.m5.xlarge runs" not in message


def test_the_type_that_serves_and_the_list_run_one_container(tmp_path: Path) -> None:
    with pytest.raises(
        InstanceTypeImageError, match=r"ml\.m5\.xlarge, the inference_instance_type"
    ):
        _requests(tmp_path / "apart", ["ml.c7g.xlarge", "ml.m8g.xlarge"])


def test_an_accelerator_in_the_list_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InstanceTypeImageError, match=r"ml\.inf2\.xlarge, which has AWS Inferentia"):
        _requests(tmp_path / "inferentia", ["ml.m5.xlarge", "ml.inf2.xlarge"])


def test_types_of_one_container_are_registered_together(tmp_path: Path) -> None:
    types = ["ml.c7g.xlarge", "ml.m8g.xlarge"]
    request = _requests(tmp_path / "graviton", types, "ml.c7g.xlarge")[NA]

    assert request.inference_instance_types == tuple(types)
    assert "-graviton:" in request.image_uri
    assert json.dumps(request.image_uri).count("2.1.0-cpu") == 1


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"framework_version": "9.9.9"}, "model.framework_version"),
        ({"py_version": "py27"}, "model.py_version"),
        ({"framework_version": "9.9.9", "scope": "training"}, "training.framework_version"),
        ({"py_version": "py27", "scope": "training"}, "training.py_version"),
        ({"instance_type": "ml.inf2.xlarge"}, "model.inference_instance_type"),
        (
            {"instance_type": "ml.c7g.xlarge", "scope": "training"},
            "training.training_instance_type",
        ),
    ],
)
def test_what_has_no_container_is_told_by_the_field_that_says_so(
    changes: dict[str, Any], field: str
) -> None:
    criteria: dict[str, Any] = {
        "region": "us-east-1",
        "framework_version": "2.1.0",
        "py_version": "py310",
        "instance_type": "ml.m5.large",
        "scope": "inference",
        **changes,
    }

    with pytest.raises(ImageError) as error:
        published_image(pytorch_criteria(**criteria))

    assert error.value.field == field
    assert "SDK" not in str(error.value)
