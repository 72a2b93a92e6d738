"""What ends the job, and how its one line names the input or the member."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import TYPE_CHECKING

from ..common.errors import JobError

if TYPE_CHECKING:
    from collections.abc import Iterator


class RefusedError(JobError):
    """An input that is not accepted."""


class UnwritableError(JobError):
    """An output that cannot be written."""


class StoppedError(JobError):
    """A signal to stop."""


def shown(name: str) -> str:
    """Return a member's name as an error shows it: quoted, on one line, not endless."""
    quoted = repr(name)
    return quoted if len(quoted) <= 200 else f"{quoted[:150]}...{quoted[-40:]}"


class about:  # noqa: N801 named as contextlib names its own
    """Let the errors inside begin with a member's name.

    A class, as there are three per member: of small files, generators took a tenth of the time.
    """

    __slots__ = ("_name",)

    def __init__(self, name: str) -> None:
        """Take the name as the archive has it."""
        self._name = name

    def __enter__(self) -> None:
        """Wait for an error."""

    def __exit__(self, _kind: object, error: BaseException | None, _traceback: object) -> None:
        """Say of a refusal which member it is about."""
        if isinstance(error, RefusedError):
            raise RefusedError(f"member {shown(self._name)} {error}") from None


@contextlib.contextmanager
def naming(path: Path) -> Iterator[None]:
    """Let the errors inside begin with an input's path."""
    try:
        yield
    except RefusedError as error:
        raise RefusedError(f"{path}: {error}") from None
    except OSError as error:
        raise RefusedError(f"{path}: cannot be read: {error.strerror}") from None
