"""The verification script calls a model's functions as the real serving toolkit does."""

from __future__ import annotations

import importlib
import itertools
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest.mock import ANY

import pytest
from sagemaker_inference.transformer import Transformer

from constructs_lib.jobs.common.limits import Limits
from constructs_lib.jobs.verify_model.failures import start_error
from constructs_lib.jobs.verify_model.layout import is_in_aws
from constructs_lib.jobs.verify_model.toolkit.handler import ModelHandler, wire_bytes
from constructs_lib.jobs.verify_model.unpacking import unpack
from tests.example_pipeline import EXAMPLE, MODEL

EXAMPLE_CODE = EXAMPLE / "inference" / "inference.py"
_NUMBERS = itertools.count()

WHOLE = "def model_fn(model_dir): return 'model'\n"
TRANSFORM = WHOLE + "def transform_fn(model, data, content_type, accept{}): return {}\n"
PARTS = WHOLE + (
    "def input_fn(data, content_type{0}): return data\n"
    "def predict_fn(data, model{0}): return [data, model]\n"
    "def output_fn(prediction, accept{0}): return {1}\n"
)

HANDLERS = {
    "transform": TRANSFORM.format("", "model + data + accept"),
    "transform with context": TRANSFORM.format(", context", "data"),
    "transform with content type": TRANSFORM.format("", "(data, 'text/plain')"),
    "parts": PARTS.format("", "str(prediction)"),
    "parts with context": PARTS.format(", context", "str(prediction)"),
    "parts return bytes": PARTS.format("", "str(prediction).encode()"),
    "syntax error": "def model_fn(:\n",
    "missing package": "import no_such_package\n",
    "import raises": "1 / 0\n",
    "handler raises for one content type": PARTS.format("", "str(prediction)")
    + "def input_fn(data, content_type):\n"
    "    if content_type == 'text/csv': raise ValueError('no CSV')\n"
    "    return data\n",
    "parts raise": PARTS.format("", "1 / 0"),
    "model_fn with context": "def model_fn(model_dir, context): return 1\n"
    + TRANSFORM.partition("\n")[2].format("", "str(model)"),
    "model_fn raises": "def model_fn(model_dir): raise ValueError('no weights')\n"
    + TRANSFORM.partition("\n")[2].format("", "data"),
    "model_fn wrong arity": "def model_fn(): return 1\n"
    + TRANSFORM.partition("\n")[2].format("", "data"),
    "predict_fn wrong arity": PARTS.format("", "data") + "def predict_fn(data): return data\n",
    "hooks": "SEEN = []\n"
    "def pre_model_fn(model_dir): SEEN.append('pre')\n"
    "def model_fn(model_dir): SEEN.append('model'); return 'model'\n"
    "def model_warmup_fn(model_dir, model): SEEN.append(model + ' warm')\n"
    "def transform_fn(model, data, content_type, accept): return str(SEEN)\n",
    "context of the server": WHOLE
    + "def transform_fn(model, data, content_type, accept, context):\n"
    "    return context.system_properties['model_dir'] + context.get_request_header(0, 'Accept')\n",
    "hook with context": WHOLE
    + "def model_warmup_fn(model_dir, model, context): pass\n"
    + TRANSFORM.partition("\n")[2].format("", "str(data)"),
    "pre_model_fn raises": "def pre_model_fn(model_dir): raise OSError('no disk')\n"
    + TRANSFORM.format("", "data"),
    "hook wrong arity": "def model_warmup_fn(model): pass\n" + TRANSFORM.format("", "data"),
    "transform and parts": TRANSFORM.format("", "data") + "def input_fn(a, b): return a\n",
}


