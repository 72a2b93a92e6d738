"""The commands that a document shows, and what it says about them where readers do not look.

A block of ``console`` holds commands after ``$ `` and what they print; one of ``bash`` or ``sh``
holds commands only. HTML comments right before a block change what the test does with it::

    <!-- not run: needs an AWS account -->    only checked: command and options exist
    <!-- exit code: 1 -->                     of the last command of the block
    <!-- first: cp a b -->                    a command that the reader does not see

A block after ``<!-- file: PATH -->`` is the content of that file, and one after
``<!-- patch: PATH -->`` a change of it: lines to find, of which those after ``-`` go and others
come after ``+``. One after ``<!-- message in: PATH -->`` is what that program says.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.example_pipeline import EXAMPLE, ROOT

DOCUMENTS: Final = (
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")),
    *sorted((ROOT / "docs").rglob("*.md")),
    EXAMPLE / "README.md",
)
"""All that the project documents."""
_FENCE: Final = re.compile(r"^(?P<indent> *)```(?P<language>\w*)\s*$")
_MARK: Final = re.compile(
    r"^\s*<!-- (?P<name>not run|exit code|first|file|patch|message in): (?P<value>.+?) -->\s*$"
)
_PROGRAMS: Final = "release|make|cdk|aws|python -m|python constructs_lib"
_INLINE: Final = re.compile(rf"`(?P<command>(?:{_PROGRAMS})(?:\s[^`]*)?)`")
_INDENTED: Final = re.compile(rf"^ {{4,}}(?:\$ )?(?P<command>(?:{_PROGRAMS}|git|pip|python) .*)$")
_SESSION: Final = "console"
_SCRIPTS: Final = ("bash", "sh")


@dataclass(frozen=True)
class Command:
    """A command, and what the document shows of its output."""

    text: str
    output: tuple[str, ...] = ()


@dataclass(frozen=True)
class Block:
    """A fenced block of commands."""

    place: str
    """Document and line."""
    commands: tuple[Command, ...]
    first: tuple[str, ...] = ()
    """Commands that the reader does not see."""
    not_run: str | None = None
    """Why the block is not run, if so."""
    exit_code: int = 0
    """Of the last command."""


@dataclass(frozen=True)
class Edit:
    """A file that the reader writes or changes."""

    place: str
    """Document and line."""
    path: str
    text: str
    """Its content, or a change of it."""
    is_patch: bool

    def apply(self, folder: Path) -> None:
        """Do what the reader does.

        Raises:
            ValueError: The file does not hold the lines to change exactly once.
        """
        file = folder / self.path
        if not self.is_patch:
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(self.text)
            return
        lines = [line for line in self.text.splitlines() if not line.startswith("@@")]
        before = "".join(f"{line[1:]}\n" for line in lines if not line.startswith("+"))
        after = "".join(f"{line[1:]}\n" for line in lines if not line.startswith("-"))
        content = file.read_text()
        if content.count(before) != 1:
            times = content.count(before)
            raise ValueError(f"{self.place}: {times} times in {self.path}:\n{before}")
        file.write_text(content.replace(before, after))


@dataclass(frozen=True)
class Message:
    """A message that a document quotes."""

    place: str
    """Document and line."""
    path: str
    """The program that says it."""
    text: str


def messages(document: Path) -> list[Message]:
    """Read the messages that a document quotes."""
    return [
        Message(f"{document.name}:{line}", marks["message in"], "\n".join(content))
        for line, _, content, before in _fences(document.read_text())
        if "message in" in (marks := dict(_marks(before)))
    ]


def parts(document: Path) -> Iterator[Block | Edit]:
    """Read the blocks of commands and the edits of a document, in their order."""
    for line, language, content, before in _fences(document.read_text()):
        marks = list(_marks(before))
        values = dict(marks)
        place = f"{document.name}:{line}"
        for name in ("file", "patch"):
            if name in values:
                text = "".join(f"{each}\n" for each in content)
                yield Edit(place, values[name], text, is_patch=name == "patch")
        if language == _SESSION:
            commands = tuple(_session(content))
        elif language in _SCRIPTS:
            commands = tuple(Command(each) for each in _joined(content))
        else:
            continue
        yield Block(
            place=place,
            commands=commands,
            first=tuple(value for name, value in marks if name == "first"),
            not_run=values.get("not run"),
            exit_code=int(values.get("exit code", 0)),
        )


def blocks(document: Path) -> list[Block]:
    """Read the blocks of commands of a document."""
    return [each for each in parts(document) if isinstance(each, Block)]


def inline_commands(document: Path) -> list[str]:
    """Find the commands in the text and tables of a document."""
    return [
        " ".join(match["command"].replace(r"\|", "|").split())
        for match in _INLINE.finditer(without_blocks(document))
    ]


def indented_commands(document: Path) -> list[str]:
    """Find commands that stand in an indented block, where nothing says that they are commands."""
    lines = without_blocks(document).splitlines()
    return [match["command"] for line in lines if (match := _INDENTED.match(line))]


def without_blocks(document: Path) -> str:
    """Return the text of a document with its fenced blocks empty."""
    lines = document.read_text().splitlines()
    for start, _, content, _ in _fences(document.read_text()):
        lines[start - 1 : start + len(content) + 1] = [""] * (len(content) + 2)
    return "\n".join(lines)


def _fences(text: str) -> Iterator[tuple[int, str, list[str], list[str]]]:
    """Yield the line, language and content of each fenced block, and the lines before it."""
    lines = text.splitlines()
    index = 0
    while index < len(lines):
        fence = _FENCE.match(lines[index])
        if fence is None:
            index += 1
            continue
        indent = len(fence["indent"])
        end = next(at for at in range(index + 1, len(lines)) if lines[at].strip() == "```")
        content = [line[indent:] for line in lines[index + 1 : end]]
        yield index + 1, fence["language"], content, lines[:index]
        index = end + 1


def _marks(before: list[str]) -> Iterator[tuple[str, str]]:
    found = []
    for line in reversed(before):
        match = _MARK.match(line)
        if match is None:
            break
        found.append((match["name"], match["value"]))
    yield from reversed(found)


def _session(lines: list[str]) -> Iterator[Command]:
    command, output = "", list[str]()
    for line in _joined(lines):
        if line.startswith("$ "):
            if command:
                yield Command(command, tuple(output))
            command, output = line.removeprefix("$ "), []
        else:
            output.append(line)
    if command:
        yield Command(command, tuple(output))


def _joined(lines: list[str]) -> Iterator[str]:
    """Put what a backslash at the end of a line continues on one line."""
    whole = ""
    for line in lines:
        whole += line.strip() if whole else line
        if whole.endswith("\\"):
            whole = whole[:-1]
        else:
            yield whole
            whole = ""
