"""What makes the demo's second version slow, and how the demo knows what it has shown."""

from __future__ import annotations

import ast
import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from constructs_lib.endpoints.deployment import deployment_of
from local.rollback import demo, lookups
from local.rollback.demo import NotShownError, RollbackShown
from local.rollback.inbox import Mail
from local.rollback.versions import write_versions
from tests.endpoints.histories import NAME, History, deployed, plan, target
from tests.example_pipeline import ROOT
from tests.waiting import TurnedClock


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> TurnedClock:
    turned = TurnedClock()
    monkeypatch.setattr(lookups, "time", turned)
    return turned


@pytest.fixture
def predict(clock: TurnedClock) -> Callable[[], float]:
    """Ask the slower version once; returns for how long that took."""
    asked = lookups.looking_up(lambda data, model: (data, model))

    def timed() -> float:
        began = clock.now
        assert asked([1], "model") == ([1], "model")
        return clock.now - began

    return timed


def test_who_asks_now_and_then_does_not_wait(
    clock: TurnedClock, predict: Callable[[], float]
) -> None:
    took = []
    for _ in range(50):
        clock.now += 0.5  # the rate that it is verified at
        took.append(predict())

    assert max(took) == 0


def test_who_asks_at_a_rate_waits_in_line(predict: Callable[[], float]) -> None:
    took = [predict() for _ in range(12)]

    assert took[:5] == [0] * 5
    assert took[5:] == pytest.approx([0.4] * 7)


def test_both_versions_are_the_example_and_one_has_the_lookups(tmp_path: Path) -> None:
    example = ROOT / "pipelines" / "returns_risk"

    first, second = write_versions(example, tmp_path)

    texts = [(each / "returns_risk/inference/inference.py").read_text() for each in (first, second)]
    assert texts[0] == (example / "inference/inference.py").read_text()
    assert texts[1].startswith(texts[0])
    assert "looking_up" in ast.unparse(ast.parse(texts[1]))
    documents = [
        json.loads((each / "returns_risk/config.json").read_text()) for each in (first, second)
    ]
    assert documents[0] == documents[1]
    assert documents[0]["configuration"]["specific"]["Endpoint"]["shift"] == "canary"


WORKFLOW: Any = SimpleNamespace(
    regions=[SimpleNamespace(wave=1, code="EU"), SimpleNamespace(wave=2, code="NA")]
)


def ended(failure: str, *, begins_second_wave: bool = True) -> History:
    eu, na = target("EU"), target("NA")
    history = History()
    history.call("resolve", None, plan([eu], [na]))
    if begins_second_wave:
        history.serve(eu)
    history.fail("look", na, failure)
    return history.give_up(failure)


def shown(history: History, version: int = 1) -> RollbackShown:
    deployment = deployment_of(history.description, history.events)
    states: Any = [SimpleNamespace(region_code="NA", version=version)]
    return RollbackShown(deployment, states, Mail("", ""), Path())


def test_what_happened_as_told_is_shown() -> None:
    demo._check(shown(ended(f"alarm {NAME}-latency tripped")), WORKFLOW)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (shown(deployed()), "no alarm has tripped"),
        (shown(ended("alarm", begins_second_wave=False)), "not get beyond the first wave"),
        (shown(ended("no capacity")), "by no alarm: no capacity"),
        (shown(ended("alarm"), version=2), "on version 1 again: NA: 2"),
    ],
)
def test_anything_else_is_an_error(given: RollbackShown, message: str) -> None:
    with pytest.raises(NotShownError, match=message):
        demo._check(given, WORKFLOW)


def test_somebody_has_to_be_told() -> None:
    deployment = deployment_of(deployed().description, deployed().events)

    with pytest.raises(NotShownError, match="Nobody was told"):
        demo._about([Mail("another", "of another")], deployment)
    assert demo._about([Mail("it", f"Execution: {deployment.arn}")], deployment).subject == "it"
