"""What makes synthesis quick: few calls of the constructs to the CDK's Node process."""

from __future__ import annotations

from pathlib import Path

import pytest
from aws_cdk import App, Stack
from aws_cdk import aws_sqs as sqs
from jsii._kernel.providers import process

from app import build_app
from benchmarks.synth_profile import CallCounter
from constructs_lib.infrastructure.iam.acknowledgements import (
    acknowledge,
    acknowledged_later,
    tell_acknowledgements,
)
from tests.synth.conftest import cdk_context
from tests.synth.example_copies import leave_unserved, named_copy

MOST_CALLS = {"served": 95, "not served": 42}
"""Of a pipeline: each is a message to Node and its answer."""
ACKNOWLEDGE = "acknowledge"


@pytest.fixture
def counter(monkeypatch: pytest.MonkeyPatch) -> CallCounter:
    """Counts the calls of this process, until the test ends."""
    monkeypatch.setattr(process._NodeProcess, "send", process._NodeProcess.send)
    counter = CallCounter()
    counter.watch()
    return counter


@pytest.mark.parametrize("shape", MOST_CALLS)
def test_a_further_pipeline_takes_few_calls(
    shape: str, tmp_path: Path, counter: CallCounter
) -> None:
    counts = []
    for number in (1, 2):
        named_copy(tmp_path / "pipelines" / f"pipeline-{number}")
        if shape == "not served":
            leave_unserved(tmp_path / "pipelines" / f"pipeline-{number}")
        counter.calls.clear()
        context = cdk_context(pipelines_dir=str(tmp_path / "pipelines"))
        build_app(str(tmp_path / f"out-{number}"), context)
        counts.append(sum(counter.calls.values()))

    assert counts[1] - counts[0] <= MOST_CALLS[shape], dict(counter.calls)
    assert counter.calls[ACKNOWLEDGE] == 1  # the network's, which CDK's own validation reads


def test_what_is_accepted_is_told_once_and_to_its_own_app(
    tmp_path: Path, counter: CallCounter
) -> None:
    apps = [App(outdir=str(tmp_path / name)) for name in ("first", "second")]
    for app in apps:
        with acknowledged_later(app):
            queue = sqs.Queue(Stack(app, "Stack"), "Queue")
            acknowledge(queue, lambda: {"AwsSolutions-SQS3": "It is the end of the way"})
    told = []
    for app in (apps[1], apps[1], apps[0]):
        tell_acknowledgements(app)
        told.append(counter.calls[ACKNOWLEDGE])

    assert told == [1, 1, 2]


def test_without_an_app_that_keeps_it_what_is_accepted_is_told_at_once(
    tmp_path: Path, counter: CallCounter
) -> None:
    queue = sqs.Queue(Stack(App(outdir=str(tmp_path)), "Stack"), "Queue")
    acknowledge(queue, {"AwsSolutions-SQS3": "It is the end of the way"})

    assert counter.calls[ACKNOWLEDGE] == 1
