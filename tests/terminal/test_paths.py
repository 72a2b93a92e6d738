"""Paths as messages show them."""

from __future__ import annotations

from pathlib import Path

import pytest

from constructs_lib.terminal.paths import shown_path


@pytest.mark.parametrize(
    ("path", "shown"),
    [
        ("pipelines/a", "pipelines/a"),
        ("{here}/pipelines/a", "pipelines/a"),
        ("./b/../a", "a"),
        ("../{name}/a", "a"),
        ("../other/a", "{parent}/other/a"),
        ("{parent}/other", "{parent}/other"),
        (".", "{here}"),
    ],
)
def test_a_path_is_relative_below_the_current_folder_and_else_absolute(
    path: str, shown: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = tmp_path / "here"
    here.mkdir()
    monkeypatch.chdir(here)
    places = {"here": here, "parent": here.parent, "name": here.name}

    assert shown_path(Path(path.format(**places))) == Path(shown.format(**places))
