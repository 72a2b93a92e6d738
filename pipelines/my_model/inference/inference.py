"""Serves the model: the four functions that SageMaker's PyTorch container calls.

``model_fn`` once per worker, then ``input_fn`` -> ``predict_fn`` -> ``output_fn`` per request.
Written for a TorchScript model, ``model.pt``, that takes a tensor with one row of numbers per
record and returns one score per row. Change what is different with yours.
"""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

INPUTS = ("value",)
"""Names of the inputs, in the order of a CSV record."""
OUTPUT = "score"
CSV = "text/csv"
JSON = "application/json"


def model_fn(model_dir: str) -> Any:
    """Load the model from the folder to which the container unpacked ``model.tar.gz``."""
    import torch

    return torch.jit.load(str(Path(model_dir, "model.pt")), map_location="cpu").eval()


def input_fn(request_body: str | bytes, content_type: str) -> list[list[float]]:
    """Parse a request: CSV lines without a header, or one JSON object or a list of them.

    Raises:
        ValueError: The content type is another one, or a value is no number.
    """
    text = request_body if isinstance(request_body, str) else bytes(request_body).decode()
    media_type = content_type.split(";")[0].strip().lower()
    if media_type == CSV:
        return [_numbers(row) for row in csv.reader(io.StringIO(text), strict=True) if row]
    if media_type == JSON:
        content = json.loads(text)
        records = content if isinstance(content, list) else [content]
        return [_numbers([record[name] for name in INPUTS]) for record in records]
    raise ValueError(f"content type {content_type!r} is not supported; use {CSV} or {JSON}")


def predict_fn(input_data: list[list[float]], model: Any) -> list[float]:
    """Score the records of one request."""
    import torch

    with torch.no_grad():
        scores: list[float] = model(torch.tensor(input_data)).reshape(-1).tolist()
    return scores


def output_fn(prediction: list[float], accept: str) -> str:
    """Write a response: one CSV line or one JSON object per record.

    Raises:
        ValueError: The caller accepts neither.
    """
    media_type = accept.split(";")[0].strip().lower()
    if media_type == CSV:
        return "".join(f"{score}\n" for score in prediction)
    if media_type == JSON:
        objects = [{OUTPUT: score} for score in prediction]
        return json.dumps(objects[0] if len(objects) == 1 else objects)
    raise ValueError(f"response type {accept!r} is not supported; use {CSV} or {JSON}")


def _numbers(values: list[Any]) -> list[float]:
    """Turn one record into the model's input.

    Raises:
        ValueError: A text; encode texts here, as training does.
    """
    if len(values) != len(INPUTS):
        raise ValueError(f"a record has {len(INPUTS)} values, not {len(values)}")
    return [float(value) for value in values]
