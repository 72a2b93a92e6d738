"""Real PyTorch models through the verification script; runs where PyTorch is installed."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from constructs_lib.jobs.archive import job_archive
from constructs_lib.jobs.common.serving.default_functions import UnsupportedTypeError
from constructs_lib.jobs.verify_model.job import VerificationJob
from constructs_lib.jobs.verify_model.toolkit.handler import ModelHandler, wire_bytes
from constructs_lib.jobs.verify_model.verification import verify
from constructs_lib.release.archives import archive

torch = pytest.importorskip("torch")

# TorchScript is what the serving toolkit loads, whatever newer versions recommend instead.
pytestmark = pytest.mark.filterwarnings("ignore:.*torch.jit.*:DeprecationWarning")

STATE_DICT_CODE = """
import json
import torch

def model_fn(model_dir):
    model = torch.nn.Linear(2, 1)
    model.load_state_dict(torch.load(model_dir + "/model.pth", weights_only=True))
    return model.eval()

def output_fn(prediction, accept):
    return json.dumps({"score": float(prediction.reshape(-1)[0])})
"""


@pytest.fixture
def model_dir(tmp_path: Path) -> Path:
    """A serving layout without a model in it."""
    (tmp_path / "model/code").mkdir(parents=True)
    return tmp_path / "model"


def linear() -> Any:
    """A model of two inputs with known weights."""
    model = torch.nn.Linear(2, 1)
    model.load_state_dict({"weight": torch.tensor([[0.5, 0.25]]), "bias": torch.tensor([1.0])})
    return model.eval()


def evaluate(
    model_dir: Path, body: bytes, content_type: str, *, load_seconds: float = 0.2
) -> dict[str, Any]:
    """Judge the model with one payload, as JSON."""
    folder = model_dir.parent
    extension = content_type.rpartition("/")[2]
    payload = {f"payload_{content_type.replace('/', '_')}_0.{extension}": body}
    request = {
        "content_types": [content_type],
        "response_types": ["application/json"],
        "output_variables": [["score", "NUMERIC"]],
        "environment": {"SAGEMAKER_PROGRAM": "inference.py"},
        "load_test": {
            "expected_tps": 10,
            "max_latency_in_millisecond": 2000,
            "max_acceptable_error_rate": 0,
        },
    }
    (folder / "payload.tar.gz").write_bytes(archive(payload))
    (folder / "registration.json").write_text(json.dumps({"regions": {"NA": {"request": request}}}))
    (folder / "verify_model.zip").write_bytes(job_archive("verify_model"))
    job = VerificationJob(
        program=folder / "verify_model.zip",
        model=model_dir,
        payload=folder / "payload.tar.gz",
        request=folder / "registration.json",
        load_seconds=load_seconds,
        workers=1,
    )
    return verify(job)


@pytest.mark.parametrize(
    ("body", "content_type"), [(b"2,4", "text/csv"), (b"[2, 4]", "application/json")]
)
def test_a_torchscript_model_is_served_by_the_defaults(
    model_dir: Path, body: bytes, content_type: str
) -> None:
    (model_dir / "code/inference.py").write_text("")
    torch.jit.trace(linear(), torch.zeros(2)).save(str(model_dir / "model.pt"))

    evaluation = evaluate(model_dir, body, content_type)

    assert evaluation["verdict"] == "passed", evaluation["findings"]
    assert evaluation["handler"]["functions"]["model_fn"] == "default"


def test_a_state_dict_is_served_by_the_code_that_loads_it(model_dir: Path) -> None:
    (model_dir / "code/inference.py").write_text(STATE_DICT_CODE)
    torch.save(linear().state_dict(), model_dir / "model.pth")

    evaluation = evaluate(model_dir, b"2,4", "text/csv")

    assert evaluation["verdict"] == "passed", evaluation["findings"]
    assert evaluation["handler"]["functions"]["model_fn"] == "own"


def test_a_state_dict_without_code_for_it_does_not_load(model_dir: Path) -> None:
    (model_dir / "code/inference.py").write_text("")
    torch.save(linear().state_dict(), model_dir / "model.pth")

    evaluation = evaluate(model_dir, b"2,4", "text/csv")

    [finding] = evaluation["findings"]
    assert finding["code"] == "model-load-failed"
    assert "saved using torchscript" in finding["message"]


PARTS = """
import json
def model_fn(model_dir): return 2.0
def input_fn(data, content_type): return len(data)
def predict_fn(data, model): return data * model
def output_fn(prediction, accept): return json.dumps({"score": prediction})
"""
ARCHIVES = {
    "served": PARTS,
    "default functions": "",
    "wrong default": PARTS.replace("def input_fn", "def unused"),
    "transform_fn": "def model_fn(model_dir): return 1\n"
    "def transform_fn(model, data, content_type, accept): return '{\"score\": 1}'\n",
    "one content type raises": PARTS.replace(
        "return len(data)", "return {'text/csv': 1}[content_type]"
    ),
    "wrong output type": PARTS.replace("json.dumps({", "print and ({").replace("})", ": print})"),
    "not UTF-8 text": PARTS.replace("return json.dumps(", "return '\\ud800' or ("),
    "syntax error": PARTS + "def broken(:\n",
    "missing package": PARTS + "import no_such_package\n",
    "model_fn raises": PARTS.replace("return 2.0", "raise OSError('no weights')"),
    "model_fn of wrong arity": PARTS.replace("(model_dir)", "()"),
}


REWORDED = {
    "missing package": "The code imports no_such_package, which is not installed here",
    "model_fn of wrong arity": "model_fn() cannot be called by the model server",
}
"""What the script says better than the toolkit."""


@pytest.mark.parametrize("content_type", ["text/csv", "application/json"])
@pytest.mark.parametrize("name", ARCHIVES)
def test_an_archive_is_judged_by_what_the_real_handler_service_answers(
    model_dir: Path, name: str, content_type: str
) -> None:
    (model_dir / "code/inference.py").write_text(ARCHIVES[name])
    torch.jit.trace(linear(), torch.zeros(2)).save(str(model_dir / "model.pt"))
    body = b"[2, 4]" if content_type == "application/json" else b"2,4"

    with pytest.MonkeyPatch.context() as patch:
        real = real_answer(model_dir, patch, body, content_type)
    evaluation = evaluate(model_dir, body, content_type, load_seconds=0)

    findings = " ".join(finding["message"] for finding in evaluation["findings"])
    if isinstance(real, bytes):
        assert evaluation["verdict"] == "passed", findings
        assert [each["response_bytes"] for each in evaluation["payloads"]] == [len(real)]
    else:
        assert evaluation["verdict"] == "failed"
        assert REWORDED.get(name, real) in findings


def real_answer(
    model_dir: Path, monkeypatch: pytest.MonkeyPatch, body: bytes, content_type: str
) -> bytes | str:
    """What the model server sends, or the error in one line."""
    service = pytest.importorskip("sagemaker_pytorch_serving_container.handler_service")
    monkeypatch.syspath_prepend(str(model_dir / "code"))
    monkeypatch.setenv("SAGEMAKER_PROGRAM", "inference.py")
    monkeypatch.setenv("PYTHONPATH", "")
    answer: dict[str, Any] = {}
    sys.modules.pop("inference", None)
    real = service.HandlerService()
    context = request_context(model_dir, content_type, "application/json", answer)
    try:
        real.initialize(context)
    except Exception as error:  # noqa: BLE001 - the worker does not start, whatever it is
        return without_place(str(error))
    [content] = real.handle([{"body": body}], context)
    sys.modules.pop("inference", None)
    if "status" in answer:
        return without_place(content.partition("\n")[0])
    try:
        return wire_bytes(content)
    except (TypeError, UnicodeError) as error:
        return str(error)


def without_place(message: str) -> str:
    """The place in the code stands elsewhere in a finding."""
    return re.sub(r" \(inference\.py, line \d+\)", "", message)


def request_context(
    model_dir: Path, content_type: str, accept: str, answer: dict[str, Any]
) -> SimpleNamespace:
    """The model server's side of a request; ``answer`` is told the status of an error."""
    properties = {"Content-Type": content_type, "Accept": accept}
    return SimpleNamespace(
        model_name="verified",
        system_properties={"model_dir": str(model_dir)},
        request_processor=[SimpleNamespace(get_request_properties=lambda: properties)],
        set_response_status=lambda code, phrase: answer.update(status=code),
        set_response_content_type=lambda index, kind: answer.update(kind=kind),
    )


