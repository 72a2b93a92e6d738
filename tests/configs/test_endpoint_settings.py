"""The section of endpoints: its rules, those across sections, and the formats that know it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import pytest

from constructs_lib.configs import PipelineConfigs, load_configs, save_configs
from constructs_lib.configs.endpoint import LONGEST_ENDPOINT_NAME, LONGEST_WAIT_SECONDS
from constructs_lib.regions import EU, FE, NA
from constructs_lib.service_model import max_length, service_model

Write = Callable[..., Path]
Problems = Callable[..., Any]

CONFIG_TYPES: Final = "$.metadata.config_types.Endpoint"
SECTION: Final = "$.configuration.specific.Endpoint"


def _with(*edits: tuple[str, Any], **fields: Any) -> list[tuple[str, Any]]:
    """The edits that add a section with the fields."""
    return [(CONFIG_TYPES, "EndpointConfig"), (SECTION, fields), *edits]


def test_a_file_without_the_section_serves_nothing(write_config: Write) -> None:
    assert PipelineConfigs.load(write_config()).endpoint is None


def test_what_is_not_given_has_a_default(write_config: Write) -> None:
    endpoint = PipelineConfigs.load(write_config(*_with())).endpoint

    assert endpoint is not None
    assert endpoint.waves_of((NA, EU, FE)) == [[NA], [EU, FE]]
    assert endpoint.waves_of((EU,)) == [[EU]]
    assert (endpoint.deploy_on, endpoint.kept_versions) == ("command", 3)
    assert (endpoint.data_capture_percentage, endpoint.max_instance_count) == (0, None)


def test_waves_are_regions_by_their_names(write_config: Write) -> None:
    waves = [["eu-west-1"], ["us-east-1"]]
    endpoint = PipelineConfigs.load(write_config(*_with(waves=waves))).endpoint

    assert endpoint is not None
    assert endpoint.waves == [["EU"], ["NA"]]
    assert endpoint.waves_of((NA, EU)) == [[EU], [NA]]


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        (
            {"waves": [["NA"], ["EU", "NA"]]},
            ".waves: names NA more than once: a region is in one wave, once"
            ' (got [["NA"], ["EU", "NA"]])',
        ),
        (
            {"waves": [["NA"], ["FE"]]},
            '.waves[1][0]: "FE" is no registration region, so there is no version to serve there:'
            ' registered is in EU, NA (got "FE")',
        ),
        ({"waves": []}, ".waves: should have at least 1 (got [])"),
        ({"waves": [["NA"], []]}, ".waves[1]: should have at least 1 (got [])"),
        (
            {"max_instance_count": 4},
            ".invocations_per_instance: is required beside max_instance_count: autoscaling takes"
            " both, or none (got null)",
        ),
        (
            {"max_instance_count": 1, "instance_count": 2, "invocations_per_instance": 60},
            ".max_instance_count: max_instance_count (1) must not be below instance_count (2)"
            " (got 1)",
        ),
        ({"bake_seconds": 3601}, ".bake_seconds: should be less than or equal to 3600 (got 3601)"),
        ({"termination_wait_seconds": -1}, ".termination_wait_seconds: should be greater than or"
         " equal to 0 (got -1)"),
        ({"data_capture_percentage": 101}, ".data_capture_percentage: should be less than or equal"
         " to 100 (got 101)"),
        ({"kept_versions": 1}, ".kept_versions: should be greater than or equal to 2 (got 1)"),
        ({"deploy_on": "aproval"}, ".deploy_on: should be 'command' or 'approval'; did you mean"
         ' "approval"? (got "aproval")'),
        ({"endpoint_nam": "x"}, '.endpoint_nam: unknown field; did you mean "endpoint_name"?'),
        ({"endpoint_name": "a_b"}, ".endpoint_name: must be an endpoint's name: 1 to 63 letters,"
         ' digits and hyphens, starting and ending with a letter or digit (got "a_b")'),
        ({"instance_type": "m5.large"}, ".instance_type: must be a SageMaker instance type, which"
         ' starts with ml., for example "ml.m5.large" (got "m5.large")'),
    ],
)  # fmt: skip
def test_what_cannot_be_is_told_at_its_place(
    problems_of: Problems, fields: dict[str, Any], problem: str
) -> None:
    assert [str(each) for each in problems_of(*_with(**fields))] == [f"{SECTION}{problem}"]


def test_a_pipeline_s_name_may_be_too_long_for_an_endpoint(
    write_config: Write, problems_of: Problems
) -> None:
    name = ("$.configuration.shared.pipeline_name", "p" * 64)

    (problem,) = problems_of(*_with(name))

    assert problem.path == f"{SECTION}.endpoint_name"
    assert "64 characters: set a name of at most 63" in problem.message
    assert PipelineConfigs.load(write_config(*_with(name, endpoint_name="short"))).endpoint
    assert PipelineConfigs.load(write_config(name)).endpoint is None


@pytest.mark.parametrize(
    "name", ["data_download_timeout", "container_startup_health_check_timeout"]
)
def test_a_container_of_an_endpoint_starts_within_an_hour(
    write_config: Write, problems_of: Problems, name: str
) -> None:
    path = f"$.configuration.specific.PytorchModel.{name}"
    edits = {"$.configuration.specific.PytorchModel.data_download_timeout": 3601, path: 3601}

    problems = problems_of(*_with(*edits.items()))

    assert [each.path for each in problems if name in each.path] == [path]
    assert "at most 3600 s" in str(problems[0])
    assert PipelineConfigs.load(write_config(*edits.items())).endpoint is None


@pytest.mark.parametrize("generation", ["g2", "g3"])
def test_older_formats_do_not_know_it(problems_of: Problems, generation: str) -> None:
    entry = (
        ("$.metadata.config_types.EndpointConfig", "Endpoint")
        if generation == "g2"
        else (CONFIG_TYPES, "EndpointConfig")
    )

    (problem,) = problems_of(entry, generation=generation)

    assert problem.path == entry[0]
    assert problem.message.startswith("unknown config class; known: BasePipelineConfig, ")
    assert "EndpointConfig is of files in format 4" in problem.message


def test_its_fields_are_unknown_ones_in_older_formats(write_config: Write) -> None:
    path = "$.configuration.shared.deploy_on"

    old = PipelineConfigs.load(write_config((path, "approval"), generation="g3"))

    assert [each.path for each in old.warnings] == [path]
    assert old.endpoint is None


def test_it_is_saved_and_read_again(write_config: Write, tmp_path: Path) -> None:
    fields = {"waves": [["EU"], ["NA"]], "max_instance_count": 3, "invocations_per_instance": 60}
    configs = load_configs(write_config(*_with(**fields)))

    save_configs(configs, tmp_path / "saved.json")

    assert load_configs(tmp_path / "saved.json") == configs
    assert json.loads((tmp_path / "saved.json").read_text())["metadata"]["format"] == 4


def test_the_limits_are_the_service_s() -> None:
    def limits(shape: str) -> tuple[int, int]:
        found = service_model().shape_for(shape).metadata
        return found["min"], found["max"]

    start = "ProductionVariantContainerStartupHealthCheckTimeoutInSeconds"
    download = "ProductionVariantModelDataDownloadTimeoutInSeconds"

    assert max_length("EndpointName") == LONGEST_ENDPOINT_NAME
    assert limits("TerminationWaitInSeconds") == (0, LONGEST_WAIT_SECONDS)
    assert limits(start) == limits(download) == (60, LONGEST_WAIT_SECONDS)
