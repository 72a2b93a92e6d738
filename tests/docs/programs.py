"""Checks that a command exists as a document writes it, without running it."""

from __future__ import annotations

import fnmatch
import importlib.util
import json
import re
import shlex
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from typing import Any, Final

import botocore.session
from botocore import xform_name
from botocore.exceptions import UnknownServiceError
from typer.main import get_command

from commands.program import COMMANDS, app, command
from tests.example_pipeline import ROOT, as_shipped

_SHELL: Final = frozenset(
    {"cat", "cd", "cp", "curl", "echo", "export", "git", "head", "ls", "mkdir", "mv", "npm", "open"}
    | {"pip", "printf", "ray", "rm", "sed", "serve", "source", "tail", "tar", "test", "unset"}
    | {"xdg-open"}
)
"""Programs whose arguments are not checked."""
_SEPARATORS: Final = frozenset("|;&()")
_AWS_OPTIONS: Final = frozenset(
    {"--region", "--profile", "--output", "--query", "--cli-input-json"}
)
_AWS_BY_HAND: Final = {
    "s3": {"cp", "ls", "mb", "rb", "rm", "sync"},
    "sso": {"login", "logout"},
    "configure": {"sso", "list", "set"},
}
"""Commands of the AWS CLI that are no operation of an API."""


class NoSuchCommandError(AssertionError):
    """A document shows what cannot be run."""


def check(text: str) -> None:
    """Check every program of a command line.

    Raises:
        NoSuchCommandError: A program, its command or one of its options does not exist.
    """
    for program, *arguments in _programs(text):
        for name, check_arguments in _CHECKS.items():
            if fnmatch.fnmatchcase(program, name):
                check_arguments(arguments)
                break
        else:
            if program not in _SHELL:
                raise NoSuchCommandError(f"{program!r} is not a program that documents may use")


def program_names(text: str) -> list[list[str]]:
    """Return each program of a command line with its arguments."""
    return list(_programs(text))


def _programs(text: str) -> Iterator[list[str]]:
    named = re.sub(r"<[\w -]+>", "NAME", text.partition("…")[0])
    lexer = shlex.shlex(named, posix=True, punctuation_chars=True)
    lexer.whitespace_split = True
    words: list[str] = []
    for word in lexer:
        if set(word) <= _SEPARATORS:
            if words:
                yield words
            words = []
        elif words or not re.fullmatch(r"[A-Z_]+=.*", word):
            words.append(word)
    if words:
        yield words


def _release(arguments: list[str]) -> None:
    name = next((each for each in arguments if not each.startswith("-")), None)
    if name is not None and name not in COMMANDS:
        raise NoSuchCommandError(f"release has no command {name!r}")
    found = get_command(app) if name is None else command(name)
    options = (each.opts + each.secondary_opts for each in found.params)
    known = {"--help", *(option for each in options for option in each)}
    _refuse_unknown(arguments, known, f"release {name or ''}")


def _make(arguments: list[str]) -> None:
    makefile = (ROOT / "Makefile").read_text()
    for name, value in re.findall(r"^(\w+) := (\S+)$", makefile, re.MULTILINE):
        makefile = re.sub(rf"^\$\({name}\)", value, makefile, flags=re.MULTILINE)
    makefile = re.sub(r"^\$\(VENV\)", ".venv", makefile, flags=re.MULTILINE)
    targets = re.findall(r"^([a-z.][a-z/.-]*):", makefile, re.MULTILINE)
    for each in arguments:
        variable, assigned, _ = each.partition("=")
        if assigned and f"$({variable})" not in makefile:
            raise NoSuchCommandError(f"the Makefile has no variable {variable!r}")
        if not assigned and not fnmatch.filter(targets, each):
            raise NoSuchCommandError(f"the Makefile has no target {each!r}")


def _cdk(arguments: list[str]) -> None:
    if arguments and not arguments[0].startswith("-"):
        _refuse_unknown(arguments, _cdk_options(arguments[0]), f"cdk {arguments[0]}")


def _cdk_options(name: str) -> set[str]:
    told = _cdk_parser()
    commands = {
        called: each
        for command_name, each in told["commands"].items()
        for called in (command_name, *each.get("aliases", ()))
    }
    if name not in commands:
        raise NoSuchCommandError(f"cdk has no command {name!r}")
    options = {"help": {"alias": "h"}, "version": {}, **told["globalOptions"]}
    return set(_spellings({**options, **commands[name].get("options", {})}))


def _spellings(options: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    for name, option in options.items():
        yield f"--{name}"
        if option.get("type") == "boolean":
            yield f"--no-{name}"
        aliases = option.get("alias", ())
        for alias in [aliases] if isinstance(aliases, str) else aliases:
            yield f"-{alias}" if len(alias) == 1 else f"--{alias}"


@cache
def _cdk_parser() -> dict[str, Any]:
    """Read what the CDK CLI makes its parser of; its help takes half a second for each command."""
    registry = ROOT / "node_modules" / "aws-cdk" / "lib" / "cli" / "cli-type-registry.json"
    parser: dict[str, Any] = json.loads(registry.read_text())
    return parser


def _aws(arguments: list[str]) -> None:
    if not arguments:
        return
    service, operation, *options = arguments
    if operation in _AWS_BY_HAND.get(service, ()):
        return
    try:
        model = botocore.session.get_session().get_service_model(service)
    except UnknownServiceError as error:
        raise NoSuchCommandError(f"aws has no service {service!r}") from error
    names = {xform_name(name, "-"): name for name in model.operation_names}
    if operation not in names:
        raise NoSuchCommandError(f"aws {service} has no operation {operation!r}")
    shape = model.operation_model(names[operation]).input_shape
    members = {f"--{xform_name(member, '-')}" for member in (shape.members if shape else ())}
    _refuse_unknown(options, members | _AWS_OPTIONS, f"aws {service} {operation}")


def _python(arguments: list[str]) -> None:
    if arguments[:1] == ["-m"]:
        if importlib.util.find_spec(arguments[1]) is None:
            raise NoSuchCommandError(f"there is no module {arguments[1]!r}")
    elif (
        arguments
        and not arguments[0].startswith("-")
        and not as_shipped(ROOT / arguments[0]).is_file()
    ):
        raise NoSuchCommandError(f"there is no script {arguments[0]!r}")


def _refuse_unknown(arguments: list[str], known: set[str] | frozenset[str], what: str) -> None:
    given = {each.partition("=")[0] for each in arguments if each.startswith("-")}
    if unknown := given - known:
        raise NoSuchCommandError(f"{what} has no option {', '.join(sorted(unknown))}")


_CHECKS: Final[dict[str, Callable[[list[str]], None]]] = {
    "release": _release,
    "make": _make,
    "cdk": _cdk,
    "aws": _aws,
    "python*": _python,
}