@pytest.mark.parametrize("accept", ["application/json", "text/csv", "application/x-npy", "a/b"])
@pytest.mark.parametrize(
    ("body", "content_type"),
    [(b"2,4", "text/csv"), (b"[[2, 4]]", "application/json"), (b"2", "text/plain")],
)
def test_the_defaults_answer_as_the_real_handler_service(
    model_dir: Path,
    monkeypatch: pytest.MonkeyPatch,
    body: bytes,
    content_type: str,
    accept: str,
) -> None:
    service = pytest.importorskip("sagemaker_pytorch_serving_container.handler_service")
    (model_dir / "code/verified_defaults.py").write_text("")
    torch.jit.trace(linear(), torch.zeros(2)).save(str(model_dir / "model.pt"))
    monkeypatch.syspath_prepend(str(model_dir / "code"))
    monkeypatch.setenv("SAGEMAKER_PROGRAM", "verified_defaults.py")
    monkeypatch.setenv("PYTHONPATH", "")
    answer: dict[str, Any] = {}
    context = request_context(model_dir, content_type, accept, answer)
    real = service.HandlerService()
    real.initialize(context)
    [content] = real.handle([{"body": body}], context)
    sys.modules.pop("verified_defaults", None)

    handler = ModelHandler(SimpleNamespace())
    handler.load(str(model_dir))
    if "status" in answer:
        with pytest.raises(UnsupportedTypeError):
            handler.answer(body, content_type, accept)
        return
    ours, kind = handler.answer(body, content_type, accept)
    assert (wire_bytes(ours), kind) == (
        wire_bytes(content),
        answer["kind"],
    )
