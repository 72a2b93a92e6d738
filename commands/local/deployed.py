"""Whether what is deployed of a pipeline is what its folder holds now."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final

import typer

from commands.terminal import places
from commands.terminal.asking import ask
from commands.terminal.aws import (
    Aws,
    AwsCallError,
    UnknownNameError,
    read_definition,
    read_s3_object,
)
from commands.terminal.code import check_code
from commands.terminal.emulator_key import read_key
from commands.terminal.messages import tell
from commands.terminal.names import folder_of
from constructs_lib.errors import ReleaseError

if TYPE_CHECKING:
    from rich.console import Console

    from constructs_lib.aws.cloud_assembly import CloudAssembly
    from constructs_lib.compiled_pipeline import CompiledPipeline
    from constructs_lib.configs import PipelineConfigs
    from constructs_lib.release.files import ReleaseFiles

_FILES: Final = {
    "InferenceCodeKey": ("inference_code", "the inference code"),
    "PackagingScriptKey": ("packaging_script", "the packaging script"),
    "RegistrationRequestKey": ("registration_request", "what is registered"),
    "SamplePayloadKey": ("sample_payload", "the sample requests"),
    "TrainingCodeKey": ("training_code", "the training code"),
    "VerificationScriptKey": ("verification_script", "the verification script"),
}
"""By the variables of the definition: name among the files of a release, and in words."""


class OtherCodeDeployedError(ReleaseError):
    """What is deployed of a pipeline is not what its folder holds."""


def deploy(endpoint: str, console: Console) -> CloudAssembly:
    """Deploy the app to a running embedded AWS.

    Raises:
        ReleaseError: It refuses its input, such as inference code with a syntax error, or the CDK
            CLI failed.
    """
    from constructs_lib.aws.handle import AwsHandle
    from local.deployment import AppProcess
    from local.emulator import DEFAULT_REGION
    from local.release import deploy_app

    check_code(pipelines().values())
    aws = AwsHandle(DEFAULT_REGION, endpoint, read_key(endpoint))
    folder = places.STATE / "deployment"
    with AppProcess(folder / "synthesis.log") as app:
        return deploy_app(aws, app.synthesize(folder / "cdk.out"), folder, console)


def definition_to_run(
    aws: Aws, pipeline: str, console: Console, *, deploy_first: bool | None, can_ask: bool
) -> dict[str, Any]:
    """Return a deployed pipeline's definition, after deploying what its folder holds, if asked.

    Args:
        aws: The embedded AWS.
        pipeline: Name of the pipeline there.
        console: Where to tell of a deployment.
        deploy_first: Whether to deploy when the folder holds something else; None asks.
        can_ask: Whether there is somebody to ask.

    Raises:
        OtherCodeDeployedError: It does, and nobody says what to do.
        UnknownNameError: There is no such pipeline.
        ReleaseError: The folder holds what cannot be deployed.
    """
    deployed = _read_deployed(aws, pipeline, required=deploy_first is False)
    problem = _problem(aws, pipeline, deployed, warn_only=deploy_first is False)
    if deployed is not None and problem is None:
        return deployed
    if deploy_first is None and can_ask:
        deploy_first = _answer(f"{problem} Deploy it now?")
    if deploy_first is None:
        instead = " To execute what is deployed: add --as-deployed." if deployed else ""
        raise OtherCodeDeployedError(f"{problem} Deploy it first: add --deploy.{instead}")
    if deploy_first:
        deploy(aws.endpoint_url or "", console)
    elif deployed:
        tell("warning", f"{problem} What is deployed is executed.")
    return read_definition(aws, pipeline)


def _answer(question: str) -> bool | None:
    """Ask; None if the input ends before an answer."""
    try:
        return ask(question, default=True)
    except typer.Abort:
        typer.echo(err=True)
        return None


def _read_deployed(aws: Aws, pipeline: str, *, required: bool) -> dict[str, Any] | None:
    """Return the deployed definition; None for a pipeline of the app that is not deployed yet."""
    try:
        return read_definition(aws, pipeline)
    except UnknownNameError:
        if required or folder_of(pipeline) is None:
            raise
        return None


def _problem(
    aws: Aws, pipeline: str, deployed: Mapping[str, Any] | None, *, warn_only: bool
) -> str | None:
    """Say what is not deployed of a pipeline of the app; None when all of it is."""
    if deployed is None:
        pipelines()  # refuses what could not be deployed, before anybody is told to deploy it
        return f"The pipeline {pipeline} is not deployed yet."
    try:
        found = differences(aws, pipeline, deployed)
    except ReleaseError as error:
        if not warn_only:
            raise
        return f"What is in the folder of {pipeline} cannot be deployed: {error}"
    if not found:
        return None
    *others, last = found
    listed = f"{', '.join(others)} and {last}" if others else last
    return f"The folder of {pipeline} holds something else than is deployed: {listed}."


def pipelines() -> dict[str, PipelineConfigs]:
    """Load all that is deployed together: a folder that is wrong is refused, whichever it is."""
    return places.load_pipelines(places.read_settings())


def differences(aws: Aws, pipeline: str, definition: Mapping[str, Any]) -> list[str]:
    """Tell in words what of a pipeline's folder is not deployed; nothing for one without a folder.

    Args:
        aws: Where it is deployed.
        pipeline: Its name there.
        definition: The deployed one.

    Raises:
        ReleaseError: The folder holds what cannot be deployed.
    """
    from constructs_lib.release.files import release_files

    settings, folder = places.read_settings(), folder_of(pipeline)
    if folder is None:
        pipelines()  # a folder whose config cannot be read may be the one
        return []
    configs = places.load_configs(settings, folder)
    with places.compilation({folder: configs}, settings, no_cache=False) as compiled:
        made = compiled[folder].pipeline
        return list(_differences(aws, definition, made, release_files(configs, made)))


def _differences(
    aws: Aws, definition: Mapping[str, Any], compiled: CompiledPipeline, files: ReleaseFiles
) -> Iterator[str]:
    from constructs_lib.diff.deployed import with_variables

    in_its_terms, values = with_variables(definition, compiled.definition)
    if in_its_terms != compiled.definition:
        yield "the steps and their settings"
    s3 = aws.client("s3")
    for variable, (name, in_words) in _FILES.items():
        content = getattr(files, name)
        if content is not None and variable in values:
            key = f"{values['AssetPrefix']}/{values[variable]}"
            if _deployed(s3, f"s3://{values['AssetBucketName']}/{key}") != content:
                yield in_words


def _deployed(s3: Any, uri: str) -> bytes | None:
    try:
        return read_s3_object(s3, uri)
    except AwsCallError:  # deleted since
        return None
