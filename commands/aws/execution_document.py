"""``execution-document``: fills an orchestrator's document."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Final

import typer

from commands.registry.registry import versions_of
from commands.terminal.aws import Aws, read_definition, read_s3_object
from commands.terminal.aws_options import AwsOptions, with_aws_options
from commands.terminal.completion import pipeline_names
from commands.terminal.messages import say
from commands.terminal.names import pipeline_named
from commands.terminal.options import print_json
from constructs_lib.terminal.paths import shown_path

_LOOKED_AT: Final = 50
"""So many versions of a region are looked through for a model."""


@with_aws_options
def execution_document(
    document: Annotated[Path, typer.Argument(help="The execution document (JSON) to fill.")],
    pipeline: Annotated[
        str,
        typer.Option(
            help="Name of a deployed pipeline, or of its folder.",
            callback=pipeline_named,
            autocompletion=pipeline_names,
        ),
    ],
    output: Annotated[
        Path | None, typer.Option(help="Where to write; by default over the document.")
    ] = None,
    *,
    measured: Annotated[
        bool, typer.Option("--measured", help="Add what was measured of the newest version.")
    ] = False,
    sha256: Annotated[
        str | None,
        typer.Option(help="Add what was measured of the model with this digest, or start of one."),
    ] = None,
    options: AwsOptions,
) -> None:
    """Fill an execution document from a deployed pipeline.

    Replaces the STEP_CONFIG of its registration steps and leaves everything else alone. The numbers
    that verification measured are those of one model in all regions.

    Examples:
        release execution-document document.json --pipeline returns-risk
        release execution-document document.json --pipeline returns-risk --output filled.json
        release execution-document document.json --pipeline returns-risk --measured
    """
    from constructs_lib.registration import execution_document as documents

    content = documents.read_document(document)
    aws = options.aws()
    definition = read_definition(aws, pipeline)
    s3 = aws.client("s3")
    step_configs = documents.step_configs_of_deployed_pipeline(
        definition, lambda s3_uri: read_s3_object(s3, s3_uri)
    )
    if measured or sha256:
        step_configs = _with_numbers(step_configs, aws, definition, sha256)
    filled = documents.fill_execution_document(content, step_configs)
    documents.write_document(filled, output or document)
    if options.as_json:
        print_json({"document": str(output or document), "step_configs": step_configs})
    else:
        say(f"Wrote {shown_path(output or document)}")


def _with_numbers(
    step_configs: dict[str, dict[str, Any]],
    aws: Aws,
    definition: dict[str, Any],
    sha256: str | None,
) -> dict[str, dict[str, Any]]:
    from constructs_lib.registration.measured_numbers import (
        RegisteredVersion,
        measured_step_configs,
    )

    versions = [
        RegisteredVersion(aws_region=each.region, arn=each.arn, metadata=each.metadata)
        for each in versions_of(aws, definition, limit=_LOOKED_AT)
    ]
    return measured_step_configs(step_configs, versions, artifact_sha256=sha256)
