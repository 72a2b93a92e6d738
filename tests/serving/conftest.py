"""The example's config with other settings of the container that serves."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from constructs_lib.configs import PipelineConfigs
from tests.example_pipeline import copy_example

DIGEST = f"sha256:{'0123456789abcdef' * 4}"
VERSIONS = {
    "custom": ("2.6.0", "py312"),
    "huggingface": ("2.6.0", "py312"),
    "pytorch": ("2.6.0", "py312"),
    "ray": ("2.10.0", "py313"),
}
OWN_IMAGES = {
    region: f"111122223333.dkr.ecr.{region}.amazonaws.com/team/server@{DIGEST}"
    for region in ("us-east-1", "eu-west-1", "us-west-2")
}
NEEDED: dict[str, dict[str, Any]] = {
    "custom": {"serving_images": OWN_IMAGES, "serving_entrypoint": ["/bin/serve"]},
    "huggingface": {"transformers_version": "4.51.3"},
}
"""What a container's settings cannot do without."""

Write = Callable[..., Path]
Serve = Callable[..., PipelineConfigs]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Write the example's folder, served by a container; returns the path of the config."""

    def run(container: str, *, payload: dict[str, Any] | None = None, **model: Any) -> Path:
        path = copy_example(tmp_path / f"on_{container}_{len(list(tmp_path.iterdir()))}")
        document = json.loads(path.read_text())
        configuration = document["configuration"]
        torch, python = VERSIONS[container]
        configuration["shared"] |= {"framework_version": torch, "py_version": python}
        settings = {"serving_container": container, **NEEDED.get(container, {}), **model}
        configuration["specific"]["PytorchModel"] |= settings
        configuration["specific"]["Payload"] |= payload or {}
        for section in configuration["specific"].values():
            for name in [name for name, value in section.items() if value is None]:
                del section[name]
        path.write_text(json.dumps(document, indent=2))
        return path

    return run


@pytest.fixture
def serve(write: Write) -> Serve:
    """Load the example's config, served by a container."""
    return lambda container, **settings: PipelineConfigs.load(write(container, **settings))
