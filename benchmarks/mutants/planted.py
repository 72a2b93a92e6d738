"""A fault to plant: a small replacement in one file, and the tests that have to notice it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path


class PlantingError(Exception):
    """A fault cannot be planted as it is written down: the message names it and says why."""


@dataclass(frozen=True)
class PlantedFault:
    """A mistake that somebody could make."""

    breaks: str
    """What is wrong then, in words."""
    file: str
    """Path below the checkout."""
    before: str
    """Text that stands there exactly once."""
    after: str
    tests: tuple[str, ...]
    """Node ids of the tests, or files, that are run."""

    def text_in(self, root: Path) -> str:
        """Read the file in a checkout.

        Raises:
            PlantingError: There is no such file.
        """
        path = root / self.file
        if not path.is_file():
            raise PlantingError(f"The fault {self.breaks!r} is in {self.file}: no such file.")
        return path.read_text(encoding="utf-8")

    def plant(self, text: str) -> str:
        """Return the file's text with the fault.

        Raises:
            PlantingError: The text before is not there exactly once, or nothing changes.
        """
        if (count := text.count(self.before)) != 1:
            raise PlantingError(
                f"The fault {self.breaks!r} replaces a text that stands {count} times in"
                f" {self.file}; it has to stand there once:\n{self.before}\n"
                "Correct it in benchmarks/mutants/kept/ to what the file has now."
            )
        if self.before == self.after:
            raise PlantingError(f"The fault {self.breaks!r} changes nothing in {self.file}.")
        return text.replace(self.before, self.after)


def check_all(faults: Iterable[PlantedFault], root: Path) -> None:
    """Check that every fault can be planted in a checkout.

    Raises:
        PlantingError: Names all that cannot.
    """
    problems = []
    for fault in faults:
        try:
            fault.plant(fault.text_in(root))
        except PlantingError as error:
            problems.append(str(error))
    if problems:
        raise PlantingError("\n\n".join(problems))
