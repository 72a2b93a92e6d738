"""``check-archive``: what the Verify step would say of a model, on this machine."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from commands.terminal import places
from commands.terminal.messages import say
from commands.terminal.options import Folder, Json, SingleFolderOption


def check_archive(
    name: Folder,
    model: Annotated[Path, typer.Argument(help="A model.tar.gz, or a folder laid out like one.")],
    *,
    with_code: Annotated[
        bool,
        typer.Option("--with-code", help="Package it first, with the pipeline's inference code."),
    ] = False,
    single_folder: SingleFolderOption = None,
    seconds: Annotated[
        float, typer.Option(min=0, help="How long to send requests; 0: only the payloads.")
    ] = 5.0,
    as_json: Json = False,
) -> None:
    """Let a model answer its sample payloads, as Verify does.

    In this Python instead of the serving container. Shows each answer, tells each finding with its
    fix, and exits with 1 if the model has an error.

    The model's code runs as you, with none of your variables and a home folder of its own. On
    Linux, where users may have namespaces, it sees neither your home nor other processes, and has
    no network. Anything else that you can read, it can: check a stranger's model in a container.

    Examples:
        release check-archive returns_risk .local/packaged/returns_risk/model.tar.gz
        release check-archive returns_risk trained/ --with-code --seconds 0
    """
    from constructs_lib.release.doctor import UNHEALTHY, examine
    from constructs_lib.release.packager import archive_of

    configs = places.load_configs(places.read_settings(), name)
    if single_folder and not with_code:
        raise typer.BadParameter("--single-folder is what packaging does: add --with-code")
    exit_code = examine(
        configs,
        archive_of(model),
        put_code_in=with_code,
        single_folder=single_folder,
        load_seconds=seconds,
        as_json=as_json,
    )
    if exit_code == UNHEALTHY and not with_code and not as_json:
        say(
            "This judged the model with the code/ inside of it. To judge it with the pipeline's"
            " code, add --with-code.",
            err=True,
        )
    raise typer.Exit(exit_code)
