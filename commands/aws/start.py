"""``start``: starts an execution of a deployed pipeline."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from commands.aws.status import end_when_ended
from commands.executions import read_state
from commands.local.run import run_locally
from commands.terminal.aws import Aws, AwsCallError, calls, read_definition
from commands.terminal.aws_options import AwsOptions, with_aws_options
from commands.terminal.git_commit import with_git_commit
from commands.terminal.options import (
    Model,
    Parameter,
    Pipeline,
    given_parameters,
    print_json,
    refuse_missing_parameters,
)
from constructs_lib.release.incoming import incoming_uri, model_file, upload_model
from constructs_lib.terminal.paths import shown_path


@with_aws_options
def start(
    pipeline: Pipeline,
    *,
    model: Model = None,
    parameter: Parameter = None,
    wait: Annotated[
        bool, typer.Option("--wait", help="Stay until it has ended; exit with 1 if it failed.")
    ] = False,
    options: AwsOptions,
) -> None:
    """Start an execution of a deployed pipeline.

    A local model file is uploaded first, to a key that names its content. The embedded AWS executes
    nothing itself: there, this is the command run, which always waits.

    Examples:
        release start returns-risk --model model.tar.gz --wait
        release start returns-risk --model s3://BUCKET/incoming/returns-risk/model.tar.gz
    """
    parameters = given_parameters(parameter, model)
    aws = options.aws()
    if aws.endpoint_url:
        run_locally(
            pipeline,
            model,
            parameters,
            aws.endpoint_url,
            options.region,
            deploy=False,
            as_json=options.as_json,
        )
    definition = read_definition(aws, pipeline)
    refuse_missing_parameters(definition, parameters, model)
    parameters = with_git_commit(definition, parameters)
    if model is not None:
        parameters["ModelS3Uri"] = _model_uri(aws, pipeline, definition, model)
    arn = _start(aws, pipeline, parameters)
    if not options.as_json:
        typer.echo(f"Started {arn}")
        if not wait:
            typer.echo(f"Follow it: release status {pipeline} --watch{options.again()}")
    if not wait:
        if options.as_json:
            print_json({"pipeline": pipeline, "arn": arn, "parameters": parameters})
        return
    end_when_ended(aws, read_state(aws, pipeline, arn), as_json=options.as_json)


def _start(aws: Aws, pipeline: str, parameters: dict[str, str]) -> str:
    with calls(f"Cannot start {pipeline}"):
        response = aws.client("sagemaker").start_pipeline_execution(
            PipelineName=pipeline,
            PipelineParameters=[{"Name": name, "Value": text} for name, text in parameters.items()],
        )
    arn: str = response["PipelineExecutionArn"]
    return arn


def _model_uri(aws: Aws, pipeline: str, definition: dict[str, Any], model: str) -> str:
    if model.startswith("s3://"):
        return model
    from boto3.exceptions import S3UploadFailedError
    from rich.console import Console

    path = model_file(model)
    uri = incoming_uri(pipeline, definition, path)
    with calls(f"Cannot upload {shown_path(path)} to {uri}"):
        try:
            upload_model(aws.client("s3"), path, uri, Console(stderr=True))
        except S3UploadFailedError as error:
            raise AwsCallError(f"Cannot upload {shown_path(path)} to {uri}: {error}.") from error
    return uri
