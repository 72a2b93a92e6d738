"""Which Python and PyTorch judge a model on this machine, and which serve it."""

from __future__ import annotations

import platform
import re
import sys
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, distributions, version
from pathlib import Path
from typing import Final, Self

TORCH: Final = Path(sys.prefix) / "torch"
"""Where ``make torch`` installs PyTorch: beside the environment, for models' code alone."""

RAY_CONTAINER_PYTHON: Final = "py313"
RAY_CONTAINER_TORCH: Final = "2.10.0"
"""What AWS's Ray Serve container 1.4 has, which its tag does not name.

Source: github.com/aws/deep-learning-containers at e0ecede (2026-08-21), docker/ray/pyproject.toml.
"""
_PYTHON: Final = re.compile(r"py(\d)(\d+)")
_TAG: Final = re.compile(r":(?P<torch>[\d.]+)-\w+-(?P<python>py\d+)")
_HUGGING_FACE: Final = re.compile(r":(?P<torch>[\d.]+)-transformers[\d.]+-\w+-(?P<python>py\d+)")
_RAY: Final = re.compile(r"/ray(:serve-ml-sagemaker-|@)")


@dataclass(frozen=True)
class Versions:
    """A Python, and the PyTorch that it has."""

    python: str
    torch: str | None

    @classmethod
    def here(cls) -> Self:
        """Return what models' code gets on this machine."""
        return cls(platform.python_version(), installed_torch() or _torch_of_the_environment())

    @classmethod
    def of_container(cls, framework_version: str, py_version: str) -> Self:
        """Return those of a container, as configs name them: ``2.1.0`` and ``py310``."""
        return cls(_PYTHON.sub(r"\1.\2", py_version), framework_version)

    @classmethod
    def of_image(cls, uri: str) -> Self | None:
        """Return those of one of AWS's containers; none of a digest or of another's image."""
        if _RAY.search(uri):
            return cls.of_container(RAY_CONTAINER_TORCH, RAY_CONTAINER_PYTHON)
        tag = _TAG.search(uri) or _HUGGING_FACE.search(uri)
        return tag and cls.of_container(tag["torch"], tag["python"])

    def __str__(self) -> str:
        """Name both."""
        return f"Python {self.python}, {f'torch {self.torch}' if self.torch else 'no torch'}"

    def judged_for(self, container: Versions) -> str:
        """Say what a verdict was reached under, and whether the container has something else."""
        same_python = f"{self.python}.".startswith(f"{container.python}.")
        same_torch = (self.torch or "").partition("+")[0] == container.torch
        if same_python and same_torch:
            return f"Judged under {self}, as in the container."
        told = f"Judged under {self}; the container has {container}, and may judge otherwise."
        if self.torch and container.torch and not same_torch:
            told += (
                f" make torch VERSION={container.torch} installs that one, or the next there is."
            )
        return told


def installed_torch() -> str | None:
    """Return the version that ``make torch`` has installed, if it has."""
    found = distributions(name="torch", path=[str(TORCH)])
    return next((each.version for each in found), None)


def _torch_of_the_environment() -> str | None:
    try:
        return version("torch")
    except PackageNotFoundError:
        return None
