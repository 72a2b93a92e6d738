from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from benchmarks.faults.serving.workflow import DeploymentRun, Ended, request
from benchmarks.faults.serving.world import ServingWorld

Deploy = Callable[..., Ended]


@pytest.fixture
def world() -> Iterator[ServingWorld]:
    """Three regions with nothing registered."""
    with ServingWorld().running() as world:
        yield world


@pytest.fixture
def deploy(world: ServingWorld) -> Deploy:
    """Run an execution to its end: ``deploy("rollback", version=1)``."""

    def run(action: str = "deploy", *, settings: Any = None, **asked: Any) -> Ended:
        more = {} if settings is None else {"settings": settings}
        return DeploymentRun(world, request(action, **asked), **more).run()

    return run
