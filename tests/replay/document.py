"""What a replay of made-up answers tells, as ``release replay --json`` prints it."""

from __future__ import annotations

import json
from typing import Any

from constructs_lib.replay.comparing import Comparison, VersionAnswer
from constructs_lib.replay.running import Replayed

DEFAULT = {"absolute": 1e-6, "relative": 1e-5}


def _version(number: int, **more: str) -> dict[str, Any]:
    return {
        "version": number,
        "arn": f"arn:aws:sagemaker:us-east-1:123456789012:model-package/returns-risk/{number}",
        "approval_status": "Approved",
        "artifact_sha256": f"{number}" * 64,
        **more,
    }


def replay_document(pairs: list[tuple[Any, Any]], *, not_sent: int = 0) -> dict[str, Any]:
    """Compare pairs of answers, None for a request that is not answered."""
    names = ["score", "label"]
    comparison = Comparison((names, names), {"score": "NUMERIC", "label": "TEXT"}, {}, DEFAULT)
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
    return {
        "schema_version": 1,
        "id": "replay-1a2b3c4d5e6f",
        "time": "2026-11-02T12:00:00+00:00",
        "pipeline": "returns-risk",
        "region": "us-east-1",
        "agree": found.agrees,
        "against": _version(1, why="serves in NA, EU"),
        "version": _version(2),
        "requests": {
            "from": "captured",
            "sent": found.agreeing + found.differing,
            "agreeing": found.agreeing,
            "differing": found.differing,
            "failing_against": found.failing[0],
            "failing_version": found.failing[1],
            "failing_in_both": found.failing_in_both,
            "first_failure": found.first_failure,
            "not_sent": not_sent,
        },
        "tolerances": {"score": {"absolute": 0.01, "relative": 0.0}, "default": DEFAULT},
        "fields": comparison.facts(),
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
