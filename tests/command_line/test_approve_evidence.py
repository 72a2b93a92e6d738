"""What approve shows before it asks: all of it out of the registered version and its files."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from commands.program import app
from commands.terminal.aws import AwsCallError
from commands.terminal.exit_codes import ExitCode
from constructs_lib.endpoints.state import ServedState
from constructs_lib.endpoints.workflow import Workflow
from local.emulator import EmbeddedAws
from tests.command_line.registered_pipeline import NAME

_REGIONS = {"us-east-1": "NA", "eu-west-1": "EU"}
_FINDING = {
    "severity": "warning",
    "code": "pickle-global-unknown",
    "message": "'model.pth' > 'data.pkl', byte 2: loads shop.Net",
    "fix": "ship weights instead",
}
_GROWS = {
    "severity": "warning",
    "code": "memory-grows",
    "message": "It grew.",
    "fix": "Free it.",
}


def _evaluation(p99: float, requirements: list[str]) -> dict[str, Any]:
    return {
        "verdict": "passed",
        "summary": f"answered every payload; latency p99 {p99} ms",
        "findings": [_GROWS],
        "limits": {
            "max_latency_in_millisecond": 200,
            "max_acceptable_error_rate": 0.01,
            "expected_tps": 20,
            "container_memory_limit_in_megabyte": 6144,
        },
        "load": {
            "latency_in_millisecond": {"p50": p99 / 4, "p99": p99},
            "error_rate": 0.001,
            "achieved_tps": 20.0,
        },
        "memory": {"peak_in_megabyte": 812.4},
        "cold_load_in_second": 1.8,
        "requirements": requirements,
        "handler": {"functions": {"model_fn": "own"}},
        "environment": {"python": "3.13.1", "packages": {"torch": "2.10.0"}},
    }


def _registration(expected_tps: int) -> dict[str, Any]:
    load_test = {"expected_tps": expected_tps, "max_latency_in_millisecond": 200}
    return {
        "regions": {
            code: {"request": {"environment": {"SCALE": "1"}, "load_test": load_test}}
            for code in _REGIONS.values()
        }
    }


def _manifest(findings: int) -> dict[str, Any]:
    shown = [_FINDING] * min(findings, 20)
    pickles = {"policy": "warn", "pickle_count": 3, "finding_count": findings, "findings": shown}
    return {"size_bytes": 1000, "pickles": pickles}


FILES: dict[str, Any] = {
    "3/evaluation.json": _evaluation(10.0, []),
    "3/manifest.json": _manifest(0),
    "3/registration.json": _registration(20),
    "4/evaluation.json": _evaluation(12.5, ["pandas"]),
    "4/manifest.json": _manifest(25),
    "4/registration.json": _registration(30),
    "5/evaluation.json": "{",
    "5/registration.json": [],
    "6/manifest.json": {"pickles": {"policy": "off"}},
    "6/registration.json": _registration(20),
}
"""Of the versions 3 to 6: whole ones, a broken one, and one that was not verified."""


def _metadata(version: int, region: str) -> dict[str, str]:
    place = f"s3://registry/{version}"
    verified = {
        "verification_verdict": "passed",
        "evaluation": f"{place}/evaluation.json",
        "latency_p99_in_millisecond": "99.5",
    }
    return {
        "artifact_sha256": f"{version}" * 64,
        "code_sha256": "c" * 64,
        "git_commit": f"{version}" * 40,
        "pipeline_version": "1.0.0",
        "model_registration_region": _REGIONS[region],
        "packaging_manifest": f"{place}/manifest.json",
        "registration_request": f"{place}/registration.json",
        "verification": "off" if version == 6 else "enforce",
        **({} if version == 6 else verified),
    }


@pytest.fixture(scope="module", autouse=True)
def versions(embedded: EmbeddedAws) -> None:
    """Register the versions, of which 3 is approved, and put their files there."""
    s3 = embedded.client("s3")
    for key, content in FILES.items():
        body = content if isinstance(content, str) else json.dumps(content)
        s3.put_object(Bucket="registry", Key=key, Body=body)
    for region in _REGIONS:
        for version in range(3, 7):
            embedded.client("sagemaker", region).create_model_package(
                ModelPackageGroupName=NAME,
                ModelApprovalStatus="Approved" if version == 3 else "PendingManualApproval",
                CustomerMetadataProperties=_metadata(version, region),
            )


Approve = Callable[..., str]


@pytest.fixture
def approve(release: Callable[..., Result]) -> Approve:
    """Look at a version, and say no; returns what was shown, without breaks of lines."""

    def look(version: int, command: str = "approve") -> str:
        arguments = [command, NAME, "--version", str(version)]
        result = CliRunner().invoke(app, arguments, input="n\n")
        assert result.exit_code == ExitCode.ERROR, result.output
        assert "Nothing changed." in result.stderr
        assert result.stdout.strip() == "n"  # the answer, which the runner repeats
        assert all(len(line.rstrip()) <= 80 for line in result.stderr.splitlines() if "─" in line)
        return " ".join(result.stderr.split())

    return look


def test_the_verdict_and_what_was_measured_is_shown_beside_the_version_before(
    approve: Approve,
) -> None:
    shown = approve(4)

    assert f"{NAME} version 4 in eu-west-1, us-east-1" in shown
    assert "Verification: passed (verification enforce): answered every payload" in shown
    assert "warning: memory-grows: It grew. fix: Free it." in shown
    assert "latency p50 ms 2.5 3.125 +25% -" in shown
    assert "latency p99 ms 10 12.5 +25% at most 200" in shown
    assert "error rate 0.10% 0.10% at most 1.00%" in shown
    assert "peak memory MB 812.4 812.4 at most 6,144" in shown
    assert "Not read" not in shown


def test_what_differs_from_the_version_before_is_shown_once_for_all_regions(
    approve: Approve,
) -> None:
    shown = approve(4)

    assert "Different from version 3, which is the newest approved one before it" in shown
    assert "artifact 333333333333... 444444444444..." in shown
    assert "git_commit 333333333333... 444444444444..." in shown
    assert "requirements[0] - pandas" in shown
    assert "settings.load_test.expected_tps 20 30" in shown
    for same in ("code ", "SCALE", "pipeline_version", "verified by", "functions"):
        assert same not in shown.partition("Different")[2]
    assert shown.count("Different from") == 1


def test_what_was_found_in_pickles_is_shown(approve: Approve) -> None:
    shown = approve(4)

    assert "Pickles: 3 read, 25 findings (pickle_policy warn)." in shown
    assert shown.count("warning: pickle-global-unknown: 'model.pth'") == 10
    assert "fix: ship weights instead" in shown
    assert "and 15 more" in shown


def test_what_cannot_be_read_is_said(approve: Approve) -> None:
    shown = approve(5)

    assert "Verification: passed (verification enforce)." in shown  # by the metadata
    assert "latency p99 ms 10 99.5 +895% -" in shown
    assert "Pickles: not known" in shown
    assert "Not read: evaluation.json of version 5 is not known: s3://registry/5/eva" in shown
    assert "is no JSON" in shown
    assert "Not read: manifest.json of version 5 is not known: Cannot read s3://" in shown
    assert "registration.json of version 5 is not known: s3://registry/5/registration.js" in shown
    assert "settings" not in shown


def test_a_version_that_was_not_verified_says_so(approve: Approve) -> None:
    shown = approve(6)

    assert "Verification: not verified (verification off)." in shown
    assert "Nothing was measured." in shown
    assert "Pickles: not looked at (pickle_policy off)." in shown
    assert "Not read" not in shown


def test_a_version_that_a_person_registered_has_little_to_show(approve: Approve) -> None:
    shown = approve(1)

    assert "Verification: not known." in shown
    assert "Compared with nothing: no other version serves, and none before it is" in shown
    assert "its metadata has no packaging_manifest" in shown


def _served(version: int, content: str) -> list[ServedState]:
    return [
        ServedState(
            pipeline=NAME,
            endpoint=NAME,
            region_code=code,
            aws_region=region,
            wave=1,
            status="InService",
            version=version,
            content=content,
        )
        for region, code in _REGIONS.items()
    ]


def test_the_version_that_serves_is_what_is_compared_with(
    approve: Approve, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "commands.serving.former.workflow_if_any",
        lambda *_: Workflow("arn", {"pipeline_name": "p"}),
    )
    monkeypatch.setattr("commands.serving.former.read_states", lambda *_: _served(2, "b" * 64))

    shown = approve(4)

    assert "Different from version 2, which serves in NA, EU:" in shown
    assert "latency p99 ms 12.5 12.5 at most 200" in shown
    assert (
        "manifest.json of version 2 is not known: its metadata has no packaging_manifest" in shown
    )


def test_who_may_not_read_what_serves_can_approve_nevertheless(
    approve: Approve, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any) -> None:
        raise AwsCallError("Cannot read the workflow: AccessDenied")

    monkeypatch.setattr("commands.serving.former.workflow_if_any", refuse)

    shown = approve(4)

    assert "which version serves is not known. Cannot read the workflow: AccessDenied" in shown
    assert "latency p99 ms 12.5 at most 200" in shown


@pytest.mark.usefixtures("release")
@pytest.mark.parametrize("arguments", [["approve", "--yes", "--json"], ["reject", "--yes"]])
def test_who_is_not_asked_is_not_shown_it(
    arguments: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    command, *options = arguments
    monkeypatch.setattr("commands.aws.packages.set_approval", lambda *_: None)

    result = CliRunner().invoke(app, [command, NAME, "--version", "4", *options])

    assert result.exit_code == ExitCode.DONE, result.output
    assert "Verification" not in result.stderr
    if command == "approve":
        assert [each["version"] for each in json.loads(result.stdout)] == [4, 4]


def test_reject_asks_without_it(approve: Approve) -> None:
    assert "Verification" not in approve(4, "reject")
