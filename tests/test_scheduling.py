"""Which tests a process gets, and in which order."""

from __future__ import annotations

from collections import OrderedDict
from itertools import chain

import pytest
from xdist.scheduler import LoadFileScheduling

from tests.example_pipeline import ROOT
from tests.scheduling import LONG, ROOMS, RoomScheduling


def test_what_takes_minutes_begins_first(monkeypatch: pytest.MonkeyPatch) -> None:
    begun: list[str] = []
    monkeypatch.setattr(
        LoadFileScheduling,
        "_assign_work_unit",
        lambda scheduling, _node: begun.append(scheduling.workqueue.popitem(last=False)[0]),
        raising=False,
    )
    scheduling = RoomScheduling.__new__(RoomScheduling)
    scheduling.workqueue = OrderedDict.fromkeys(["tests/synth", *LONG, "tests/test_git.py"])

    while scheduling.workqueue:
        scheduling._assign_work_unit(None)

    assert begun == [*LONG, "tests/synth", "tests/test_git.py"]


def test_what_is_scheduled_apart_is_there() -> None:
    assert all((ROOT / path).exists() for path in (*LONG, *chain(*ROOMS)))


def test_the_folders_of_a_room_stay_together() -> None:
    scheduling = RoomScheduling.__new__(RoomScheduling)
    files = ("tests/synth/test_costs.py", "tests/security/test_proof.py", "tests/test_git.py")

    scopes = [scheduling._split_scope(f"{file}::test_it[a::b]") for file in files]

    assert scopes == ["tests/security tests/synth"] * 2 + ["tests/test_git.py"]
