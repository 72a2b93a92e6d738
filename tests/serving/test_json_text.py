"""Members of a JSON text change, and nothing else of it does."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from constructs_lib.release.moving.json_text import with_member, without_member

TEXT = """\
{
  "a": { "b" : {"x": 1,
      "z":[1, {"x": "}"}] }, "c": {} },
\t"d": "\\u00e9\\"{"
}
"""


@pytest.mark.parametrize(
    ("keys", "name", "value", "old", "new"),
    [
        (["a", "b"], "x", 2, '"x": 1', '"x": 2'),
        (["a", "b"], "z", "s", '[1, {"x": "}"}]', '"s"'),
        (["a", "b"], "y", 2, '\n      "z":', '\n      "y": 2,\n      "z":'),
        (["a", "b"], "zz", 2, '[1, {"x": "}"}]', '[1, {"x": "}"}],\n      "zz": 2'),
        (["a", "c"], "n", None, "{} }", '{"n": null} }'),
        ([], "e", True, '\\"{"\n', '\\"{",\n\t"e": true\n'),
        ([], "d", "x", '"\\u00e9\\"{"', '"x"'),
    ],
)
def test_a_member_is_set_where_it_belongs(
    keys: list[str], name: str, value: object, old: str, new: str
) -> None:
    assert TEXT.count(old) == 1
    assert with_member(TEXT, keys, name, value) == TEXT.replace(old, new)


@pytest.mark.parametrize(
    ("keys", "name", "old", "new"),
    [
        (["a", "b"], "x", '"x": 1,\n      ', ""),
        (["a", "b"], "z", ',\n      "z":[1, {"x": "}"}]', ""),
        ([], "d", ',\n\t"d": "\\u00e9\\"{"', ""),
    ],
)
def test_a_member_goes_with_its_comma(keys: list[str], name: str, old: str, new: str) -> None:
    assert without_member(TEXT, keys, name) == TEXT.replace(old, new)


def test_what_is_not_there_is_an_error() -> None:
    for keys, name in ((["a", "q"], "x"), (["d"], "x"), (["a", "b", "z"], "x")):
        with pytest.raises(KeyError):
            with_member(TEXT, keys, name, 1)
    with pytest.raises(KeyError):
        without_member(TEXT, ["a"], "q")


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3)
    ),
    max_leaves=8,
)


@given(
    document=st.dictionaries(st.text(max_size=3), VALUES, max_size=5),
    name=st.text(max_size=3),
    value=VALUES,
    indent=st.sampled_from([None, 1, "\t"]),
    escaped=st.booleans(),
)
def test_any_document_is_the_same_but_for_the_member(
    document: dict[str, object],
    name: str,
    value: object,
    indent: int | str | None,
    *,
    escaped: bool,
) -> None:
    text = json.dumps({"top": document}, indent=indent, ensure_ascii=escaped)

    changed = with_member(text, ["top"], name, value)
    assert json.loads(changed) == {"top": {**document, name: value}}
    without = json.loads(without_member(changed, ["top"], name))
    assert without == {"top": {key: each for key, each in document.items() if key != name}}
