"""``execution-document``: fills an orchestrator's document."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from commands import places
from commands.completion import pipeline_names
from commands.options import Region


def execution_document(
    document: Annotated[Path, typer.Argument(help="The execution document (JSON) to fill.")],
    pipeline: Annotated[
        str, typer.Option(help="Name of a deployed pipeline.", autocompletion=pipeline_names)
    ],
    output: Annotated[
        Path | None, typer.Option(help="Where to write; by default over the document.")
    ] = None,
    region: Region = None,
) -> None:
    """Fill an execution document's registration steps from a deployed pipeline.

    Reads AWS with the credentials of the environment, or the embedded AWS when AWS_ENDPOINT_URL
    names it.
    """
    from constructs_lib import execution_document as documents
    from constructs_lib.deployed_pipeline import DeployedPipeline

    content = documents.read_document(document)
    deployed = DeployedPipeline(pipeline, region or places.read_settings().home_region)
    step_configs = documents.step_configs_of_deployed_pipeline(
        deployed.definition(), deployed.read_s3_object
    )
    documents.write_document(
        documents.fill_execution_document(content, step_configs), output or document
    )
    typer.echo(f"Wrote {output or document}")
