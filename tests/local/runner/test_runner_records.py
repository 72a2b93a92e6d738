from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from local.runner.language.errors import ExecutionRecordError
from local.runner.records import (
    Execution,
    ExecutionRecorder,
    ExecutionStatus,
    StepExecution,
    StepStatus,
    past_executions,
    read_execution,
)

START = datetime(2026, 1, 2, 3, 4, 5, 678000, tzinfo=UTC)


def execution(folder: Path, *names: str) -> Execution:
    return Execution(
        arn="arn:aws:sagemaker:us-east-1:123456789012:pipeline/release/execution/abc123",
        pipeline_arn="arn:aws:sagemaker:us-east-1:123456789012:pipeline/release",
        pipeline_creation_time=START,
        parameters={"A": "b", "N": 1},
        folder=folder,
        start_time=START,
        steps=tuple(StepExecution(name, "Model") for name in names),
    )


def test_names_come_from_the_arns(tmp_path: Path) -> None:
    assert execution(tmp_path).id == "abc123"
    assert execution(tmp_path).pipeline_name == "release"


def test_what_is_recorded_is_read_back(tmp_path: Path) -> None:
    recorder = ExecutionRecorder(execution(tmp_path / "abc123", "A", "B"), lambda *_: None)

    recorder.update_step(
        "A",
        status=StepStatus.SUCCEEDED,
        start_time=START,
        end_time=START + timedelta(seconds=1.5),
        attempt_count=2,
        log_path=tmp_path / "abc123" / "logs" / "A.log",
        arguments={"x": [1]},
        properties={"y": {"z": None}},
        property_files={"Report": {"auc": 0.5}},
        cache_hit="arn:other",
        cache_key="k",
    )
    recorder.update_step("B", reason="Condition 'G' was false.")
    recorder.end(ExecutionStatus.SUCCEEDED)

    assert read_execution(tmp_path / "abc123") == recorder.execution
    assert list(past_executions(tmp_path)) == [recorder.execution]
    assert recorder.execution.step("A").duration_seconds == 1.5


def test_every_change_is_in_the_file_when_it_is_announced(tmp_path: Path) -> None:
    folder = tmp_path / "abc123"
    on_disk: list[Execution] = []
    announced: list[Execution] = []

    def on_event(current: Execution, _step: StepExecution | None) -> None:
        announced.append(current)
        on_disk.append(read_execution(folder))

    recorder = ExecutionRecorder(execution(folder, "A"), on_event)
    recorder.update_step("A", status=StepStatus.STARTING, start_time=START)
    recorder.update_step("A", status=StepStatus.EXECUTING)

    assert len(announced) == 3
    assert on_disk == announced
    assert sorted(path.name for path in folder.iterdir()) == ["execution.json", "logs"]


def test_the_record_uses_the_services_names(tmp_path: Path) -> None:
    recorder = ExecutionRecorder(execution(tmp_path / "abc123", "A"), lambda *_: None)
    recorder.update_step("A", status=StepStatus.FAILED, reason="x", cache_hit="arn:other")

    document = json.loads((tmp_path / "abc123" / "execution.json").read_text())

    assert document["PipelineExecutionStatus"] == "Executing"
    assert document["Steps"][0]["StepStatus"] == "Failed"
    assert document["Steps"][0]["CacheHitResult"] == {"SourcePipelineExecutionArn": "arn:other"}


def test_a_thousand_steps_are_recorded_in_time(tmp_path: Path) -> None:
    names = [f"S{number}" for number in range(1000)]
    recorder = ExecutionRecorder(execution(tmp_path / "abc123", *names), lambda *_: None)

    for name in names:
        recorder.update_step(name, status=StepStatus.SUCCEEDED)

    assert read_execution(tmp_path / "abc123").steps[-1].status is StepStatus.SUCCEEDED


def test_steps_that_did_not_end_are_stopped_with_their_execution(tmp_path: Path) -> None:
    recorder = ExecutionRecorder(execution(tmp_path / "abc123", "A", "B"), lambda *_: None)
    recorder.update_step("A", status=StepStatus.EXECUTING)

    recorder.end(ExecutionStatus.STOPPED)

    assert recorder.execution.step("A").status is StepStatus.STOPPED
    assert recorder.execution.step("B").status is StepStatus.NOT_EXECUTED


def test_the_first_failure_is_the_executions(tmp_path: Path) -> None:
    failed = StepExecution("A", "Model", StepStatus.FAILED, end_time=START, reason="second")
    first = replace(failed, name="B", end_time=START - timedelta(seconds=1), reason="first")

    reason = replace(execution(tmp_path), steps=(failed, first)).failure_reason

    assert reason == "Step 'B' failed: first"


def test_an_execution_without_failure_has_no_reason(tmp_path: Path) -> None:
    assert execution(tmp_path, "A").failure_reason is None


@pytest.mark.parametrize("text", ["", "{}", '{"Steps": 1}'])
def test_a_damaged_record_is_a_clear_error(tmp_path: Path, text: str) -> None:
    (tmp_path / "execution.json").write_text(text)

    with pytest.raises(ExecutionRecordError, match="is not the record of an execution"):
        read_execution(tmp_path)


def test_an_unknown_step_is_a_key_error(tmp_path: Path) -> None:
    with pytest.raises(KeyError):
        execution(tmp_path, "A").step("B")
