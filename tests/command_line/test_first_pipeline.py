"""``new`` in an app without pipelines, which is synthesized before and after."""

from __future__ import annotations

import shutil
from pathlib import Path

from tests.synth.app_copy import copy_app, run


def test_the_first_pipeline_of_an_app_can_be_made_and_deployed(tmp_path: Path) -> None:
    folder = copy_app(tmp_path / "app")
    shutil.rmtree(folder / "pipelines")

    refused = run(folder, "app.py")
    made = run(folder, "cli.py", "new", "my_model", "--owner", "my-team")
    synthesized = run(folder, "app.py")

    assert refused.returncode == 1
    assert "Make a pipeline in it: release new NAME" in refused.stderr
    assert made.returncode == 0, made.stderr
    assert (synthesized.returncode, synthesized.stderr) == (0, "")
    assert (folder / "cdk.out" / "model-release-pipeline-my-model.template.json").is_file()
