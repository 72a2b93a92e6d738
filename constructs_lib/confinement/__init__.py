"""Keeps a user's own script, when it runs on this machine, from writing outside its folder.

In a job, a script has a container of its own. Here it runs as a child process of whoever started
it, and one that ignores its arguments would write to the paths of a container on this machine.
This is a guard against mistakes, not against malice: what the script reads is left alone.

Every Python that the script starts loads ``on_path/sitecustomize.py`` before anything else. Where
the kernel has Landlock, what else it starts is held, too.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final

_ON_PATH: Final = Path(__file__).parent / "on_path"
_WRITABLE: Final = "RELEASE_WRITABLE_FOLDERS"


def confined(environment: Mapping[str, str], folders: Iterable[Path]) -> dict[str, str]:
    """Return an environment in which a Python writes to some folders only."""
    on_path = [str(_ON_PATH), environment.get("PYTHONPATH")]
    return {
        **environment,
        "PYTHONPATH": os.pathsep.join(filter(None, on_path)),
        _WRITABLE: os.pathsep.join(str(folder.resolve()) for folder in folders),
        "COVERAGE_PROCESS_CONFIG": "",  # what counts lines would write to another folder
    }
