"""Starts the worker of a fleet behind walls; a program of its own, standard library only.

    python worker_program.py --serve ARGUMENTS...

The command before the worker's own arguments, and the file for what it prints, come in variables of
the environment, which the model's code does not see. The worker takes this process's place: number,
session and open pipes stay.
"""

from __future__ import annotations

import json
import os
import sys
from typing import Final

COMMAND: Final = "RELEASE_WORKER_COMMAND"
PRINTED: Final = "RELEASE_WORKER_PRINTED"


def main() -> None:
    """Become the worker."""
    command = json.loads(os.environ.pop(COMMAND))
    printed = os.open(os.environ.pop(PRINTED), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    for descriptor in (1, 2):
        os.dup2(printed, descriptor)
    os.close(printed)
    os.execv(command[0], [*command, *sys.argv[1:]])  # noqa: S606


if __name__ == "__main__":
    main()
