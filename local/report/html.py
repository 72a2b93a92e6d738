"""Composes HTML: everything that is not made by ``element`` is escaped."""

from __future__ import annotations

import html
import re
from collections.abc import Iterable
from typing import Final

_VOID: Final = frozenset({"br", "hr", "link", "meta"})
# No font shows these: a text must not look like another one. Tab and line feed stay.
_INVISIBLE: Final = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ud800-\udfff]"
)


class Html(str):
    """Markup, as ``element`` makes it."""

    __slots__ = ()


Child = str | None
"""Markup, a text that is yet to be escaped, or nothing."""


def escape(text: str) -> Html:
    r"""Make a text safe in elements and attributes; what is invisible shows as ``\u202e``."""
    if isinstance(text, Html):
        return text
    return Html(html.escape(_INVISIBLE.sub(_visible, text.replace("\r\n", "\n"))))


def element(tag: str, *children: Child, **attributes: str | float | bool | None) -> Html:
    """Compose an element.

    Args:
        tag: Its name.
        *children: Markup, and texts, which are escaped.
        **attributes: ``class_`` for ``class``, underscores for hyphens. True stands for an
            attribute without a value; those that are None or False are left out.
    """
    written = "".join(
        _attribute(name.rstrip("_").replace("_", "-"), value)
        for name, value in attributes.items()
        if value is not None and value is not False
    )
    if tag in _VOID:
        return Html(f"<{tag}{written}>")
    return Html(f"<{tag}{written}>{join(children)}</{tag}>")


def join(children: Iterable[Child]) -> Html:
    """Put markup and texts one after the other."""
    return Html("".join(escape(child) for child in children if child is not None))


def _attribute(name: str, value: str | float) -> str:
    return f" {name}" if value is True else f' {name}="{escape(str(value))}"'


def _visible(match: re.Match[str]) -> str:
    return f"\\u{ord(match[0]):04x}"
