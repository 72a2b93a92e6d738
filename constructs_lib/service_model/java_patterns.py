r"""The patterns of AWS service models, which are Java's, in Python.

Python reads most of them as Java does. Four things differ:

- ``\p{L}`` (letters) and the like, which Python does not know;
- characters beyond U+FFFF, which Java writes as two surrogates;
- line ends, of which Java has more, and digits, words and spaces, of which Java has ASCII's only;
- ``${1,256}``, which Java takes for an end of the text, that many times.
"""

from __future__ import annotations

import re
import unicodedata
from functools import cache
from typing import Final

# A letter beyond ASCII is replaced by the stand-in for letters before matching, and so on: a
# character class of all letters would have some hundred thousand members.
_STAND_INS: Final = {category: chr(0xE000 + i) for i, category in enumerate("LMNPSZC")}

_CLASS_OR_DOT: Final = re.compile(r"\\.|\[(?:\\.|[^\]\\])+\]|\.")
_ANY_BUT_LINE_END: Final = "[^\n\r\u0085\u2028\u2029]"
_SURROGATES: Final = re.compile(r"\\u(D[89AB]\w\w)\\u(D[C-F]\w\w)", re.IGNORECASE)


def matches(pattern: str, text: str) -> bool:
    """Tell whether a text as a whole matches a pattern of a service model.

    Raises:
        re.error: The pattern has other Java syntax that Python does not know.
    """
    if r"\p{" in pattern:
        text = "".join(map(_stand_in, text))
    return _compiled(pattern).fullmatch(text) is not None


@cache
def _compiled(pattern: str) -> re.Pattern[str]:
    pattern = _CLASS_OR_DOT.sub(
        lambda part: _ANY_BUT_LINE_END if part[0] == "." else part[0], pattern
    )
    pattern = _SURROGATES.sub(lambda pair: _character(pair[1], pair[2]), pattern)
    pattern = re.sub(r"\$\{[1-9]\d*,\d*\}", "$", pattern)
    pattern = re.sub(r"\\p\{(\w)\}", lambda category: _members(category[1]), pattern)
    return re.compile(pattern.replace(r"\p{Alnum}", "a-zA-Z0-9"), re.ASCII)


def _character(high: str, low: str) -> str:
    return bytes.fromhex(high + low).decode("utf-16-be")


@cache
def _members(category: str) -> str:
    """Return what a character class needs to match a category, once the stand-ins are in place."""
    in_ascii = [c for c in map(chr, range(128)) if unicodedata.category(c)[0] == category]
    return re.escape("".join(in_ascii)) + _STAND_INS[category]


def _stand_in(character: str) -> str:
    if character.isascii():
        return character
    return _STAND_INS[unicodedata.category(character)[0]]
