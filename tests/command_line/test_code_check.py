"""What ``validate`` finds in inference code without running it."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from typer.testing import CliRunner

from commands.program import app
from commands.terminal import places
from constructs_lib.configs import PipelineConfigs
from constructs_lib.release.code_check import code_problems
from tests.example_pipeline import copy_example


@pytest.fixture
def configs(tmp_path: Path) -> PipelineConfigs:
    """The example's configs, in a folder whose code may be changed."""
    return PipelineConfigs.load(copy_example(tmp_path / "pipelines" / "own"))


def _told(configs: PipelineConfigs, files: dict[str, str | bytes]) -> list[str]:
    """Write code; returns what is said of it."""
    folder = configs.model.get_source_dir()
    assert isinstance(folder, Path)
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
    return [str(each).replace(f"{folder}/", "") for each in code_problems(configs)]


@pytest.mark.parametrize(
    ("files", "told"),
    [
        ({"a.py": "x = 1\ndef f(:\n"}, "error a.py line 2: SyntaxError: "),
        ({"a.py": b"x = '\xff'\n"}, "error a.py line 1: SyntaxError: "),
        ({"a.py": b"x\0\n"}, "error a.py line 1: "),
        ({"a.py": "type X = int\n"}, "error a.py line 1: SyntaxError: "),
        ({"sub/a.py": "from . import b\nfrom .c import d\n"}, "error sub/a.py line 2: it imports"),
        ({"sub/b.py": "", "a.py": "import sub.c\n"}, "which its own folder sub does not hold"),
        ({"a.py": "def f():\n    from sub import x\n"}, "warning a.py line 2: it imports sub"),
        ({"a.py": "import inferenec\n"}, "Did you mean inference?"),
        ({"a.py": "x = " + "-" * 100_000 + "1"}, "error a.py line 1: it is nested too deeply for"),
        ({"a.py": "x = a" + ".b" * 100_000}, "error a.py line 1: it is nested too deeply for"),
        ({"a.py": f"x = a{'.b' * 1500}\nimport no_such\n"}, "a.py line 2: it imports no_such"),
        ({"a.py": f"if a{'.b' * 1500}:\n    import no_such\n"}, "a.py line 2: it imports no_such"),
        (
            {"a.py": "try:\n    pass\nexcept ImportError:\n    pass\nelse:\n    import no_such\n"},
            "a.py line 6: it imports no_such",
        ),
        ({"a.py": f"from {'.' * 99} import b\n"}, "leads out of the packages in inference/: leave"),
        ({"a.py": "from . import inference\n"}, "imports ., which leads out of the packages in"),
        ({"sub/a.py": "from ..inference import x\n"}, "imports ..inference, which leads out of"),
    ],
)
def test_what_is_wrong_is_told_with_its_place(
    files: dict[str, str | bytes], told: str, configs: PipelineConfigs
) -> None:
    (problem,) = _told(configs, files)

    assert told in problem


@pytest.mark.parametrize(
    "code",
    [
        "import json, torch, numpy, ts.context, sklearn.linear_model\n",
        "try:\n    import no_such\nexcept ImportError:\n    no_such = None\n",
        "try:\n    import no_such\nexcept (ValueError, ModuleNotFoundError):\n    pass\n",
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import no_such\n",
        "import helpers.deep\nfrom helpers import deep\nfrom helpers.deep import x\n",
        "# -*- coding: latin-1 -*-\nx = '\xe4'\n".encode("latin-1"),
    ],
)
def test_what_is_there_or_need_not_be_is_fine(code: str | bytes, configs: PipelineConfigs) -> None:
    files = {"helpers/deep.py": "from . import deep\nfrom .deep import x\n", "a.py": code}

    assert _told(configs, files) == []


def test_hidden_files_are_left_out_as_packaging_does(configs: PipelineConfigs) -> None:
    assert _told(configs, {".cache/a.py": "def f(:\n"}) == []


def test_what_is_no_file_is_left_to_packaging(configs: PipelineConfigs) -> None:
    folder = configs.model.get_source_dir()
    assert isinstance(folder, Path)
    (folder / "loop.py").symlink_to("loop.py")
    (folder / "nothing.py").symlink_to("gone.py")
    os.mkfifo(folder / "pipe.py")

    assert _told(configs, {"folder.py/notes.txt": ""}) == []


def test_validate_fails_for_code_that_no_python_reads(
    configs: PipelineConfigs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "cdk.json").write_text('{"context": {}}')
    monkeypatch.setattr(places, "ROOT", tmp_path)
    _told(configs, {"inference.py": "def model_fn(:\n"})

    result = CliRunner().invoke(app, ["validate", "own", "--json"])

    (document,) = json.loads(result.stdout)
    assert (result.exit_code, document["valid"]) == (1, False)
    assert [each["severity"] for each in document["findings"]] == ["error"]
    assert "inference.py line 1: SyntaxError" in document["findings"][0]["text"]
