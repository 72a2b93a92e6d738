"""Which commit an execution is started from: the pipeline parameter ``GitCommit``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import typer

from commands.terminal import places
from commands.terminal.messages import tell
from constructs_lib.git import COMMIT_PARAMETER, GitError, commit_of


def with_git_commit(definition: Mapping[str, Any], given: Mapping[str, str]) -> dict[str, str]:
    """Add the commit of the app's folder to the parameters of an execution.

    One that is given stays as it is. Where git knows none, the parameter keeps its default, and a
    line on standard error says why.

    Args:
        definition: The deployed pipeline's; one of before the parameter is passed none.
        given: Parameters by name.

    Raises:
        typer.BadParameter: The one that is given could not be registered with the model.
    """
    parameters = dict(given)
    declared = {each["Name"] for each in definition.get("Parameters", ())}
    if COMMIT_PARAMETER in parameters:
        _check(parameters[COMMIT_PARAMETER])
    elif COMMIT_PARAMETER in declared:
        try:
            parameters[COMMIT_PARAMETER] = commit_of(places.ROOT)
        except GitError as error:
            tell("note", f"{COMMIT_PARAMETER} is not told: {error}")
    return parameters


def _check(commit: str) -> None:
    from constructs_lib.service_model import matches_pattern, max_length

    shape = "CustomerMetadataValue"
    if not commit or len(commit) > max_length(shape) or not matches_pattern(shape, commit):
        raise typer.BadParameter(
            f"{COMMIT_PARAMETER} is {commit!r}; a model package can hold 1 to {max_length(shape)}"
            " letters, digits, spaces and _ . : / = + - @"
        )
