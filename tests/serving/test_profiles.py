"""Each profile names its image, its start, its environment and what Package adds for it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from constructs_lib.configs import ConfigFileError, PipelineConfigs, load_configs, save_configs
from constructs_lib.configs.serving import LONGEST_IMAGE, LONGEST_WORD, MOST_WORDS
from constructs_lib.confinement.versions import Versions
from constructs_lib.definition import compile_pipeline
from constructs_lib.infrastructure.iam.images import repository_arn
from constructs_lib.linter import lint
from constructs_lib.release.packager import package
from constructs_lib.service_model import max_length
from constructs_lib.serving import serving_profile
from constructs_lib.serving.images import ImageNotFoundError, InstanceTypeImageError
from constructs_lib.steps.images import registered_image, serving_image
from constructs_lib.steps.verification import VerificationInstanceError, verification_instance_type
from tests.serving.conftest import DIGEST, OWN_IMAGES, Serve, Write

AWS = "763104351884.dkr.ecr"
RAY = "amazonaws.com/ray:serve-ml-sagemaker"
HUGGING_FACE = "amazonaws.com/huggingface-pytorch-inference:2.6.0-transformers4.51.3"


@pytest.mark.parametrize(
    ("container", "region", "instance_type", "image"),
    [
        ("ray", "us-east-1", "ml.m5.large", f"{AWS}.us-east-1.{RAY}-cpu-v1.4"),
        ("ray", "eu-west-1", "ml.g5.xlarge", f"{AWS}.eu-west-1.{RAY}-cuda-v1.4"),
        (
            "huggingface",
            "us-west-2",
            "ml.c5.large",
            f"{AWS}.us-west-2.{HUGGING_FACE}-cpu-py312-ubuntu22.04",
        ),
        (
            "huggingface",
            "us-west-2",
            "ml.g5.xlarge",
            f"{AWS}.us-west-2.{HUGGING_FACE}-gpu-py312-cu124-ubuntu22.04",
        ),
        (
            "pytorch",
            "us-east-1",
            "ml.m7g.large",
            f"{AWS}.us-east-1.amazonaws.com/pytorch-inference-arm64:2.6.0-cpu-py312",
        ),
        ("custom", "eu-west-1", "ml.m7g.large", OWN_IMAGES["eu-west-1"]),
    ],
)
def test_the_image_is_of_the_region_and_of_the_types_processor(
    container: str, region: str, instance_type: str, image: str, serve: Serve
) -> None:
    model = serve(container, inference_instance_type=instance_type).model

    assert serving_image(model, region).startswith(image)


@pytest.mark.parametrize("container", ["ray", "huggingface"])
@pytest.mark.parametrize("instance_type", ["ml.m7g.large", "ml.c8g.xlarge", "ml.g5g.xlarge"])
def test_graviton_is_refused_by_name_with_the_container_that_runs_there(
    container: str, instance_type: str, serve: Serve
) -> None:
    model = serve(container, inference_instance_type=instance_type).model

    with pytest.raises(InstanceTypeImageError) as refused:
        serving_image(model, "us-east-1")

    assert refused.value.field == "model.inference_instance_type"
    for part in (instance_type, "Graviton", container, "ml.m5.large", '"pytorch"'):
        assert part in str(refused.value)


def test_a_neuron_type_is_refused_for_ray(serve: Serve) -> None:
    with pytest.raises(InstanceTypeImageError, match=r"Ray Serve do not run on ml\.inf2\.xlarge"):
        serving_image(serve("ray", inference_instance_type="ml.inf2.xlarge").model, "us-east-1")


@pytest.mark.parametrize(
    ("changes", "message", "field"),
    [
        ({"transformers_version": "9.9"}, "transformers_version: 5.5.3, 4.51.3", "transformers"),
        ({"framework_version": "2.0.0"}, "framework_version: 2.6.0.", "framework"),
        ({"py_version": "py39"}, "py_version: py312.", "py"),
    ],
)
def test_versions_that_hugging_faces_containers_lack_are_told_with_those_there_are(
    changes: dict[str, Any], message: str, field: str, serve: Serve
) -> None:
    with pytest.raises(ImageNotFoundError) as refused:
        serving_image(serve("huggingface", **changes).model, "us-east-1")

    assert f"Change {message}" in str(refused.value)
    assert refused.value.field == f"model.{field}_version"


def test_a_region_without_the_container_is_told_with_what_to_do(serve: Serve) -> None:
    with pytest.raises(
        ImageNotFoundError, match=r"container of ray-serve in xx-east-1, .* leave the region out"
    ):
        serving_image(serve("ray").model, "xx-east-1")


@pytest.mark.parametrize("container", ["pytorch", "ray", "huggingface"])
def test_a_pinned_region_serves_this_very_image_and_the_others_by_tag(
    container: str, serve: Serve
) -> None:
    model = serve(container, serving_image_digests={"eu-west-1": DIGEST}).model
    pinned, by_tag = serving_image(model, "eu-west-1"), serving_image(model, "us-east-1")

    assert pinned.partition("@")[2] == DIGEST
    assert ":" not in pinned.partition("@")[0]
    assert pinned.partition("/")[2].partition("@")[0] == by_tag.partition("/")[2].partition(":")[0]
    assert "@" not in by_tag


def test_the_registered_version_names_the_digest_where_there_is_one(serve: Serve) -> None:
    configs = serve("ray", serving_image_digests={"eu-west-1": DIGEST})
    regions = json.loads(compile_pipeline(configs).registration_file)["regions"]
    containers = {
        code: region["model_package_arguments"]["InferenceSpecification"]["Containers"][0]
        for code, region in regions.items()
    }

    assert containers["EU"]["ImageDigest"] == DIGEST
    assert containers["EU"]["Image"].endswith(f"/ray@{DIGEST}")
    assert "ImageDigest" not in containers["NA"]
    assert containers["NA"]["Image"].endswith("/ray:serve-ml-sagemaker-cpu-v1.4")


@pytest.mark.parametrize(
    "image", [OWN_IMAGES["us-east-1"], "1.dkr.ecr.us-east-1.aws.com/team/server:2"]
)
def test_policies_name_the_repository_of_an_image_however_it_is_named(image: str) -> None:
    assert repository_arn(image).endswith(":repository/team/server")


def test_a_pinned_image_for_cpus_is_not_registered_for_types_with_gpus(serve: Serve) -> None:
    configs = serve(
        "ray",
        serving_image_digests={"us-east-1": DIGEST},
        payload={"inference_instance_types": ["ml.m5.large", "ml.g5.xlarge"]},
    )

    with pytest.raises(InstanceTypeImageError, match=r"ml\.g5\.xlarge runs .*-cuda-v1\.4"):
        registered_image(configs, "us-east-1")


def test_all_regions_that_an_own_image_lacks_are_told_at_once(serve: Serve) -> None:
    images = {"us-east-1": OWN_IMAGES["us-east-1"]}
    configs = serve("custom", serving_images=images)
    missing = "no image for ap-south-1, eu-west-1, us-west-2: .*It has us-east-1"

    with pytest.raises(ImageNotFoundError, match=missing):
        compile_pipeline(configs, home_region="ap-south-1")


def test_a_server_that_calls_no_functions_needs_no_file_of_them(
    serve: Serve, write: Write, tmp_path: Path
) -> None:
    without = {"serving_contract": "http", "inference_entry_point": "none.py"}
    configs = serve("custom", **without)

    (step,) = [
        each
        for each in json.loads(compile_pipeline(configs).body)["Steps"]
        if each["Name"] == "Package"
    ]
    told = step["Arguments"]["AppSpecification"]["ContainerArguments"]
    model = tmp_path / "model"
    model.mkdir()
    (model / "weights.bin").touch()
    packaged = package(
        configs, model, tmp_path / "out", on_read=lambda _: None, on_line=lambda _: None
    )

    path = write("custom", **without)
    path.write_text(path.read_text().replace('"source_dir": "inference",', ""))
    with pytest.raises(ConfigFileError, match=r"entry_point: needs source_dir: .* code/"):
        PipelineConfigs.load(path)
    assert "--entry-point" not in told
    assert packaged.model.is_file()
    with pytest.raises(ConfigFileError, match="no file"):
        PipelineConfigs.load(write("custom", **{**without, "serving_contract": "handlers"}))


@pytest.mark.parametrize(
    ("container", "entrypoint"),
    [
        ("pytorch", ["python", "/usr/local/bin/dockerd-entrypoint.py", "serve"]),
        ("huggingface", ["python", "/usr/local/bin/dockerd-entrypoint.py", "serve"]),
        ("ray", ["/usr/local/bin/sagemaker_entrypoint.sh", "serve"]),
        ("custom", ["/bin/serve"]),
    ],
)
def test_the_registration_file_tells_verification_how_the_server_starts(
    container: str, entrypoint: list[str], serve: Serve
) -> None:
    compiled = compile_pipeline(serve(container, model_server_workers=3))

    assert json.loads(compiled.registration_file)["serving"] == {
        "container": container,
        "contract": "handlers",
        "entrypoint": entrypoint,
        "port": 8080,
        "workers": 3,
    }
    assert lint(compiled.definition) == []


def test_an_own_image_may_serve_in_its_own_way(serve: Serve) -> None:
    facts = serving_profile(serve("custom", serving_contract="http").model).facts()

    assert facts is not None
    assert (facts["contract"], facts["workers"]) == ("http", None)


def test_files_that_are_served_as_ever_are_registered_as_ever(serve: Serve) -> None:
    assert "serving" not in json.loads(compile_pipeline(serve("pytorch")).registration_file)


def test_workers_are_told_to_the_toolkit_or_to_ray(serve: Serve) -> None:
    told = {
        container: serving_profile(serve(container, model_server_workers=3).model)
        for container in ("pytorch", "huggingface", "custom", "ray")
    }
    variables = {
        container: profile.environment("us-east-1").get("SAGEMAKER_MODEL_SERVER_WORKERS")
        for container, profile in told.items()
    }

    assert variables == {"pytorch": "3", "huggingface": "3", "custom": "3", "ray": None}
    assert told["ray"].packaging_arguments == ("--serving", "ray", "--serving-workers", "3")
    assert serving_profile(serve("ray").model).packaging_arguments == ("--serving", "ray")
    assert told["pytorch"].packaging_arguments == ()


def test_ray_is_told_nothing_that_only_torchserve_reads(serve: Serve) -> None:
    variables = {
        container: set(serving_profile(serve(container).model).environment("us-east-1"))
        for container in ("pytorch", "ray")
    }

    assert variables["pytorch"] - variables["ray"] == {"MMS_DEFAULT_RESPONSE_TIMEOUT"}


def test_ray_has_versions_of_its_own_which_a_file_may_leave_out(write: Write) -> None:
    path = write("ray")
    document = json.loads(path.read_text())
    del document["configuration"]["shared"]["framework_version"]
    del document["configuration"]["shared"]["py_version"]
    path.write_text(json.dumps(document))
    configs = PipelineConfigs.load(path)

    assert (configs.model.framework_version, configs.model.py_version) == ("2.10.0", "py313")
    assert configs.base.framework_version == "2.1.0"
    request = next(iter(compile_pipeline(configs).registration_requests.values()))
    assert request.framework_version == "2.10.0"
    assert Versions.of_image(request.image_uri) == Versions("3.13", "2.10.0")


def test_a_config_on_ray_is_the_same_after_saving(write: Write, tmp_path: Path) -> None:
    path = write("ray")
    configs = load_configs(path)
    saved = tmp_path / "saved.json"
    save_configs(configs, saved)

    assert load_configs(saved, root=path.parent) == configs


@pytest.mark.parametrize(
    ("container", "changes", "told"),
    [
        ("ray", {"framework_version": "2.6.0"}, 'set it to "2.10.0" or leave it out'),
        ("ray", {"serving_entrypoint": ["serve"]}, 'is for serving_container "custom"'),
        ("ray", {"transformers_version": "4.51.3"}, 'is for serving_container "huggingface" only'),
        ("ray", {"serving_image_digests": {"us-east-1": "latest"}}, "the digest of an image"),
        ("ray", {"serving_image_digests": {"NA": DIGEST}}, 'an AWS region, for example "us-east'),
        ("ray", {"serving_image_digests": {"us-east-9": DIGEST}}, "Did you mean 'us-east-"),
        ("ray", {"model_server_workers": 0}, "greater than or equal to 1"),
        ("ray", {"model_server_workers": 10**30}, "less than or equal to 1024"),
        (
            "ray",
            {"environment_variables": {"SAGEMAKER_TS_MAX_WORKERS": "2"}},
            "set model_server_workers instead",
        ),
        ("pytorch", {"serving_images": OWN_IMAGES}, 'is for serving_container "custom"'),
        ("huggingface", {"transformers_version": None}, "is required for serving_container"),
        ("custom", {"serving_images": None}, "is required for serving_container"),
        ("custom", {"serving_entrypoint": None}, "is required for serving_container"),
        ("custom", {"serving_images": {"us-east-1": "team/server:latest"}}, "by its digest"),
        (
            "custom",
            {"serving_images": {"us-east-1": OWN_IMAGES["us-east-1"].replace("aws.com", "b.com")}},
            "by its digest",
        ),
        (
            "custom",
            {"serving_images": {"eu-west-1": OWN_IMAGES["us-east-1"]}},
            "is in us-east-1: SageMaker takes an image from the region of the model",
        ),
        ("custom", {"py_version": "3.12"}, 'written as "py312" for 3.12'),
        (
            "custom",
            {"serving_images": {"us-east-1": OWN_IMAGES["us-east-1"].replace("@", ":1@")}},
            "has a tag and a digest",
        ),
        ("custom", {"serving_image_digests": {"us-east-1": DIGEST}}, "have their digests"),
        (
            "pytorch",
            {
                "model_server_workers": 2,
                "environment_variables": {"SAGEMAKER_MODEL_SERVER_WORKERS": "3"},
            },
            "leave that one out",
        ),
    ],
)
def test_settings_that_do_not_go_with_the_container_are_told_at_their_field(
    container: str, changes: dict[str, Any], told: str, write: Write
) -> None:
    with pytest.raises(ConfigFileError) as refused:
        PipelineConfigs.load(write(container, **changes))

    (problem,) = refused.value.problems
    assert told in problem.message
    assert any(name in problem.path for name in changes)


def test_the_limits_are_those_of_the_service_model() -> None:
    words, word = "ContainerEntrypoint", "ContainerEntrypointString"

    limits = [max_length(each) for each in ("ContainerImage", words, word)]
    assert limits == [LONGEST_IMAGE, MOST_WORDS, LONGEST_WORD]


def test_verification_does_not_go_from_an_accelerator_to_another_machine(serve: Serve) -> None:
    configs = serve("custom", inference_instance_type="ml.inf2.xlarge")

    with pytest.raises(VerificationInstanceError, match="Set verification_instance_type"):
        verification_instance_type(configs.model, configs.package, configs.payload, "us-east-1")


@pytest.mark.parametrize("container", ["ray", "huggingface", "custom", "pytorch"])
def test_verification_runs_where_the_container_runs(container: str, serve: Serve) -> None:
    configs = serve(container, inference_instance_type="ml.m5.large")
    arguments = (configs.package, configs.payload, "us-east-1")

    assert verification_instance_type(configs.model, *arguments) == "ml.m5.large"


def test_a_type_with_gpus_that_runs_no_jobs_is_not_verified_on_one_of_cpus(serve: Serve) -> None:
    configs = serve("ray", inference_instance_type="ml.p5e.48xlarge")
    arguments = (configs.package, configs.payload, "us-east-1")

    with pytest.raises(VerificationInstanceError, match=r"-cuda-v1\.4 is not one for"):
        verification_instance_type(configs.model, *arguments)
