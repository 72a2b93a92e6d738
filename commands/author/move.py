"""``move``: changes what serves a pipeline, after a look at what that changes."""

from __future__ import annotations

from dataclasses import asdict
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from commands.terminal import places
from commands.terminal.exit_codes import ExitCode
from commands.terminal.messages import coloured, tell
from commands.terminal.options import Folder, Json, print_json
from constructs_lib.errors import ReleaseError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from constructs_lib.configs import PipelineConfigs
    from constructs_lib.release.code_check import CodeProblem
    from constructs_lib.release.moving.comparison import AnswerComparison
    from constructs_lib.release.moving.config_change import ConfigChange

_NO_MODEL = "no model was given, and there is no model/model.tar.gz in the pipeline's folder"


class MoveTarget(StrEnum):
    """A container that pipelines can be moved to."""

    RAY = "ray"


def move(
    name: Folder,
    model: Annotated[
        Path | None,
        typer.Argument(
            help="A model.tar.gz to compare answers with, as it comes from training; by default"
            " model/model.tar.gz of the pipeline's folder, if it is there."
        ),
    ] = None,
    *,
    to: Annotated[MoveTarget, typer.Option("--to", help="The container that is to serve.")],
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Tell all of it, and change no file.")
    ] = False,
    anyway: Annotated[
        bool, typer.Option("--anyway", help="Change the file whatever is found in code or answers.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Move a pipeline to the container that AWS patches.

    Changes the config file, and nothing else in it than what has to be. Checks the code for what
    that container lacks: modules that its Python 3.13 removed, packages, names of numpy's, and
    torch.load without weights_only. Lets the model answer its sample payloads as both containers
    would, and compares byte by byte: under Ray Serve where make serving has installed it,
    else by direct calls. Changes no file and exits with 1 if something is wrong.

    Examples:
        release move returns_risk --to ray --dry-run
        release move my_model trained/model.tar.gz --to ray
    """
    from constructs_lib.release.moving.code_changes import what_breaks
    from constructs_lib.release.moving.config_change import move_to_ray

    settings = places.read_settings()
    configs = places.load_configs(settings, name)
    change = move_to_ray(configs, settings.region_names)
    with places.compilation({name: change.configs}, settings, no_cache=False) as compiled:
        findings = [each for each in compiled[name].findings if each.severity == "error"]
    if findings:
        raise MoveRefusedError("\n".join(map(str, findings)))
    code = what_breaks(configs, change.configs)
    comparison = _compared(configs, change.configs, model)
    is_fine = not any(each.severity == "error" for each in code) and (
        comparison is None or comparison.is_same
    )
    changes = bool(change.changes) and not dry_run and (is_fine or anyway)
    if changes:
        change.write()
    if as_json:
        print_json(_facts(name, to, change, code, comparison, changed=changes))
    else:
        _tell(name, to, change, code, comparison)
        _tell_end(name, change, changed=changes, dry_run=dry_run, is_fine=is_fine)
    raise typer.Exit(ExitCode.DONE if is_fine or changes else ExitCode.ERROR)


class MoveRefusedError(ReleaseError):
    """SageMaker would refuse the pipeline as it would be."""


def _compared(
    before: PipelineConfigs, after: PipelineConfigs, model: Path | None
) -> AnswerComparison | None:
    from constructs_lib.release.moving.comparison import compare
    from constructs_lib.release.packager import archive_of

    if model is None:
        assert before.file is not None  # noqa: S101  # it was read from one
        model = before.file.file.parent / "model" / "model.tar.gz"
        if not model.is_file():
            return None
    return compare(before, after, archive_of(model))


def _tell(
    name: str,
    to: MoveTarget,
    change: ConfigChange,
    code: Sequence[CodeProblem],
    comparison: AnswerComparison | None,
) -> None:
    if not change.changes:
        typer.echo(f"{name} is served by {to.value} already.")
    for field in change.changes:
        typer.echo(f"config    {field}")
    for problem in code:
        typer.echo(f"code      {coloured(str(problem))}")
    if not code:
        typer.echo("code      nothing in it is known to break there")
    if comparison is None:
        typer.echo(f"answers   not compared: {_NO_MODEL}")
        return
    for error in comparison.errors:
        typer.echo(f"answers   {coloured(f'error {error}')}")
    for difference in comparison.differences:
        typer.echo(f"answers   {difference}")
    if comparison.count:
        same = comparison.count - len(comparison.differences)
        ways = " / ".join(comparison.ways)
        typer.echo(f"answers   {same} of {comparison.count} the same ({ways})")


def _tell_end(
    name: str, change: ConfigChange, *, changed: bool, dry_run: bool, is_fine: bool
) -> None:
    if changed:
        typer.echo(f"\nChanged {change.file}. Next: release validate {name}")
    elif not is_fine:
        tell("error", f"{change.file} is as it was: correct what is told above, or add --anyway.")
    elif dry_run and change.changes:
        typer.echo(f"\n{change.file} is as it was: leave out --dry-run to change it.")


def _facts(
    name: str,
    to: MoveTarget,
    change: ConfigChange,
    code: Sequence[CodeProblem],
    comparison: AnswerComparison | None,
    *,
    changed: bool,
) -> dict[str, Any]:
    return {
        "name": name,
        "to": to.value,
        "file": str(change.file),
        "changed": changed,
        "changes": [asdict(each) for each in change.changes],
        "code": [
            {
                "severity": each.severity,
                "file": str(each.file),
                "line": each.line,
                "message": each.message,
            }
            for each in code
        ],
        "answers": None
        if comparison is None
        else {**asdict(comparison), "same": comparison.is_same},
    }
