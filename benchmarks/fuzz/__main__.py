"""Sends made-up archives through the packaging job, and compares what readers unpack of its output.

Run it with ``make fuzz``, or directly::

    python -m benchmarks.fuzz --minutes 60 --seed 1

The exit code is 1 when readers differ, or any of them finds other code, a set-id bit or a link that
leads out. Inputs after which they do are kept among the tests, which try them again.
"""

from __future__ import annotations

import argparse
import itertools
import logging
import os
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path

from benchmarks.fuzz.campaign import Campaign, Counts, keep
from benchmarks.fuzz.packager import Packager
from benchmarks.fuzz.readers import PROGRAMS, absent, other_pythons, started_readers

CORPUS = Path(__file__).parents[2] / "tests" / "jobs" / "fuzz_corpus"
_PART_SECONDS = 60.0
_SHOWN = 10
_SMALLEST_MINUTES = 0.05


def run_part(seed: int, first: int, step: int, seconds: float) -> tuple[Counts, int]:
    """Try inputs of a seed for a while, in a process of its own.

    Returns:
        What came of it, and the number of the next input.
    """
    until = time.monotonic() + seconds
    numbers = itertools.takewhile(lambda _: time.monotonic() < until, itertools.count(first, step))
    logging.disable(logging.WARNING)
    with tempfile.TemporaryDirectory(prefix="fuzz-") as folder, started_readers() as readers:
        campaign = Campaign(Packager(Path(folder)), readers)
        campaign.run(seed, numbers)
    return campaign.counts, first + step * campaign.counts.inputs


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the campaign and print its counts."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.fuzz", description=__doc__)
    parser.add_argument("--minutes", type=float, default=5.0, help="default: %(default)s")
    parser.add_argument("--seed", type=int, default=1, help="of the inputs (default: %(default)s)")
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--smallest", action="store_true", help="everything once, to see it run")
    given = parser.parse_args(arguments)
    if given.smallest:
        given.minutes, given.processes = _SMALLEST_MINUTES, 1
    versions = [f"{sys.version_info.major}.{sys.version_info.minor}", *other_pythons()]
    _say(f"readers: tarfile of Python {', '.join(sorted(versions))}; {', '.join(PROGRAMS)}")
    for line in absent():
        _say(f"skipped: {line}")
    counts = Counts()
    for part in _parts(given.seed, 60 * given.minutes, given.processes):
        counts.add(part)
        _say(_line(counts))
        for found in part.found[:_SHOWN]:
            _say(f"DIFFERENCE, kept as {keep(found, CORPUS)}:")
            _say("  " + "\n  ".join(found.differences[:_SHOWN]))
    return 1 if counts.found else 0


def _parts(seed: int, seconds: float, processes: int) -> Iterator[Counts]:
    """Yield the parts of a campaign as they end; each process takes every n-th input."""
    end = time.monotonic() + seconds
    with ProcessPoolExecutor(processes) as pool:
        firsts = list(range(processes))
        while (left := end - time.monotonic()) > 0:
            jobs = {
                pool.submit(run_part, seed, first, processes, min(left, _PART_SECONDS)): number
                for number, first in enumerate(firsts)
            }
            for job in as_completed(jobs):
                counts, firsts[jobs[job]] = job.result()
                yield counts


def _line(counts: Counts) -> str:
    return (
        f"{counts.inputs:,} inputs, {counts.accepted:,} accepted, {counts.compared:,} different "
        f"outputs compared, {len(counts.found):,} differences"
    )


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
