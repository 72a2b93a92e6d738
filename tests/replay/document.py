"""What a replay of made-up answers tells, as ``release replay --json`` prints it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from commands.serving.replayed import Replay
from commands.terminal.aws import Aws
from constructs_lib.aws.registry import ModelPackage
from constructs_lib.release.samples.manifest import Tolerance
from constructs_lib.replay.comparing import Comparison, VersionAnswer
from constructs_lib.replay.running import Replayed
from tests.model_packages import model_package


def _package(number: int) -> ModelPackage:
    return model_package(
        number, group="returns-risk", metadata={"artifact_sha256": f"{number}" * 64}
    )


def replay_document(pairs: list[tuple[Any, Any]], *, not_sent: int = 0) -> dict[str, Any]:
    """Compare pairs of answers, None for a request that is not answered."""
    names, default = ["score", "label"], Tolerance()
    comparison = Comparison(
        (names, names), {"score": "NUMERIC", "label": "TEXT"}, {}, default.model_dump()
    )
    found = Replayed(not_sent=not_sent)
    for number, pair in enumerate(pairs, 1):
        before, after = (
            VersionAnswer(0.002, failure="raises ValueError: <b>bad</b>")
            if each is None
            else VersionAnswer(0.001 * number, json.dumps(each).encode(), "application/json")
            for each in pair
        )
        request = f"captured/10.jsonl, line {number}"
        agrees = comparison.compare(request, before, after)
        found.note(request, before, after, agrees=agrees)
    latency = {"p50": 1.5, "p99": 4.0, "max": 9.0} if found.seconds[0] else None
    aws = Aws("us-east-1", None)
    replay = Replay(
        aws, "returns-risk", _package(1), "serves in NA, EU", _package(2), Path("captured")
    )
    tolerances = {"score": {"absolute": 0.01, "relative": 0.0}}
    return {
        **replay.document(found, comparison, tolerances, default),
        "id": "replay-1a2b3c4d5e6f",
        "time": "2026-11-02T12:00:00+00:00",
        "latency_in_millisecond": {"against": latency, "version": latency},
        "judged": "Judged under Python 3.11.7, no torch.",
    }


DIFFERING = [
    ({"score": 0.5, "label": "low"}, {"score": 0.5, "label": "low"}),
    ({"score": 0.5, "label": "low"}, {"score": 0.75, "label": "<script>high</script>"}),
    ({"score": 0.5, "label": "low"}, {"score": 0.5002, "label": "w" * 400}),
    ({"score": 0.5, "label": "low"}, None),
    (None, None),
]
"""Pairs that agree, that differ in both fields, that one version fails at, and that both do."""
