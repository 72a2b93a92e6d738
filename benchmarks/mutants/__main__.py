"""Plants faults in copies of the checkout, one at a time, and prints which test notices each.

Run it with ``make mutants``, or directly::

    python -m benchmarks.mutants --sample 6

The faults are kept in ``benchmarks/mutants/kept/``, by area. The exit code is 1 when one survives
its tests: then a test is missing.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from benchmarks.mutants.campaign import plant_all, sample
from benchmarks.mutants.kept import FAULTS
from benchmarks.mutants.planted import PlantedFault, PlantingError, check_all

_ROOT: Final = Path(__file__).resolve().parents[2]
_SECONDS_OF_A_DAY: Final = 24 * 60 * 60


def main(
    arguments: Sequence[str] | None = None,
    faults: Mapping[str, Sequence[PlantedFault]] = FAULTS,
    root: Path = _ROOT,
) -> int:
    """Plant the faults that are asked for and print what became of them."""
    options = _options(arguments, list(faults))
    chosen = {area: of_area for area, of_area in faults.items() if area in options.areas}
    every = [fault for of_area in chosen.values() for fault in of_area]
    if options.sample is not None:
        every = sample(chosen, options.sample, options.seed)
        _say(f"A sample of {len(every)}; the same again: --seed {options.seed}")
    started = time.monotonic()
    try:
        check_all(every, root)
        survivors = _print_outcomes(every, root, options.copies)
    except PlantingError as error:
        sys.stderr.write(f"error: {error}\n")
        return 2
    seconds = time.monotonic() - started
    _say(f"\n{len(every)} planted, {survivors} survived, {seconds:.0f} s")
    return int(survivors > 0)


def _options(arguments: Sequence[str] | None, areas: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.mutants", description=__doc__)
    parser.add_argument(
        "areas", nargs="*", metavar="AREA", help=f"of {', '.join(areas)}; by default all"
    )
    parser.add_argument("--sample", type=int, metavar="N", help="only N of them, of each area some")
    parser.add_argument(
        "--seed",
        type=int,
        default=int(time.time() // _SECONDS_OF_A_DAY),
        help="which ones; by default others each day",
    )
    parser.add_argument("--copies", type=int, default=2, help="how many at a time")
    parser.add_argument("--smallest", action="store_true", help="the first one only")
    options = parser.parse_args(arguments)
    if unknown := sorted(set(options.areas) - set(areas)):
        parser.error(f"there is no area {unknown[0]!r}; there is {', '.join(areas)}")
    options.areas = options.areas or areas
    if options.smallest:
        options.areas, options.sample, options.copies = areas[:1], 1, 1
    return options


def _print_outcomes(faults: Sequence[PlantedFault], root: Path, copies: int) -> int:
    survivors = 0
    for outcome in plant_all(faults, root, copies=copies):
        survivors += outcome.killed_by is None
        verdict = f"killed by {outcome.killed_by}" if outcome.killed_by else "SURVIVED"
        _say(f"{outcome.fault.breaks} ({outcome.fault.file})\n    {verdict}")
    return survivors


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