@pytest.fixture
def entry_point(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Puts a module where both look for it; a new name each time, as both import it."""
    names = []

    def make(source: str) -> str:
        name = f"verified_entry_point_{next(_NUMBERS)}"
        (tmp_path / f"{name}.py").write_text(source)
        monkeypatch.setenv("SAGEMAKER_PROGRAM", f"{name}.py")
        names.append(name)
        return name

    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    yield make
    for name in names:
        sys.modules.pop(name, None)


def real_answer(model_dir: Path, body: bytes, content_type: str, accept: str) -> Any:
    """What the toolkit answers: body and content type, or "error" and the first line of it."""
    properties = {"Content-Type": content_type, "Accept": accept}
    answer: dict[str, Any] = {}
    context = SimpleNamespace(
        model_name="model",
        system_properties={"model_dir": str(model_dir)},
        get_request_header=lambda index, name: properties[name],
        request_processor=[SimpleNamespace(get_request_properties=lambda: properties)],
        set_response_status=lambda code, phrase: answer.update(status=code),
        set_response_content_type=lambda index, kind: answer.update(kind=kind),
    )
    [content] = Transformer().transform([{"body": body}], context)
    if "status" in answer:
        return "error", content.partition("\n")[0]
    return wire_bytes(content), answer["kind"]


def our_answer(name: str, model_dir: Path, body: bytes, content_type: str, accept: str) -> Any:
    """What the script's handler answers; ANY for an error that it words better."""
    sys.modules.pop(name, None)  # as fresh as for the toolkit
    try:
        handler = ModelHandler(importlib.import_module(name))
        if handler.problems():
            return "error", ANY
        handler.load(str(model_dir))
        content, kind = handler.answer(body, content_type, accept)
    except Exception as error:  # noqa: BLE001 - the toolkit answers any with an error, too
        return "error", str(error)
    return wire_bytes(content), kind


@pytest.mark.parametrize("source", HANDLERS.values(), ids=HANDLERS)
@pytest.mark.parametrize("content_type", ["text/csv", "application/json", "application/x-npy"])
def test_a_handler_answers_as_in_the_real_toolkit(
    entry_point: Any, tmp_path: Path, source: str, content_type: str
) -> None:
    name = entry_point(source)

    real = real_answer(tmp_path, b"1,2", content_type, "application/json")

    assert our_answer(name, tmp_path, b"1,2", content_type, "application/json") == real


@pytest.mark.parametrize("content_type", ["text/csv", "application/json", "text/plain"])
@pytest.mark.parametrize("accept", ["text/csv", "application/json", "text/plain"])
def test_the_example_answers_as_in_the_real_toolkit(
    entry_point: Any, model_dir: Path, content_type: str, accept: str
) -> None:
    name = entry_point(EXAMPLE_CODE.read_text())
    body = b"1,1,1,1,1,changed_mind,empty"

    real = real_answer(model_dir, body, content_type, accept)

    assert our_answer(name, model_dir, body, content_type, accept) == real


@pytest.fixture
def model_dir(tmp_path: Path) -> Path:
    """The example's model, unpacked by the script itself."""
    folder = tmp_path / "model"
    unpack(MODEL, folder, Limits())
    return folder


_DEVICE = WHOLE.replace("model_dir)", "model_dir, context)").replace(
    "'model'", "context.system_properties['gpu_id']"
)
_LISTS = {
    "one GPU": ("echo index; echo 0", 0),
    "several": ("printf 'index\\n2\\n3\\n'", 2),
    "no driver": ("echo NVIDIA-SMI has failed; exit 9", None),
    "none": ("echo No devices were found", None),
}


@pytest.mark.parametrize("machine", _LISTS)
def test_the_context_names_the_first_gpu_that_the_machine_lists(
    machine: str, entry_point: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script, expected = _LISTS[machine]
    (tmp_path / "nvidia-smi").write_text(f"#!/bin/sh\n{script}\n")
    (tmp_path / "nvidia-smi").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    handler = ModelHandler(importlib.import_module(entry_point(_DEVICE)))

    handler.load(str(tmp_path))

    assert handler._model == expected


def test_the_context_names_no_gpu_where_there_is_no_driver(
    entry_point: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    handler = ModelHandler(importlib.import_module(entry_point(_DEVICE)))

    handler.load(str(tmp_path))

    assert handler._model is None


@pytest.mark.parametrize(
    ("output", "whose"),
    [
        (Path("/opt/ml/processing/output/evaluation.json"), "the container"),
        (Path("/tmp/output/evaluation.json"), "this machine"),
    ],
)
def test_the_python_is_the_containers_in_aws_only(output: Path, whose: str, tmp_path: Path) -> None:
    failed = dict.fromkeys(("message", "where", "missing", "traceback", "default"), "")
    error = start_error(
        "import",
        {**failed, "type": "SyntaxError"},
        tmp_path,
        in_container=True,
        in_aws=is_in_aws(output),
        container="ray",
    )

    assert error.finding.fix.startswith(f"Correct the line; {whose} runs Python")


@pytest.mark.parametrize(("default", "advised"), [("model_fn", True), ("", False)])
def test_torchscript_is_advised_without_a_model_fn_only(
    default: str, *, advised: bool, tmp_path: Path
) -> None:
    failed = {**dict.fromkeys(("message", "where", "missing", "traceback"), ""), "type": "OSError"}
    error = start_error(
        "model_fn",
        {**failed, "default": default},
        tmp_path,
        in_container=True,
        in_aws=True,
        container="pytorch",
    )

    assert ("TorchScript" in error.finding.fix) is advised
