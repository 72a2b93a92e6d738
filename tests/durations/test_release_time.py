"""How long a release takes: the longest way through the steps of a definition."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from constructs_lib.diff import ComparedPipeline, as_markdown, as_text, compare
from constructs_lib.diff.changes import AppDiff
from constructs_lib.durations import StepTime, figures, release_time
from constructs_lib.jobs.register_model import artifacts
from constructs_lib.service_model.prices import HOURLY_USD, MONTH_HOURS, TRANSFER_USD, VOLUME_USD

GOLDEN = Path(__file__).parents[1] / "synth" / "golden"
ENFORCED = ["CreateModel", "Package", "Verify", "Stage-NA", "Gate", "Registration-NA"]


@pytest.fixture
def definition() -> dict[str, Any]:
    """What the app compiles for three regions, with a gate."""
    loaded: dict[str, Any] = json.loads((GOLDEN / "several_regions.json").read_text())
    return loaded


def job(name: str, after: str, **members: Any) -> dict[str, Any]:
    """A job of the user's own."""
    cluster = {"InstanceCount": 1, "InstanceType": "ml.m5.large", "VolumeSizeInGB": 30}
    return {
        "Name": name,
        "Type": "Processing",
        "DependsOn": [after],
        "Arguments": {"ProcessingResources": {"ClusterConfig": {**cluster, **members}}},
    }


def named(steps: tuple[StepTime, ...], name: str) -> StepTime:
    (step,) = [each for each in steps if each.name == name]
    return step


