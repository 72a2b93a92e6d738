"""``new``: makes the folder of a pipeline."""

from __future__ import annotations

import json
import shutil
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from commands.terminal import places
from commands.terminal.asking import can_ask
from commands.terminal.options import Json, print_json
from constructs_lib.errors import ReleaseError
from constructs_lib.regions import RegionCode

_TEMPLATE: Final = Path(__file__).with_name("template")
_INPUT: Final = ("value", "NUMERIC")
"""The one of the template's code."""
_TYPES: Final = ("NUMERIC", "TEXT")


class NewPipelineError(ReleaseError):
    """The folder cannot be made."""


def new(
    name: Annotated[str, typer.Argument(help="Folder to make in pipelines/, e.g. my_model.")],
    *,
    owner: Annotated[
        str | None, typer.Option(help="Author and owner: a team's name. Without it, new asks.")
    ] = None,
    variable: Annotated[
        list[str] | None,
        typer.Option(help="NAME:NUMERIC or NAME:TEXT, an input of the model; once for each."),
    ] = None,
    registration_region: Annotated[
        list[RegionCode] | None,
        typer.Option(help="Where to register; once for each region. By default NA."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Make a pipeline's folder out of a template.

    A config and inference code to change. Asks for the owner, the model's inputs and the regions,
    unless the owner is given.

    Examples:
        release new my_model
        release new my_model --owner my-team --variable age:NUMERIC --registration-region EU
    """
    from constructs_lib.configs.folder import refuse_name

    folder = places.pipelines_folder(places.read_settings()) / name
    if Path(name).name != name:
        raise NewPipelineError(f"{name!r} is not a name of a folder, such as my_model.")
    refuse_name(name)
    if folder.exists():
        raise NewPipelineError(f"{folder} is there already: choose another name.")
    if owner is None:
        owner, variable, registration_region = _answers(variable, registration_region)
    inputs = _variables(variable) or [_INPUT]
    document = _config(name, owner, inputs, registration_region or [RegionCode.NA])
    try:
        _write(folder, _code(inputs), document)
        _check(folder)
    except ReleaseError:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    _tell(folder, as_json=as_json)


def _write(folder: Path, code: str, document: dict[str, Any]) -> None:
    config = json.dumps(document, indent=2, sort_keys=True)
    try:
        (folder / "inference").mkdir(parents=True)
        # Bytes of an argument that are no text stay what they are: the check of the config, which
        # holds them too, refuses them.
        encoded = code.encode(errors="surrogateescape")
        (folder / "inference" / "inference.py").write_bytes(encoded)
        (folder / "config.json").write_text(f"{config}\n", encoding="utf-8")
    except OSError as error:
        raise NewPipelineError(f"Cannot write {folder}: {error}.") from error


def _check(folder: Path) -> None:
    """Refuse names that no stack can have, and answers that no config can hold."""
    from constructs_lib.configs import ConfigFileError, PipelineConfigs
    from constructs_lib.configs.folder import config_path

    try:
        PipelineConfigs.read(config_path(folder.parent, folder.name))
    except ConfigFileError as error:
        told = "\n".join(f"  {problem}" for problem in error.problems)
        raise NewPipelineError(
            f"{folder} is not made: its config would be wrong. Correct what you gave:\n{told}"
        ) from error


def _answers(
    variables: list[str] | None, regions: list[RegionCode] | None
) -> tuple[str, list[str], list[RegionCode]]:
    """Ask for what was not given."""
    if not can_ask():
        raise typer.BadParameter("--owner is missing, and there is no terminal to ask on")
    owner = typer.prompt("Owner of the model (a team's name)", err=True)
    if not variables:
        question = "Inputs, such as 'age:NUMERIC reason:TEXT' (empty: one number, value)"
        variables = typer.prompt(
            question, "", show_default=False, value_proc=_variable_words, err=True
        )
    if not regions:
        question = f"Regions to register in, of {', '.join(RegionCode)}"
        regions = typer.prompt(question, "NA", value_proc=_region_codes, err=True)
    return owner, variables, regions


def _variable_words(text: str) -> list[str]:
    words = text.split()
    _variables(words)
    return words


def _region_codes(text: str) -> list[RegionCode]:
    try:
        return [RegionCode(word.upper()) for word in text.replace(",", " ").split()]
    except ValueError as error:
        raise typer.BadParameter(f"{error}: allowed are {', '.join(RegionCode)}") from error


def _tell(folder: Path, *, as_json: bool) -> None:
    if as_json:
        print_json({"folder": str(folder)})
        return
    typer.echo(
        f"Made {folder}. Next:\n"
        f"  1. put your code into {folder}/inference/inference.py\n"
        f"  2. adapt {folder}/config.json: outputs, content types, domain and limits are the"
        " template's\n"
        f"  3. release validate {folder.name}"
    )


def _variables(given: list[str] | None) -> list[tuple[str, str]]:
    variables = [each.rpartition(":") for each in given or []]
    for variable, _, kind in variables:
        if not variable or kind not in _TYPES:
            raise typer.BadParameter(
                f"{variable or kind!r} is not of the form NAME:NUMERIC or NAME:TEXT"
            )
    return [(variable, kind) for variable, _, kind in variables]


def _code(inputs: list[tuple[str, str]]) -> str:
    """Return the template's inference code, for these inputs."""
    names = ", ".join(json.dumps(name, ensure_ascii=False) for name, _ in inputs)
    code = (_TEMPLATE / "inference" / "inference.py").read_text()
    return code.replace(f'INPUTS = ("{_INPUT[0]}",)', f"INPUTS = ({names},)")


def _config(
    name: str, owner: str, inputs: list[tuple[str, str]], regions: list[RegionCode]
) -> dict[str, Any]:
    document: dict[str, Any] = json.loads((_TEMPLATE / "config.json").read_text())
    document["configuration"]["shared"] |= {
        "author": owner,
        "current_date": datetime.now(UTC).date().isoformat(),
        "model_owner": owner,
        "pipeline_name": name.replace("_", "-"),
        "pipeline_description": f"Releases the model {name}",
        "model_registration_objective": name.replace("_", "-"),
        "region": regions[0].value,
        "registration_regions": [region.value for region in regions],
        "source_model_inference_input_variable_list": inputs,
    }
    return document
