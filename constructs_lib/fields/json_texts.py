"""Reads the JSON that users write, and says in their words what is wrong with it."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from typing import Any

_MARK = "\ufeff"


class UnreadableJsonError(ValueError):
    """A text is no JSON that can be used; the message says why, and goes after the file's name."""


def read_json(
    content: bytes | str,
    *,
    line: int | None = None,
    object_pairs_hook: Callable[[list[tuple[str, Any]]], Any] | None = None,
    parse_float: Callable[[str], Any] | None = None,
) -> Any:
    """Read JSON in UTF-8, with or without the byte order mark that some editors put before it.

    Args:
        content: The text.
        line: Number of the line that it is, in a file with a JSON text on each.
        object_pairs_hook: Makes an object of its members.
        parse_float: Reads a number with a point or an exponent; may refuse it by an
            UnreadableJsonError.

    Raises:
        UnreadableJsonError: It is no JSON, or beyond all that Python reads.
    """
    place = "" if line is None else f"line {line} "
    text = utf8_text(content) if isinstance(content, bytes) else content
    try:
        return json.loads(
            text.removeprefix(_MARK),
            object_pairs_hook=object_pairs_hook,
            parse_float=parse_float,
            parse_int=_whole_number,
        )
    except json.JSONDecodeError as error:
        where = f"column {error.colno}" if line else f"line {error.lineno}, column {error.colno}"
        raise UnreadableJsonError(f"{place}is not JSON: {where}: {error.msg}") from None
    except UnreadableJsonError as error:
        raise UnreadableJsonError(f"{place}{error}") from None
    except RecursionError:
        raise UnreadableJsonError(f"{place}is nested too deeply for a JSON reader") from None


def members_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Make an object of its members, as an ``object_pairs_hook`` of :func:`read_json`.

    Raises:
        UnreadableJsonError: One is there more than once, of which readers take the last.
    """
    members = dict(pairs)
    if len(members) < len(pairs):
        names = [name for name, _ in pairs]
        twice = ", ".join(json.dumps(each) for each in members if names.count(each) > 1)
        raise UnreadableJsonError(f"names {twice} more than once in one object: keep one of them")
    return members


def utf8_text(content: bytes) -> str:
    """Decode a text, without the byte order mark before it.

    Raises:
        UnreadableJsonError: It is not UTF-8.
    """
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UnreadableJsonError(
            f"is not UTF-8 text (at byte {error.start}): save it in that encoding"
        ) from None


def _whole_number(text: str) -> int:
    try:
        return int(text)
    except ValueError:  # Python's limit, which keeps a reader from being busy for minutes
        raise UnreadableJsonError(
            f"holds a whole number of {len(text.lstrip('-')):,} digits; read are numbers of up to"
            f" {sys.get_int_max_str_digits():,}"
        ) from None
