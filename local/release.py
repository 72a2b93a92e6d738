"""Deploys the app to an embedded AWS and releases models there, telling a person how it goes."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from boto3.exceptions import S3UploadFailedError
from botocore.exceptions import BotoCoreError, ClientError
from rich.console import Console
from rich.markup import escape
from rich.text import Text

from constructs_lib.aws.cloud_assembly import CloudAssembly
from constructs_lib.aws.handle import AwsHandle
from constructs_lib.errors import ReleaseError
from constructs_lib.release.incoming import (
    ModelArtifactError,
    incoming_uri,
    model_file,
    upload_model,
)
from constructs_lib.terminal.lines import print_fitted
from constructs_lib.terminal.paths import shown_path
from constructs_lib.terminal.progress import bytes_bar
from local.bootstrapping import bootstrap
from local.cdk import CdkCli
from local.outcome import Release, tell_release, tell_verification
from local.releases import registered_packages
from local.report import observe, write_report
from local.runner import (
    ConsoleReporter,
    EmulatedAws,
    Execution,
    ExecutionStatus,
    StepExecution,
    retry_execution,
    start_execution,
)

_SPINNER_WIDTH: Final = 6
"""Of the spinner and the blanks around it, and of an emoji that is wider than it seems."""


class NotRunningError(ReleaseError):
    """There is no embedded AWS at the endpoint."""

    exit_code = 3
    """As of commands whose AWS does not answer."""


def deploy_app(
    aws: AwsHandle, coming: Future[CloudAssembly], folder: Path, console: Console
) -> CloudAssembly:
    """Bootstrap the regions of the app and deploy all its stacks with the CDK CLI.

    Args:
        aws: Where to.
        coming: What is being synthesized.
        folder: For the log.
        console: Where to tell.

    Returns:
        What was deployed.

    Raises:
        ReleaseError: The app refuses its input, or the CDK CLI failed; names the log.
    """
    check_that_it_answers(aws)
    done = "Synthesized the app, without credentials, region or network"
    with doing("Synthesizing the app", done, console):
        assembly = coming.result()
    regions = ", ".join(assembly.regions)
    with doing(f"Bootstrapping {regions}", f"Bootstrapped {regions}", console):
        bootstrap(aws, assembly.regions)
    stacks = f"{len(assembly.stack_names)} stacks with the CDK CLI"
    with doing(f"Deploying {stacks}", f"Deployed {stacks}", console) as tell:
        log = folder / "cdk.log"
        CdkCli(aws.environment, log, app=str(assembly.folder), on_line=tell).deploy()
    return assembly


def check_that_it_answers(aws: AwsHandle) -> None:
    """Find out before anything is done.

    Raises:
        NotRunningError: No embedded AWS answers.
    """
    try:
        aws.client("sts").get_caller_identity()
    except (BotoCoreError, ClientError) as error:
        raise NotRunningError(
            f"No embedded AWS answers at {aws.endpoint_url}: {error}.\nStart one in another shell:"
            " release emulator"
        ) from error


def release(
    pipeline_name: str,
    model: str | None,
    *,
    aws: AwsHandle,
    state_dir: Path,
    console: Console,
    parameters: Mapping[str, str] | None = None,
) -> Execution:
    """Execute a deployed pipeline.

    Args:
        pipeline_name: Name of the pipeline in the embedded AWS.
        model: ``s3://`` URI of a model artifact, or a local file, which is uploaded first, to a
            key that names its content. None for a pipeline that trains its model.
        aws: Where the pipeline is deployed.
        state_dir: Keeps records and logs of executions.
        console: Where to tell.
        parameters: Values of other pipeline parameters.

    Raises:
        ReleaseError: The execution was not started; says why.
    """
    given = dict(parameters or {})
    if model is not None:
        given["ModelS3Uri"] = _model_uri(model, pipeline_name, aws, console)
    return start_execution(
        pipeline_name,
        given,
        aws=EmulatedAws.connect(aws.environment),
        state_dir=state_dir,
        on_event=_Reporter(aws, console, ConsoleReporter(console)),
    )


def retry(arn: str, *, aws: AwsHandle, state_dir: Path, console: Console) -> Execution:
    """Run the steps of an execution that did not succeed once more.

    Args:
        arn: The execution, which has failed or was stopped.
        aws: Where it ran.
        state_dir: Holds its record.
        console: Where to tell.

    Raises:
        ReleaseError: There is no record of it there, or SageMaker does not retry it.
    """
    return retry_execution(
        arn,
        aws=EmulatedAws.connect(aws.environment),
        state_dir=state_dir,
        on_event=_Reporter(aws, console, ConsoleReporter(console)),
    )


@dataclass(frozen=True)
class _Reporter:
    """Tells of an execution as it runs, and writes its report however it ends."""

    aws: AwsHandle
    console: Console
    tell: ConsoleReporter

    def __call__(self, execution: Execution, step: StepExecution | None) -> None:
        self.tell(execution, step)
        if step is not None or execution.status is ExecutionStatus.EXECUTING:
            return
        observe(execution, self.aws.client)
        report = write_report(execution.folder)
        if execution.status is not ExecutionStatus.SUCCEEDED:
            self.console.print(f"Run report: {shown_path(report)}", soft_wrap=True)


def _model_uri(model: str, pipeline_name: str, aws: AwsHandle, console: Console) -> str:
    if model.startswith("s3://"):
        return model
    path = model_file(model)
    check_that_it_answers(aws)
    uri = incoming_uri(pipeline_name, _definition(pipeline_name, aws), path)
    try:
        upload_model(aws.client("s3"), path, uri, console)
    except (BotoCoreError, ClientError, S3UploadFailedError) as error:
        raise ModelArtifactError(f"Cannot upload {shown_path(model)} to {uri}: {error}.") from error
    return uri


def _definition(pipeline_name: str, aws: AwsHandle) -> dict[str, Any]:
    try:
        description = aws.client("sagemaker").describe_pipeline(PipelineName=pipeline_name)
    except (BotoCoreError, ClientError) as error:
        raise ModelArtifactError(
            f"Cannot upload a model for the pipeline {pipeline_name!r} in {aws.region}: {error}."
            " Is it deployed there, or in another region?"
        ) from error
    definition: dict[str, Any] = json.loads(description["PipelineDefinition"])
    return definition


def collect(
    execution: Execution, aws: AwsHandle, console: Console, *, save_model_to: Path
) -> Release:
    """Find what an execution registered in each region, save the packaged model, and tell it all.

    Args:
        execution: An execution that has ended. Nothing is looked for if it failed.
        aws: Where it ran.
        console: Where to tell.
        save_model_to: The packaged ``model.tar.gz`` is written there.
    """
    tell_verification(execution, console)
    if execution.status is not ExecutionStatus.SUCCEEDED:
        return Release(execution)
    description = aws.client("sagemaker").describe_pipeline(PipelineName=execution.pipeline_name)
    packages = registered_packages(
        json.loads(description["PipelineDefinition"]),
        execution.arn,
        home_region=aws.region,
        sagemaker=lambda region: aws.client("sagemaker", region),
    )
    if packages:
        _save(packages[0].artifact_uri, save_model_to, aws.client("s3"), console)
    made = Release(execution, tuple(packages), save_model_to if packages else None)
    tell_release(made, console)
    return made


def _save(artifact_uri: str, path: Path, s3: Any, console: Console) -> None:
    bucket, key = artifact_uri.removeprefix("s3://").split("/", 1)
    size = s3.head_object(Bucket=bucket, Key=key)["ContentLength"]
    with bytes_bar(f"Saving {path.name}", size, console) as advance:
        s3.download_file(bucket, key, str(path), Callback=advance)


@contextmanager
def doing(what: str, done: str, console: Console) -> Iterator[Callable[[str], None]]:
    """Tell what was done and how long it took; on a terminal, before, what is being done.

    Yields:
        Takes a line of news to show until the next one.
    """
    started = time.monotonic()
    room = max(console.width - len(what) - _SPINNER_WIDTH, 0)
    with console.status(what) as status:

        def tell(line: str) -> None:
            news = " ".join(line.split())[:room]
            status.update(f"{what} [dim]{escape(news)}[/]")

        yield tell
    seconds = time.monotonic() - started
    print_fitted(
        console, Text.assemble(("✓", "green"), f" {done} ", (f"({seconds:.1f} s)", "dim")), hang=2
    )
