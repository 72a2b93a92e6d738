"""Runs the scenarios of deployments, in a process of their own: a line of JSON for each.

    python -m benchmarks.faults.serving --every-call

Its emulation of AWS answers every client of the process, those of other scenarios, too.
"""

from __future__ import annotations

import argparse
import dataclasses
import itertools
import json
import logging
import sys

from benchmarks.faults.serving.scenarios import all_scenarios, results


def main() -> None:
    """Run them."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.faults.serving")
    parser.add_argument("--every-call", action="store_true")
    parser.add_argument("--most", type=int, help="how many scenarios; by default all")
    options = parser.parse_args()
    logging.disable()  # each scenario is full of warnings
    scenarios = itertools.islice(all_scenarios(every_call=options.every_call), options.most)
    for row, result in results(scenarios):
        line = json.dumps({"row": row, "result": dataclasses.asdict(result)})
        sys.stdout.write(f"{line}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
