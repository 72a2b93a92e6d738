"""Until when AWS patches the containers that jobs and endpoints run in.

Source: github.com/aws/deep-learning-containers at e0ecede (2026-08-21), ``eop`` (end of patches)
in ``docs/src/data`` for PyTorch from 2.6 on and for scikit-learn, and in
``docs/src/legacy/legacy_support.yml`` for PyTorch before. After that day an image stays where it
is, and is changed no more. Of the containers that are not listed there AWS has published no end.

When AWS publishes a container or moves an end, this file is the only one to change.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from types import MappingProxyType
from typing import Final, Literal

ContainerFamily = Literal["PyTorch inference", "PyTorch training", "scikit-learn"]


@dataclass(frozen=True)
class PatchedContainer:
    """A container whose end of patches AWS has published."""

    version: str
    """As a config gives it, for example ``2.6.0``."""
    python: str
    """Its Python, for example ``py312``."""
    end: date
    """Last day of patches."""


_PYTORCH_BOTH: Final = (
    PatchedContainer("1.13.1", "py39", date(2024, 10, 28)),
    PatchedContainer("2.0.1", "py310", date(2024, 3, 15)),
    PatchedContainer("2.1.0", "py310", date(2024, 10, 4)),
    PatchedContainer("2.2.0", "py310", date(2025, 1, 30)),
    PatchedContainer("2.3.0", "py311", date(2025, 4, 24)),
    PatchedContainer("2.4.0", "py311", date(2025, 7, 24)),
    PatchedContainer("2.5.1", "py311", date(2025, 10, 29)),
)

CONTAINERS: Final[Mapping[ContainerFamily, tuple[PatchedContainer, ...]]] = MappingProxyType(
    {
        "PyTorch inference": (
            *_PYTORCH_BOTH,
            PatchedContainer("2.6.0", "py312", date(2026, 6, 30)),
        ),
        "PyTorch training": (
            *_PYTORCH_BOTH,
            PatchedContainer("2.6.0", "py312", date(2026, 1, 29)),
            PatchedContainer("2.7.1", "py312", date(2026, 4, 23)),
            PatchedContainer("2.8.0", "py312", date(2026, 8, 6)),
            PatchedContainer("2.9.0", "py312", date(2026, 10, 15)),
            PatchedContainer("2.10.0", "py313", date(2027, 1, 21)),
        ),
        "scikit-learn": (
            PatchedContainer("1.4-2-py312", "py312", date(2026, 10, 30)),
            PatchedContainer("1.9-0", "py312", date(2027, 7, 16)),
        ),
    }
)
"""The containers of each family that AWS gives an end, oldest version first."""

ENDED_FAMILIES: Final[frozenset[ContainerFamily]] = frozenset({"PyTorch inference"})
"""Families of which AWS makes no newer container. Source: AWS Deep Learning Containers, "Framework
Support Policy": those of PyTorch 2.6 are the last with TorchServe, and patched until 2026-06-30."""


def release_number(version: str) -> tuple[int, ...]:
    """Return what AWS's table tells versions apart by: ``(2, 1)`` for ``2.1.0``.

    A version that does not begin with two numbers, which no container has, gives less.
    """
    parts = version.replace("-", ".").split(".")[:2]
    return tuple(int(part) for part in parts if part.isdecimal())


def listed(family: ContainerFamily, version: str) -> PatchedContainer | None:
    """Return the container of a version, if AWS has published its end."""
    number = release_number(version)
    return next((x for x in CONTAINERS[family] if release_number(x.version) == number), None)


def is_older_than_listed(family: ContainerFamily, version: str) -> bool:
    """Tell whether a version came before those whose end AWS has published."""
    return release_number(version) < release_number(CONTAINERS[family][0].version)
