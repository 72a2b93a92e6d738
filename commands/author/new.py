"""``new``: makes the folder of a pipeline."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from commands.author.new_files import INPUT, OUTPUT, CodeShape, NewPipeline
from commands.terminal import places
from commands.terminal.asking import can_ask, prompt
from commands.terminal.messages import say
from commands.terminal.options import Json, print_json, region_of
from constructs_lib.errors import ReleaseError
from constructs_lib.regions import NA, RegionCode, RegionNames

if TYPE_CHECKING:
    from constructs_lib.settings import Settings

_TYPES: Final = ("NUMERIC", "TEXT")
_FORM: Final = "NAME:NUMERIC or NAME:TEXT, such as age:NUMERIC"
_FILES: Final = {
    CodeShape.TORCHSCRIPT: "model.pt, made by torch.jit",
    CodeShape.STATE_DICT: "model.pt, weights of a class of your own",
    CodeShape.HUGGING_FACE: "a folder, made by save_pretrained",
}


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
    output: Annotated[
        list[str] | None,
        typer.Option(help="NAME:NUMERIC or NAME:TEXT, an output of the model; once for each."),
    ] = None,
    registration_region: Annotated[
        list[str] | None,
        typer.Option(
            help="Where to register, such as EU or ap-southeast-2; once for each region. By"
            " default NA."
        ),
    ] = None,
    domain: Annotated[
        str | None, typer.Option(help="What the model is about, as the registry tells it.")
    ] = None,
    shape: Annotated[
        CodeShape | None,
        typer.Option(
            help="What the model's files are: torchscript (the default), state-dict or"
            " hugging-face."
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Make a pipeline's folder out of a template.

    A config and inference code to change. Asks for what is not given. With --owner it asks nothing
    and takes defaults.

    Examples:
        release new my_model
        release new my_model --owner my-team --variable age:NUMERIC --output risk:NUMERIC
        release new my_model --owner my-team --shape hugging-face --variable review:TEXT
    """
    settings = places.read_settings()
    folder, names = _new_folder(name, settings), settings.region_names
    asks = owner is None
    if asks and not can_ask():
        raise typer.BadParameter("--owner is missing, and there is no terminal to ask on")
    told = NewPipeline(
        name=name,
        owner=owner or prompt("Owner of the model (a team's name)", None, str),
        inputs=_variables(variable, "--variable") or _ask_for("Inputs", INPUT, asks=asks),
        outputs=_variables(output, "--output") or _ask_for("Outputs", OUTPUT, asks=asks),
        regions=[region_of(each, names) for each in registration_region or ()]
        or _ask_for_regions(names, asks=asks),
        domain=domain or _ask_for_domain(name, asks=asks),
        shape=shape or _ask_for_shape(asks=asks),
    )
    try:
        _write(folder, told)
        _check(folder, names)
    except ReleaseError:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    _tell(folder, told, as_json=as_json)


def _new_folder(name: str, settings: Settings) -> Path:
    from constructs_lib.configs.folder import refuse_name

    folder = places.pipelines_folder(settings) / name
    if Path(name).name != name:
        raise NewPipelineError(f"{name!r} is not a name of a folder, such as my_model.")
    refuse_name(name)
    if folder.exists():
        raise NewPipelineError(f"{folder} is there already: choose another name.")
    return folder


def _write(folder: Path, told: NewPipeline) -> None:
    try:
        for name, content in told.files().items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
    except OSError as error:
        raise NewPipelineError(f"Cannot write {folder}: {error}.") from error


def _check(folder: Path, names: RegionNames) -> None:
    """Refuse names that no stack can have, and answers that no config can hold."""
    from constructs_lib.configs import ConfigFileError, PipelineConfigs
    from constructs_lib.configs.folder import config_path

    try:
        PipelineConfigs.read(config_path(folder.parent, folder.name), region_names=names)
    except ConfigFileError as error:
        told = "\n".join(f"  {problem}" for problem in error.problems)
        raise NewPipelineError(
            f"{folder} is not made: its config would be wrong. Correct what you gave:\n{told}"
        ) from error


def _ask_for(what: str, default: tuple[str, str], *, asks: bool) -> list[tuple[str, str]]:
    if not asks:
        return [default]
    example = "age:NUMERIC reason:TEXT" if default == INPUT else "risk:NUMERIC"
    question = f"{what}, such as '{example}' (empty: one number, {default[0]})"
    words = prompt(question, "", _words, show_default=False)
    return _variables(words) or [default]


def _words(text: str) -> list[str]:
    words = text.replace(",", " ").split()
    _variables(words)
    return words


def _ask_for_regions(names: RegionNames, *, asks: bool) -> list[RegionCode]:
    if not asks:
        return [NA]
    question = f"Regions to register in, such as {' or '.join(names.regions)}"
    return prompt(question, str(NA), lambda text: _regions(text, names))


def _regions(text: str, names: RegionNames) -> list[RegionCode]:
    words = text.replace(",", " ").split()
    if not words:
        raise typer.BadParameter("no region is given; give one or more, such as NA EU")
    return [region_of(word, names) for word in words]


def _ask_for_domain(name: str, *, asks: bool) -> str:
    default = name.replace("_", "-")
    if not asks:
        return default
    return prompt("What the model is about (its domain)", default, str)


def _ask_for_shape(*, asks: bool) -> CodeShape:
    if not asks:
        return CodeShape.TORCHSCRIPT
    for shape, files in _FILES.items():
        typer.echo(f"  {shape.value:13} {files}", err=True)
    return prompt("The model's files", CodeShape.TORCHSCRIPT.value, _shape)


def _shape(text: str) -> CodeShape:
    try:
        return CodeShape("-".join(text.lower().replace("_", " ").split()))
    except ValueError as error:
        raise typer.BadParameter(f"{text!r} is none of {', '.join(CodeShape)}") from error


def _variables(given: list[str] | None, option: str = "") -> list[tuple[str, str]]:
    variables = [each.rpartition(":") for each in given or []]
    for text, (variable, _, kind) in zip(given or [], variables, strict=True):
        if not variable or kind.upper() not in _TYPES:
            hint = f"'{option}'" if option else None
            raise typer.BadParameter(f"{text!r} is not of the form {_FORM}", param_hint=hint)
    return [(variable, kind.upper()) for variable, _, kind in variables]


def _tell(folder: Path, told: NewPipeline, *, as_json: bool) -> None:
    if as_json:
        print_json({"folder": str(folder)})
        return
    assumed = [
        *(["inputs"] if list(told.inputs) == [INPUT] else []),
        *(["outputs"] if list(told.outputs) == [OUTPUT] else []),
    ]
    files = f"{folder}/inference/inference.py"
    if told.shape is CodeShape.STATE_DICT:
        files += " and the network's class into network.py beside it"
    say(
        f"Made {folder}. Next:\n"
        f"  1. put your code into {files}\n"
        f"  2. adapt {folder}/config.json: {', '.join([*assumed, 'content types and limits'])} are"
        " the template's\n"
        f"  3. release validate {folder.name}\n"
        f"  4. release check-archive {folder.name} MODEL --with-code, after make torch",
        hang=3,
    )
