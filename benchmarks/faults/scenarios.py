"""Faults around every AWS call of the registration function, and what has to come of each."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from benchmarks.faults.function_release import FunctionRelease
from benchmarks.faults.invariants import other_files, unreported
from benchmarks.faults.world import (
    FILE_NAMES,
    HOME,
    REGIONS,
    Content,
    Faults,
    Outcome,
    World,
    bucket_of,
)
from constructs_lib.regions import EU

_S3_CALLS = frozenset(
    {
        "AbortMultipartUpload",
        "CompleteMultipartUpload",
        "CopyObject",
        "CreateMultipartUpload",
        "GetObject",
        "HeadObject",
        "ListObjectsV2",
        "PutObject",
        "UploadPartCopy",
    }
)
_LATE = "answered too late"
_LATE_MILLISECONDS = 2500
_TIMEOUT_SECONDS = 1.0


@dataclass(frozen=True)
class ScenarioResult:
    """What came of one scenario."""

    scenario: str
    faults: int
    survived: bool
    """Whether the execution succeeded in spite of the faults."""
    violations: tuple[str, ...]
    reasons: tuple[str, ...] = ()
    """Why steps failed, as SageMaker would show it."""


@dataclass(frozen=True)
class Scenario:
    """One fault in one release, by the row of the table that it belongs in."""

    row: str
    label: str
    faults: Faults


def _error(s3: str, sagemaker: str, s3_status: int, sagemaker_status: int) -> Mapping[bool, Any]:
    return {
        True: {"error": {"code": s3, "status": s3_status}},
        False: {"error": {"code": sagemaker, "status": sagemaker_status}},
    }


def _effect(**members: Any) -> Mapping[bool, Any]:
    return {True: members, False: members}


KINDS: Mapping[str, Mapping[bool, Any]] = {
    "throttled": _error("SlowDown", "ThrottlingException", 503, 400),
    "answered with a 500": _error("InternalError", "InternalFailure", 500, 500),
    "denied": _error("AccessDenied", "AccessDeniedException", 403, 400),
    _LATE: _effect(latency=_LATE_MILLISECONDS),
    "cut before it is served": _effect(reset=True),
    "served, its answer lost": _effect(response={"abort_bytes": 0}),
    "cut in its answer": _effect(response={"abort_bytes": 1}),
}
"""The effect of a fault on a call of S3 (True) or of SageMaker, in the proxy's words."""


_MATCHES: Mapping[str, Mapping[str, Any]] = {
    "CopyObject": {"operation": "PutObject", "headers": {"x-amz-copy-source": ""}},
    "UploadPartCopy": {"operation": "PutObject", "headers": {"x-amz-copy-source-range": ""}},
    "CompleteMultipartUpload": {
        "operation": "CreateMultipartUpload",
        "headers": {"if-none-match": ""},
    },
    "CreateMultipartUpload": {
        "operation": "CreateMultipartUpload",
        "headers": {"x-amz-checksum-algorithm": ""},
    },
}
"""Calls as the proxy sees them; it knows every other one by its name."""
_WITHOUT_BODY = frozenset({"HeadObject", "PutObject"})


def matching(call: str) -> dict[str, Any]:
    """Return the part of a rule that matches a call."""
    return {"service": "*", **_MATCHES.get(call, {"operation": call})}


def _applies(kind: str, call: str) -> bool:
    return kind != "cut in its answer" or call not in _WITHOUT_BODY


_FAULTY = (HOME, EU)
"""Where faults are injected: whatever is called in one region out of home is called in another."""


def call_plan(world: World) -> dict[str, tuple[str, ...]]:
    """Run a release without faults; returns the AWS calls of each step to disturb, in order."""
    release = FunctionRelease(world, world.content())
    calls = {outcome.step: outcome.calls for outcome in release.run()}
    return {step: calls[step] for step in calls if step.endswith(_FAULTY)}


def kills(plan: Mapping[str, Sequence[str]]) -> Iterator[Scenario]:
    """Let the function die before and after every call that it makes."""
    for when, row in (
        ("before", "process killed before a call"),
        ("after", "process killed, call served"),
    ):
        for step, calls in plan.items():
            for number, call in enumerate(calls, start=1):
                kill = {"number": number, "when": when}
                label = f"{step}, killed {when} call {number} ({call})"
                yield Scenario(row, label, {step: {"kill": kill}})


