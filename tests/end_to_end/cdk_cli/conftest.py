"""An embedded AWS for each file: the CDK CLI makes stacks of fixed names, and destroys all."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from local.emulator import EmbeddedAws


@pytest.fixture(scope="module")
def own_aws() -> Iterator[EmbeddedAws]:
    """An AWS that no other file has."""
    with EmbeddedAws() as embedded:
        yield embedded
