"""Runs the app for one cloud assembly after another: importing CDK takes as long as the app does.

    python synthesis_program.py APP

Each line of standard input is a JSON document: variables of the environment for the next run. It is
answered by a line with the exit code that the app would have ended with. What the app writes, and
what it starts, goes to standard error: no line of it is an answer. Neither finds a standard input,
as under the CDK CLI: it would take what the app is asked next. The process ends with its input.
"""

from __future__ import annotations

import gc
import json
import os
import runpy
import sys
from pathlib import Path


def main() -> None:
    """Run the app for each line."""
    gc.disable()  # as the app does: what it makes is no garbage
    questions, answers = os.fdopen(os.dup(0)), os.fdopen(os.dup(1), "w")
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(2, 1)
    path = Path(sys.argv[1])
    sys.path[0] = str(path.parent)
    app = runpy.run_path(str(path), run_name="app")
    for line in questions:
        os.environ.update(json.loads(line))
        exit_code = app["main"]()
        sys.stdout.flush()
        sys.stderr.flush()
        answers.write(f"{exit_code}\n")
        answers.flush()
    os._exit(0)  # taking apart what CDK has made takes a while


if __name__ == "__main__":
    main()
