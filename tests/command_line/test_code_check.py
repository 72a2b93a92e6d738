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
from tests.example_pipeline import copy_example, serve_by_pytorch


@pytest.fixture
def configs(tmp_path: Path) -> PipelineConfigs:
    """The example's configs on PyTorch's container, in a folder whose code may be changed."""
    return PipelineConfigs.load(serve_by_pytorch(copy_example(tmp_path / "pipelines" / "own")))


@pytest.fixture
def on_ray(tmp_path: Path) -> PipelineConfigs:
    """The example's configs as they ship."""
    return PipelineConfigs.load(copy_example(tmp_path / "pipelines" / "on_ray"))


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
        (
            {"a.py": "x = 1\nreturn x\n"},
            "a.py line 2: SyntaxError: 'return' outside function",
        ),
        ({"a.py": "def f(a, a): pass\n"}, "error a.py line 1: SyntaxError: duplicate argument"),
        (
            {"a.py": "x = 1\nfrom __future__ import annotations\n"},
            "error a.py line 2: SyntaxError: ",
        ),
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
        "x = 1\nprint(x is 1)\n",
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


@pytest.mark.parametrize(
    ("code", "told"),
    [
        ("import cgi\n", "error a.py line 1: it imports cgi, which Python has no more since 3.13"),
        ("from imp import load_source\n", "no more since 3.12; the container has 3.13: use"),
        ("import ts.context\n", "warning a.py line 1: it imports ts, which is no module of"),
        ("from sagemaker_inference import errors\n", "warning a.py line 1: it imports sagemaker_"),
        (
            "import numpy as np\nx = np.float_(1)\n",
            "error a.py line 2: it uses numpy.float_, which",
        ),
        ("from numpy import trapz\n", "error a.py line 1: it uses numpy.trapz, which"),
        (
            "import numpy\ndef f():\n    return numpy.int(2)\n",
            "error a.py line 3: it uses numpy.int,",
        ),
    ],
)
def test_what_rays_container_has_no_more_is_told(
    code: str, told: str, on_ray: PipelineConfigs, configs: PipelineConfigs
) -> None:
    (problem,) = _told(on_ray, {"a.py": code})

    assert told in problem
    assert _told(configs, {"a.py": code}) == []


@pytest.mark.parametrize(
    "code",
    [
        "import numpy as np\ntry:\n    f = np.trapz\nexcept AttributeError:\n    f = None\n",
        "import numpy as np\nif hasattr(np, 'trapz'):\n    f = np.trapz\n",
        "import numpy as np\nx = np.float64(1) + np.bool(0) + np.long(3)\n",
        "x = y.float_\n",
        "import torchcodec, cv2, yaml, transformers, msgpack, boto3, PIL.Image\n",
        "try:\n    import cgi\nexcept ImportError:\n    cgi = None\n",
    ],
)
def test_what_rays_container_has_is_fine(code: str, on_ray: PipelineConfigs) -> None:
    assert _told(on_ray, {"a.py": code}) == []


@pytest.mark.parametrize("name", ["ray", "starlette", "ray_model_app", "ray_model_context"])
def test_a_module_that_rays_server_has_loaded_already_is_told(
    name: str, on_ray: PipelineConfigs, configs: PipelineConfigs
) -> None:
    (problem,) = _told(on_ray, {f"{name}.py": "x = 1\n", f"sub/{name}.py": "x = 1\n"})

    assert problem.startswith(f"error {name}.py line 1: the container's server has loaded another")
    assert _told(configs, {f"{name}.py": "x = 1\n"}) == []


def test_a_copy_of_what_python_removed_is_fine(on_ray: PipelineConfigs) -> None:
    assert _told(on_ray, {"a.py": "import cgi\n", "cgi.py": ""}) == []


def test_packages_to_install_are_an_error_with_what_to_do(
    on_ray: PipelineConfigs, configs: PipelineConfigs
) -> None:
    files: dict[str, str | bytes] = {"requirements.txt": "# needed\n\nfoo==1\nbar\n"}
    for each in (on_ray, configs):
        (problem,) = _told(each, files)
        assert problem.startswith("error requirements.txt line 3: it asks for foo==1, bar: the")
        assert "pure Python wheels of the others into inference/, and remove the file" in problem
        assert _told(each, {"requirements.txt": "# nothing\n"}) == []


def test_an_own_image_may_install_what_it_likes(tmp_path: Path) -> None:
    path = serve_by_pytorch(copy_example(tmp_path / "pipelines" / "own"))
    document = json.loads(path.read_text())
    image = f"111122223333.dkr.ecr.us-east-1.amazonaws.com/server@sha256:{'a' * 64}"
    document["configuration"]["specific"]["PytorchModel"] |= {
        "serving_container": "custom",
        "serving_images": {"us-east-1": image},
        "serving_entrypoint": ["/serve"],
    }
    path.write_text(json.dumps(document))

    assert _told(PipelineConfigs.load(path), {"requirements.txt": "foo\n"}) == []
