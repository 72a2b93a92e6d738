"""The registration function under faults: killed, refused, cut off, and several at once.

A sample of what ``make faults`` runs at every call.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from benchmarks.faults.function_release import FunctionRelease
from benchmarks.faults.invariants import unreported
from benchmarks.faults.scenarios import (
    Scenario,
    call_plan,
    kills,
    lasting_faults,
    matching,
    released_files,
    run,
    single_faults,
)
from benchmarks.faults.world import HOME, REGIONS, Content, World, bucket_of
from constructs_lib.regions import EU
from tests.waiting import wait_until

PART = 5 * 1024**2
IN_PARTS = {"artifacts.LARGEST_PART_BYTES": PART, "artifacts.PART_BYTES": PART}
ONE_BY_ONE = {**IN_PARTS, "artifacts.CONCURRENT_PARTS": 1}
LARGE = 2 * PART + 1000


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    with World() as world:
        yield world


@pytest.fixture(scope="module")
def plan(world: World) -> dict[str, tuple[str, ...]]:
    return call_plan(world)


def _registered_once(world: World, content: Content) -> bool:
    registry = world.registry(content)
    expected = {str(code): [content.sha256] for code in REGIONS}
    return not list(registry.violations()) and registry.contents() == expected


def test_a_release_calls_what_the_faults_are_injected_in(plan: dict[str, tuple[str, ...]]) -> None:
    for code in ("NA", "EU"):
        assert plan[f"Stage-{code}"].count("UploadPartCopy") == 1
        *_, created, recorded, _, _, _, associated = plan[f"Registration-{code}"]
        assert (created, recorded, associated) == (
            "CreateModelPackage",
            "PutObject",
            "AddAssociation",
        )


def test_what_is_registered_is_what_the_definition_lets(world: World) -> None:
    slow = world.content(latency_p99_in_millisecond=100_000.0)

    outcomes = FunctionRelease(world, slow).run()

    assert [outcome.step for outcome in outcomes] == [f"Stage-{code}" for code in REGIONS]
    assert all(outcome.succeeded for outcome in outcomes)
    assert not any(world.registry(slow).contents().values())


def test_broken_invariants_are_noticed(world: World) -> None:
    content = world.content()
    FunctionRelease(world, content).run()
    registry = world.registry(content)
    (package,) = registry.packages("EU")
    uri = package["InferenceSpecification"]["Containers"][0]["ModelDataUrl"]
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    s3 = world.aws.client("s3", EU.aws_region)

    def violations() -> str:
        return "\n".join(registry.violations())

    assert violations() == ""
    s3.put_object(Bucket=bucket, Key=key, Body=content.artifact[:-1])
    assert "the artifact of model-package/" in violations()
    (half,) = released_files(world, content)
    assert "model.tar.gz is not what its job wrote" in half
    s3.delete_object(Bucket=bucket, Key=key)
    assert "points to no artifact" in violations()
    s3.put_object(Bucket=bucket, Key=key, Body=content.artifact)
    FunctionRelease(world, content, RegisterAgain="yes").run()
    assert "EU: 2 model packages of the content" in violations()
    assert list(unreported(registry, [], "another digest"))
    assert not list(unreported(registry, ["Registration-EU"], "another digest"))


SAMPLE = (
    # What happens to which call of a step, of several of that name the last or the first ones.
    ("Stage-NA", "killed after call {}", "PutObject", 1),  # its claim
    ("Stage-EU", "killed after call {}", "CompleteMultipartUpload", 0),
    ("Registration-NA", "killed after call {}", "CreateModelPackage", 0),
    ("Registration-EU", "killed before call {}", "PutObject", -1),  # its record
    ("Stage-NA", "call {} cut in its answer", "GetObject", 0),
    ("Stage-EU", "call {} cut in its answer", "GetObject", -1),
    ("Stage-EU", "call {} answered with a 500", "UploadPartCopy", 0),
    ("Stage-EU", "call {} served, its answer lost", "CompleteMultipartUpload", 0),
    ("Registration-EU", "call {} served, its answer lost", "CreateModelPackage", 0),
    ("Stage-NA", "every CompleteMultipartUpload throttled", "", 0),
    ("Stage-EU", "every CreateMultipartUpload denied", "", 0),
    ("Stage-EU", "every UploadPartCopy throttled", "", 0),
    ("Registration-NA", "every CreateModelPackage served, its answer lost", "", 0),
    ("Registration-EU", "killed before call {}", "AddAssociation", 0),
    ("Registration-EU", "every ListArtifacts denied", "", 0),
)


@pytest.mark.parametrize(("step", "what", "call", "which"), SAMPLE)
def test_no_fault_breaks_an_invariant(
    step: str, what: str, call: str, which: int, world: World, plan: dict[str, tuple[str, ...]]
) -> None:
    scenarios: dict[str, Scenario] = {
        scenario.label: scenario
        for scenarios in (kills(plan), single_faults(plan, every_call=True), lasting_faults(plan))
        for scenario in scenarios
    }
    if call:
        numbers = [number for number, each in enumerate(plan[step], start=1) if each == call]
        what = what.format(f"{numbers[which]} ({call})")
    label = f"{step}, {what}"

    result = run(world, scenarios[label])

    assert result.violations == ()


def test_a_partial_failure_names_its_region_and_what_to_do(
    world: World, plan: dict[str, tuple[str, ...]]
) -> None:
    content = world.content()
    denied = {"error": {"code": "AccessDeniedException", "status": 400}}
    rules = [{"service": "sagemaker", "operation": "CreateModelPackage", **denied}]

    outcomes = FunctionRelease(world, content).run({"Registration-EU": {"rules": rules}})

    (failed,) = [outcome for outcome in outcomes if not outcome.succeeded]
    assert failed.error.startswith("Registration in EU (eu-west-1) failed while registering")
    assert "Start the pipeline again with the same parameters" in failed.error
    registered = {"NA": [content.sha256], "EU": [], "FE": [content.sha256]}
    assert world.registry(content).contents() == registered
    FunctionRelease(world, content).run()
    assert _registered_once(world, content)


def test_what_another_running_execution_has_claimed_is_waited_for(world: World) -> None:
    content = world.content()
    first, second = FunctionRelease(world, content), FunctionRelease(world, content)
    assert first.stage(HOME).succeeded

    outcome = second.stage(EU, {"Stage-EU": {"settings": {"staging.LONGEST_WAIT_SECONDS": 0.2}}})

    assert f"{first.arn} still runs" in outcome.error
    assert outcome.error.startswith("Staging in EU (eu-west-1) failed while waiting for another")
    assert "UploadPartCopy" not in outcome.calls


def test_the_claim_of_an_execution_that_has_ended_is_taken_over(world: World) -> None:
    content = world.content()
    first = FunctionRelease(world, content)
    assert first.stage(HOME).outputs["state"] == "staged"
    first.end()

    second = FunctionRelease(world, content).run()

    assert all(outcome.succeeded for outcome in second)
    assert _registered_once(world, content)


def test_two_executions_of_the_same_content_at_once_register_it_once(world: World) -> None:
    content = world.content()
    first = FunctionRelease(world, content)
    second = FunctionRelease(world, content, world.more_functions())

    _at_once(first, second)

    assert all(outcome.succeeded for outcome in (*first.outcomes, *second.outcomes))
    assert _registered_once(world, content)


def test_two_executions_of_different_content_at_once_do_not_meet(world: World) -> None:
    contents = world.content(), world.content()
    first = FunctionRelease(world, contents[0])
    second = FunctionRelease(world, contents[1], world.more_functions())

    _at_once(first, second)

    for content in contents:
        assert _registered_once(world, content)


def _at_once(*releases: FunctionRelease) -> None:
    threads = [Thread(target=release.run) for release in releases]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def _staged_and_failed(world: World, content: Content) -> FunctionRelease:
    """Stage at home, and fail in the other region, as an execution that can be retried."""
    release = FunctionRelease(world, content)
    denied = {"error": {"code": "AccessDenied", "status": 403}}
    rules = [{**matching("UploadPartCopy"), **denied}]
    release.run({"Stage-EU": {"rules": rules}})
    assert [outcome.succeeded for outcome in release.outcomes] == [True, False, True]
    return release


def test_a_retried_execution_registers_nothing_that_another_one_has(world: World) -> None:
    content = world.content()
    first = _staged_and_failed(world, content)
    at_home = first.outcomes[0].outputs
    FunctionRelease(world, content).run()

    first.retry()
    in_europe, *registered = first.run()

    assert at_home["state"] == "staged"
    # The steps that have succeeded are not executed again.
    assert in_europe.step == "Stage-EU"
    assert in_europe.outputs["state"] == "registered"
    assert [outcome.step for outcome in registered] == [f"Registration-{code}" for code in REGIONS]
    assert all(outcome.succeeded for outcome in registered)
    assert "CreateModelPackage" not in {call for each in registered for call in each.calls}
    assert _registered_once(world, content)


def test_a_retried_execution_that_lost_its_claim_registers_nothing(world: World) -> None:
    content = world.content()
    first = _staged_and_failed(world, content)
    second = FunctionRelease(world, content)
    staged = second.stage(HOME)

    first.retry()
    lost = [first.stage(EU), first.register(HOME)]
    first.end()
    taken_over = second.run()

    assert staged.succeeded
    for outcome in lost:
        assert f"taken over by another execution ({second.arn})" in outcome.error
    assert all(outcome.succeeded for outcome in taken_over)
    assert _registered_once(world, content)


@pytest.mark.parametrize("unconditional", [False, True])
def test_a_claim_whose_writing_takes_long_writes_over_no_other(
    unconditional: bool, world: World, tmp_path: Path
) -> None:
    content = world.content()
    first = FunctionRelease(world, content)
    second = FunctionRelease(world, content, world.more_functions())
    held = {"key": "/claims/", "reached": f"{tmp_path}/reached", "until": f"{tmp_path}/until"}
    options = {"Stage-NA": {"hold": held, "unconditional": unconditional}}
    slow = Thread(target=second.stage, args=(HOME, options))

    slow.start()
    wait_until((tmp_path / "reached").exists, 120)
    staged = [first.stage(code) for code in REGIONS]
    (tmp_path / "until").touch()
    if unconditional:
        slow.join()
    outcomes = first.run()[len(staged) :]
    slow.join()
    second.end()

    # Without the condition of the write, the first one's claim would be gone.
    assert all(each.succeeded for each in outcomes) is not unconditional
    assert _registered_once(world, content) is not unconditional


def test_content_is_registered_again_once_per_execution_that_asks(world: World) -> None:
    content = world.content()
    FunctionRelease(world, content).run()

    FunctionRelease(world, content, RegisterAgain="yes").run()

    registry = world.registry(content)
    assert registry.contents()["EU"] == [content.sha256] * 2
    assert list(registry.violations(copies=2)) == []


def _uploads(world: World) -> list[Any]:
    uploads: list[Any] = (
        world.aws.client("s3", EU.aws_region)
        .list_multipart_uploads(Bucket=bucket_of(EU))
        .get("Uploads", [])
    )
    return uploads


def _copied(world: World, content: Content) -> list[str]:
    listed = world.aws.client("s3", EU.aws_region).list_objects_v2(
        Bucket=bucket_of(EU), Prefix=f"{content.group}/"
    )
    return [each["Key"].rpartition("/")[2] for each in listed.get("Contents", ())]


def test_a_large_artifact_is_copied_in_parts_and_only_once(world: World) -> None:
    content = world.content(size=LARGE)
    release = FunctionRelease(world, content)
    options = {"Stage-EU": {"settings": IN_PARTS}}

    first, second = release.stage(EU, options), release.stage(EU, options)

    assert first.calls.count("UploadPartCopy") == 3
    assert first.succeeded
    assert second.succeeded
    assert "CreateMultipartUpload" not in second.calls
    assert not list(released_files(world, content))
    release.end()


def test_a_copy_in_parts_that_fails_leaves_neither_an_object_nor_an_upload(world: World) -> None:
    content = world.content(size=LARGE)
    denied = {"error": {"code": "AccessDenied", "status": 403}}
    rules = [
        {**matching("UploadPartCopy"), "times": 1},
        {**matching("UploadPartCopy"), **denied},
    ]
    options = {"settings": ONE_BY_ONE}

    outcomes = FunctionRelease(world, content).run({"Stage-EU": {**options, "rules": rules}})

    assert "AbortMultipartUpload" in outcomes[1].calls
    assert "UploadPartCopy" in outcomes[1].error
    assert _copied(world, content) == []
    assert _uploads(world) == []
    assert not any(world.registry(content).contents().values())
    FunctionRelease(world, content).run({"Stage-EU": options, "Registration-EU": options})
    assert _registered_once(world, content)


def test_a_copy_in_parts_that_is_killed_leaves_no_object(world: World) -> None:
    content = world.content(size=LARGE)
    options = {"settings": ONE_BY_ONE}
    undisturbed = FunctionRelease(world, world.content(size=LARGE)).run({"Stage-EU": options})[1]
    last_part = len(undisturbed.calls) - undisturbed.calls[::-1].index("UploadPartCopy")
    kill = {"number": last_part, "when": "after"}

    FunctionRelease(world, content).run({"Stage-EU": {**options, "kill": kill}})

    assert _copied(world, content) == []
    (upload,) = _uploads(world)  # the bucket's lifecycle aborts it
    assert upload["Key"].startswith(content.group)
    FunctionRelease(world, content).run({"Stage-EU": options, "Registration-EU": options})
    assert _registered_once(world, content)
