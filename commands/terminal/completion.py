"""What the shell completes; reads files only, and is silent about those it cannot read."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from commands.terminal import places
from constructs_lib.fields.json_texts import read_json


def folder_names(incomplete: str) -> list[str]:
    """Return the folders of pipelines whose names start with what was typed."""
    return [name for name in sorted(_configs()) if name.startswith(incomplete)]


def pipeline_names(incomplete: str) -> list[str]:
    """Return the pipelines whose names in SageMaker start with what was typed."""
    names = {name for path in _configs().values() for name in _pipeline_names(path)}
    return [name for name in sorted(names) if name.startswith(incomplete)]


def _configs() -> dict[str, Path]:
    settings = _read_json(places.ROOT / "cdk.json").get("context", {}).get("model-release", {})
    folder = places.ROOT / settings.get("pipelines_dir", "pipelines")
    return {path.parent.name: path for path in folder.glob("[!._]*/config.json")}


def _pipeline_names(path: Path) -> Iterator[str]:
    yield from _values(_read_json(path), "pipeline_name")


def _values(value: Any, name: str) -> Iterator[str]:
    if isinstance(value, dict):
        if isinstance(value.get(name), str):
            yield value[name]
        for member in value.values():
            yield from _values(member, name)


def _read_json(path: Path) -> dict[str, Any]:
    try:
        document = read_json(path.read_bytes())
    except (OSError, ValueError):
        return {}
    return document if isinstance(document, dict) else {}
