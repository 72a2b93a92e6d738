"""Lets this process write to the folders in ``RELEASE_WRITABLE_FOLDERS`` only, where it is set.

Python imports a module of this name when it starts. See ``constructs_lib/confinement``.
"""

from __future__ import annotations

import ctypes
import errno
import os
import sys
from collections.abc import Iterator
from contextlib import suppress

_WRITABLE = os.environ.get("RELEASE_WRITABLE_FOLDERS")
_FOLDERS = [
    *(_WRITABLE or "").split(os.pathsep),
    *("/dev", "/proc"),  # such as /dev/null and /dev/shm, which are no files to leave behind
]
_WRITING_FLAGS = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
_CHANGED_CONTENT = ("os.chmod", "os.chown", "os.truncate", "os.utime")
"""Audit events of calls that change what a path leads to, through links, too."""
_CHANGED_ENTRIES = {
    "os.link": (1,),
    "os.mkdir": (0,),
    "os.remove": (0,),
    "os.rename": (0, 1),
    "os.rmdir": (0,),
    "os.symlink": (1,),
}
"""Audit events of calls that change the entries of a folder, and which of their arguments do."""


def _refuse_outside(event: str, arguments: tuple[object, ...]) -> None:
    for path in _changed_paths(event, arguments):
        if not any(path == each or path.startswith(f"{each}{os.sep}") for each in _FOLDERS):
            raise PermissionError(
                errno.EACCES,
                "a script that runs on this machine writes to its own folder only, at the paths"
                " that its arguments name",
                path,
            )


def _changed_paths(event: str, arguments: tuple[object, ...]) -> Iterator[str]:
    if event in _CHANGED_ENTRIES:
        for index in _CHANGED_ENTRIES[event]:
            folder, name = os.path.split(os.fsdecode(arguments[index]))  # type: ignore[arg-type]
            yield f"{os.path.realpath(folder)}{os.sep}{name}"
    elif event in _CHANGED_CONTENT or (event == "open" and _is_writing(arguments[2])):
        path = arguments[0]
        if isinstance(path, str | bytes | os.PathLike):  # no descriptor: of what was opened before
            yield os.path.realpath(os.fsdecode(path))


def _is_writing(flags: object) -> bool:
    return isinstance(flags, int) and bool(flags & _WRITING_FLAGS)


# Numbers and bits of the Linux kernel's include/uapi/linux/landlock.h; the system calls have the
# same numbers on every architecture.
_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
_VERSION = 1
_PATH_BENEATH = 1
_NO_NEW_PRIVILEGES = 38
_RENAMING_BETWEEN_FOLDERS = 2
_TRUNCATING = 3
_WRITE_FILE = 1 << 1
_CHANGES = _WRITE_FILE | sum(1 << bit for bit in range(4, 14))
_TRUNCATE = 1 << 14


class _PathBeneath(ctypes.Structure):
    _pack_ = 1
    _fields_ = [("allowed", ctypes.c_uint64), ("parent", ctypes.c_int32)]


def _hold_children(folders: list[str]) -> None:
    """Let the kernel refuse the same of every program that this process starts."""
    libc = ctypes.CDLL(None, use_errno=True)
    version = libc.syscall(_CREATE_RULESET, None, 0, _VERSION)
    if version < _RENAMING_BETWEEN_FOLDERS:
        return  # an older kernel would refuse even renaming within a folder
    changes = _CHANGES | (_TRUNCATE if version >= _TRUNCATING else 0)
    handled = ctypes.c_uint64(changes)
    ruleset = libc.syscall(_CREATE_RULESET, ctypes.byref(handled), ctypes.sizeof(handled), 0)
    for folder in folders:
        with suppress(OSError):
            parent = os.open(folder, os.O_PATH | os.O_CLOEXEC)
            rule = _PathBeneath(changes, parent)
            libc.syscall(_ADD_RULE, ruleset, _PATH_BENEATH, ctypes.byref(rule), 0)
            os.close(parent)
    libc.prctl(_NO_NEW_PRIVILEGES, 1, 0, 0, 0)
    libc.syscall(_RESTRICT_SELF, ruleset, 0)
    os.close(ruleset)


if _WRITABLE is not None:
    if sys.platform == "linux":
        _hold_children(_FOLDERS)
    sys.addaudithook(_refuse_outside)
