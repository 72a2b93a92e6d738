"""A pipeline with a folder of own sample requests."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from constructs_lib.configs import PipelineConfigs
from tests.example_pipeline import copy_example

Content = str | bytes | dict[str, Any] | list[Any]
WithSamples = Callable[..., PipelineConfigs]

RECORD: Mapping[str, float | str] = {
    "order_amount": 29.46,
    "days_to_return": 4.1,
    "orders_last_year": 18,
    "returns_last_year": 0,
    "account_age_days": 1297,
    "return_reason": "damaged",
    "customer_comment": "the box was broken, want a refund",
}
ROW = '29.46,4.1,18,0,1297,damaged,"the box was broken, want a refund"\n'
SCORE = 0.001989
"""The example model's, of both."""


@pytest.fixture
def with_samples(tmp_path: Path) -> WithSamples:
    """Makes the example with own sample requests, by the names of the files."""
    config = copy_example(tmp_path / "pipeline")
    folder = config.parent / "samples"

    def make(files: Mapping[str, Content], **fields: Any) -> PipelineConfigs:
        for name, content in files.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            text = content if isinstance(content, str | bytes) else json.dumps(content)
            path.write_bytes(text if isinstance(text, bytes) else text.encode())
        document = json.loads(config.read_text())
        document["configuration"]["specific"]["Payload"] |= {"sample_requests_dir": "samples"}
        document["configuration"]["shared"] |= fields
        config.write_text(json.dumps(document))
        return PipelineConfigs.load(config)

    return make
