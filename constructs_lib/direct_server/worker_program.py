"""Starts the worker of a model behind walls; a program of its own, standard library only.

    python worker_program.py --serve ARGUMENTS...

The command before the worker's own arguments, its whole environment, and the file for what it
prints come in a variable of this one's environment, of which nothing goes on to the model's code.
The worker takes this process's place: number, session and open pipes stay.
"""

from __future__ import annotations

import base64
import json
import os
import sys
from typing import Final

VARIABLE: Final = "RELEASE_WALLED_WORKER"


def packed(command: list[str], environment: dict[str, str], printed: str) -> str:
    """Write the variable: no path in it is told from the container's, which are replaced."""
    told = {"command": command, "environment": environment, "printed": printed}
    return base64.b64encode(json.dumps(told).encode()).decode()


def main() -> None:
    """Become the worker."""
    told = json.loads(base64.b64decode(os.environ[VARIABLE]))
    printed = os.open(told["printed"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    for descriptor in (1, 2):
        os.dup2(printed, descriptor)
    os.close(printed)
    program, *arguments = told["command"]
    os.execve(program, [program, *arguments, *sys.argv[1:]], told["environment"])  # noqa: S606


if __name__ == "__main__":
    main()
