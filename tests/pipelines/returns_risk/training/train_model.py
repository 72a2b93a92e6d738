"""Trains the returns-risk model on a synthetic data set and writes ``model.tar.gz``.

    pip install torch==2.13.0 numpy
    python pipelines/returns_risk/training/train_model.py

Takes a few seconds on a CPU. The data set, the initial weights and the order of the batches come
from one seed, and nothing time-dependent enters the archive, so the same machine and PyTorch
version write the same bytes.
"""

from __future__ import annotations

import argparse
import gzip
import io
import itertools
import json
import sys
import tarfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray

EXAMPLE: Final = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(EXAMPLE.parents[1]))

# Training encodes with the code that serves.
from pipelines.returns_risk.inference.inference import Encoder  # noqa: E402

SEED: Final = 20251101
ROWS: Final = 12_000
HOLD_OUT_ROWS: Final = 3_000
EPOCHS: Final = 12
BATCH_ROWS: Final = 128
LEARNING_RATE: Final = 3e-3
HIDDEN_UNITS: Final = (16, 8)
OUTPUT: Final = "legacy-score"

NUMERIC: Final = (
    "order_amount",
    "days_to_return",
    "orders_last_year",
    "returns_last_year",
    "account_age_days",
)
VOCABULARY: Final = {
    "return_reason": ("changed_mind", "damaged", "late", "not_as_described", "wrong_item"),
    "customer_comment": ("box", "broken", "empty", "fits", "gift", "missing", "never", "refund"),
}


@dataclass(frozen=True)
class Dataset:
    """Encoded return requests, and whether each turned out to be abusive (0 or 1)."""

    features: NDArray[np.float32]
    labels: NDArray[np.float32]


def draw_records(generator: np.random.Generator, count: int) -> list[dict[str, Any]]:
    """Draw return requests that look like a shop's: skewed amounts, few returns, short comments."""
    orders = generator.poisson(14, count)
    columns = {
        "order_amount": generator.lognormal(3.7, 0.9, count).round(2),
        "days_to_return": generator.gamma(2.0, 6.0, count).round(1),
        "orders_last_year": orders,
        "returns_last_year": generator.binomial(orders, generator.beta(1.2, 6.0, count)),
        "account_age_days": generator.exponential(900, count).round(),
        "return_reason": generator.choice(VOCABULARY["return_reason"], count),
        "customer_comment": [
            " ".join(generator.choice(VOCABULARY["customer_comment"], 3)) for _ in range(count)
        ],
    }
    rows = zip(*(np.asarray(column).tolist() for column in columns.values()), strict=True)
    return [dict(zip(columns, row, strict=True)) for row in rows]


def draw_labels(
    generator: np.random.Generator, records: list[dict[str, Any]]
) -> NDArray[np.float32]:
    """Draw the outcomes: abuse goes with frequent returns, dear orders and empty boxes."""
    logits = np.array([_abuse_logit(record) for record in records])
    outcomes: NDArray[np.bool_] = generator.random(len(records)) < 1 / (1 + np.exp(-logits))
    return outcomes.astype(np.float32)


def _abuse_logit(record: dict[str, Any]) -> float:
    return_rate = record["returns_last_year"] / (record["orders_last_year"] + 1)
    claims_loss = {"empty", "missing", "never"} & set(record["customer_comment"].split())
    return float(
        -4.6
        + 7.0 * return_rate
        + 0.012 * record["order_amount"]
        + 0.04 * record["days_to_return"]
        - 0.0006 * record["account_age_days"]
        + 1.6 * len(claims_loss)
        - 1.2 * (record["return_reason"] in ("damaged", "wrong_item"))
    )


def fit_encoder(records: list[dict[str, Any]]) -> Encoder:
    """Derive the scaling of the NUMERIC inputs from the training records."""
    columns = {name: np.array([float(record[name]) for record in records]) for name in NUMERIC}
    return Encoder(
        inputs=(*NUMERIC, *VOCABULARY),
        scaling={
            name: (round(float(column.mean()), 6), round(float(column.std()), 6))
            for name, column in columns.items()
        },
        vocabulary=VOCABULARY,
    )


def build_network(feature_count: int) -> torch.nn.Sequential:
    """Build the network whose forward pass ``inference.py`` repeats in NumPy."""
    sizes = (feature_count, *HIDDEN_UNITS)
    layers: list[torch.nn.Module] = []
    for size_in, size_out in itertools.pairwise(sizes):
        layers += [torch.nn.Linear(size_in, size_out), torch.nn.ReLU()]
    return torch.nn.Sequential(*layers, torch.nn.Linear(sizes[-1], 1))


