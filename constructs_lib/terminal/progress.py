"""Progress bars on a terminal; nothing of them anywhere else."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)


@contextmanager
def bytes_bar(what: str, total_bytes: int, console: Console) -> Iterator[Callable[[int], None]]:
    """Show how much of something is read or copied, until the end of the block.

    Args:
        what: Stands before the bar, for example ``Uploading model.tar.gz``.
        total_bytes: How much there is.
        console: Where to show it.

    Yields:
        Takes how many bytes were done since it was called last; any thread may call it.
    """
    columns = (DownloadColumn(), TransferSpeedColumn())
    with _bar(what, total_bytes, columns, console) as advance:
        yield advance


@contextmanager
def counted_bar(what: str, total: int, console: Console) -> Iterator[Callable[[], None]]:
    """Show how many of some things are done, until the end of the block.

    Args:
        what: Stands before the bar, for example ``Asking both versions``.
        total: How many there are.
        console: Where to show it.

    Yields:
        Takes note that one more is done; any thread may call it.
    """
    with _bar(what, total, (MofNCompleteColumn(),), console) as advance:
        yield lambda: advance(1)


@contextmanager
def _bar(
    what: str, total: int, columns: Sequence[ProgressColumn], console: Console
) -> Iterator[Callable[[int], None]]:
    with Progress(
        *(TextColumn("{task.description}"), BarColumn(), *columns, TimeRemainingColumn()),
        console=console,
        disable=not console.is_terminal,
        transient=True,
    ) as progress:
        task = progress.add_task(what, total=total)
        yield lambda count: progress.advance(task, count)
