"""Every command in the documents exists, and runs as the documents show it.

How a document says what is not run, or fails on purpose: see ``tests/docs/documents.py``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.docs.conftest import Demo
from tests.docs.documents import (
    DOCUMENTS,
    Block,
    Command,
    Edit,
    blocks,
    indented_commands,
    inline_commands,
    parts,
)
from tests.docs.outputs import differs
from tests.docs.programs import NoSuchCommandError, check, program_names
from tests.docs.workplace import Ran, Shell
from tests.example_pipeline import ROOT

NAMES = [str(document.relative_to(ROOT)) for document in DOCUMENTS]
NEVER_RUN = {"make", "aws", "pip", "npm", "open", "xdg-open"}
"""Programs that install, take minutes or are not part of the environment: only checked."""
NEVER_RUN_COMMANDS = {("git", "clone"), ("release", "demo"), ("release", "emulator")}


def is_run(command: Command) -> bool:
    return not any(
        words[0] in NEVER_RUN or tuple(words[:2]) in NEVER_RUN_COMMANDS
        for words in program_names(command.text)
    )


TO_RUN = [
    document
    for document in DOCUMENTS
    if any(
        is_run(command)
        for block in blocks(document)
        if not block.not_run
        for command in block.commands
    )
]


@dataclass(frozen=True)
class Step:
    """A command to run, where it stands, and how it has to end."""

    place: str
    command: Command
    exit_code: int = 0

    def what_is_wrong(self, ran: Ran) -> str | None:
        if ran.exit_code != self.exit_code:
            return f"exit code {ran.exit_code}, not {self.exit_code}:\n{ran.output}"
        return differs(self.command.output, ran.output) if self.command.output else None


@pytest.mark.parametrize("document", DOCUMENTS, ids=NAMES)
def test_every_command_in_a_document_exists(document: Path) -> None:
    written = [command.text for block in blocks(document) for command in block.commands]
    problems = []
    for text in [*written, *inline_commands(document)]:
        try:
            check(text)
        except NoSuchCommandError as error:
            problems.append(f"{text}: {error}")

    assert problems == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=NAMES)
def test_commands_stand_in_blocks_that_say_so(document: Path) -> None:
    assert indented_commands(document) == []


@pytest.mark.parametrize("document", TO_RUN, ids=lambda each: str(each.relative_to(ROOT)))
def test_the_commands_of_a_document_do_what_it_shows(
    document: Path, demo: Demo, workplace: Path
) -> None:
    steps = [step for part in parts(document) for step in to_do(part)]
    with Shell(workplace, demo.aws.environment()) as shell:
        problems = []
        for step in steps:
            if isinstance(step, Edit):
                step.apply(workplace)
            elif problem := step.what_is_wrong(shell.run(step.command.text)):
                problems.append(f"{step.place}: $ {step.command.text}\n{problem}")

    assert problems == [], "\n\n".join(problems)


def test_the_demo_prints_what_the_readme_shows(demo: Demo) -> None:
    (shown,) = [
        command.output
        for block in blocks(ROOT / "README.md")
        for command in block.commands
        if command.text == "make demo"
    ]
    setup = re.findall(r"echo '(\[\d/\d\][^']*)'", (ROOT / "Makefile").read_text())
    steps = [line.partition(",")[0].replace("$(VENV)", ".venv") for line in setup]

    shown_steps = [line for line in shown if line.startswith("[")]
    for step, line in zip(steps, shown_steps, strict=True):
        assert line.startswith(step)
    problem = differs(tuple(line for line in shown if not line.startswith("[")), demo.output)
    assert problem is None, problem


def to_do(part: Block | Edit) -> Iterator[Step | Edit]:
    """What a reader does for a part of a document."""
    if isinstance(part, Edit):
        yield part
    elif not part.not_run:
        yield from (Step(part.place, Command(text)) for text in part.first)
        for command in part.commands:
            if is_run(command):
                last = command is part.commands[-1]
                yield Step(part.place, command, part.exit_code if last else 0)
