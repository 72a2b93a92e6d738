"""Lets what was registered answer on an embedded AWS, telling a person how it goes."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Iterable
from pathlib import Path, PurePath
from typing import Any, Final

from rich.console import Console
from rich.text import Text

from constructs_lib.aws.handle import AwsHandle
from constructs_lib.endpoints.answers import CONTENT_TYPES, ask
from constructs_lib.endpoints.deployment import DeploymentExecution
from constructs_lib.endpoints.state import ServedState, read_states
from constructs_lib.endpoints.watch import follow
from constructs_lib.endpoints.workflow import Workflow, find_workflow, start_workflow
from constructs_lib.errors import ReleaseError
from constructs_lib.terminal.lines import print_fitted
from constructs_lib.terminal.paths import shown_path
from local.outcome import Release
from local.releases import RegisteredPackage
from local.report import write_deployment

_POLL_SECONDS: Final = 0.2


class NotServingError(ReleaseError):
    """A deployment on the embedded AWS was taken back."""


def serve(made: Release, aws: AwsHandle, folder: Path, console: Console) -> None:
    """Approve a version in every region, deploy it, and ask each region; nothing without endpoints.

    Args:
        made: What an execution has registered.
        aws: Where it is registered.
        folder: For a folder with the deployment's record and page.
        console: Where to tell.

    Raises:
        NotServingError: The deployment was taken back; says why.
    """
    packages, execution = made.packages, made.execution
    workflow = find_workflow(aws, execution.pipeline_name, execution.arn)
    if not packages or workflow is None:
        return
    approve(aws, packages)
    places = ", ".join(each.region for each in packages)
    console.print()
    print_fitted(console, Text.assemble(("✓", "green"), f" Approved in {places}"), hang=2)
    deployment, page = deploy(aws, workflow, folder, console)
    console.print(f"Deployment report: {shown_path(page)}", soft_wrap=True)
    if not deployment.has_succeeded:
        raise NotServingError(f"The version does not serve: {deployment.failure}")
    console.print()
    name, request = sample_request(aws, packages[0])
    for state in read_states(aws, workflow):
        _tell_answer(aws, state, name, request, console)


def approve(aws: AwsHandle, packages: Iterable[RegisteredPackage]) -> None:
    """Approve a version in each region."""
    for package in packages:
        aws.client("sagemaker", package.region).update_model_package(
            ModelPackageArn=package.arn, ModelApprovalStatus="Approved"
        )


def deploy(
    aws: AwsHandle, workflow: Workflow, folder: Path, console: Console
) -> tuple[DeploymentExecution, Path]:
    """Deploy the newest approved version, and follow that to its end, good or bad.

    Args:
        aws: Where to.
        workflow: Of its pipeline.
        folder: For a folder with the deployment's record and page.
        console: Where to tell.

    Returns:
        What became of it, and the page about it.
    """
    arn = start_workflow(aws, workflow, "deploy")
    pages: list[Path] = []

    def record(description: dict[str, Any], events: list[dict[str, Any]]) -> None:
        pages.append(write_deployment(folder / arn.rpartition(":")[2], description, events, aws))

    states = aws.client("stepfunctions")
    deployment = follow(states, arn, console, poll_seconds=_POLL_SECONDS, record=record)
    return deployment, pages[0]


def sample_request(aws: AwsHandle, package: RegisteredPackage) -> tuple[str, bytes]:
    """Read the first of the version's own sample requests whose name tells what it is.

    Raises:
        NotServingError: There is none.
    """
    bucket, key = package.sample_payload_uri.removeprefix("s3://").split("/", 1)
    s3 = aws.client("s3", package.region)
    archive = io.BytesIO(s3.get_object(Bucket=bucket, Key=key)["Body"].read())
    with tarfile.open(fileobj=archive) as files:
        for member in files:
            content = files.extractfile(member)
            if content is not None and PurePath(member.name).suffix in CONTENT_TYPES:
                return member.name, content.read()
    raise NotServingError(f"{package.sample_payload_uri} holds no request that can be sent.")


def _tell_answer(
    aws: AwsHandle, state: ServedState, name: str, request: bytes, console: Console
) -> None:
    kind = CONTENT_TYPES[PurePath(name).suffix]
    runtime = aws.client("sagemaker-runtime", state.aws_region)
    answer = ask(runtime, state.endpoint, request, content_type=kind, accept=None)
    line = Text.assemble(
        (f"{state.region_code}  {state.aws_region}  version {state.version}", "bold"),
        f"  {answer.milliseconds:.0f} ms  {answer.body.decode().strip()}",
    )
    print_fitted(console, line, hang=2)
