"""Every benchmark runs: each in its smallest form, whatever it measures."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.example_pipeline import ROOT

PROGRAMS = sorted({*ROOT.glob("benchmarks/*.py"), *ROOT.glob("benchmarks/*/__main__.py")})


def module_of(program: Path) -> str:
    parts = program.relative_to(ROOT).with_suffix("").parts
    return ".".join(part for part in parts if part != "__main__")


@pytest.mark.parametrize("module", [module_of(each) for each in PROGRAMS])
def test_a_benchmark_runs_in_its_smallest_form(module: str) -> None:
    programs = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])

    result = subprocess.run(
        [sys.executable, "-m", module, "--smallest"],
        cwd=ROOT,
        env={**os.environ, "PATH": programs},
        capture_output=True,
        text=True,
        check=False,
    )

    assert result.returncode == 0, result.stdout + result.stderr
    assert result.stdout


def test_there_are_benchmarks() -> None:
    assert len(PROGRAMS) > 2
