"""``clean-models``: deletes the models that executions leave behind."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Final

import typer

from commands.executions import read_statuses
from commands.executions.models import models_in_use, models_of_executions, statuses_of_models
from commands.executions.states import ENDED
from commands.terminal.asking import confirm
from commands.terminal.aws import Aws, calls
from commands.terminal.aws_options import AwsOptions, with_aws_options
from commands.terminal.messages import say
from commands.terminal.options import Pipeline, Yes, print_json

_SUCCEEDED: Final = frozenset({"Succeeded"})
_ENDED_SO: Final = {"Succeeded": "succeeded", "Failed": "failed", "Stopped": "was stopped"}


@with_aws_options
def clean_models(
    pipeline: Pipeline,
    *,
    every_ended: Annotated[
        bool,
        typer.Option(
            "--every-ended", help="Those of failed and stopped executions, too: do not retry these."
        ),
    ] = False,
    yes: Yes = False,
    options: AwsOptions,
) -> None:
    """Delete the models that a pipeline's executions leave.

    The step CreateModel makes one each time, and SageMaker deletes none. They cost nothing, but
    fill the account's list. Deletes those of executions that have succeeded: shows them, and asks
    first. One that an endpoint configuration names stays. Registered versions need none of them.

    Examples:
        release clean-models returns-risk
        release clean-models returns-risk --every-ended --yes --profile prod
    """
    aws = options.aws()
    left_behind = _left_behind(aws, pipeline)
    models = _of(left_behind, ENDED if every_ended else _SUCCEEDED)
    used = models_in_use(aws) if models else {}
    kept = {name: used[name] for name in models if name in used}
    wanted = [name for name in models if name not in used]
    _show(models, kept)
    if wanted:
        confirm(_question(len(wanted)), yes=yes)
    _delete(aws, wanted, kept, as_json=options.as_json)
    if stay := len(_of(left_behind, ENDED)) - len(models):
        _tell_of_others(stay)


def _left_behind(aws: Aws, pipeline: str) -> dict[str, str]:
    statuses = read_statuses(aws, pipeline)
    return statuses_of_models(models_of_executions(aws), statuses)


def _of(models: Mapping[str, str], statuses: frozenset[str]) -> dict[str, str]:
    return {name: status for name, status in models.items() if status in statuses}


def _tell_of_others(count: int) -> None:
    """Say how the models go that only failed and stopped executions have left."""
    what, them = ("1 model", "it") if count == 1 else (f"{count} models", "them")
    say(
        f"Left: {what} of executions that failed or were stopped. If you will not retry those, add"
        f" --every-ended to delete {them}.",
        err=True,
    )


def _show(models: Mapping[str, str], kept: Mapping[str, str]) -> None:
    for name, status in models.items():
        stays = f", stays: the endpoint configuration {kept[name]} uses it" if name in kept else ""
        say(f"{name}  of an execution that {_ENDED_SO[status]}{stays}", err=True)


def _question(count: int) -> str:
    return "Delete this model?" if count == 1 else f"Delete these {count} models?"


def _delete(aws: Aws, names: list[str], kept: Mapping[str, str], *, as_json: bool) -> None:
    sagemaker = aws.client("sagemaker")
    deleted: list[str] = []
    try:
        for name in names:
            with calls(f"Cannot delete the model {name}"):
                sagemaker.delete_model(ModelName=name)
            deleted.append(name)
    finally:  # when AWS refuses one, too: what was done before is done
        if as_json:
            used = [{"name": name, "endpoint_config": config} for name, config in kept.items()]
            print_json({"deleted": deleted, "kept": used})
        else:
            say(f"Deleted: {len(deleted)}, kept: {len(kept)}")
