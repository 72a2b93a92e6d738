"""The options that every command has that talks to an AWS, as one bundle."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterable
from dataclasses import dataclass, fields
from typing import Any

from commands.terminal.aws import Aws
from commands.terminal.options import Environment, Json, Local, Profile, Region


@dataclass(frozen=True)
class AwsOptions:
    """Which AWS to talk to, and how to answer; each field is an option of the command line."""

    region: Region = None
    local: Local = False
    profile: Profile = None
    environment: Environment = None
    as_json: Json = False

    @property
    def choose_an_aws(self) -> bool:
        """Whether one of them was given that chooses an AWS."""
        return bool(self.region or self.local or self.profile)

    def again(self) -> str:
        """Return the options that let another command talk to the same AWS."""
        given = {
            "--profile": self.profile,
            "--region": self.region,
            "--environment": self.environment,
        }
        local = " --local" if self.local else ""
        return "".join(f" {name} {value}" for name, value in given.items() if value) + local

    def aws(self) -> Aws:
        """Choose the AWS, and say on stderr which it is."""
        return Aws.chosen(local=self.local, profile=self.profile, region=self.region)


def with_aws_options(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command an option for each field of ``AwsOptions``.

    Args:
        command: Takes them as one, by the keyword ``options``. Typer reads the signature of what
            this returns, which has the single options in its place. One that the command declares
            itself means something else there, and is no part of ``options``.
    """
    signature = inspect.signature(command, eval_str=True)
    bundled = [each.name for each in fields(AwsOptions) if each.name not in signature.parameters]
    known = inspect.signature(AwsOptions, eval_str=True).parameters
    single = [known[name] for name in bundled]
    parameters = [
        each
        for parameter in signature.parameters.values()
        for each in (_by_keyword(single) if parameter.name == "options" else [parameter])
    ]

    @functools.wraps(command)
    def called(*arguments: Any, **values: Any) -> None:
        options = AwsOptions(**{name: values.pop(name) for name in bundled})
        command(*arguments, options=options, **values)

    called.__dict__["__signature__"] = signature.replace(parameters=parameters)
    return called


def _by_keyword(parameters: Iterable[inspect.Parameter]) -> list[inspect.Parameter]:
    return [each.replace(kind=inspect.Parameter.KEYWORD_ONLY) for each in parameters]
