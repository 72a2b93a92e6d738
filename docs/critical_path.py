"""Writes how long a release takes in AWS into docs/performance.md: ``make docs``.

The longest way through the steps of each shape of a pipeline, calculated from its compiled
definition with what :mod:`constructs_lib.durations.figures` knows, and those figures with their
sources. A load test only starts within a release, so it has no shapes of its own here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from constructs_lib.durations import ReleaseTime, StepTime, release_time
from constructs_lib.durations.figures import FIGURES
from docs.draw_pictures import Shape, definitions, every_shape
from docs.writing import fill_blocks, write_if_changed

DOCUMENT: Final = Path(__file__).parent / "performance.md"
SIZES_GB: Final = (0.5, 10)
"""Of the models that are told of: the example of docs/operate.md, and a large one."""
_EXAMPLE: Final = "existing-three-enforce"
"""The shape whose steps are told one by one."""


def tables() -> dict[str, str]:
    """Compile every shape, and return each table by its name in the document."""
    compiled = definitions(shape for shape in every_shape() if not shape.load_test)
    (example,) = [each for shape, each in compiled.items() if shape.name == _EXAMPLE]
    return {
        "shapes": "\n".join(_shapes(compiled)),
        "steps": "\n".join(_steps(example)),
        "figures": "\n".join(_figures()),
    }


def document(text: str, filled: Mapping[str, str]) -> str:
    """Fill the marked blocks of a document."""
    return fill_blocks(text, "release", filled.__getitem__)


def _shapes(compiled: Mapping[Shape, Mapping[str, Any]]) -> Iterator[str]:
    sizes = " | ".join(f"{gb:g} GB: min | USD" for gb in SIZES_GB)
    yield f"| shape | longest way | job starts | {sizes} |"
    yield f"|---|---|---|{'---|---|' * len(SIZES_GB)}"
    for shape, definition in compiled.items():
        times = [release_time(definition, gb) for gb in SIZES_GB]
        way = ", ".join(step.name for step in times[0].path)
        cells = " | ".join(f"{_minutes(time)} | {_dollars(time)}" for time in times)
        yield f"| {shape.title} | {way} | {times[0].job_starts} | {cells} |"


def _steps(definition: Mapping[str, Any]) -> Iterator[str]:
    times = [release_time(definition, gb).path for gb in SIZES_GB]
    sizes = " | ".join(f"{gb:g} GB: transfer | work | together" for gb in SIZES_GB)
    yield f"| step | start | {sizes} |"
    yield f"|---|---|{'---|---|---|' * len(SIZES_GB)}"
    for steps in zip(*times, strict=True):
        cells = " | ".join(_seconds(step) for step in steps)
        yield f"| {steps[0].name} | {steps[0].start:.0f} s | {cells} |"


def _seconds(step: StepTime) -> str:
    return f"{step.transfer:.0f} s | {step.work:.0f} s | {step.seconds:.0f} s"


def _figures() -> Iterator[str]:
    yield from ("| figure | value | source |", "|---|---|---|")
    for each in FIGURES:
        yield f"| {each.what} | {each.value:g} {each.unit} | {each.source} |"


def _minutes(time: ReleaseTime) -> str:
    more = " and training" if time.unknown_work else ""
    return f"{time.seconds / 60:.1f}{more}"


def _dollars(time: ReleaseTime) -> str:
    more = " and training" if time.unknown_work else ""
    return "not known" if time.usd is None else f"{time.usd:.3f}{more}"


def main() -> None:
    """Write the document if it is not current."""
    write_if_changed(DOCUMENT, document(DOCUMENT.read_text(), tables()))


if __name__ == "__main__":
    main()
