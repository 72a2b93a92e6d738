"""Each file of tests belongs to exactly one target of the Makefile, and CI calls all of these."""

from __future__ import annotations

import re
import shlex
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from tests.example_pipeline import ROOT

EVERY = {path.relative_to(ROOT) for path in (ROOT / "tests").rglob("test_*.py")}
TARGETS = re.findall(r"^(test(?:-[a-z]+)*):", (ROOT / "Makefile").read_text(), re.MULTILINE)
"""In the order of the Makefile."""
WHOLE = [target for target in TARGETS if target != "test-quick"]
"""All but the one that runs a choice of what ``test`` runs."""


@cache
def files_of(target: str) -> frozenset[Path]:
    """The files that a target has pytest run."""
    make = ["make", "--dry-run", "--old-file=setup", target]
    shown = subprocess.run(make, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    (command,) = (line for line in shown.replace("\\\n", " ").splitlines() if " -m pytest" in line)
    words = shlex.split(command.partition(" -m pytest")[2])
    named = [Path(word) for word in words if word.startswith("tests")]
    left_out = [Path(word.partition("=")[2]) for word in words if word.startswith("--ignore=")]
    assert all((ROOT / path).exists() for path in [*named, *left_out])
    return frozenset(_below(named or [Path("tests")])) - frozenset(_below(left_out))


def _below(paths: list[Path]) -> Iterator[Path]:
    yield from (file for file in EVERY if any(file.is_relative_to(path) for path in paths))


def test_every_file_of_tests_belongs_to_exactly_one_target() -> None:
    owned = {target: files_of(target) for target in WHOLE}
    # What lies beside the tests that need torch meets another machine with it: it runs again.
    others = {file for target in WHOLE if target != "test-torch" for file in owned[target]}
    again = owned["test-torch"] & others
    owned["test-torch"] -= again

    assert {file.parts[1] for file in again} == {"example", "pickles"}
    assert set().union(*owned.values()) == EVERY
    assert sum(len(files) for files in owned.values()) == len(EVERY)


@pytest.mark.parametrize("target", WHOLE)
def test_continuous_integration_calls_each_target(target: str) -> None:
    lines = (ROOT / ".ci" / "run").read_text().splitlines()

    assert f"make {target}" in lines


def test_the_last_that_continuous_integration_prints_is_the_end_of_all_tests() -> None:
    assert (ROOT / ".ci" / "run").read_text().splitlines()[-1] == "make test"


def test_a_pull_request_runs_what_needs_nothing_more_installed() -> None:
    workflow = (ROOT / ".github" / "workflows" / "pull-request.yml").read_text()
    called = set(re.findall(r"- run: make (test[a-z-]*)$", workflow, re.MULTILINE))

    assert called == {*WHOLE} - {"test-torch", "test-serving"}


def test_a_dry_run_does_nothing() -> None:
    text = (ROOT / "Makefile").read_text().replace("\\\n", " ")
    # Make runs a line that calls make again even when it only prints the others.
    again = [line for line in text.splitlines() if "$(MAKE)" in line]

    assert [line for line in again if not re.fullmatch(r"\t@?\$\(MAKE\)[^;&|]*", line)] == []
