"""The service model's patterns are Java's: those that Python reads otherwise are translated."""

from __future__ import annotations

import re
import unicodedata
import warnings
from typing import Any

import pytest
from botocore.loaders import Loader

from constructs_lib.service_model.java_patterns import matches

UNTRANSLATED: list[str] = []
"""Patterns of the service model that cannot be checked. There are none, and none may be added
without being listed here."""

METADATA = r"([\p{L}\p{Z}\p{N}_.:\/=+\-@]*)${1,256}"


def _patterns() -> set[str]:
    shapes: dict[str, Any] = Loader().load_service_model("sagemaker", "service-2")["shapes"]
    return {shape["pattern"] for shape in shapes.values() if "pattern" in shape}


def test_every_pattern_of_the_service_model_is_checked() -> None:
    untranslated = []
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for pattern in sorted(_patterns()):
            try:
                matches(pattern, "")
            except (re.error, Warning):
                untranslated.append(pattern)
    assert untranslated == UNTRANSLATED


def test_no_pattern_has_java_syntax_that_python_reads_otherwise() -> None:
    only_in_java = [r"\z", r"\h", r"\R", "&&", r"\Q", "[["]
    assert [
        pattern for pattern in _patterns() if any(syntax in pattern for syntax in only_in_java)
    ] == []


def test_categories_stand_in_character_classes_only() -> None:
    outside = [re.sub(r"\[(?:\\.|[^\]\\])+\]", "", pattern) for pattern in _patterns()]
    assert not any(r"\p" in pattern for pattern in outside)


@pytest.mark.parametrize("category", ["L", "M", "N", "P", "S", "Z"])
def test_categories_match_the_characters_that_unicode_puts_in_them(category: str) -> None:
    pattern = rf"[\p{{{category}}}]"
    for character in map(chr, [*range(32, 0x3100), 0x1F600, 0x1D7D8, 0x10400]):
        expected = unicodedata.category(character).startswith(category)
        assert matches(pattern, character) == expected, hex(ord(character))


@pytest.mark.parametrize("text", ["Größe 5", "a@b", "日本語", "x" * 256, "s3://b/k"])
def test_metadata_may_hold_letters_digits_and_some_signs(text: str) -> None:
    assert matches(METADATA, text)


@pytest.mark.parametrize("text", ["a, b", '"a"', "{a}", "a;b", "a\nb", "😀"])
def test_metadata_may_hold_nothing_else(text: str) -> None:
    assert not matches(METADATA, text)


def test_alnum_is_ascii_in_java() -> None:
    assert matches(r"[\p{Alnum}\-]+", "aZ-9")
    assert not matches(r"[\p{Alnum}\-]+", "ä")


def test_digits_and_words_are_ascii_in_java() -> None:
    assert not matches(r"\d+", "٣")
    assert not matches(r"\w+", "ä")


@pytest.mark.parametrize("line_end", ["\n", "\r", "\u0085", "\u2028"])
def test_a_dot_is_no_line_end(line_end: str) -> None:
    assert not matches("a.*", f"a{line_end}")
    assert matches(r"[\S\s]*", f"a{line_end}")


def test_surrogate_pairs_stand_for_one_character() -> None:
    pattern = r"[\u0020-\uD7FF\uE000-\uFFFD\uD800\uDC00-\uDBFF\uDFFF\t]*"
    assert matches(pattern, "tab\t and 😀")
    assert not matches(pattern, "bell\a")
