"""The options of commands that talk to an AWS: declared once, taken as one."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Annotated

import pytest
import typer
from typer.testing import CliRunner

from commands.program import COMMANDS
from commands.terminal.aws_options import AwsOptions, with_aws_options

ROOT = Path(__file__).parents[2]


def call(*arguments: str) -> tuple[str, bool, AwsOptions]:
    """Call a command with these arguments, and return what it got."""
    got: list[tuple[str, bool, AwsOptions]] = []

    @with_aws_options
    def command(
        name: str,
        *,
        watch: Annotated[bool, typer.Option("--watch")] = False,
        options: AwsOptions,
    ) -> None:
        got.append((name, watch, options))

    program = typer.Typer()
    program.command()(command)
    result = CliRunner().invoke(program, arguments, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return got[0]


def test_a_command_gets_the_options_as_one() -> None:
    given = ("p", "--region", "eu-west-1", "--local", "--profile", "prod", "--json", "--watch")

    expected = AwsOptions(region="eu-west-1", local=True, profile="prod", as_json=True)
    assert call(*given) == ("p", True, expected)


@pytest.mark.parametrize("given", ["--local", "--profile=prod", "--region=eu-west-1"])
def test_an_option_that_chooses_an_aws_is_noticed(given: str) -> None:
    assert call("p", given)[2].choose_an_aws


def test_without_options_nothing_is_chosen() -> None:
    assert call("p") == ("p", False, AwsOptions())
    assert not call("p", "--json")[2].choose_an_aws


def test_no_command_declares_them_on_its_own() -> None:
    modules = {ROOT.joinpath(*name.split(".")).with_suffix(".py") for name in COMMANDS.values()}
    declared = {
        (module.name, node.id)
        for module in modules
        for node in ast.walk(ast.parse(module.read_text()))
        if isinstance(node, ast.Name) and node.id in {"Local", "Profile"}
    }

    assert declared == set()
