"""Changes members of a JSON text, and leaves every other character of it as it is."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any, Final, NamedTuple

_DECODER: Final = json.JSONDecoder()
_SPACE: Final = re.compile(r"[ \t\r\n]*")


class _Member(NamedTuple):
    """Where a member of an object stands in the text."""

    name: str
    start: int
    value_start: int
    end: int


def with_member(text: str, keys: Sequence[str], name: str, value: Any) -> str:
    """Set a member of the object that the keys lead to; a new one goes where its name sorts.

    Args:
        text: JSON of an object.
        keys: The way from the outermost object to the one to change.
        name: The member.
        value: What it gets.

    Raises:
        KeyError: There is no object at the end of that way.
    """
    start = _object_at(text, keys)
    members = _members(text, start)
    written = json.dumps(value)
    for member in members:
        if member.name == name:
            return text[: member.value_start] + written + text[member.end :]
    new = f"{json.dumps(name)}: {written}"
    if not members:
        return f"{text[: start + 1]}{new}{text[start + 1 :]}"
    names = [member.name for member in members]
    later = [member for member in members if member.name > name]
    if later and names == sorted(names):
        at = later[0].start
        return f"{text[:at]}{new},{_space_before(text, at)}{text[at:]}"
    at = members[-1].end
    return f"{text[:at]},{_space_before(text, members[-1].start)}{new}{text[at:]}"


def without_member(text: str, keys: Sequence[str], name: str) -> str:
    """Take a member out of the object that the keys lead to, with its comma.

    Raises:
        KeyError: There is no such object, or it has no such member.
    """
    members = _members(text, _object_at(text, keys))
    names = [member.name for member in members]
    if name not in names:
        raise KeyError(name)
    at = names.index(name)
    if at + 1 < len(members):
        return text[: members[at].start] + text[members[at + 1].start :]
    begin = members[at - 1].end if at else members[at].start
    return text[:begin] + text[members[at].end :]


def _object_at(text: str, keys: Sequence[str]) -> int:
    at = _after_space(text, 0)
    for key in keys:
        at = next((each.value_start for each in _members(text, at) if each.name == key), -1)
        if at < 0:
            raise KeyError(key)
    if text[at] != "{":
        raise KeyError(keys[-1])
    return at


def _members(text: str, start: int) -> list[_Member]:
    """Return the members of the object that begins there; of what is none, none."""
    found = list[_Member]()
    at = _after_space(text, start + 1)
    while text[start] == "{" and text[at] == '"':
        name, end_of_name = _DECODER.raw_decode(text, at)
        value_start = _after_space(text, _after_space(text, end_of_name) + 1)
        _, end = _DECODER.raw_decode(text, value_start)
        found.append(_Member(name, at, value_start, end))
        at = _after_space(text, end)
        if text[at] == ",":
            at = _after_space(text, at + 1)
    return found


def _after_space(text: str, at: int) -> int:
    match = _SPACE.match(text, at)
    return match.end() if match else at


def _space_before(text: str, at: int) -> str:
    return text[len(text[:at].rstrip(" \t\r\n")) : at]
