"""Runs a command out of sight of the user's files and of the network, on Linux.

    python walls.py walls|none network|alone FOLDER COUNT HIDDEN... COUNT SHOWN... COMMAND...

A program of its own: what it does to itself would hold for every thread of the process that started
it. It ends with that process, and takes along everything that the command started.

The walls are namespaces of the kernel (``user_namespaces(7)``), which need no privileges: in one of
mounts, folders are covered, but for what is to be seen in them; one of processes hides the others,
whose files ``/proc`` would show; one of the network holds nothing but itself.
"""

from __future__ import annotations

# Every job and every model's server starts this: enum, pathlib, re and typing would take it longer
# than all that it does, and json, signal and socket import these.
import _signal  # type: ignore[import-not-found]  # as Python has it, without enumerations
import _socket
import ctypes
import errno
import fcntl
import os
import struct
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final, NoReturn

NO_WALLS: Final = 125
"""Exit code of this program where the system gives no namespaces."""

# Numbers of the Linux kernel: sched.h, prctl.h, fs.h and if.h in include/uapi/linux.
_NEW_MOUNTS, _NEW_USER, _NEW_PROCESSES, _NEW_NETWORK = 0x20000, 0x10000000, 0x20000000, 0x40000000
_PARENT_DEATH_SIGNAL, _NO_NEW_PRIVILEGES = 1, 38
_NO_SETUID, _NO_DEVICES, _BIND, _RECURSIVE, _PRIVATE = 2, 4, 4096, 16384, 1 << 18
_GET_FLAGS, _SET_FLAGS, _UP = 0x8913, 0x8914, 1
_SOMEBODY: Final = 1000
"""Inside, nobody is root: whoever is keeps the right to take the walls down."""

_libc = ctypes.CDLL(None, use_errno=True)


def main() -> NoReturn:
    """Run the command, and end as it ends."""
    walls, network, folder, *rest = sys.argv[1:]
    hidden, rest = _counted(rest)
    shown, command = _counted(rest)
    parent = os.getppid()
    if walls == "none":
        _end_with(parent)
        _run(command)
    try:
        _leave(network=network == "network")
    except OSError as error:
        _give_up(error)
    _end_with(parent)
    read, write = os.pipe()
    if os.fork() == 0:
        os.close(read)
        _be_the_first(folder, hidden, shown, command, write)
    os.close(write)
    _end_as(read)


def _counted(arguments: list[str]) -> tuple[list[str], list[str]]:
    """Take as many arguments as the first one says; returns these and the rest."""
    end = 1 + int(arguments[0])
    return arguments[1:end], arguments[end:]


def _give_up(error: OSError) -> NoReturn:
    sys.stderr.write(f"{error.strerror}\n")
    os._exit(NO_WALLS)


def _check(result: int) -> None:
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def _end_with(parent: int) -> None:
    """Be killed when the parent ends, however it does."""
    _libc.prctl(_PARENT_DEATH_SIGNAL, _signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:  # it has ended meanwhile
        os._exit(1)


def _leave(*, network: bool) -> None:
    """Go into namespaces of its own: the next child is the first process there."""
    user, group = os.geteuid(), os.getegid()
    _check(
        _libc.unshare(_NEW_USER | _NEW_MOUNTS | _NEW_PROCESSES | (0 if network else _NEW_NETWORK))
    )
    _write("/proc/self/setgroups", "deny")
    _write("/proc/self/uid_map", f"{user or _SOMEBODY} {user} 1")
    _write("/proc/self/gid_map", f"{group or _SOMEBODY} {group} 1")
    if not network:
        _raise_loopback()


def _write(path: str, text: str) -> None:
    with open(path, "w") as file:
        file.write(text)


def _raise_loopback() -> None:
    """Let processes inside talk to each other."""
    any_socket = _socket.socket()
    request = struct.pack("16sh14x", b"lo", 0)
    answer = fcntl.ioctl(any_socket, _GET_FLAGS, request)
    (flags,) = struct.unpack_from("h", answer, 16)
    fcntl.ioctl(any_socket, _SET_FLAGS, struct.pack("16sh14x", b"lo", flags | _UP))
    any_socket.close()


def _be_the_first(
    folder: str, hidden: list[str], shown: list[str], command: list[str], write: int
) -> NoReturn:
    """Build the walls, run the command, and tell how it ended.

    The command is the second process: no signal of its own ends the first.
    """
    _end_with(0)  # the parent is in no namespace of this process
    try:
        _cover(hidden, shown)
        os.chdir(folder)
    except OSError as error:
        _give_up(error)
    pid = os.fork()
    if pid == 0:
        _libc.prctl(_NO_NEW_PRIVILEGES, 1, 0, 0, 0)
        _run(command)
    _leave_signals_to_the_command()
    status = None
    while status is None:  # what others leave behind is waited for, too
        ended, how = os.wait()
        status = how if ended == pid else None
    os.write(write, b"%d" % status)
    os._exit(0)


def _run(command: list[str]) -> NoReturn:
    try:
        os.execvp(command[0], command)  # noqa: S606
    except OSError as error:
        sys.stderr.write(f"{command[0]}: {error.strerror}\n")
        os._exit(127)


def _leave_signals_to_the_command() -> None:
    """Survive Ctrl-C, which the command gets, too."""
    for number in (_signal.SIGINT, _signal.SIGQUIT):
        _signal.signal(number, _signal.SIG_IGN)


def _cover(hidden: list[str], shown: list[str]) -> None:
    """Cover folders with empty ones, and show some paths in them again."""
    _mount("", "/", "", _RECURSIVE | _PRIVATE)
    opened = {path: os.open(path, os.O_PATH | os.O_CLOEXEC) for path in shown}
    sources = {path: f"/proc/self/fd/{number}" for path, number in opened.items()}
    _refuse_unreadable(sources)
    for folder in hidden:
        _mount("tmpfs", folder, "tmpfs", _NO_SETUID | _NO_DEVICES)
    for path, source in sources.items():
        _make_place(path, is_folder=os.path.isdir(source))
        _mount(source, path, "", _BIND | _RECURSIVE)
    # Last: the sources are found by the view of processes that this replaces.
    _mount("proc", "/proc", "proc", _NO_SETUID | _NO_DEVICES)


def _refuse_unreadable(sources: dict[str, str]) -> None:
    """Refuse to go on where whoever is root outside could read what nobody inside can."""
    for path, source in sources.items():
        if not os.access(source, os.R_OK):
            raise PermissionError(errno.EACCES, "is not to be read without privileges", path)


def _make_place(path: str, *, is_folder: bool) -> None:
    os.makedirs(path if is_folder else os.path.dirname(path), exist_ok=True)
    if not is_folder:
        with open(path, "a"):
            pass


def _mount(source: str, target: str, kind: str, flags: int) -> None:
    _check(
        _libc.mount(os.fsencode(source), os.fsencode(target), kind.encode() or None, flags, None)
    )


def _end_as(read: int) -> NoReturn:
    """Wait for the first process, and end as the command has: by its exit code or signal."""
    _leave_signals_to_the_command()
    told = os.read(read, 16)
    _, first = os.wait()
    status = int(told) if told else first
    if os.WIFSIGNALED(status):
        number = os.WTERMSIG(status)
        if number not in (_signal.SIGKILL, _signal.SIGSTOP):
            _signal.signal(number, _signal.SIG_DFL)
        os.kill(os.getpid(), number)
    os._exit(os.WEXITSTATUS(status))


if __name__ == "__main__":
    main()
