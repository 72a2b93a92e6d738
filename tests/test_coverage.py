"""``make coverage`` counts what child processes run, wherever they run it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from constructs_lib.jobs.archive import job_archive

ROOT = Path(__file__).parents[1]

# A job out of its archive, with a job's environment; and a module in a process that ends at once.
PROGRAM = """
import sys
from pathlib import Path
from threading import Event
from local.processes import run_child

folder = Path(sys.argv[1])
ends_at_once = "import os, constructs_lib.regions; os._exit(0)"
for command in (["package_model.zip", "--help"], ["-c", ends_at_once]):
    result = run_child(
        [sys.executable, *command],
        environment={"PYTHONPATH": sys.argv[2]},
        folder=folder,
        log_path=folder / "log",
        timeout_seconds=60,
        stopping=Event(),
    )
    assert result.exit_code == 0, result
"""


def coverage(*arguments: str | Path, data: Path) -> None:
    environment = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("COVERAGE_")  # of the run that this test may be part of
    }
    subprocess.run(
        [sys.executable, "-m", "coverage", arguments[0], f"--data-file={data}", *arguments[1:]],
        cwd=ROOT,
        env=environment | {"PYTHONPATH": str(ROOT)},
        check=True,
        capture_output=True,
    )


def test_what_children_run_is_counted_as_the_modules_of_this_folder(tmp_path: Path) -> None:
    (tmp_path / "package_model.zip").write_bytes(job_archive("package_model"))
    program, report = tmp_path / "program.py", tmp_path / "report.json"
    program.write_text(PROGRAM)

    data = tmp_path / "data"
    coverage("run", program, tmp_path, ROOT, data=data)
    coverage("combine", data=data)
    coverage("json", "-o", report, data=data)

    files = json.loads(report.read_text())["files"]
    counted = {name for name, each in files.items() if each["executed_lines"]}
    assert {
        "constructs_lib/jobs/package_model/command_line.py",
        "local/processes.py",
        "constructs_lib/regions/__init__.py",
    } <= counted
    assert not [name for name in files if "pytorch_model_release_jobs" in name]
