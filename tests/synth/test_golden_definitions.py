"""The definition of each pipeline shape, compared as parsed data with a checked-in one.

After a wanted change, ``make golden`` rewrites them; read the diff before committing it.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from constructs_lib.configs import PipelineConfigs
from constructs_lib.definition import compile_pipeline
from constructs_lib.linter import lint

GOLDEN = Path(__file__).parent / "golden"
SHAPES = [
    *("existing_model", "load_tested", "several_regions", "with_training"),
    *("on_graviton", "on_hugging_face", "on_an_own_image", "on_ray"),
]
"""Of steps, and of the containers that serve."""


@pytest.mark.parametrize("shape", SHAPES)
def test_the_definition_is_the_golden_one(
    shape: str,
    tmp_path: Path,
    write_pipeline: Callable[[Path, str], Path],
    request: pytest.FixtureRequest,
) -> None:
    compiled = compile_pipeline(PipelineConfigs.load(write_pipeline(tmp_path, shape)))

    golden = GOLDEN / f"{shape}.json"
    if request.config.getoption("--update-golden"):
        golden.write_text(json.dumps(compiled.definition, indent=2, sort_keys=True) + "\n")
    assert compiled.definition == json.loads(golden.read_text())


@pytest.mark.parametrize("shape", SHAPES)
def test_every_golden_definition_is_one_that_sagemaker_accepts(shape: str) -> None:
    assert lint(json.loads((GOLDEN / f"{shape}.json").read_text())) == []
