"""What a person is told of a verification when an execution has ended."""

from __future__ import annotations

import io
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from rich.console import Console

from constructs_lib.jobs.verify_model.evaluation import summary
from constructs_lib.jobs.verify_model.findings import ModelFinding
from local.outcome import Release, tell_release, tell_verification

EVALUATION: dict[str, Any] = {
    "verdict": "failed",
    "gate": {
        "errors": 1,
        "latency_p99_in_millisecond": 250.0,
        "error_rate": 0.02,
        "achieved_tps": 19.0,
    },
    "limits": {
        "max_latency_in_millisecond": 200,
        "max_acceptable_error_rate": 0.01,
        "expected_tps": 20,
        "container_memory_limit_in_megabyte": 6144,
    },
    "findings": [
        {"severity": "error", "code": "too-slow", "message": "It is too slow.", "fix": "Hurry."},
        {"severity": "warning", "code": "odd", "message": "It is odd.", "fix": "Look."},
    ],
    "payloads": [
        {"name": "a", "content_type": "text/csv", "ok": True},
        {"name": "b", "content_type": "text/csv", "ok": False},
    ],
    "load": {
        "offered_tps": 20,
        "achieved_tps": 19,
        "duration_in_second": 5,
        "request_count": 100,
        "error_count": 2,
        "error_rate": 0.02,
        "workers": 1,
        "latency_in_millisecond": {"p99": 250.0},
    },
    "memory": {"peak_in_megabyte": 512.0},
}


def _told(reason: str | None = None, **changes: Any) -> str:
    evaluation = {**EVALUATION, **changes}
    image = {"ImageUri": "repository/pytorch-inference:2.1.0-cpu-py310"}
    step = SimpleNamespace(
        name="Verify",
        property_files={"Evaluation": evaluation},
        arguments={"AppSpecification": image},
    )
    output = io.StringIO()
    execution: Any = SimpleNamespace(
        steps=(step,), failure_reason=reason, step=lambda name: {"Verify": step}[name]
    )
    tell_verification(execution, Console(file=output, width=80))
    return output.getvalue()


def test_how_the_model_was_asked_is_told_with_the_reason() -> None:
    server = {"described": "functions called directly", "why_direct": "no Ray here"}

    assert "asked            functions called directly: no Ray here\n" in _told(server=server)
    assert "asked" not in _told()  # of an evaluation of before


@pytest.mark.parametrize(
    "line",
    [
        "verification     failed: 1 of 2 sample requests answered",
        "latency p99      250 ms (at most 200 ms)",
        "error rate       2 % (at most 1 %)",
        "throughput       19 requests per second (at least 20 expected)",
        "peak memory      512 MB (at most 6,144 MB)",
        "warning: odd: It is odd.\n  fix: Look.",
    ],
)
def test_numbers_stand_beside_their_limits_and_findings_beside_their_fix(line: str) -> None:
    assert f"{line}\n" in _told()


def test_a_finding_that_the_reason_tells_is_not_told_again() -> None:
    told = _told("Step 'Verify' failed: AlgorithmError: It is too slow., exit code: 1")

    assert "too slow" not in told
    assert "It is odd." in told


@pytest.mark.parametrize(
    "reason", ["It takes instances, not inputs.", 'It takes \\"instances\\",  not "inputs".']
)
def test_a_finding_is_the_same_with_other_quotation_marks(reason: str) -> None:
    finding = {"severity": "error", "code": "odd", "message": "It takes 'instances', not 'inputs'."}

    assert "instances" not in _told(f"Step 'Verify' failed: {reason}", findings=[finding])


def test_a_summary_that_is_the_reason_tells_its_finding_whatever_replaces_its_characters() -> None:
    message = """`{"score": 1}` of "a" is without ['price'], at C:\\x for $5"""
    finding = {"severity": "error", "code": "odd", "message": message}
    reason = summary([ModelFinding("error", "odd", message, "")], None, None)

    assert "'('score': 1)' of 'a' is without ['price'], at C:/x for 5" in reason
    assert "score" not in _told(f"Step 'VerificationFailed' failed: {reason}.", findings=[finding])


def test_content_that_is_registered_already_is_told_with_how_it_is_registered_again(
    tmp_path: Path,
) -> None:
    stage: Any = SimpleNamespace(
        name="Stage-NA",
        properties={"OutputParameters": {"state": "registered", "registered": "arn:1"}},
    )
    execution: Any = SimpleNamespace(steps=(stage,), folder=tmp_path)
    output = io.StringIO()

    tell_release(Release(execution), Console(file=output, width=80))

    assert "Stage-NA: the same content is registered as arn:1" in output.getvalue()
    assert "add: --parameter RegisterAgain=yes" in output.getvalue()


def test_without_a_load_no_number_is_told_that_nobody_measured() -> None:
    told = _told(load=None)

    assert "latency" not in told
    assert "512 MB" in told


def test_an_execution_that_verified_nothing_tells_nothing() -> None:
    output = io.StringIO()
    execution: Any = SimpleNamespace(steps=(), failure_reason=None)

    tell_verification(execution, Console(file=output))

    assert output.getvalue() == ""


@pytest.mark.parametrize(
    ("python", "packages", "told"),
    [
        ("3.10.4", {"torch": "2.1.0+cpu"}, "Python 3.10.4, torch 2.1.0+cpu, as in the container."),
        (
            "3.11.7",
            {"torch": "2.1.0"},
            "Python 3.11.7, torch 2.1.0; the container has Python 3.10, torch 2.1.0,",
        ),
        ("3.10.4", {}, "Python 3.10.4, no torch; the container has Python 3.10, torch 2.1.0,"),
    ],
)
def test_a_verdict_names_the_versions_that_it_was_reached_under(
    python: str, packages: dict[str, str], told: str
) -> None:
    environment = {"python": python, "packages": packages}

    assert f"Judged under {told}" in _told(environment=environment)
