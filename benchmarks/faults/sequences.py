"""Sequences of executions of the deployed pipeline: tampered with, retried, and with slow claims.

What decides is the definition: its own conditions are executed, in three regions, and every call is
decided by the deployed policies.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from botocore.exceptions import ClientError

from benchmarks.faults.deployed import PIPELINE, Deployed, Run, not_registered_once
from benchmarks.faults.scenarios import ScenarioResult, matching
from local.runner import Execution, ExecutionStatus, StepExecution, StepStatus, retry_execution

_SLOW_MILLISECONDS = 1500
_DENIED = {"error": {"code": "AccessDenied", "status": 403}}
_DENIED_IN_THE_THIRD_REGION = {
    **matching("UploadPartCopy"),
    "resource": "us-west-2",
    **_DENIED,
}
_OTHER_SHA256 = "ab" * 32
_OVERWRITTEN = "releases and claims"
_RETRIED = "registered by another one"
_TAKEN_OVER = "taken over by another one"
_LATE = "claims are written late"


@dataclass(frozen=True)
class Tampering:
    """What somebody replaces below the temporary folder of an execution, after a step."""

    label: str
    after: str
    file: str
    change: Callable[[bytes], bytes]


def _with(**members: Any) -> Callable[[bytes], bytes]:
    return lambda content: json.dumps({**json.loads(content), **members}).encode()


TAMPERINGS: tuple[Tampering, ...] = (
    Tampering(
        "another artifact, before it is verified",
        "Package",
        "Package/model/model.tar.gz",
        lambda content: content + b"\0",
    ),
    Tampering(
        "another artifact, once it is verified",
        "Verify",
        "Package/model/model.tar.gz",
        lambda content: content[:-1],
    ),
    Tampering(
        "a manifest of another artifact",
        "Verify",
        "Package/manifest.json",
        _with(sha256=_OTHER_SHA256),
    ),
    Tampering(
        "a manifest of another checksum and size",
        "Verify",
        "Package/manifest.json",
        _with(size_bytes=1),
    ),
    Tampering(
        "an evaluation of another artifact",
        "Verify",
        "Verify/evaluation.json",
        _with(artifact={"sha256": _OTHER_SHA256}),
    ),
    Tampering(
        "another sample payload",
        "Verify",
        "Package/files/payload.tar.gz",
        lambda content: content + b"\0",
    ),
    Tampering(
        "another registration request",
        "Verify",
        "Package/files/registration.json",
        _with(regions={}),
    ),
)


def run_tampered(deployed: Deployed, tampering: Tampering) -> ScenarioResult:
    """Release a new model while somebody replaces a file, and once more without."""
    model, before = deployed.new_model(), deployed.registry.contents()
    done: list[str] = []

    def tamper(execution: Execution, step: StepExecution | None) -> None:
        is_due = step is not None and step.status is StepStatus.SUCCEEDED and not done
        if step is not None and is_due and step.name == tampering.after:
            done.append(step.name)
            _replace(deployed, f"tmp/{PIPELINE}/{execution.id}/{tampering.file}", tampering.change)

    first = deployed.execute(model, tamper)
    found = [] if done else ["nothing was replaced"]
    if first.status is ExecutionStatus.SUCCEEDED:
        found.append("the execution succeeded")
    if deployed.registry.contents() != before:
        found.append("something was registered")
    found += not_registered_once(deployed, before, deployed.execute(model), "execution")
    label = f"{tampering.label}, after {tampering.after}"
    reasons = (str(first.failure_reason),)
    return ScenarioResult(label, 1, survived=False, violations=tuple(found), reasons=reasons)


def _replace(deployed: Deployed, key: str, change: Callable[[bytes], bytes]) -> None:
    s3, bucket = deployed.aws.client("s3"), deployed.artifact_bucket
    content = s3.get_object(Bucket=bucket, Key=key)["Body"].read()
    s3.put_object(Bucket=bucket, Key=key, Body=change(content))


def run_overwritten(deployed: Deployed) -> ScenarioResult:
    """Try to write over what is released, with the permissions of an administrator."""
    execution = deployed.execute(deployed.new_model())
    s3, bucket = deployed.aws.client("s3"), deployed.artifact_bucket
    listed = s3.list_objects_v2(Bucket=bucket, Prefix=f"{PIPELINE}/releases/")["Contents"]
    keys = [
        each["Key"] for each in listed if execution.id in each["Key"] or "/claims/" in each["Key"]
    ]
    found = [key for key in keys if not _is_refused(s3, bucket, key)]
    violations = [f"{key} was written over" for key in found] if keys else ["nothing is released"]
    return ScenarioResult(_OVERWRITTEN, len(keys), survived=True, violations=tuple(violations))


def _is_refused(s3: Any, bucket: str, key: str) -> bool:
    try:
        s3.put_object(Bucket=bucket, Key=key, Body=b"another")
    except ClientError as error:
        return bool(error.response["Error"]["Code"] == "AccessDenied")
    return False


def run_retried(deployed: Deployed) -> ScenarioResult:
    """Let A fail where it stages, B register the content, and A be retried."""
    model, before = deployed.new_model(), deployed.registry.contents()
    first = deployed.execute_under([_DENIED_IN_THE_THIRD_REGION], model)
    found = list(_was_staged_at_home(first))
    found += not_registered_once(deployed, before, deployed.execute(model), "execution")
    found += not_registered_once(deployed, before, _retry(deployed, first), "retried execution")
    return ScenarioResult(_RETRIED, 1, survived=True, violations=tuple(found))


def run_retried_after_takeover(deployed: Deployed) -> ScenarioResult:
    """Let A and then B fail where they stage, and A be retried; C registers."""
    model, before = deployed.new_model(), deployed.registry.contents()
    first = deployed.execute_under([_DENIED_IN_THE_THIRD_REGION], model)
    second = deployed.execute_under([_DENIED_IN_THE_THIRD_REGION], model)
    retried = _retry(deployed, first)
    found = list(_was_staged_at_home(first))
    if second.arn not in str(retried.failure_reason):
        found.append(f"the retried execution does not tell of the other: {retried.failure_reason}")
    if deployed.registry.contents() != before:
        found.append("something was registered")
    found += not_registered_once(deployed, before, deployed.execute(model), "execution")
    return ScenarioResult(_TAKEN_OVER, 2, survived=False, violations=tuple(found))


def _was_staged_at_home(execution: Execution) -> Iterator[str]:
    outputs = execution.step("Stage-NA").properties.get("OutputParameters", {})
    if execution.status is ExecutionStatus.SUCCEEDED or outputs.get("state") != "staged":
        yield f"the execution to retry is not one that was new at home: {outputs}"


def _retry(deployed: Deployed, execution: Execution) -> Execution:
    return retry_execution(
        execution.arn,
        aws=deployed.runner_aws(),
        state_dir=deployed.state_folder,
        sleep=lambda _seconds: None,
    )


def run_with_slow_claims(deployed: Deployed) -> ScenarioResult:
    """Execute twice at once, with claims that are written long after they were found missing."""
    # Nothing else is text: claims, and records of what is registered.
    written = {"content-type": "text/plain", "if-none-match": "*"}
    slow = {
        "service": "s3",
        "operation": "PutObject",
        "headers": written,
        "latency": _SLOW_MILLISECONDS,
    }
    violations, faults = deployed.executed_at_once([slow])
    found = (*violations, *(() if faults else ("nothing was injected",)))
    return ScenarioResult(_LATE, faults, survived=True, violations=found)


SEQUENCES: Sequence[tuple[str, str, Run]] = (
    *(
        ("pipeline: tampered with", each.label, partial(run_tampered, tampering=each))
        for each in TAMPERINGS
    ),
    ("pipeline: written over", _OVERWRITTEN, run_overwritten),
    ("pipeline: retried", _RETRIED, run_retried),
    ("pipeline: retried", _TAKEN_OVER, run_retried_after_takeover),
    ("pipeline: executed at once", _LATE, run_with_slow_claims),
)
"""Every sequence, by the row of the table that it belongs in and its label."""
