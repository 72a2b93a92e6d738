"""Options and arguments that several commands have."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from enum import StrEnum
from typing import Annotated, Any, Final

import typer

from commands.terminal import places
from commands.terminal.completion import folder_names, pipeline_names
from commands.terminal.names import folder_named, folders_named, pipeline_named
from constructs_lib.errors import ReleaseError
from constructs_lib.regions import RegionCode, RegionNames

EMULATOR_PORT: Final = 4566
LOCAL_ENDPOINT: Final = f"http://localhost:{EMULATOR_PORT}"


class SingleFolder(StrEnum):
    """What to do with a model whose files are all inside of one folder."""

    REFUSE = "refuse"
    FLATTEN = "flatten"
    KEEP = "keep"


def _region_of_code(region: str | None) -> str | None:
    """Return an AWS region, given as one or as configs name it."""
    if region is None or region in RegionNames().regions.values():
        return region
    return region_of(region, places.read_settings().region_names).aws_region


def region_of(text: str, names: RegionNames) -> RegionCode:
    """Return a region, given by its name in any case or as AWS calls it.

    Raises:
        typer.BadParameter: There is none.
    """
    if code := names.named(text.upper()):
        return code
    # Here: it takes botocore's tables, which names do not need.
    from constructs_lib.fields.regions import UnknownRegionError, known_region

    try:
        return known_region(text, names)
    except UnknownRegionError as error:
        raise typer.BadParameter(f"{text!r} {error}") from error


def known_endpoint(url: str) -> str:
    """Return the URL of an embedded AWS.

    Raises:
        typer.BadParameter: It is none.
    """
    if not url.startswith(("http://", "https://")):
        raise typer.BadParameter(
            f"{url!r} is not the URL of an embedded AWS, such as {LOCAL_ENDPOINT}"
        )
    return url


def _complete_region(incomplete: str) -> list[str]:
    from constructs_lib.regions.tables import sagemaker_regions

    return [region for region in sagemaker_regions() if region.startswith(incomplete)]


Region = Annotated[
    str | None,
    typer.Option(
        help="AWS region of the pipeline, or its name; by default the app's home region.",
        callback=_region_of_code,
        autocompletion=_complete_region,
    ),
]
RegistryRegion = Annotated[
    str | None,
    typer.Option(
        help="Only the registry of this AWS region, or of a name such as EU; by default all.",
        callback=_region_of_code,
        autocompletion=_complete_region,
    ),
]
VersionsRegion = Annotated[
    str | None,
    typer.Option(
        help="The registry to take versions from, of an AWS region or of a name such as EU; by"
        " default the one whose numbers deploy takes.",
        callback=_region_of_code,
        autocompletion=_complete_region,
    ),
]
Endpoint = Annotated[
    str,
    typer.Option(
        help="URL of a running embedded AWS.", envvar="AWS_ENDPOINT_URL", callback=known_endpoint
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON document instead of text.")]
NoCache = Annotated[bool, typer.Option("--no-cache", help="Compile anew, and keep nothing of it.")]
Local = Annotated[
    bool,
    typer.Option(
        "--local", help="Talk to the embedded AWS, at AWS_ENDPOINT_URL or http://localhost:4566."
    ),
]
Profile = Annotated[
    str | None, typer.Option(help="Profile of the AWS credentials; by default AWS_PROFILE.")
]
Environment = Annotated[
    str | None,
    typer.Option(
        help="One of the environments in cdk.json, whose settings to use.",
        callback=places.choose_environment,
        is_eager=True,
    ),
]
Model = Annotated[
    str | None, typer.Option(help="s3:// URI of a model.tar.gz, or a file to upload first.")
]
Parameter = Annotated[
    list[str] | None, typer.Option(help="NAME=VALUE of another pipeline parameter.")
]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]
Folder = Annotated[
    str,
    typer.Argument(
        help="A folder in pipelines/, or the name of its pipeline.",
        callback=folder_named,
        autocompletion=folder_names,
    ),
]
SingleFolderOption = Annotated[
    SingleFolder | None,
    typer.Option(
        "--single-folder",
        help="What to do with a model that is inside of one folder; by default what the config"
        " says, else refuse.",
    ),
]
Folders = Annotated[
    list[str] | None,
    typer.Argument(
        help="Folders in pipelines/, or names of their pipelines; by default all of them.",
        callback=folders_named,
        autocompletion=folder_names,
    ),
]
Pipeline = Annotated[
    str,
    typer.Argument(
        help="Name of a deployed pipeline, or of its folder.",
        callback=pipeline_named,
        autocompletion=pipeline_names,
    ),
]
ExecutionId = Annotated[
    str | None, typer.Argument(help="Id or ARN of an execution; by default the newest.")
]

_MODEL_PARAMETER: Final = "ModelS3Uri"


def given_parameters(assignments: list[str] | None, model: str | None) -> dict[str, str]:
    """Read ``--parameter NAME=VALUE`` options.

    Raises:
        typer.BadParameter: One has no value, or names what ``--model`` gives.
    """
    for assignment in assignments or []:
        if "=" not in assignment:
            raise typer.BadParameter(f"{assignment!r} is not of the form NAME=VALUE")
    parameters = dict(assignment.split("=", 1) for assignment in assignments or [])
    if model is not None and _MODEL_PARAMETER in parameters:
        raise typer.BadParameter(f"give --model or --parameter {_MODEL_PARAMETER}=..., not both")
    return parameters


class MissingParameterError(ReleaseError):
    """An execution needs a parameter that was not given."""


def refuse_missing_parameters(
    definition: Mapping[str, Any], given: Collection[str], model: str | None
) -> None:
    """Refuse to start an execution that lacks a parameter, or is given a model that it trains.

    Raises:
        MissingParameterError: Names it, and how to give it; or says why there is none for a model.
    """
    declared = definition.get("Parameters", ())
    takes_model = _MODEL_PARAMETER in {each["Name"] for each in declared}
    trains = any(each["Type"] == "Training" for each in definition.get("Steps", ()))
    if model and trains and not takes_model:
        raise MissingParameterError(
            f"The pipeline has no parameter {_MODEL_PARAMETER}, because it trains its model: leave"
            " --model out. To release a model that is given, set train_in_pipeline to false in the"
            " pipeline's config, and deploy it."
        )
    names = {each["Name"] for each in declared if "DefaultValue" not in each}
    missing = sorted(names.difference(given, [_MODEL_PARAMETER] if model else []))
    if _MODEL_PARAMETER in missing:
        raise MissingParameterError(
            "The pipeline releases a model, and none was given: add --model, with a model.tar.gz or"
            " its S3 URI. A pipeline trains its model only if its config sets train_in_pipeline."
        )
    if missing:
        raise MissingParameterError(
            f"The pipeline needs the parameter {missing[0]}: add --parameter {missing[0]}=VALUE."
        )


def print_json(document: Any) -> None:
    """Print what ``--json`` promises: one document, times as ISO 8601."""
    typer.echo(json.dumps(document, indent=2, default=str))
