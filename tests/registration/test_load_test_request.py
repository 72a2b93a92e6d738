from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import botocore.session
import pytest
from botocore.validate import ParamValidator

from constructs_lib.compilation.checks import load_test_findings
from constructs_lib.jobs.load_test import job_request
from constructs_lib.linter import lint_request
from constructs_lib.regions import NA
from constructs_lib.registration.load_test_request import (
    LoadTestRequestError,
    job_name_prefix,
    load_test_request,
)
from constructs_lib.registration.request import LoadTestSettings, RegistrationRequest

MakeRequest = Callable[..., RegistrationRequest]


def _arguments(
    make_request: MakeRequest, tps: int = 20, latency: int = 200, **fields: Any
) -> dict[str, Any]:
    load_test = LoadTestSettings(
        expected_tps=tps, max_latency_in_millisecond=latency, max_acceptable_error_rate=0.01
    )
    return load_test_request(make_request(NA, load_test=load_test, **fields))


def test_the_limits_of_the_config_end_the_test(make_request: MakeRequest) -> None:
    assert _arguments(make_request)["StoppingConditions"] == {
        "MaxInvocations": 1200,
        "ModelLatencyThresholds": [{"Percentile": "P95", "ValueInMilliseconds": 200}],
        "FlatInvocations": "Stop",
    }


@pytest.mark.parametrize(
    ("tps", "spawn_rate", "minutes"),
    [(1, 1, 10), (20, 1, 10), (55, 1, 10), (60, 2, 10), (155, 3, 10), (160, 3, 11), (500, 3, 33)],
)
def test_users_come_until_they_could_bring_the_expected_rate(
    make_request: MakeRequest, tps: int, spawn_rate: int, minutes: int
) -> None:
    phases = _arguments(make_request, tps)["InputConfig"]["TrafficPattern"]["Phases"]

    assert phases == [
        {"InitialNumberOfUsers": 1, "SpawnRate": 0, "DurationInSeconds": 120},
        {"InitialNumberOfUsers": 1, "SpawnRate": spawn_rate, "DurationInSeconds": 60 * minutes},
    ]
    assert 1 + minutes * spawn_rate >= tps * 200 / 1000


@pytest.mark.parametrize(("tps", "latency"), [(1, 100), (18, 10_000), (500, 10_000)])
def test_phases_stay_within_what_the_service_takes(
    make_request: MakeRequest, tps: int, latency: int
) -> None:
    config = _arguments(make_request, tps, latency)["InputConfig"]

    for phase in config["TrafficPattern"]["Phases"]:
        assert 1 <= phase["InitialNumberOfUsers"] <= 3
        assert 0 <= phase["SpawnRate"] <= 3
        assert 120 <= phase["DurationInSeconds"] <= 3600
    assert config["JobDurationInSeconds"] <= 18_000


def test_every_instance_type_is_tested_once_and_in_time(make_request: MakeRequest) -> None:
    types = ("ml.m5.large", "ml.c5.xlarge")
    config = _arguments(make_request, inference_instance_types=types)["InputConfig"]

    assert [each["InstanceType"] for each in config["EndpointConfigurations"]] == list(types)
    assert config["ResourceLimit"] == {"MaxNumberOfTests": 2, "MaxParallelOfTests": 2}
    phases = config["TrafficPattern"]["Phases"]
    assert sum(each["DurationInSeconds"] for each in phases) < config["JobDurationInSeconds"]


def test_more_instance_types_than_a_test_takes_are_refused(make_request: MakeRequest) -> None:
    with pytest.raises(LoadTestRequestError, match="at most 10 instance types"):
        _arguments(make_request, inference_instance_types=("ml.m5.large",) * 11)


def test_as_many_invocations_as_a_test_takes_are_taken_and_more_are_refused(
    make_request: MakeRequest,
) -> None:
    assert _arguments(make_request, 500)["StoppingConditions"]["MaxInvocations"] == 30_000
    with pytest.raises(
        LoadTestRequestError, match=r"at most 30,000 .* is expected_tps 500; .* 501"
    ):
        _arguments(make_request, 501)


def test_what_the_service_would_refuse_is_found(make_request: MakeRequest) -> None:
    request = make_request(NA, inference_instance_types=("ml.nothing.large",))

    (finding,) = load_test_findings(request)

    assert (finding.severity, finding.step) == ("error", "LoadTest")
    assert "ml.nothing.large" in str(finding.value)


def test_a_sound_load_test_has_no_findings(make_request: MakeRequest) -> None:
    assert load_test_findings(make_request(NA)) == []


def test_what_is_sent_is_what_the_service_takes(
    make_request: MakeRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {
        "JOB_NAME_PREFIX": job_name_prefix("returns-risk"),
        "JOB_ROLE_ARN": "arn:aws:iam::123456789012:role/job",
        "LOAD_TEST_REQUEST": json.dumps(_arguments(make_request)),
        "SECURITY_GROUP_ID": "sg-0123456789abcdef0",
        "SUBNET_IDS": "subnet-0123456789abcdef0,subnet-0123456789abcdef1",
        "VOLUME_KEY_ARN": "arn:aws:kms:us-east-1:123456789012:key/0123abcd",
    }.items():
        monkeypatch.setenv(name, value)

    sent = job_request("arn:aws:sagemaker:us-east-1:123456789012:model-package/returns-risk/7")

    model = botocore.session.get_session().get_service_model("sagemaker")
    shape = model.operation_model("CreateInferenceRecommendationsJob").input_shape
    assert not ParamValidator().validate(sent, shape).has_errors()
    assert lint_request("CreateInferenceRecommendationsJob", sent) == []
    assert sent["JobType"] == "Advanced"
    assert len(sent["InputConfig"]["VpcConfig"]["Subnets"]) == 2


@pytest.mark.parametrize(
    ("group", "prefix"), [("returns-risk", "returns-risk"), ("a" * 39 + "-" + "b" * 23, "a" * 39)]
)
def test_a_prefix_leaves_room_for_version_and_digest(group: str, prefix: str) -> None:
    assert job_name_prefix(group) == prefix
