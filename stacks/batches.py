"""Lists of names that have to be split, because a service limits the text that they become."""

from __future__ import annotations

from collections.abc import Iterable


def batches(texts: Iterable[str], most: int) -> list[list[str]]:
    """Split texts, in their order, into as few lists as fit.

    Args:
        texts: The texts. One that is longer than ``most`` has a list of its own.
        most: Characters that a list may take as JSON: each text with two quotes and a comma.
    """
    lists: list[list[str]] = []
    free = 0
    for text in texts:
        length = len(text) + 3
        if not lists or length > free:
            lists.append([])
            free = most
        lists[-1].append(text)
        free -= length
    return lists