def train(data: Dataset) -> torch.nn.Sequential:
    """Fit a network to the data set."""
    torch.manual_seed(SEED)
    torch.use_deterministic_algorithms(True)  # noqa: FBT003
    torch.set_num_threads(1)  # sums in one order only
    network = build_network(data.features.shape[1])
    optimizer = torch.optim.Adam(network.parameters(), lr=LEARNING_RATE)
    loss_function = torch.nn.BCEWithLogitsLoss()
    features, labels = torch.from_numpy(data.features), torch.from_numpy(data.labels)
    for _ in range(EPOCHS):
        for batch in torch.randperm(len(labels)).split(BATCH_ROWS):
            optimizer.zero_grad()
            loss_function(network(features[batch])[:, 0], labels[batch]).backward()
            optimizer.step()
    return network


def score(network: torch.nn.Sequential, features: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the probabilities that the network gives."""
    with torch.no_grad():
        logits = network(torch.from_numpy(features))[:, 0]
    scores: NDArray[np.float32] = torch.sigmoid(logits).numpy()
    return scores


def area_under_curve(scores: NDArray[np.float32], labels: NDArray[np.float32]) -> float:
    """Return the ROC AUC: how often an abusive request scores above an honest one."""
    ranks = scores.argsort().argsort() + 1
    positives = int(labels.sum())
    negatives = len(labels) - positives
    rank_sum = int(ranks[labels == 1].sum())
    return float((rank_sum - positives * (positives + 1) / 2) / (positives * negatives))


def archive_members(network: torch.nn.Sequential, encoder: Encoder, auc: float) -> dict[str, bytes]:
    """Return the files of the model artifact: name -> content."""
    state = network.state_dict()
    layers = sorted({name.split(".")[0] for name in state}, key=int)
    description = {
        "inputs": encoder.inputs,
        "scaling": encoder.scaling,
        "vocabulary": encoder.vocabulary,
        "layers": layers,
        "output": OUTPUT,
        "training": {
            "auc": round(auc, 4),
            "epochs": EPOCHS,
            "rows": ROWS,
            "seed": SEED,
            "torch": torch.__version__.split("+")[0],
        },
    }
    weights, state_dict = io.BytesIO(), io.BytesIO()
    np.savez(weights, **{name: tensor.numpy() for name, tensor in state.items()})
    torch.save(state, state_dict)
    return {
        "model.json": _json(description),
        "model.pth": state_dict.getvalue(),
        "weights.npz": weights.getvalue(),
    }


def write_archive(path: Path, members: dict[str, bytes]) -> None:
    """Write a ``tar.gz`` that depends on nothing but its members."""
    with (
        path.open("wb") as file,
        gzip.GzipFile(filename="", mode="wb", fileobj=file, mtime=0) as compressed,
        tarfile.open(mode="w", fileobj=compressed, format=tarfile.USTAR_FORMAT) as archive,
    ):
        for name, content in sorted(members.items()):
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))


def reference_scores(
    network: torch.nn.Sequential, encoder: Encoder, records: list[dict[str, Any]]
) -> bytes:
    """Return PyTorch's own scores of some records, for tests that run without PyTorch."""
    scores = score(network, encoder.encode(records)).tolist()
    pairs = zip(records, scores, strict=True)
    return _json([{"record": record, "score": value} for record, value in pairs])


def _json(content: Any) -> bytes:
    return (json.dumps(content, indent=2) + "\n").encode()


def main() -> None:
    """Train, report the AUC on held-out records and write the artifact."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--output", type=Path, default=EXAMPLE / "model", help="folder to write to")
    folder: Path = parser.parse_args().output

    generator = np.random.default_rng(SEED)
    records = draw_records(generator, ROWS + HOLD_OUT_ROWS)
    labels = draw_labels(generator, records)
    encoder = fit_encoder(records[:ROWS])
    features = encoder.encode(records)
    network = train(Dataset(features[:ROWS], labels[:ROWS]))
    auc = area_under_curve(score(network, features[ROWS:]), labels[ROWS:])

    folder.mkdir(parents=True, exist_ok=True)
    artifact = folder / "model.tar.gz"
    write_archive(artifact, archive_members(network, encoder, auc))
    (folder / "reference_scores.json").write_bytes(
        reference_scores(network, encoder, records[ROWS : ROWS + 20])
    )
    print(f"AUC {auc:.3f} on {HOLD_OUT_ROWS} held-out records, {labels.mean():.1%} abusive")  # noqa: T201
    print(f"{artifact}: {artifact.stat().st_size} bytes")  # noqa: T201


if __name__ == "__main__":
    main()
