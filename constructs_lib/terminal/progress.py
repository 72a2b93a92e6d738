"""Progress bars on a terminal; nothing of them anywhere else."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    MofNCompleteColumn,
    Progress,
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
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(
        *columns, console=console, disable=not console.is_terminal, transient=True
    ) as progress:
        task = progress.add_task(what, total=total_bytes)
        yield lambda count: progress.advance(task, count)


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
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
    )
    with Progress(
        *columns, console=console, disable=not console.is_terminal, transient=True
    ) as progress:
        task = progress.add_task(what, total=total)
        yield lambda: progress.advance(task)
