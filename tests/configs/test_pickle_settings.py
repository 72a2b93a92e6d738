"""What a config says about pickles, and what the packaging script is told of it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from constructs_lib.configs import PackageStepConfig
from constructs_lib.jobs.package_model.command_line import parse_arguments
from constructs_lib.jobs.package_model.pickles import POLICIES

BASE: dict[str, Any] = {"author": "alice", "current_date": "2026-03-14"}


def config(**fields: Any) -> PackageStepConfig:
    return PackageStepConfig(**BASE, **fields)


def told(settings: PackageStepConfig) -> tuple[str, tuple[str, ...]]:
    """Policy and names as the script understands its arguments."""
    needed = ["--model", "m", "--code", "c", "--output", "out/model.tar.gz"]
    job = parse_arguments([*needed, *settings.pickle_arguments])
    return job.pickle_policy, job.allowed_pickle_globals


def test_a_file_without_the_fields_changes_no_argument() -> None:
    assert config().pickle_arguments == []
    assert told(config()) == ("warn", ())


@pytest.mark.parametrize("policy", POLICIES)
def test_the_script_is_told_the_policy(policy: str) -> None:
    assert told(config(pickle_policy=policy)) == (policy, ())


def test_the_script_is_told_every_name_in_arguments_that_fit() -> None:
    names = [f"shop.models.part{number}.Class{number}" for number in range(150)]
    settings = config(allowed_pickle_globals=names)

    assert told(settings) == ("warn", tuple(names))
    assert max(map(len, settings.pickle_arguments)) <= 256
    assert len(settings.pickle_arguments) < 60


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["Net"], "must be a class or function with its module"),
        (["a.B,c.D"], "must be a class or function with its module"),
        (["a. B"], "must be a class or function with its module"),
        (["a." + "b" * 255], "at most 256"),
        (["shop.Net", "os.system"], 'must not hold "os.system", which can run any code'),
        (["builtins.eval"], "must not hold"),
        (["shop.Net.__globals__"], "must not hold"),
        ([f"shop.Class{number:0240}" for number in range(31)], "which has room for 30"),
    ],
)
def test_names_that_cannot_be_allowed_are_refused(names: list[str], message: str) -> None:
    with pytest.raises(ValidationError, match="1 validation error") as refused:
        config(allowed_pickle_globals=names)

    assert message in str(refused.value)


@pytest.mark.parametrize("argument", ["--pickle-policy", "--pickle=off", "--allow-pickle-globals"])
def test_arguments_of_the_script_do_not_overrule_the_policy(
    argument: str, write_config: Callable[..., Path], problems_of: Callable[..., Any]
) -> None:
    (problem,) = problems_of(
        ("$.configuration.processing.Package.processing_script_arguments", [argument])
    )

    assert json.dumps(argument) in problem.message
