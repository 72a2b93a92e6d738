from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from constructs_lib.configs import ConfigFileError, ConfigProblem, PipelineConfigs

DATA = Path(__file__).parent / "data"
DOCUMENTS = {file.stem: json.loads(file.read_text()) for file in DATA.glob("*.json")}
NAMES = st.sampled_from(
    ["Base", "Payload", "Model_x", "PackageConfig", "shared", "author", "__x__", "a b", "\0", ""]
)
SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | NAMES
JUNK = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3),
    max_leaves=5,
)


def _replace(node: Any, way: list[int], junk: Any) -> Any:
    """The document with something else somewhere: each step picks a member by number."""
    if not way or not isinstance(node, dict | list) or not node:
        return junk
    keys = list(node) if isinstance(node, dict) else range(len(node))
    chosen = keys[way[0] % len(keys)]
    copy = node.copy()
    copy[chosen] = _replace(node[chosen], way[1:], junk)
    return copy


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("robustness")
    shutil.copytree(DATA / "code", folder / "code")
    return folder


@settings(deadline=None)
@given(
    name=st.sampled_from(sorted(DOCUMENTS)),
    changes=st.lists(
        st.tuples(st.lists(st.integers(0, 99), min_size=1, max_size=6), JUNK),
        min_size=1,
        max_size=3,
    ),
)
def test_whatever_is_in_a_file_it_loads_or_its_problems_are_listed(
    folder: Path, name: str, changes: list[tuple[list[int], Any]]
) -> None:
    document = DOCUMENTS[name]
    for way, junk in changes:
        document = _replace(document, way, junk)
    (folder / "config.json").write_text(json.dumps(document))

    problems = _problems(folder / "config.json")

    assert all(problem.path.startswith("$") for problem in problems)


def _problems(file: Path) -> tuple[ConfigProblem, ...]:
    try:
        PipelineConfigs.load(file)
    except ConfigFileError as error:
        return error.problems
    return ()
