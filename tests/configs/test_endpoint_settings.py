"""The section of endpoints: its rules, those across sections, and the formats that know it."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, get_args

import pytest

from constructs_lib.configs import PipelineConfigs, load_configs, save_configs
from constructs_lib.configs.endpoint import LONGEST_ENDPOINT_NAME
from constructs_lib.configs.guardrails.rules import Guardrails
from constructs_lib.configs.guardrails.shifts import (
    LONGEST_ALARM_NAME,
    LONGEST_UPDATE_SECONDS,
    LONGEST_WAIT_SECONDS,
    MOST_ALARMS,
    POLICY_CHARACTERS,
    SHORTEST_UPDATE_SECONDS,
    TRIPPING_SECONDS,
    Shift,
    TrafficShift,
)
from constructs_lib.jobs.deploy_model.guardrails.alarms import alarm_requests
from constructs_lib.regions import EU, FE, NA
from constructs_lib.service_model import enum_values, max_length, service_model

Write = Callable[..., Path]
Problems = Callable[..., Any]

CONFIG_TYPES: Final = "$.metadata.config_types.Endpoint"
SECTION: Final = "$.configuration.specific.Endpoint"
ALARM_NAME: Final = (
    ".alarm_names[0]: must be the name of an alarm in Amazon CloudWatch: 1 to 255 characters on one"
    " line, up to U+00FF, as policies of AWS IAM can name no others"
)


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
        (
            {"shift": "canary"},
            ".shift: takes an instance_count of at least 2, not 1: a part of the traffic is that of"
            " an instance or more, and of half of them at most. Raise instance_count, or set"
            ' "all_at_once" (got "canary")',
        ),
        (
            {"shift": "rolling", "instance_count": 1},
            ".shift: takes an instance_count of at least 2, not 1: a part of the traffic is that of"
            " an instance or more, and of half of them at most. Raise instance_count, or set"
            ' "all_at_once" (got "rolling")',
        ),
        (
            {"shift_percentage": 10},
            ".shift_percentage: is of canary, linear, rolling, not of all_at_once, which is how 1"
            " instance shifts: leave it out (got 10)",
        ),
        (
            {"shift": "all_at_once", "shift_percentage": 10, "instance_count": 4},
            ".shift_percentage: is of canary, linear, rolling, not of all_at_once: leave it out"
            " (got 10)",
        ),
        (
            {"shift": "linear", "shift_percentage": 9, "instance_count": 4},
            ".shift_percentage: is 10 to 50 for linear (got 9)",
        ),
        (
            {"shift": "rolling", "shift_percentage": 4, "instance_count": 4},
            ".shift_percentage: is 5 to 50 for rolling (got 4)",
        ),
        (
            {"shift_percentage": 51, "instance_count": 4},
            ".shift_percentage: should be less than or equal to 50 (got 51)",
        ),
        (
            {"shift": "rolling", "termination_wait_seconds": 600, "instance_count": 4},
            ".termination_wait_seconds: is of blue/green updates: rolling ends the former instances"
            " batch by batch, each after bake_seconds. Leave it out (got 600)",
        ),
        (
            {"shift": "linear", "shift_percentage": 10, "bake_seconds": 3000, "instance_count": 4},
            ".bake_seconds: comes 10 times, as shift is linear by 10 %: with the start of instances"
            " and termination_wait_seconds that makes 33120 s, and SageMaker allows 28800 s."
            " Shorten it, or raise shift_percentage (got 3000)",
        ),
        (
            {"alarm_names": [f"own-{number}" for number in range(9)]},
            ".alarm_names: are 9: with the 2 that a deployment makes more than the 10 that"
            " SageMaker watches. Leave some out (got"
            ' ["own-0", "own-1", "own-2", "own-3", "own-4", "own-5", "own-6", "own-7", "own-8"...)',
        ),
        (
            {"alarm_names": ["twice", "twice"]},
            '.alarm_names: names "twice" more than once (got ["twice", "twice"])',
        ),
        (
            {"alarm_names": ["Verspätung \U0001f600"]},
            f'{ALARM_NAME} (got "Versp\\u00e4tung \\ud83d\\ude00")',
        ),
        ({"alarm_names": ["a\tb"]}, f'{ALARM_NAME} (got "a\\tb")'),
        ({"alarm_names": [" "]}, f'{ALARM_NAME} (got " ")'),
        (
            {"instance_type": "ml.inf1.xlarge", "shift": "canary", "instance_count": 4},
            ".shift: is ignored: SageMaker updates ml.inf1.xlarge all at once, whatever is asked,"
            " and no alarm ends that. Leave it out, or choose another instance type"
            ' (got "canary")',
        ),
        (
            {"instance_type": "ml.inf1.xlarge", "alarm_names": ["own"]},
            ".alarm_names: are ignored: SageMaker updates ml.inf1.xlarge all at once, whatever is"
            ' asked, and no alarm ends that. Leave them out (got ["own"])',
        ),
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
    assert limits("WaitIntervalInSeconds") == (0, LONGEST_WAIT_SECONDS)
    assert limits("MaximumExecutionTimeoutInSeconds") == (
        SHORTEST_UPDATE_SECONDS,
        LONGEST_UPDATE_SECONDS,
    )
    assert limits("AlarmList") == (1, MOST_ALARMS)
    assert max_length("AlarmName") == LONGEST_ALARM_NAME
    kinds = {*enum_values("TrafficRoutingConfigType"), "ROLLING"}
    assert {each.upper() for each in get_args(Shift)} == kinds


@pytest.mark.parametrize(
    ("fields", "shift"),
    [
        ({}, TrafficShift("all_at_once", None, 300)),
        ({"instance_count": 2}, TrafficShift("canary", 10, 300)),
        ({"instance_count": 2, "shift_percentage": 50}, TrafficShift("canary", 50, 300)),
        ({"instance_count": 2, "shift": "linear"}, TrafficShift("linear", 25, 300)),
        ({"instance_count": 2, "shift": "rolling"}, TrafficShift("rolling", 25, 300)),
        ({"instance_count": 2, "shift": "all_at_once"}, TrafficShift("all_at_once", None, 300)),
        # Where SageMaker watches nothing, it waits for nothing.
        (
            {"max_latency_in_millisecond": 60_000, "max_acceptable_error_rate": 1},
            TrafficShift("all_at_once", None, 0),
        ),
        (
            {"instance_type": "ml.inf1.xlarge", "instance_count": 2},
            TrafficShift("all_at_once", None, 0),
        ),
    ],
)  # fmt: skip
def test_traffic_comes_in_parts_where_there_are_instances_for_them(
    write_config: Write, fields: dict[str, Any], shift: TrafficShift
) -> None:
    configs = PipelineConfigs.load(write_config(*_with(**fields)))

    assert configs.endpoint is not None
    assert Guardrails.of(configs.endpoint, configs.model, configs.payload).shift == shift


def test_an_update_has_time_for_each_part(write_config: Write) -> None:
    def seconds(**fields: Any) -> int:
        configs = PipelineConfigs.load(write_config(*_with(instance_count=4, **fields)))
        assert configs.endpoint is not None
        return Guardrails.of(configs.endpoint, configs.model, configs.payload).timeout_seconds

    start = 1800 + 900 + 300

    assert seconds(shift="all_at_once") == start + 300 + 120
    assert seconds(shift="canary") == start + 2 * 300 + 120
    assert seconds(shift="linear", shift_percentage=30) == start + 4 * 300 + 120
    # Every batch starts instances, as far as the service gives time for that.
    assert seconds(shift="rolling") == 4 * (start + 300)
    assert seconds(shift="rolling", shift_percentage=5) == LONGEST_UPDATE_SECONDS


def test_the_limits_of_the_alarms_are_those_of_verification_where_none_are_given(
    write_config: Write,
) -> None:
    def limits(**fields: Any) -> tuple[int | None, float | None]:
        configs = PipelineConfigs.load(write_config(*_with(**fields)))
        assert configs.endpoint is not None
        guardrails = Guardrails.of(configs.endpoint, configs.model, configs.payload)
        return guardrails.latency_milliseconds, guardrails.error_rate

    payload = PipelineConfigs.load(write_config()).payload

    assert limits() == (payload.max_latency_in_millisecond, payload.max_acceptable_error_rate)
    assert limits(max_latency_in_millisecond=50, max_acceptable_error_rate=0) == (50, 0)
    assert limits(max_latency_in_millisecond=60_000, max_acceptable_error_rate=1) == (None, None)


def test_names_of_alarms_are_what_a_policy_may_hold() -> None:
    allowed = service_model("iam").shape_for("policyDocumentType").metadata["pattern"]

    for number in range(0x200):
        if re.fullmatch(f"[{POLICY_CHARACTERS}]", chr(number)):
            assert re.fullmatch(allowed, chr(number))
    assert re.fullmatch(f"[{POLICY_CHARACTERS}]+", "Verspätung > 5 % (p99), naïve/*?$")


def test_a_bake_time_in_which_no_alarm_can_trip_is_noted(write_config: Write) -> None:
    def notes(**fields: Any) -> list[str]:
        configs = PipelineConfigs.load(write_config(*_with(**fields)))
        return [str(note) for note in configs.notes if "bake" in note.path]

    unlimited = {"max_latency_in_millisecond": 60_000, "max_acceptable_error_rate": 1}
    assert notes(bake_seconds=239) == [
        f"{SECTION}.bake_seconds: is over before an alarm can trip: that takes 120 s above its"
        " limit, and up to 120 s more until its metrics are there; 240 is enough (got 239)"
    ]
    assert notes(bake_seconds=0) != []
    assert notes(bake_seconds=240) == []
    assert notes() == []
    assert notes(bake_seconds=60, **unlimited) == []
    # Whose alarms these are, their periods are known to nobody here.
    assert notes(bake_seconds=60, alarm_names=["own"], **unlimited) == []


def test_what_is_enough_is_that_of_the_alarms_of_a_deployment() -> None:
    limits = {"latency_milliseconds": 50, "error_rate_percent": 1.0, "names": []}
    settings = {"endpoint_name": "e", "variant_name": "v", "alarms": limits}

    alarms = alarm_requests(settings, "configuration")

    assert len(alarms) == 2
    for each in alarms:
        assert each["Period"] * each["EvaluationPeriods"] == TRIPPING_SECONDS