def jobs(definition: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for step in definition["Steps"]:
        if step["Type"] == "Processing":
            yield step["Arguments"]["ProcessingResources"]["ClusterConfig"]


def test_a_release_waits_for_two_jobs_one_after_the_other(definition: dict[str, Any]) -> None:
    time = release_time(definition, 1)

    assert [step.name for step in time.path] == ENFORCED
    assert time.job_starts == 2
    assert time.unknown_work == ()
    assert time.seconds == sum(step.seconds for step in time.path)
    assert 2 * figures.JOB_START.value < time.seconds < 4 * figures.JOB_START.value


def test_what_runs_after_a_failure_is_no_part_of_it(definition: dict[str, Any]) -> None:
    assert "VerificationFailed" not in [step.name for step in release_time(definition, 1).steps]


def test_each_job_moves_the_model_and_works_on_it(definition: dict[str, Any]) -> None:
    small, large = (release_time(definition, gb).steps for gb in (1, 2))

    for name in ("Package", "Verify", "Stage-NA"):
        assert named(large, name).transfer == pytest.approx(2 * named(small, name).transfer)
    assert named(large, "Package").work == pytest.approx(2 * named(small, "Package").work)
    package, verify = named(small, "Package"), named(small, "Verify")
    assert package.transfer > verify.transfer  # there and back
    load = 5  # of this pipeline, in its Verify step
    expected = 1000 / figures.UNPACKING.value + figures.SERVER_START.value + load
    assert verify.work == pytest.approx(expected)


def test_a_small_volume_slows_what_the_network_would_take(definition: dict[str, Any]) -> None:
    slow = named(release_time(definition, 10).steps, "Package")
    for cluster in jobs(definition):
        cluster["VolumeSizeInGB"] = 500
    fast = named(release_time(definition, 10).steps, "Package")

    assert fast.transfer < slow.transfer


def test_jobs_cost_their_instance_and_volume_while_they_are_paid(
    definition: dict[str, Any],
) -> None:
    package = named(release_time(definition, 1).steps, "Package")
    seconds = round(figures.BILLED_START.value + package.transfer + package.work)
    hourly = HOURLY_USD["ml.m5.xlarge"] + VOLUME_USD * 30 / MONTH_HOURS

    assert package.usd == hourly * seconds / 3600


def test_copies_to_other_regions_are_paid_by_the_gigabyte(definition: dict[str, Any]) -> None:
    steps = release_time(definition, 2).steps
    home, abroad = (named(steps, name).usd for name in ("Stage-NA", "Stage-EU"))

    assert home is not None
    assert abroad is not None
    assert abroad - home == 2 * TRANSFER_USD


def test_what_an_instance_costs_that_has_no_price_here_is_not_made_up(
    definition: dict[str, Any],
) -> None:
    next(jobs(definition))["InstanceType"] = "ml.p5.48xlarge"
    time = release_time(definition, 1)

    assert time.usd is None
    assert time.dollars == "an instance type's price is not known"


@pytest.mark.parametrize("gb", [0.5, figures.LARGEST_PART_GB, 20])
def test_staging_is_calculated_as_the_function_copies(
    definition: dict[str, Any], gb: float
) -> None:
    once = gb * 1000 / figures.REQUEST_RATE.value
    transfer = named(release_time(definition, gb).steps, "Stage-EU").transfer

    assert figures.PARTS_AT_ONCE == artifacts.CONCURRENT_PARTS
    assert pytest.approx(figures.PART_GB, rel=0.01) == artifacts.PART_BYTES / 1e9
    assert pytest.approx(figures.LARGEST_PART_GB, rel=0.01) == artifacts.LARGEST_PART_BYTES / 1e9
    assert transfer == pytest.approx(once if gb <= figures.LARGEST_PART_GB else once * 1.05)


def test_training_is_a_job_whose_own_work_is_not_known() -> None:
    time = release_time(json.loads((GOLDEN / "with_training.json").read_text()), 1)

    assert time.job_starts == 3
    assert time.unknown_work == ("Train",)
    assert time.minutes.endswith("3 job starts, without the work of Train")


def test_steps_side_by_side_count_once(definition: dict[str, Any]) -> None:
    before = release_time(definition, 1)
    definition["Steps"].append(job("Report", after="CreateModel"))

    assert release_time(definition, 1).seconds == before.seconds


def compared(old: dict[str, Any], new: dict[str, Any]) -> AppDiff:
    sides = (ComparedPipeline(name="p", definition=each) for each in (old, new))
    return AppDiff(pipelines=(compare(*sides),), stacks=())


def test_a_job_more_on_the_longest_way_shows_as_minutes_and_dollars(
    definition: dict[str, Any],
) -> None:
    new = copy.deepcopy(definition)
    new["Steps"].insert(2, job("Scan", after="Package"))
    next(step for step in new["Steps"] if step["Name"] == "Verify")["DependsOn"] = ["Scan"]
    before, after = release_time(definition, 1), release_time(new, 1)
    diff = compared(definition, new)
    (pipeline,) = diff.pipelines

    assert after.seconds - before.seconds == figures.JOB_START.value
    assert before.usd is not None
    assert after.usd is not None
    assert after.usd > before.usd > Decimal(0)
    assert [(each.what, each.before, each.after) for each in pipeline.release] == [
        ("a release of 1 GB takes", before.minutes, after.minutes),
        ("a release of 1 GB costs", before.dollars, after.dollars),
    ]
    assert "3 job starts, without the work of Scan" in after.minutes
    assert f"a release of 1 GB takes: {before.minutes} → {after.minutes}" in as_text(diff).plain
    assert f"| a release of 1 GB costs | `{before.dollars}` | `{after.dollars}` |" in as_markdown(
        diff
    )


def test_what_takes_and_costs_the_same_is_not_told(definition: dict[str, Any]) -> None:
    new = copy.deepcopy(definition)
    new["Steps"][0]["DisplayName"] = "Model"
    (pipeline,) = compared(definition, new).pipelines

    assert pipeline.status == "changed"
    assert pipeline.release == ()


def test_a_definition_without_a_graph_is_compared_all_the_same(definition: dict[str, Any]) -> None:
    new = copy.deepcopy(definition)
    new["Steps"][1]["DependsOn"] = ["Nothing"]

    assert compared(definition, new).pipelines[0].release == ()
