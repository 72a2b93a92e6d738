from __future__ import annotations

from typing import Any

import pytest

from constructs_lib.registration.measured_numbers import (
    MEASURED,
    NothingMeasuredError,
    RegisteredVersion,
    measured_step_configs,
)

NUMBERS = {
    "latency_p99_in_millisecond": "3.25",
    "error_rate": "0.0",
    "achieved_tps": "20.0",
    "evaluation": "s3://registry/returns-risk/releases/abc/evaluation.json",
    "verification_verdict": "passed",
}
STEP_CONFIGS: dict[str, dict[str, Any]] = {
    "Registration-NA": {"source_model_region": "us-east-1", "model_owner": "team"},
    "Registration-EU": {"source_model_region": "eu-west-1", "model_owner": "team"},
}


def version(region: str, number: int, digest: str, **metadata: str) -> RegisteredVersion:
    return RegisteredVersion(
        aws_region=region,
        arn=f"arn:aws:sagemaker:{region}:123456789012:model-package/returns-risk/{number}",
        metadata={"artifact_sha256": digest, **NUMBERS, **metadata},
    )


def test_the_numbers_stand_beside_what_orchestrators_know() -> None:
    versions = [version("us-east-1", 7, "abc123"), version("eu-west-1", 4, "abc123")]

    filled = measured_step_configs(STEP_CONFIGS, versions)

    assert filled["Registration-EU"] == {
        **STEP_CONFIGS["Registration-EU"],
        MEASURED: {
            "artifact_sha256": "abc123",
            "evaluation_s3_bucket": "registry",
            "evaluation_s3_key": "returns-risk/releases/abc/evaluation.json",
            "model_package_arn": versions[1].arn,
            "verification_verdict": "passed",
            "latency_p99_in_millisecond": 3.25,
            "error_rate": 0.0,
            "achieved_tps": 20.0,
        },
    }
    assert MEASURED not in STEP_CONFIGS["Registration-EU"]


def test_all_regions_tell_of_the_same_model() -> None:
    """The newest of the first region, which is not the newest of the other."""
    versions = [
        version("us-east-1", 7, "abc123"),
        version("eu-west-1", 5, "def456"),
        version("eu-west-1", 4, "abc123"),
    ]

    filled = measured_step_configs(STEP_CONFIGS, versions)

    assert {config[MEASURED]["artifact_sha256"] for config in filled.values()} == {"abc123"}
    assert filled["Registration-EU"][MEASURED]["model_package_arn"].endswith("/4")


def test_a_model_is_chosen_by_the_beginning_of_its_digest() -> None:
    versions = [
        version(region, number, digest)
        for region in ("us-east-1", "eu-west-1")
        for number, digest in ((2, "def456"), (1, "abc123"))
    ]

    filled = measured_step_configs(STEP_CONFIGS, versions, artifact_sha256="abc")

    assert filled["Registration-NA"][MEASURED]["model_package_arn"].endswith("/1")


def test_the_result_of_a_load_test_is_told_too() -> None:
    found = {"load_test_status": "COMPLETED", "load_test_ml.m5.large": "invocations_per_minute=9"}
    versions = [version("us-east-1", 7, "abc123", **found)]

    filled = measured_step_configs({"Registration-NA": STEP_CONFIGS["Registration-NA"]}, versions)

    assert found.items() <= filled["Registration-NA"][MEASURED].items()


@pytest.mark.parametrize(
    ("versions", "message"),
    [
        ([], "Nothing is registered in us-east-1: release a model first"),
        (
            [version("us-east-1", 7, "abc123"), version("eu-west-1", 4, "def456")],
            "No version in eu-west-1 is of the model abc123; there are def456",
        ),
        (
            [RegisteredVersion(aws_region="us-east-1", arn="arn:of:it", metadata={})],
            "arn:of:it has no latency_p99_in_millisecond, error_rate, achieved_tps, evaluation",
        ),
    ],
)
def test_numbers_that_are_not_there_are_an_error(
    versions: list[RegisteredVersion], message: str
) -> None:
    with pytest.raises(NothingMeasuredError, match=message):
        measured_step_configs(STEP_CONFIGS, versions)
