"""The NumPy forward pass equals PyTorch's; runs where PyTorch is installed."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")


@pytest.fixture(scope="module")
def training(example: Path) -> Iterator[ModuleType]:
    """``train_model.py`` as a module."""
    spec = importlib.util.spec_from_file_location(
        "returns_risk_training", example / "training/train_model.py"
    )
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    search_path, sys.modules[spec.name] = list(sys.path), module
    spec.loader.exec_module(module)
    yield module
    sys.path[:] = search_path


@pytest.fixture(scope="module")
def network(training: ModuleType, model_dir: Path, model: Any) -> Any:
    """The shipped network, restored from its PyTorch state dict."""
    feature_count = model.layers[0][0].shape[1]
    restored = training.build_network(feature_count)
    restored.load_state_dict(torch.load(model_dir / "model.pth", weights_only=True))
    return restored


def test_both_exports_hold_the_same_weights(model_dir: Path) -> None:
    state = torch.load(model_dir / "model.pth", weights_only=True)
    weights = np.load(model_dir / "weights.npz")
    assert set(weights) == set(state)
    for name, tensor in state.items():
        assert np.array_equal(weights[name], tensor.numpy())


def test_numpy_scores_equal_those_of_pytorch(
    training: ModuleType, network: Any, model: Any
) -> None:
    feature_count = model.layers[0][0].shape[1]
    generator = np.random.default_rng(7)
    features = generator.normal(scale=3, size=(1000, feature_count)).astype(np.float32)
    np.testing.assert_allclose(
        model.forward(features), training.score(network, features), rtol=0, atol=1e-6
    )


def test_training_is_repeatable(training: ModuleType) -> None:
    generator = np.random.default_rng(1)
    features = generator.normal(size=(512, 4)).astype(np.float32)
    data = training.Dataset(features, (features[:, 0] > 0).astype(np.float32))
    first, second = training.train(data), training.train(data)
    assert np.array_equal(training.score(first, features), training.score(second, features))


def test_the_reported_auc_counts_pairs_in_the_right_order(training: ModuleType) -> None:
    scores = np.array([0.1, 0.4, 0.35, 0.8], dtype=np.float32)
    labels = np.array([0, 0, 1, 1], dtype=np.float32)
    assert training.area_under_curve(scores, labels) == 0.75
