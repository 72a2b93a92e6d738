"""The definition of each pipeline shape, compared as parsed data with a checked-in one.

After a wanted change, ``make golden`` rewrites them; read the diff before committing it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from constructs_lib.configs import PipelineConfigs
from constructs_lib.definition import compile_pipeline
from constructs_lib.linter import lint
from constructs_lib.regions import DEFAULT_HOME_REGION
from tests.synth.conftest import OTHER_HOME, Synthesize

GOLDEN = Path(__file__).parent / "golden"
SHAPES = [
    *("existing_model", "load_tested", "other_regions", "several_regions", "with_training"),
    *("on_graviton", "on_hugging_face", "on_an_own_image", "on_ray"),
]
"""Of steps, and of the containers that serve."""
HOMES = {"other_regions": OTHER_HOME}


def _compare(found: Any, golden: Path, request: pytest.FixtureRequest) -> None:
    if request.config.getoption("--update-golden"):
        golden.write_text(json.dumps(found, indent=2, sort_keys=True) + "\n")
    assert found == json.loads(golden.read_text())


@pytest.mark.parametrize("shape", SHAPES)
def test_the_definition_is_the_golden_one(
    shape: str,
    tmp_path: Path,
    write_pipeline: Callable[[Path, str], Path],
    request: pytest.FixtureRequest,
) -> None:
    compiled = compile_pipeline(
        PipelineConfigs.load(write_pipeline(tmp_path, shape)),
        home_region=HOMES.get(shape, DEFAULT_HOME_REGION),
    )

    _compare(compiled.definition, GOLDEN / f"{shape}.json", request)


@pytest.mark.parametrize("shape", SHAPES)
def test_every_golden_definition_is_one_that_sagemaker_accepts(shape: str) -> None:
    assert lint(json.loads((GOLDEN / f"{shape}.json").read_text())) == []


def test_the_templates_of_other_regions_are_the_golden_ones(
    tmp_path: Path,
    write_pipeline: Callable[[Path, str], Path],
    synthesize: Synthesize,
    request: pytest.FixtureRequest,
) -> None:
    write_pipeline(tmp_path, "other_regions")

    templates = synthesize(
        home_region=OTHER_HOME,
        pipelines_dir=str(tmp_path),
        notifications={"emails": ["my-team@example.com"]},
    )

    found = {name: _without_contents(each.to_json()) for name, each in templates.items()}
    _compare(found, GOLDEN / "templates" / "other_regions.json", request)


def _without_contents(node: Any) -> Any:
    """Leave out the definition, which is golden itself, and the digests of files."""
    if isinstance(node, dict):
        return {
            name: "" if name == "PipelineDefinitionBody" else _without_contents(each)
            for name, each in node.items()
        }
    if isinstance(node, list):
        return [_without_contents(each) for each in node]
    return re.sub("[0-9a-f]{64}", "DIGEST", node) if isinstance(node, str) else node
