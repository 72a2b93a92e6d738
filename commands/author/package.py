"""``package``: puts a pipeline's inference code into a model, on this machine."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from commands.terminal import places
from commands.terminal.code import check_code
from commands.terminal.options import Folder, Json, SingleFolderOption, print_json
from constructs_lib.terminal.lines import print_fitted
from constructs_lib.terminal.paths import shown_path

if TYPE_CHECKING:
    from rich.console import Console

    from constructs_lib.release.packager import Packaged

_ROUTINE: Final = ("method: ", "wrote ", "left out 0 ")


def package(
    name: Folder,
    model: Annotated[Path, typer.Argument(help="A model.tar.gz, or a folder laid out like one.")],
    output: Annotated[
        Path | None,
        typer.Option(
            help="Folder to write model.tar.gz and manifest.json to; by default"
            " .local/packaged/NAME."
        ),
    ] = None,
    *,
    single_folder: SingleFolderOption = None,
    as_json: Json = False,
) -> None:
    """Put the inference code into a model, as Package does.

    Runs the pipeline's own packaging script on this machine: the same archive gives the same bytes
    as in AWS. Refuses code with errors that validate tells.

    Examples:
        release package returns_risk pipelines/returns_risk/model/model.tar.gz
        release package my_model trained/ --output packaged
        release package my_model export.tar.gz --single-folder flatten
    """
    from rich.console import Console

    from constructs_lib.release import packager as archive_packager
    from constructs_lib.terminal.progress import bytes_bar

    configs = places.load_configs(places.read_settings(), name)
    check_code([configs])
    source = archive_packager.archive_of(model)
    folder = output or shown_path(places.STATE / "packaged" / name)
    console = Console(stderr=True)
    with bytes_bar(
        f"Packaging {model.name}", archive_packager.size_bytes(source), console
    ) as advance:
        packaged = archive_packager.package(
            configs,
            source,
            folder,
            single_folder=single_folder,
            on_read=advance,
            on_line=lambda line: _pass_on(line, console),
        )
    _tell(name, packaged, as_json=as_json)


def _pass_on(line: str, console: Console) -> None:
    """Print what the script says, but for what every run says or the summary tells."""
    from rich.text import Text

    if not line.startswith(_ROUTINE):
        print_fitted(console, Text(line, "dim"), hang=2)


def _tell(name: str, packaged: Packaged, *, as_json: bool) -> None:
    from rich.filesize import decimal

    facts = packaged.facts
    if as_json:
        print_json({"model": str(packaged.model), "manifest": str(packaged.manifest), **facts})
        return
    size = decimal(packaged.model.stat().st_size)
    typer.echo(f"Packaged  {shown_path(packaged.model)} ({size})")
    typer.echo(f"manifest  {shown_path(packaged.manifest)}")
    typer.echo(f"sha256    {facts['sha256']}")
    typer.echo(f"code      {facts['code_sha256']}")
    model = shlex.quote(str(shown_path(packaged.model)))
    typer.echo(f"\nNext: release check-archive {name} {model}")
