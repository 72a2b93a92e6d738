"""What a command's exit code says."""

from __future__ import annotations

from enum import IntEnum


class ExitCode(IntEnum):
    """Exit codes of every command."""

    DONE = 0
    """Done; for a check: nothing wrong was found."""
    ERROR = 1
    """Bad input or a failed execution: the message says what and how to fix it."""
    USAGE = 2
    """The command line itself is wrong: an unknown command or option, or a missing argument."""
    AWS = 3
    """AWS refused or did not answer: credentials, permissions, throttling, network."""
    CHANGED = 4
    """Only of ``diff --exit-code``: something changes."""
    INTERRUPTED = 130
    """Ctrl-C."""
