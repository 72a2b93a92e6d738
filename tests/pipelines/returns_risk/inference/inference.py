"""Serves the returns-risk model: the four functions that SageMaker's PyTorch container calls.

``model_fn`` once per worker, then ``input_fn`` -> ``predict_fn`` -> ``output_fn`` per request.
The network is small enough for plain NumPy, so this file also runs where PyTorch is not installed.
"""

from __future__ import annotations

import csv
import io
import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

CSV = "text/csv"
JSON = "application/json"

Record: TypeAlias = Mapping[str, object] | Sequence[object]
"""One return request: named values (JSON), or values in the declared order (CSV)."""

FloatArray: TypeAlias = NDArray[np.float32]


@dataclass(frozen=True)
class Encoder:
    """Turns records into network inputs, exactly as in training."""

    inputs: tuple[str, ...]
    """Names of the inputs, in the order of a CSV record."""
    scaling: Mapping[str, tuple[float, float]]
    """Mean and standard deviation of each NUMERIC input."""
    vocabulary: Mapping[str, tuple[str, ...]]
    """The words that count in each TEXT input."""

    def encode(self, records: Sequence[Record]) -> FloatArray:
        """Return one row of features per record.

        Raises:
            ValueError: A record has too few or too many values, or one that is no number.
        """
        rows = [self._encode_one(record) for record in records]
        return np.asarray(rows, dtype=np.float32)

    def _encode_one(self, record: Record) -> list[float]:
        values = self._by_name(record)
        features = []
        for name in self.inputs:
            if name in self.scaling:
                mean, std = self.scaling[name]
                features.append((_number(name, values[name]) - mean) / std)
            else:
                words = set(re.findall(r"\w+", str(values[name]).lower()))
                features.extend(float(word in words) for word in self.vocabulary[name])
        return features

    def _by_name(self, record: Record) -> Mapping[str, object]:
        if isinstance(record, Mapping):
            missing = [name for name in self.inputs if name not in record]
            if missing:
                raise ValueError(f"the request lacks {missing}; the model needs {self.inputs}")
            return record
        if len(record) != len(self.inputs):
            raise ValueError(
                f"the request has {len(record)} values; the model needs {len(self.inputs)}, "
                f"in this order: {self.inputs}"
            )
        return dict(zip(self.inputs, record, strict=True))


@dataclass(frozen=True)
class ReturnsRiskModel:
    """A multilayer perceptron with ReLU between its layers and a sigmoid after the last."""

    encoder: Encoder
    output: str
    """Name of the score in a JSON response."""
    layers: tuple[tuple[FloatArray, FloatArray], ...]
    """Weight (outputs x inputs) and bias of each layer."""

    def score(self, records: Sequence[Record]) -> FloatArray:
        """Return the probability, 0 to 1, that each return request is abusive."""
        return self.forward(self.encoder.encode(records))

    def forward(self, features: FloatArray) -> FloatArray:
        """Apply the network to encoded records."""
        hidden = features
        for weight, bias in self.layers[:-1]:
            hidden = np.maximum(hidden @ weight.T + bias, np.float32(0))
        weight, bias = self.layers[-1]
        logits = (hidden @ weight.T + bias)[:, 0]
        # The sigmoid, in a form that overflows for no logit.
        scores: FloatArray = np.float32(0.5) * (np.float32(1) + np.tanh(logits / np.float32(2)))
        return scores


def model_fn(model_dir: str) -> ReturnsRiskModel:
    """Load the model from the folder to which the container unpacked ``model.tar.gz``."""
    folder = Path(model_dir)
    description = json.loads((folder / "model.json").read_text(encoding="utf-8"))
    with np.load(folder / "weights.npz", allow_pickle=False) as weights:
        layers = tuple(
            (weights[f"{layer}.weight"], weights[f"{layer}.bias"])
            for layer in description["layers"]
        )
    encoder = Encoder(
        inputs=tuple(description["inputs"]),
        scaling={name: (mean, std) for name, (mean, std) in description["scaling"].items()},
        vocabulary={name: tuple(words) for name, words in description["vocabulary"].items()},
    )
    return ReturnsRiskModel(encoder=encoder, output=description["output"], layers=layers)


def input_fn(request_body: str | bytes | bytearray, content_type: str) -> list[Record]:
    """Parse a request: CSV lines without a header, or one JSON object or a list of them.

    Raises:
        ValueError: The content type is another one, or the body is not of that type.
    """
    text = request_body if isinstance(request_body, str) else request_body.decode("utf-8")
    media_type = _media_type(content_type)
    if media_type == CSV:
        return [row for row in csv.reader(io.StringIO(text), strict=True) if row]
    if media_type == JSON:
        content = json.loads(text)
        records = content if isinstance(content, list) else [content]
        if not all(isinstance(record, dict) for record in records):
            raise ValueError("a JSON request is one object of input values, or a list of objects")
        return records
    raise ValueError(f"content type {content_type!r} is not supported; use {CSV} or {JSON}")


def predict_fn(input_data: list[Record], model: ReturnsRiskModel) -> dict[str, list[float]]:
    """Score the records of one request."""
    if not input_data:
        raise ValueError("the request holds no record")
    return {model.output: [float(score) for score in model.score(input_data)]}


def output_fn(prediction: dict[str, list[float]], accept: str) -> str:
    """Write a response: one CSV line or one JSON object per record.

    Raises:
        ValueError: The caller accepts neither.
    """
    media_type = _media_type(accept)
    [(name, scores)] = prediction.items()
    if media_type == CSV:
        return "".join(f"{score:.6f}\n" for score in scores)
    if media_type == JSON:
        objects = [{name: round(score, 6)} for score in scores]
        return json.dumps(objects[0] if len(objects) == 1 else objects)
    raise ValueError(f"response type {accept!r} is not supported; use {CSV} or {JSON}")


def _media_type(header: str) -> str:
    """Return ``text/csv`` for ``text/csv; charset=utf-8``."""
    return header.split(";")[0].strip().lower()


def _number(name: str, value: object) -> float:
    try:
        number = float(str(value))
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise ValueError(f"{name} is {value!r}; it has to be a finite number")
    return number