def single_faults(
    plan: Mapping[str, Sequence[str]], *, every_call: bool = False
) -> Iterator[Scenario]:
    """Let each call go wrong once, in every way.

    Args:
        plan: The calls of each step.
        every_call: All of them; otherwise the first and the last of each kind in each step.
    """
    for kind, effects in KINDS.items():
        for step, calls in plan.items():
            for number, call in enumerate(calls, start=1):
                if not _applies(kind, call) or not (every_call or _is_telling(calls, number)):
                    continue
                rules = [
                    *([{"service": "*", "times": number - 1}] if number > 1 else []),
                    {"service": "*", "times": 1, **effects[call in _S3_CALLS]},
                ]
                label = f"{step}, call {number} ({call}) {kind}"
                yield Scenario(f"one call {kind}", label, {step: _with_rules(kind, rules)})


def _is_telling(calls: Sequence[str], number: int) -> bool:
    call = calls[number - 1]
    return call not in calls[: number - 1] or call not in calls[number:]


def _with_rules(kind: str, rules: Sequence[dict[str, Any]]) -> dict[str, Any]:
    waiting = {"timeout_seconds": _TIMEOUT_SECONDS} if kind == _LATE else {}
    return {"rules": rules, **waiting}


def lasting_faults(plan: Mapping[str, Sequence[str]]) -> Iterator[Scenario]:
    """Every kind of call of every step goes wrong for as long as the step runs."""
    for kind, effects in KINDS.items():
        for step, calls in plan.items():
            distinct = sorted({call for call in calls if _applies(kind, call)})
            # Waiting for each of many attempts is slow: one kind of call shows it.
            for call in distinct[:1] if kind == _LATE else distinct:
                rules = [{**matching(call), **effects[call in _S3_CALLS]}]
                label = f"{step}, every {call} {kind}"
                yield Scenario(f"every such call {kind}", label, {step: _with_rules(kind, rules)})


def slow_connections(plan: Mapping[str, Sequence[str]]) -> Iterator[Scenario]:
    """Everything is slow, but not too slow."""
    for step in plan:
        for latency in (20, 60):
            rules = [
                {"service": "*", "latency": latency, "response": {"bandwidth_kbps": 20_000}},
            ]
            label = f"{step}, {latency} ms a call"
            yield Scenario("slow connection", label, {step: {"rules": rules}})


def run(world: World, scenario: Scenario) -> ScenarioResult:
    """Release a new content under the scenario's faults, and once more without any."""
    content = world.content()
    first = FunctionRelease(world, content).run(scenario.faults)
    faults = sum(outcome.faults for outcome in first)
    found = [] if faults else ["nothing was injected"]
    found += _after_faults(world, content, first)
    second = FunctionRelease(world, content).run()
    found += _after_rerun(world, content, second)
    return ScenarioResult(
        scenario.label,
        faults=faults,
        survived=all(outcome.succeeded for outcome in first),
        violations=tuple(found),
        reasons=tuple(outcome.error for outcome in first if outcome.error),
    )


def _after_faults(world: World, content: Content, outcomes: Sequence[Outcome]) -> Iterator[str]:
    registry = world.registry(content)
    yield from registry.violations()
    yield from released_files(world, content)
    failures = [outcome for outcome in outcomes if not outcome.succeeded]
    yield from unreported(registry, [outcome.step for outcome in failures], content.sha256)
    for outcome in failures:
        region = outcome.step.partition("-")[2]
        if outcome.killed:
            continue
        if outcome.defect or f" in {region} (" not in outcome.error:
            yield f"{outcome.step} failed without a reason to act on: {outcome.error or 'it hung'}"


def released_files(world: World, content: Content) -> Iterator[str]:
    """Name what is released of a content, and is not what its jobs wrote."""
    buckets = {code.aws_region: bucket_of(code) for code in REGIONS}
    written = {FILE_NAMES[name]: body for name, body in content.files().items()}
    yield from other_files(world.aws.client, buckets, f"{content.group}/", written)


def _after_rerun(world: World, content: Content, outcomes: Sequence[Outcome]) -> Iterator[str]:
    for outcome in outcomes:
        if not outcome.succeeded:
            yield f"{outcome.step} failed in the rerun: {outcome.error}"
    registry = world.registry(content)
    yield from registry.violations()
    expected = {str(code): [content.sha256] for code in REGIONS}
    if (contents := registry.contents()) != expected:
        yield f"the rerun ends with {contents}"
    yield from registry.untraced()
