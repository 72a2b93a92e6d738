"""Plants faults one after the other, in several copies at once."""

from __future__ import annotations

import queue
import random
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import chain, zip_longest
from pathlib import Path

from benchmarks.mutants.checkouts import Checkout, copy_checkout
from benchmarks.mutants.planted import PlantedFault, PlantingError


@dataclass(frozen=True)
class FaultOutcome:
    """What became of a fault."""

    fault: PlantedFault
    killed_by: str | None
    """The test that noticed it; None when it survived."""


def sample(
    faults: Mapping[str, Sequence[PlantedFault]], count: int, seed: int
) -> list[PlantedFault]:
    """Choose faults: of each area one, before there are two of any."""
    choose = random.Random(seed)  # noqa: S311
    areas = [choose.sample(of_area, len(of_area)) for of_area in faults.values()]
    choose.shuffle(areas)
    return [fault for fault in chain.from_iterable(zip_longest(*areas)) if fault][:count]


def plant_all(faults: Sequence[PlantedFault], root: Path, *, copies: int) -> Iterator[FaultOutcome]:
    """Plant each fault in a copy of a checkout and run its tests there.

    Args:
        faults: What to plant.
        root: The checkout.
        copies: How many faults are planted at a time.

    Raises:
        PlantingError: A test fails without any fault, or tests cannot be run.
    """
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="mutants-")))
        free: queue.SimpleQueue[Checkout] = queue.SimpleQueue()
        for number in range(copies):
            free.put(copy_checkout(root, folder / f"checkout-{number}"))
        pool = stack.enter_context(ThreadPoolExecutor(copies))
        stack.callback(pool.shutdown, cancel_futures=True)
        _check_without_faults(faults, free)
        running = [pool.submit(_plant, fault, free) for fault in faults]
        for future in as_completed(running):
            yield future.result()


def _check_without_faults(
    faults: Sequence[PlantedFault], free: queue.SimpleQueue[Checkout]
) -> None:
    """Without it, a test that always fails would seem to notice everything."""
    checkout = free.get()
    failed = checkout.run(list(dict.fromkeys(test for fault in faults for test in fault.tests)))
    free.put(checkout)
    if failed.failed is not None:
        raise PlantingError(f"{failed.failed} fails without any fault:\n{failed.output[-3000:]}")


def _plant(fault: PlantedFault, free: queue.SimpleQueue[Checkout]) -> FaultOutcome:
    checkout = free.get()
    try:
        with checkout.with_fault(fault):
            return FaultOutcome(fault, checkout.run(fault.tests).failed)
    finally:
        free.put(checkout)
