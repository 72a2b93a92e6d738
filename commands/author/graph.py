"""``graph``: the steps of a pipeline as a picture."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from commands.terminal import places
from commands.terminal.options import Environment, Folder, Json, NoCache, print_json
from constructs_lib.terminal.paths import shown_path


class Form(StrEnum):
    """What a graph is written as."""

    MERMAID = "mermaid"
    SVG = "svg"


def graph(
    name: Folder,
    output: Annotated[Path | None, typer.Option(help="Write to a file instead.")] = None,
    *,
    form: Annotated[Form, typer.Option("--as", help="Mermaid text or an SVG picture.")] = (
        Form.MERMAID
    ),
    no_cache: NoCache = False,
    environment: Environment = None,  # noqa: ARG001  # its callback chooses the settings
    as_json: Json = False,
) -> None:
    """Draw a pipeline's steps and what each waits for.

    Examples:
        release graph returns_risk
        release graph returns_risk --as svg --output pipeline.svg
    """
    from constructs_lib.graph import mermaid, read_dag, svg

    settings = places.read_settings()
    configs = places.load_configs(settings, name)
    with places.compilation({name: configs}, settings, no_cache=no_cache) as compiled:
        pipeline = compiled[name].pipeline
    dag = read_dag(pipeline.definition)
    text = mermaid(dag) if form is Form.MERMAID else svg(dag, title=pipeline.name)
    if output is not None:
        places.write_bytes(output, text.encode())
    if as_json:
        steps = [{"name": step.name, "type": step.type} for step in dag.steps]
        edges = [{"from": each.source, "to": each.target, "kind": each.kind} for each in dag.edges]
        print_json({"output": output and str(output), "steps": steps, "edges": edges})
    else:
        typer.echo(text if output is None else f"Wrote {shown_path(output)}")
