"""Suggests what was meant by a name that nothing has."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


def suggestion(name: str, known: Iterable[str]) -> str:
    """Return a sentence, after a blank, that names the one that was meant, or all there are.

    ::

        suggestion("return_risk", ["returns_risk"])  # " Did you mean 'returns_risk'?"
        suggestion("x", ["b", "a"])  # " There are: a, b."
    """
    names = sorted(known)
    close = get_close_matches(name, names, n=1)
    if close:
        return f" Did you mean {close[0]!r}?"
    return f" There are: {', '.join(names) or 'none'}."
