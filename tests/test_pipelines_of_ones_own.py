"""Whoever adds or removes a pipeline turns no lint, type check or test of the app red."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.docs.workplace import make_workplace
from tests.example_pipeline import ROOT
from tests.synth.example_copies import named_copy

FAST_TESTS = (
    "tests/house/test_import_rules.py",
    "tests/test_pipelines_folder.py",
    "tests/configs",
    "tests/command_line/test_light_commands.py",
    "tests/docs/test_configuration_reference.py",
    "tests/docs/test_links.py",
    "tests/example",
    "tests/synth/test_pipeline_builder.py",
)
FILES = {
    "inference/inference.py": """\
import os, sys, json
from vendored.foo import *
def model_fn(d):
  try: return load(d)
  except: print("no model"); return None
def input_fn(b,t): return json.loads(b)
def predict_fn(x, m): return {"legacy-score" : 0.5}
def output_fn(p, a): return json.dumps( p )
""",
    "inference/vendored/__init__.py": "",
    "inference/vendored/foo.py": "import *\nprint 'Python 2'\ndef load(x): exec x\n",
    "inference/types.py": 'count: int = "no number"\nreturn_value = count.nothing\n',
    "test_inference.py": "def test_nothing():\n    assert False\n",
    "conftest.py": "raise RuntimeError('of no test of the app')\n",
    "README.md": "[broken](nowhere.md): `release no-such-command`\n",
}


def add_pipeline(folder: Path) -> Path:
    """Add what people bring: untyped, undocumented, with packages of others; returns the folder."""
    theirs = folder / "pipelines" / "their_model"
    named_copy(theirs)
    (theirs / "ruff.toml").unlink()
    for name, text in FILES.items():
        path = theirs / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    return theirs


def remove_example(folder: Path) -> None:
    """Remove the only pipeline, and with it the folder, as git does."""
    shutil.rmtree(folder / "pipelines")


@pytest.fixture
def types_cache(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What mypy knows already; else it takes minutes, and one process makes it for all."""
    here = tmp_path_factory.getbasetemp()
    of_all_processes = here.parent if "PYTEST_XDIST_WORKER" in os.environ else here
    known = of_all_processes / "types"
    with (of_all_processes / "types.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not known.exists():
            if (ROOT / ".mypy_cache").is_dir():
                shutil.copytree(ROOT / ".mypy_cache", known)
            run(ROOT, "mypy", MYPY_CACHE_DIR=str(known))
    return shutil.copytree(known, tmp_path / "types")


def run(folder: Path, *command: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command,
        cwd=folder,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("change", [add_pipeline, remove_example])
def test_a_change_of_pipelines_turns_nothing_red(
    change: Callable[[Path], object], types_cache: Path, tmp_path: Path
) -> None:
    folder = make_workplace(tmp_path / "app")
    change(folder)

    checked = run(folder, "make", "-o", "setup", "check", MYPY_CACHE_DIR=str(types_cache))
    synthesized = run(folder, "make", "first-synthesis")
    tested = run(folder, sys.executable, "-m", "pytest", "-q", *FAST_TESTS)

    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert synthesized.returncode == 0, synthesized.stderr
    assert "no patches" not in synthesized.stderr
    assert tested.returncode == 0, tested.stdout


def test_a_folder_is_judged_by_the_rules_that_it_brings(tmp_path: Path) -> None:
    folder = make_workplace(tmp_path / "app")
    theirs = add_pipeline(folder)
    (theirs / "ruff.toml").write_text('exclude = ["vendored"]\n[lint]\nselect = ["E722"]\n')

    checked = run(folder, "make", "-o", "setup", "check")

    assert checked.returncode != 0
    assert "E722" in checked.stdout
    assert "inference.py:5" in checked.stdout
    assert "foo.py" not in checked.stdout
