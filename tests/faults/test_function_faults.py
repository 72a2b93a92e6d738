"""The registration function under faults: killed, refused, cut off, and several at once.

A sample of what ``make faults`` runs at every call.
"""

from __future__ import annotations

from collections.abc import Iterator
from threading import Thread
from typing import Any

import pytest

from benchmarks.faults.invariants import half_copies, unreported
from benchmarks.faults.scenarios import (
    Scenario,
    call_plan,
    kills,
    lasting_faults,
    matching,
    run,
    single_faults,
)
from benchmarks.faults.world import HOME, Content, FunctionRelease, World, bucket_of
from constructs_lib.regions import RegionCode

EU = RegionCode.EU
PART = 5 * 1024**2
IN_PARTS = {"multipart_threshold": PART, "multipart_chunksize": PART}
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
    expected = {"NA": [content.sha256], "EU": [content.sha256]}
    return not list(registry.violations()) and registry.contents() == expected


def test_a_release_calls_what_the_faults_are_injected_in(plan: dict[str, tuple[str, ...]]) -> None:
    assert plan["Stage-NA"].count("PutObject") == 1
    assert plan["Stage-EU"].count("CopyObject") == 5
    assert plan["Registration-EU"][-1] == "CreateModelPackage"


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
    copies = {EU.aws_region: bucket_of(EU)}
    (half,) = half_copies(world.aws.client, bucket_of(HOME), copies, f"{content.group}/")
    assert "model.tar.gz is not the object at home" in half
    s3.delete_object(Bucket=bucket, Key=key)
    assert "points to no artifact" in violations()
    s3.put_object(Bucket=bucket, Key=key, Body=content.artifact)
    FunctionRelease(world, content, register_again="yes").run()
    assert "EU: 2 model packages of the content" in violations()
    assert list(unreported(registry, [], "another digest"))
    assert not list(unreported(registry, ["Registration-EU"], "another digest"))


SAMPLE = (
    "Stage-NA, killed after call 2 (PutObject)",
    "Stage-EU, killed after call 7 (CopyObject)",
    "Registration-EU, killed after call 7 (CreateModelPackage)",
    "Stage-NA, call 1 (GetObject) cut in its answer",
    "Stage-EU, call 3 (GetObject) cut in its answer",
    "Stage-EU, call 7 (CopyObject) answered with a 500",
    "Registration-EU, call 7 (CreateModelPackage) served, its answer lost",
    "Stage-EU, every CopyObject throttled",
    "Registration-EU, every CreateModelPackage served, its answer lost",
)


@pytest.mark.parametrize("label", SAMPLE)
def test_no_fault_breaks_an_invariant(
    label: str, world: World, plan: dict[str, tuple[str, ...]]
) -> None:
    scenarios: dict[str, Scenario] = {
        scenario.label: scenario
        for scenarios in (kills(plan), single_faults(plan, every_call=True), lasting_faults(plan))
        for scenario in scenarios
    }

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
    assert world.registry(content).contents() == {"NA": [content.sha256], "EU": []}
    FunctionRelease(world, content).run()
    assert _registered_once(world, content)


def test_what_another_running_execution_has_claimed_is_waited_for(world: World) -> None:
    content = world.content()
    first, second = FunctionRelease(world, content), FunctionRelease(world, content)
    assert first.stage(HOME).succeeded

    outcome = second.stage(EU, {"Stage-EU": {"settings": {"_LONGEST_WAIT_SECONDS": 0.2}}})

    assert f"{first.arn} still runs" in outcome.error
    assert outcome.error.startswith("Staging in EU (eu-west-1) failed while waiting for another")
    assert "CopyObject" not in outcome.calls


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


def test_content_is_registered_again_once_per_execution_that_asks(world: World) -> None:
    content = world.content()
    FunctionRelease(world, content).run()

    FunctionRelease(world, content, register_again="yes").run()

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
    options = {"Stage-EU": {"transfer": IN_PARTS}}

    first, second = release.stage(EU, options), release.stage(EU, options)

    assert first.calls.count("UploadPartCopy") == 3
    assert first.succeeded
    assert second.succeeded
    assert not {"CopyObject", "CreateMultipartUpload"} & set(second.calls)
    copies = {EU.aws_region: bucket_of(EU)}
    assert not list(half_copies(world.aws.client, bucket_of(HOME), copies, f"{content.group}/"))
    release.end()


def test_a_copy_in_parts_that_fails_leaves_neither_an_object_nor_an_upload(world: World) -> None:
    content = world.content(size=LARGE)
    denied = {"error": {"code": "AccessDenied", "status": 403}}
    rules = [
        {**matching("UploadPartCopy"), "times": 1},
        {**matching("UploadPartCopy"), **denied},
    ]
    options = {"transfer": {**IN_PARTS, "max_concurrency": 1}}

    outcomes = FunctionRelease(world, content).run({"Stage-EU": {**options, "rules": rules}})

    assert "AbortMultipartUpload" in outcomes[1].calls
    assert "UploadPartCopy" in outcomes[1].error
    assert _copied(world, content) == []
    assert _uploads(world) == []
    assert world.registry(content).contents() == {"NA": [], "EU": []}
    FunctionRelease(world, content).run({"Stage-EU": options})
    assert _registered_once(world, content)


def test_a_copy_in_parts_that_is_killed_leaves_no_object(world: World) -> None:
    content = world.content(size=LARGE)
    options = {"transfer": {**IN_PARTS, "max_concurrency": 1}}
    undisturbed = FunctionRelease(world, world.content(size=LARGE)).run({"Stage-EU": options})[1]
    last_part = len(undisturbed.calls) - undisturbed.calls[::-1].index("UploadPartCopy")
    kill = {"number": last_part, "when": "after"}

    FunctionRelease(world, content).run({"Stage-EU": {**options, "kill": kill}})

    assert _copied(world, content) == []
    (upload,) = _uploads(world)  # the bucket's lifecycle aborts it
    assert upload["Key"].startswith(content.group)
    FunctionRelease(world, content).run({"Stage-EU": options})
    assert _registered_once(world, content)
