"""Time the commands of registered versions beside the plain calls that list the versions.

Run it with ``make bench-registry``, or directly::

    python -m benchmarks.registry --versions 1000

Three regions of an embedded AWS get as many versions each. A command is timed as a user sees it,
with the start of its process; its floor is a process that only lists all versions, one region after
the other, 100 by a call. How many calls each made is counted in the log of the embedded AWS, which
answers in no time: in AWS, a call takes 50 to 200 ms.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from constructs_lib.aws.handle import without_aws_variables
from local.emulator import EmbeddedAws

WANTED_SECONDS: Final = 2
_ROOT: Final = Path(__file__).parents[1]
_NAME: Final = "returns-risk"
_BUCKET: Final = "registry"
_REGIONS: Final = ("us-east-1", "eu-west-1", "us-west-2")
_SMALLEST: Final = 12
_ROUNDS: Final = 3
_LIST: Final = f"""\
import boto3
for region in {_REGIONS}:
    client = boto3.client("sagemaker", region_name=region)
    for page in client.get_paginator("list_model_packages").paginate(
        ModelPackageGroupName="{_NAME}", PaginationConfig={{"PageSize": 100}}
    ):
        assert page["ModelPackageSummaryList"]
"""


@dataclass(frozen=True)
class Timed:
    """What a process took: the least of some runs."""

    seconds: float
    calls: int


def main() -> None:
    """Fill an embedded AWS, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--versions", type=int, default=1000, help="of each region")
    parser.add_argument("--smallest", action="store_true", help="few versions, to see it run")
    options = parser.parse_args()
    versions, rounds = (_SMALLEST, 1) if options.smallest else (options.versions, _ROUNDS)
    with TemporaryDirectory() as folder:
        log = Path(folder, "emulator.log")
        with EmbeddedAws(log_file=log, permissions=False) as aws:
            say(f"Filling {len(_REGIONS)} regions with {versions:,} versions each ...")
            _fill(aws, versions)
            _measure(aws, log, versions, rounds)


def _measure(aws: EmbeddedAws, log: Path, versions: int, rounds: int) -> None:
    timed = partial(_timed, aws, log, rounds)
    floor = timed(["-c", _LIST])
    say(f"Commands of {versions:,} versions in 3 regions; wanted: {WANTED_SECONDS} s each")
    say(f"{'':34}{'seconds':>9}{'of the floor':>14}{'calls':>7}")
    say(f"{'plain calls that list all':34}{floor.seconds:9.2f}{1:13.2f}x{floor.calls:7}")
    for arguments in (
        ("packages", _NAME),
        ("packages", _NAME, "--compare", str(versions - 1), str(versions)),
        ("packages", _NAME, "--compare", "1", str(versions)),
        ("approve", _NAME, "--yes"),
        ("approve", _NAME, "--yes", "--version", str(versions // 2)),
    ):
        took = timed(["cli.py", *arguments])
        name = " ".join(arguments).replace(f" {_NAME}", "")
        ratio = took.seconds / floor.seconds
        say(f"{name:34}{took.seconds:9.2f}{ratio:13.2f}x{took.calls:7}")


def _fill(aws: EmbeddedAws, versions: int) -> None:
    s3 = aws.client("s3")
    s3.create_bucket(Bucket=_BUCKET)
    evaluation = json.dumps({"load": {"latency_in_millisecond": {"p50": 3.25}}})
    for version in range(1, versions + 1):
        s3.put_object(Bucket=_BUCKET, Key=_evaluation_key(version), Body=evaluation)
    steps = [
        {
            "Name": f"Registration-{region}",
            "Type": "Lambda",
            "Arguments": {"aws_region": region, "model_package_group_name": _NAME},
        }
        for region in _REGIONS
    ]
    aws.client("sagemaker").create_pipeline(
        PipelineName=_NAME,
        PipelineDefinition=json.dumps({"Version": "2020-12-01", "Steps": steps}),
        RoleArn="arn:aws:iam::123456789012:role/pipeline",
        ClientRequestToken="x" * 32,
    )
    clients = [aws.client("sagemaker", region) for region in _REGIONS]
    with ThreadPoolExecutor(len(clients)) as regions:
        list(regions.map(partial(_register, versions), clients))


def _register(versions: int, sagemaker: Any) -> None:
    sagemaker.create_model_package_group(ModelPackageGroupName=_NAME)
    for version in range(1, versions + 1):
        sagemaker.create_model_package(
            ModelPackageGroupName=_NAME,
            ModelApprovalStatus="PendingManualApproval",
            CustomerMetadataProperties={
                "artifact_sha256": f"{version:064x}",
                "latency_p99_in_millisecond": "12.5",
                "evaluation": f"s3://{_BUCKET}/{_evaluation_key(version)}",
            },
        )


def _evaluation_key(version: int) -> str:
    return f"{_NAME}/{version}/evaluation.json"


def _timed(aws: EmbeddedAws, log: Path, rounds: int, arguments: Sequence[str]) -> Timed:
    seconds = []
    for _ in range(rounds):
        before = _calls(log)
        started = time.perf_counter()
        subprocess.run(
            [sys.executable, *arguments],
            cwd=_ROOT,
            env={**without_aws_variables(os.environ), **aws.environment()},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            check=True,
        )
        seconds.append(time.perf_counter() - started)
    return Timed(min(seconds), _calls(log) - before)


def _calls(log: Path) -> int:
    return log.read_text().count("HTTP/1.1")


def say(line: str) -> None:
    """Print a line as soon as it is known."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
