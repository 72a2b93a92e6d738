from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from constructs_lib.configs import ConfigFileError, ConfigProblem, PipelineConfigs

DATA = Path(__file__).parent / "data"

Edit = tuple[str, Any]
"""A JSON path and what to put there; ``...`` removes what is there."""


@pytest.fixture
def data() -> Path:
    """The folder with one model's configs in every generation."""
    return DATA


@pytest.fixture
def write_config(tmp_path: Path) -> Callable[..., Path]:
    """Write a config file of a generation, by default the current one, with edits."""
    shutil.copytree(DATA / "code", tmp_path / "code")

    def write(*edits: Edit, generation: str = "g4") -> Path:
        document = json.loads((DATA / f"{generation}.json").read_text())
        for path, value in edits:
            _edit(document, path, value)
        file = tmp_path / "config.json"
        file.write_text(json.dumps(document))
        return file

    return write


@pytest.fixture
def problems_of(write_config: Callable[..., Path]) -> Callable[..., tuple[ConfigProblem, ...]]:
    """The problems of a config file with the given edits."""

    def problems(*edits: Edit, generation: str = "g4") -> tuple[ConfigProblem, ...]:
        with pytest.raises(ConfigFileError) as error:
            PipelineConfigs.load(write_config(*edits, generation=generation))
        return error.value.problems

    return problems


def _edit(document: Any, path: str, value: Any) -> None:
    *parents, last = [
        int(key) if key.isdigit() else key for key in re.findall(r"[^.\[\]]+", path)[1:]
    ]
    for key in parents:
        document = document[key]
    if value is ...:
        del document[last]
    else:
        document[last] = value
