"""``validate``: checks configs and the pipelines they make."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from commands.terminal import places
from commands.terminal.exit_codes import ExitCode
from commands.terminal.messages import coloured, tell
from commands.terminal.options import Environment, Folders, Json, NoCache, print_json
from constructs_lib.errors import ReleaseError

if TYPE_CHECKING:
    from constructs_lib.compilation.parent import Compilation
    from constructs_lib.configs import PipelineConfigs


def validate(
    names: Folders = None,
    *,
    no_cache: NoCache = False,
    environment: Environment = None,  # noqa: ARG001  # its callback chooses the settings
    as_json: Json = False,
) -> None:
    """Check configs and the pipelines they make.

    Tells every problem with its place: what is wrong in a config, and what SageMaker would refuse
    of the pipeline. Tells what of an older config is not used, too. Exits with 1 if there is an
    error.

    Examples:
        release validate
        release validate returns_risk --json
    """
    from constructs_lib.configs.folder import config_path, config_paths, refuse_equal_names

    settings = places.read_settings()
    folder = places.pipelines_folder(settings)
    paths = {name: config_path(folder, name) for name in names} if names else config_paths(folder)
    loaded = {name: _load(path) for name, path in paths.items()}
    configs = {name: each for name, each in loaded.items() if not isinstance(each, ReleaseError)}
    results = []
    with places.compilation(configs, settings, no_cache=no_cache) as compiled:
        for name, each in loaded.items():
            results.append(_check(name, each, compiled))
            if not as_json:
                _print(results[-1])
    valid = {each["name"] for each in results if each["valid"]}
    refuse_equal_names({name: each for name, each in configs.items() if name in valid})
    if as_json:
        print_json(results)
    raise typer.Exit(ExitCode.DONE if len(valid) == len(paths) else ExitCode.ERROR)


def _load(path: Path) -> PipelineConfigs | ReleaseError:
    from constructs_lib.configs import PipelineConfigs

    try:
        return PipelineConfigs.read(path)  # what is odd in it is told among the findings
    except ReleaseError as error:
        return error


def _check(
    name: str, configs: PipelineConfigs | ReleaseError, compiled: Compilation
) -> dict[str, Any]:
    """Return what ``--json`` tells of a pipeline; does what synthesis does, short of the stacks."""
    from constructs_lib.release.files import release_files

    result: dict[str, Any] = {"name": name, "pipeline": None, "valid": False}
    try:
        if isinstance(configs, ReleaseError):
            raise configs
        checked = compiled[name]
        release_files(configs, checked.pipeline)
    except ReleaseError as error:
        told = [] if isinstance(configs, ReleaseError) else _told_of_file(configs)
        return {**result, "error": str(error), "findings": told}
    valid = all(finding.severity != "error" for finding in checked.findings)
    told = [
        *_told_of_file(configs),
        *({"severity": each.severity, "text": str(each)} for each in checked.findings),
    ]
    result |= {"pipeline": checked.pipeline.name, "valid": valid, "error": None}
    return {**result, "findings": told}


def _told_of_file(configs: PipelineConfigs) -> list[dict[str, str]]:
    """Return what is odd in a config file, and what of it is not used or means something else."""
    told = {"warning": configs.warnings, "note": configs.notes}
    return [
        {"severity": severity, "text": f"{severity} {each}"}
        for severity, each_of_them in told.items()
        for each in each_of_them
    ]


def _print(result: dict[str, Any]) -> None:
    if result["error"]:
        tell("error", result["error"])
    for finding in result["findings"]:
        typer.echo(f"{result['name']}: {coloured(finding['text'])}", err=True)
    if result["valid"]:
        typer.echo(f"{result['name']}: valid, pipeline {result['pipeline']}")
