"""Messages that docs/troubleshooting.md quotes are still in the programs that print them.

Those that a command there produces are compared by ``test_documented_commands.py``.
"""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from tests.docs.documents import Message, messages
from tests.docs.outputs import ANYTHING

ROOT = Path(__file__).parents[2]
MESSAGES = messages(ROOT / "docs" / "troubleshooting.md")


@pytest.mark.parametrize("message", MESSAGES, ids=lambda each: each.place)
def test_a_quoted_message_is_in_its_program(message: Message) -> None:
    fragments = [plain(part) for part in message.text.split(ANYTHING) if plain(part)]

    assert fragments
    assert any(
        all(fragment in text for fragment in fragments) for text in texts_of(ROOT / message.path)
    ), f"{message.path} does not say: {message.text}"


def test_messages_are_quoted() -> None:
    assert len(MESSAGES) > 10


def texts_of(path: Path) -> list[str]:
    """The texts in a program; those of Python whole, with what is filled in left out."""
    content = path.read_text()
    if path.suffix != ".py":
        return [plain(content)]
    return [
        plain(text_of(node))
        for node in ast.walk(ast.parse(content))
        if isinstance(node, ast.JoinedStr | ast.Constant)
    ]


def text_of(node: ast.expr) -> str:
    if isinstance(node, ast.JoinedStr):
        return "".join(map(text_of, node.values))
    return (
        node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ANYTHING
    )


def plain(text: str) -> str:
    return " ".join(text.split())
