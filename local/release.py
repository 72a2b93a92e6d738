"""Deploys the app to an embedded AWS and releases models there, telling a person how it goes."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import boto3
from boto3.exceptions import S3UploadFailedError
from botocore.exceptions import BotoCoreError, ClientError
from rich.console import Console

from constructs_lib.errors import ReleaseError
from local.cdk import CdkCli
from local.deployment import Assembly, synthesize
from local.emulator import ACCOUNT_ID, DEFAULT_REGION, environment_for
from local.releases import RegisteredPackage, registered_packages
from local.report import REPORT_NAME, observe, write_report
from local.runner import (
    ConsoleReporter,
    EmulatedAws,
    Execution,
    ExecutionStatus,
    StepExecution,
    start_execution,
)

_TEMP_DIR_PARAMETER: Final = "PIPELINE_EXECUTION_TEMP_DIR"
_DIGEST_CHARACTERS: Final = 16


class ModelArtifactError(ReleaseError):
    """The model to release is neither an S3 URI nor a file, or cannot be uploaded."""


class NotRunningError(ReleaseError):
    """There is no embedded AWS at the endpoint."""


@dataclass(frozen=True)
class LocalAws:
    """A running embedded AWS."""

    endpoint_url: str
    region: str = DEFAULT_REGION
    """The home region: AWS region of the pipelines."""

    @property
    def environment(self) -> dict[str, str]:
        """The variables that make any AWS SDK talk to it and to no other."""
        return environment_for(self.endpoint_url, self.region)

    def client(self, service: str, region: str | None = None) -> Any:
        """Make a boto3 client, by default of the home region."""
        session = boto3.Session("embedded", "embedded", region_name=region or self.region)
        return session.client(service, endpoint_url=self.endpoint_url)


def deploy_app(aws: LocalAws, folder: Path, console: Console) -> Assembly:
    """Synthesize the app, bootstrap its regions and deploy all its stacks with the CDK CLI.

    Args:
        aws: Where to.
        folder: For the cloud assembly and the log.
        console: Where to tell.

    Returns:
        What was deployed.

    Raises:
        ReleaseError: The app refuses its input, or the CDK CLI failed; names the log.
    """
    _check_that_it_answers(aws)
    with _doing("Synthesized the app, without credentials, region or network", console):
        assembly = synthesize(folder / "cdk.out")
    cdk = CdkCli(aws.environment, log_file=folder / "cdk.log", app=str(assembly.folder))
    with _doing(f"Bootstrapped {', '.join(assembly.regions)}", console):
        cdk.bootstrap(ACCOUNT_ID, assembly.regions)
    with _doing(f"Deployed {len(assembly.stack_names)} stacks with the CDK CLI", console):
        cdk.deploy()
    return assembly


def _check_that_it_answers(aws: LocalAws) -> None:
    try:
        aws.client("sts").get_caller_identity()
    except (BotoCoreError, ClientError) as error:
        raise NotRunningError(
            f"No embedded AWS answers at {aws.endpoint_url}: {error}.\nStart one in another shell:"
            " python cli.py emulator"
        ) from error


def release(
    pipeline_name: str,
    model: str | None,
    *,
    aws: LocalAws,
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
        given["ModelS3Uri"] = _model_uri(model, pipeline_name, aws)
    return start_execution(
        pipeline_name,
        given,
        aws=EmulatedAws.connect(aws.environment),
        state_dir=state_dir,
        on_event=_Reporter(aws, console, ConsoleReporter(console)),
    )


@dataclass(frozen=True)
class _Reporter:
    """Tells of an execution as it runs, and writes its report however it ends."""

    aws: LocalAws
    console: Console
    tell: ConsoleReporter

    def __call__(self, execution: Execution, step: StepExecution | None) -> None:
        self.tell(execution, step)
        if step is not None or execution.status is ExecutionStatus.EXECUTING:
            return
        observe(execution, self.aws.client)
        report = write_report(execution.folder)
        if execution.status is not ExecutionStatus.SUCCEEDED:
            self.console.print(f"Run report: {_shown(report)}", soft_wrap=True)


def _model_uri(model: str, pipeline_name: str, aws: LocalAws) -> str:
    if model.startswith("s3://"):
        return model
    if not Path(model).is_file():
        raise ModelArtifactError(
            f"The model {model!r} is neither a file nor an S3 URI: give the path of a model.tar.gz"
            " or a URI that starts with 's3://'."
        )
    _check_that_it_answers(aws)
    bucket = _artifact_bucket(pipeline_name, aws)
    try:
        with Path(model).open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()[:_DIGEST_CHARACTERS]
        key = f"incoming/{pipeline_name}/{digest}/{Path(model).name}"
        aws.client("s3").upload_file(model, bucket, key)
    except (OSError, BotoCoreError, ClientError, S3UploadFailedError) as error:
        raise ModelArtifactError(f"Cannot upload {model} to s3://{bucket}: {error}.") from error
    return f"s3://{bucket}/{key}"


def _artifact_bucket(pipeline_name: str, aws: LocalAws) -> str:
    """Find the bucket that a deployed pipeline works in."""
    try:
        description = aws.client("sagemaker").describe_pipeline(PipelineName=pipeline_name)
    except (BotoCoreError, ClientError) as error:
        raise ModelArtifactError(
            f"Cannot upload a model for the pipeline {pipeline_name!r} in {aws.region}: {error}."
            " Is it deployed there, or in another region?"
        ) from error
    parameters = json.loads(description["PipelineDefinition"])["Parameters"]
    defaults = {each["Name"]: each.get("DefaultValue", "") for each in parameters}
    if _TEMP_DIR_PARAMETER not in defaults:
        raise ModelArtifactError(
            f"The pipeline {pipeline_name!r} has no parameter {_TEMP_DIR_PARAMETER}, which names"
            " its bucket. Upload the model yourself and give its S3 URI."
        )
    bucket: str = defaults[_TEMP_DIR_PARAMETER].removeprefix("s3://").partition("/")[0]
    return bucket


def show_packages(
    execution: Execution, aws: LocalAws, console: Console, *, save_model_to: Path
) -> None:
    """Print what an execution registered in each region, and save the packaged model.

    Args:
        execution: A successful execution.
        aws: Where it ran.
        console: Where to tell.
        save_model_to: The packaged ``model.tar.gz`` is written there.
    """
    description = aws.client("sagemaker").describe_pipeline(PipelineName=execution.pipeline_name)
    packages = registered_packages(
        json.loads(description["PipelineDefinition"]),
        execution.arn,
        home_region=aws.region,
        sagemaker=lambda region: aws.client("sagemaker", region),
    )
    for package in packages:
        console.print()
        for name, value in _rows(package).items():
            console.print(f"[bold]{name:16}[/] {value}", highlight=False, soft_wrap=True)
    for stage, arn in _registered_before(execution).items():
        console.print()
        console.print(f"{stage}: the same content is registered as {arn}", soft_wrap=True)
    console.print()
    if packages:
        bucket, key = packages[0].artifact_uri.removeprefix("s3://").split("/", 1)
        aws.client("s3").download_file(bucket, key, str(save_model_to))
        console.print(f"Packaged model:   {_shown(save_model_to)}", soft_wrap=True)
    console.print(f"Logs and records: {_shown(execution.folder)}", soft_wrap=True)
    console.print(f"Run report:       {_shown(execution.folder / REPORT_NAME)}", soft_wrap=True)


def _registered_before(execution: Execution) -> dict[str, str]:
    """Tell which model packages made registrations superfluous, by the steps that found them."""
    outputs = {step.name: step.properties.get("OutputParameters", {}) for step in execution.steps}
    return {
        name: each["registered"]
        for name, each in outputs.items()
        if each.get("state") == "registered"
    }


def _rows(package: RegisteredPackage) -> dict[str, str]:
    return {
        package.step: package.region,
        "model package": package.arn,
        "version": f"{package.version}, {package.approval_status}",
        "image": package.image_uri,
        "artifact": package.artifact_uri,
        "sample payload": package.sample_payload_uri,
    }


def _shown(path: Path) -> Path:
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path


@contextmanager
def _doing(what: str, console: Console) -> Iterator[None]:
    started = time.monotonic()
    with console.status(f"{what} ..."):
        yield
    seconds = time.monotonic() - started
    console.print(f"[green]✓[/] {what} [dim]({seconds:.1f} s)[/]", highlight=False, soft_wrap=True)
