"""An embedded AWS as a reader has it after the demo, and copies of the project to work in."""

from __future__ import annotations

import io
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from rich.console import Console

import local.demo
import local.deployment
from local.emulator import EmbeddedAws
from tests.docs.workplace import make_workplace

WIDTH = 160


@dataclass(frozen=True)
class Demo:
    """What ``make demo`` did: its AWS stays up, and its records lie in a copy of the project."""

    aws: EmbeddedAws
    workplace: Path
    output: str


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    """Run the demo in a copy of the project."""
    workplace = make_workplace(tmp_path_factory.mktemp("documents") / "pytorch-model-release")
    printed = io.StringIO()
    with EmbeddedAws(log_file=workplace / ".local" / "emulator.log") as aws:

        @contextmanager
        def running(*, log_file: Path, prepare: bool) -> Iterator[EmbeddedAws]:
            yield aws

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(local.demo, "EmbeddedAws", running)
            # Not this folder's pipelines, which may be more than the example.
            patch.setattr(local.deployment, "_ROOT", workplace)
            patch.setattr(local.demo, "_ROOT", workplace)
            patch.chdir(workplace)
            local.demo.run_demo(
                workplace / ".local" / "demo", Console(file=printed, width=WIDTH, soft_wrap=True)
            )
        yield Demo(aws, workplace, printed.getvalue())


@pytest.fixture
def workplace(demo: Demo, tmp_path: Path) -> Path:
    """A copy of the project after the demo, for one document."""
    folder = tmp_path / demo.workplace.name
    shutil.copytree(demo.workplace, folder, symlinks=True)
    activate = folder / ".venv" / "bin" / "activate"
    activate.write_text(activate.read_text().replace(str(demo.workplace), str(folder)))
    return folder
