"""Lists that have to be split, because a service limits the text that they become."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeVar

_T = TypeVar("_T")


def split(items: Iterable[_T], most: int, size: Callable[[_T], int]) -> list[list[_T]]:
    """Split items, in their order, into as few lists as fit.

    Args:
        items: The items. One that is larger than ``most`` has a list of its own.
        most: Characters that a list may take.
        size: Returns how many an item takes.
    """
    lists: list[list[_T]] = []
    free = 0
    for item in items:
        taken = size(item)
        if not lists or taken > free:
            lists.append([])
            free = most
        lists[-1].append(item)
        free -= taken
    return lists


def batches(texts: Iterable[str], most: int) -> list[list[str]]:
    """Split texts that are written as JSON: each takes two quotes and a comma more."""
    return split(texts, most, lambda text: len(text) + 3)
