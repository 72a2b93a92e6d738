"""Texts of somebody else's making, for terminals and logs."""

from __future__ import annotations


def printable(text: str) -> str:
    r"""Return a text on one line, in which what no font shows reads as ``\x1b`` or ``\u202e``."""
    return "".join(each if each.isprintable() else _escaped(each) for each in text)


def _escaped(character: str) -> str:
    return character.encode("unicode_escape").decode("ascii")
