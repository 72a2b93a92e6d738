"""What keeps others' code, when it runs on this machine, to itself.

In a job, a script or a model's code has a container of its own. Here it runs as a child process of
whoever started it. Three things stand in for the container:

- :func:`own_environment`: no variables but those that are named here, and a home folder of its own.
- :func:`walled`: on Linux, where the kernel lets users have namespaces, no view of the user's home
  folder or of other processes, and no network. It ends with the process that started it.
- :func:`confined`: what a Python writes outside of its folders is refused, and where the kernel has
  Landlock, what else it starts is held, too. A guard against mistakes, not against malice.
"""

from __future__ import annotations

import os
import pwd
import stat
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Final, NamedTuple

from constructs_lib.confinement.versions import TORCH

_FOLDER: Final = Path(__file__).parent
_ON_PATH: Final = _FOLDER / "on_path"
_WALLS: Final = _FOLDER / "walls.py"
_WRITABLE: Final = "RELEASE_WRITABLE_FOLDERS"
SERVING: Final = Path(sys.prefix) / "serving"
"""Where ``make serving`` installs Ray Serve, for what stands in for its container."""
SERVING_VARIABLE: Final = "RELEASE_SERVING"
"""Names the folder with Ray Serve, if it is another; empty: it is not to be used."""
_COVERAGE: Final = "COVERAGE_PROCESS_CONFIG"
"""What ``make coverage`` gives each process that it starts."""
_INHERITED: Final = (
    *("PATH", "PYTHONPATH", "LD_LIBRARY_PATH", "LANG", "LC_ALL", "TZ", _COVERAGE),
    *("CUDA_VISIBLE_DEVICES", "NVIDIA_VISIBLE_DEVICES", "OMP_NUM_THREADS", "MKL_NUM_THREADS"),
)
"""Where programs are found, how texts are written, and which processors there are."""


def inherited() -> dict[str, str]:
    """Return the variables of this process that reach others' code; no other one does.

    It finds PyTorch where ``make torch`` has installed it, and is told where Ray Serve is.
    """
    found = {name: os.environ[name] for name in _INHERITED if name in os.environ}
    if (serving := _serving()) is not None:
        found[SERVING_VARIABLE] = serving
    if not TORCH.is_dir():
        return found
    folders = [found.get("PYTHONPATH"), str(TORCH)]
    return {**found, "PYTHONPATH": os.pathsep.join(filter(None, folders))}


def _serving() -> str | None:
    """Return where Ray Serve is said to be, or where ``make serving`` has installed it."""
    named = os.environ.get(SERVING_VARIABLE)
    return str(SERVING) if named is None and SERVING.is_dir() else named


def own_environment(folder: Path) -> dict[str, str]:
    """Make a home and a temporary folder in a folder; return an environment of nothing else."""
    home, temporary = folder / "home", folder / "temporary"
    for each in (home, temporary):
        each.mkdir()
    return {**inherited(), "HOME": str(home), "TMPDIR": str(temporary)}


def confined(environment: Mapping[str, str], folders: Iterable[Path]) -> dict[str, str]:
    """Return an environment in which a Python writes to some folders only."""
    on_path = [str(_ON_PATH), environment.get("PYTHONPATH")]
    return {
        **environment,
        "PYTHONPATH": os.pathsep.join(filter(None, on_path)),
        _WRITABLE: os.pathsep.join(str(folder.resolve()) for folder in folders),
        _COVERAGE: "",  # what counts lines would write to another folder
    }


class Walled(NamedTuple):
    """A command behind walls, or, where the machine has none, as it is."""

    command: list[str]
    has_walls: bool


def walled(
    command: Sequence[str], folder: Path, shown: Iterable[Path] = (), *, network: bool = False
) -> Walled:
    """Let a command run out of sight of the user's files and, unless told, of the network.

    Args:
        command: Program and arguments; paths in them are absolute.
        folder: Where it starts, and may do what it wants.
        shown: What else it sees of what is hidden: Python and its packages it does anyway.
        network: Whether it reaches the network, this machine's own services too.
    """
    if sys.platform != "linux":
        return Walled([*command], has_walls=False)
    hidden = _hidden()
    in_sight = list(_in_sight([folder, *shown], hidden))
    network_or_alone = "network" if network else "alone"
    paths = [str(len(hidden)), *hidden, str(len(in_sight)), *in_sight]
    has_walls = _holds(("walls", network_or_alone, _where_to_try(folder), *paths))
    walls_or_none = "walls" if has_walls else "none"
    specification = (walls_or_none, network_or_alone, str(folder.absolute()), *paths)
    return Walled([*_program(specification), *command], has_walls=has_walls)


def _program(specification: Iterable[str]) -> list[str]:
    # Isolated: no module of the command's own is imported before the walls are up.
    return [sys.executable, "-I", "-S", str(_WALLS), *specification]


@cache
def _holds(specification: tuple[str, ...]) -> bool:
    """Find out whether the machine lets users have namespaces, and Python runs in them."""
    tried = subprocess.run(
        [*_program(specification), sys.executable, "-I", "-c", ""],
        capture_output=True,
        stdin=subprocess.DEVNULL,
        check=False,
    )
    return tried.returncode == 0


def _where_to_try(folder: Path) -> str:
    """Return the root, of which one try tells for all folders, if this one is entered as easily.

    Inside nobody has privileges: what only root gets into outside has to be tried itself.
    """
    try:
        place = folder.resolve(strict=True)
        is_entered = all(map(_is_entered_without_privileges, (place, *place.parents)))
    except OSError:
        is_entered = False
    return os.sep if is_entered else str(folder.absolute())


def _is_entered_without_privileges(folder: Path) -> bool:
    found = folder.stat()
    if found.st_uid == os.geteuid():
        return bool(found.st_mode & stat.S_IXUSR)
    if found.st_gid in {os.getegid(), *os.getgroups()}:
        return bool(found.st_mode & stat.S_IXGRP)
    return bool(found.st_mode & stat.S_IXOTH)


def _hidden() -> list[str]:
    """Return the folders to cover: the user's home, and where sockets of the session are."""
    user = os.getuid()
    homes = {Path(pwd.getpwuid(user).pw_dir)} if _is_known(user) else set()
    homes |= {Path(os.environ["HOME"])} if os.environ.get("HOME") else set()
    folders = {each.resolve() for each in (*homes, Path(f"/run/user/{user}")) if each.is_dir()}
    folders.discard(Path("/"))
    outermost = [each for each in folders if not folders.intersection(each.parents)]
    return sorted(map(str, outermost))


def _is_known(user: int) -> bool:
    try:
        pwd.getpwuid(user)
    except KeyError:  # of a container that was started with any number
        return False
    return True


def _in_sight(paths: Iterable[Path], hidden: Sequence[str]) -> Iterator[str]:
    """Yield what is to be seen in hidden folders, by the names it is called and by its own."""
    python = [sys.prefix, sys.base_prefix, *os.environ.get("PYTHONPATH", "").split(os.pathsep)]
    counted = [_FOLDER.parents[1]] if _COVERAGE in os.environ else []
    seen: set[str] = set()
    for path in (*paths, *map(Path, filter(None, [*python, _serving()])), *counted):
        for name in (str(path.absolute()), str(path.resolve())):
            is_hidden = any(name.startswith(f"{folder}{os.sep}") for folder in hidden)
            if is_hidden and name not in seen and path.exists():
                seen.add(name)
                yield name
