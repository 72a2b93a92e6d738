"""Whatever is in a definition, the linter answers with findings, quickly."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from constructs_lib.linter import lint

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda children: (
        st.lists(children, max_size=3)
        | st.dictionaries(
            st.sampled_from(["Get", "Std:Join", "Std:JsonGet", "Values", "Name", "Type", "x"]),
            children,
            max_size=3,
        )
    ),
    max_leaves=5,
)


def _places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Each container in a JSON value, with each of its keys."""
    keys = (
        value if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()
    )
    for key in keys:
        yield value, key
        yield from _places(value[key])


@given(data=st.data(), replacement=JSON)
@settings(
    max_examples=300,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
def test_any_value_anywhere_gives_findings_and_no_exception(
    sound_definition: dict[str, Any], data: st.DataObject, replacement: Any
) -> None:
    definition = json.loads(json.dumps(sound_definition))
    container, key = data.draw(st.sampled_from(list(_places(definition))))
    container[key] = replacement
    for finding in lint(definition):
        assert str(finding).startswith(finding.severity)


def test_linting_changes_nothing_and_is_repeatable(sound_definition: dict[str, Any]) -> None:
    sound_definition["Steps"][0]["Arguments"]["Unknown"] = 1
    before = json.dumps(sound_definition)
    assert lint(sound_definition) == lint(sound_definition)
    assert json.dumps(sound_definition) == before


def test_what_linting_costs_grows_with_the_steps_and_no_faster(
    sound_definition: dict[str, Any],
) -> None:
    package = json.dumps(sound_definition["Steps"][2])

    def add_steps(count: int) -> None:
        known = len(sound_definition["Steps"])
        sound_definition["Steps"] += [
            json.loads(package.replace('"Package"', f'"Package-{known + number}"'))
            for number in range(count)
        ]

    assert lint(sound_definition) == []  # the first time loads the service model
    costs = list[int]()
    for _ in range(3):
        add_steps(10)
        costs.append(_calls_while(lambda: lint(sound_definition)))

    assert costs[0] < 60_000  # for 16 steps
    assert costs[2] - costs[1] < 1.2 * (costs[1] - costs[0])


def _calls_while(act: Callable[[], object]) -> int:
    """Count the calls of functions, which are as many on a busy machine."""
    calls = 0

    def count(_frame: object, event: str, _argument: object) -> None:
        nonlocal calls
        calls += event == "call"

    sys.setprofile(count)
    try:
        act()
    finally:
        sys.setprofile(None)
    return calls
