"""Pipelines made out of the example, for tests that need several."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tests.example_pipeline import copy_example


def named_copy(folder: Path, **sections: dict[str, Any]) -> None:
    """Copy the example's folder; the pipeline is named after the copy.

    Args:
        folder: The copy.
        sections: Changes to sections of its config.
    """
    path = copy_example(folder)
    document = json.loads(path.read_text())
    document["configuration"]["shared"]["pipeline_name"] = folder.name
    for section, values in sections.items():
        document["configuration"]["specific"].setdefault(section, {}).update(values)
        document["metadata"]["config_types"][section] = f"{section}Config"
    path.write_text(json.dumps(document))


def leave_unserved(folder: Path) -> None:
    """Take the section out of a copy that serves its versions."""
    path = folder / "config.json"
    document = json.loads(path.read_text())
    del document["configuration"]["specific"]["Endpoint"]
    del document["metadata"]["config_types"]["Endpoint"]
    path.write_text(json.dumps(document))
