"""The parts of ``evaluation.json``."""

from __future__ import annotations

import contextlib
import functools
import hashlib
import importlib
import platform
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..common.limits import MIB
from ..common.serving.default_functions import WHAT_DEFAULTS_DO
from .findings import ModelFinding

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_PLAIN = str.maketrans('"`{}\\', "''()/", "$")
LONGEST_SUMMARY = 420
"""Characters, without how the model was asked."""
PACKAGES = (
    "numpy",
    "pandas",
    "ray",
    "sagemaker-inference",
    "sagemaker-pytorch-inference",
    "scikit-learn",
    "scipy",
    "torch",
    "torchserve",
    "transformers",
    "xgboost",
)
"""Whose versions the evaluation tells, where they are installed."""


def gate(error_count: int, load: Mapping[str, Any] | None) -> dict[str, float]:
    """Return the numbers that the pipeline compares."""
    return {
        "errors": error_count,
        "latency_p99_in_millisecond": load["latency_in_millisecond"]["p99"] if load else 0.0,
        "error_rate": load["error_rate"] if load else 0.0,
        "achieved_tps": load["achieved_tps"] if load else 0.0,
    }


def summary(
    errors: Sequence[ModelFinding],
    load: Mapping[str, Any] | None,
    asked: Mapping[str, Any] | None,
) -> str:
    """One line of ASCII that JSON texts, templates and shells take as it is, but for apostrophes.

    It becomes part of the message of a Fail step and of a model card. AWS does not say how the
    former is put together.

    Args:
        errors: What is wrong.
        load: The section of that name, if there was a load.
        asked: The section ``server``, if the model was asked anything.
    """
    text = "; ".join(finding.message.rstrip(".") for finding in errors) or "answered every payload"
    if not errors and load is not None:
        latency = load["latency_in_millisecond"]["p99"]
        text = (
            f"answered every payload; latency p99 {latency} ms, error rate "
            f"{load['error_rate']:.4f}, {load['achieved_tps']} tps"
        )
    text = text[:LONGEST_SUMMARY]
    if asked is not None:
        text = f"{text} ({asked['described']})"
    plain = re.sub(r"[^ -~]", " ", text.translate(_PLAIN))
    return " ".join(plain.split())


def artifact(model: Path) -> dict[str, Any]:
    """Digest and size of the archive; of a folder there is no digest."""
    if model.is_dir():
        size = sum(path.stat().st_size for path in model.rglob("*") if path.is_file())
        return {"sha256": None, "size_in_bytes": size}
    digest = hashlib.sha256()
    with model.open("rb") as file:
        for chunk in iter(functools.partial(file.read, MIB), b""):
            digest.update(chunk)
    return {"sha256": digest.hexdigest(), "size_in_bytes": model.stat().st_size}


def handler(entry_point: str, functions: Mapping[str, str]) -> dict[str, Any]:
    """Return which functions serve the model: its own, or the toolkit's defaults."""
    return {
        "entry_point": entry_point,
        "functions": dict(functions),
        "defaults": {
            name: WHAT_DEFAULTS_DO[name] for name, whose in functions.items() if whose == "default"
        },
    }


def environment() -> dict[str, Any]:
    """Return what the model ran on."""
    metadata = importlib.import_module("importlib.metadata")
    packages = {}
    for name in PACKAGES:
        with contextlib.suppress(metadata.PackageNotFoundError):
            packages[name] = metadata.version(name)
    return {
        "python": platform.python_version(),
        "platform": platform.platform(),
        "packages": packages,
    }
