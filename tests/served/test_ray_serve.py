"""A PyTorch model behind the real Ray Serve; runs where ``make test-serving`` has installed it."""

from __future__ import annotations

import base64
import io
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from constructs_lib.configs import PipelineConfigs
from constructs_lib.confinement import own_environment, walled
from constructs_lib.jobs.archive import job_archive
from constructs_lib.jobs.common.serving.context import ServerContext
from constructs_lib.jobs.ray_serving.layout import files
from constructs_lib.jobs.verify_model.toolkit.handler import wire_bytes
from constructs_lib.release.archives import archive
from constructs_lib.release.doctor import examine
from tests.example_pipeline import ROOT, copy_example

RAY = os.environ.get("RAY_OF_TESTS", "")

pytestmark = [
    pytest.mark.skipif(not Path(RAY or "absent").is_dir(), reason="Ray Serve is not installed"),
    pytest.mark.skipif(not walled(["true"], ROOT).has_walls, reason="no namespaces for users"),
]

CODE = """
import torch

def model_fn(model_dir):
    model = torch.nn.Linear(2, 1)
    model.load_state_dict(torch.load(model_dir + "/model.pth", weights_only=True))
    return model.eval()

def predict_fn(data, model, context):
    if float(data.reshape(-1)[0]) == 418:
        context.set_response_status(418, "teapot")
        context.set_response_header(0, "X-Amzn-SageMaker-Custom-Attributes", "tea")
    if float(data.reshape(-1)[0]) < 0:
        raise ValueError("no negative orders")
    with torch.no_grad():
        return model(data)
"""
RELEASED = """
import json
import torch

def model_fn(model_dir):
    model = torch.nn.Linear(2, 1)
    model.load_state_dict(torch.load(model_dir + "/model.pth", weights_only=True))
    return model.eval()

def input_fn(data, content_type):
    return torch.tensor([len(data) / 100, data.count("a") / 10])

def predict_fn(data, model):
    with torch.no_grad():
        return float(model(data))

def output_fn(prediction, accept):
    return f"{prediction}\\n" if accept == "text/csv" else json.dumps({"legacy-score": prediction})
"""
VERSIONS = {
    "pytorch": {"framework_version": "2.1.0", "py_version": "py310"},
    "ray": {"framework_version": "2.10.0", "py_version": "py313"},
}
JSON, CSV, NPY = "application/json", "text/csv", "application/x-npy"


def npy(*values: float) -> bytes:
    numpy = pytest.importorskip("numpy")
    buffer = io.BytesIO()
    numpy.save(buffer, numpy.array(values, dtype="float32"))
    return buffer.getvalue()


REQUESTS = [
    (b"2,4", CSV, JSON),
    (b"2,4\n1,3\n", CSV, CSV),
    (b"[[2, 4], [1, 3]]", JSON, NPY),
    (npy(2, 4), NPY, JSON),
    (b"418,1", CSV, JSON),
    (b"-1,1", CSV, JSON),
    (b"2,4", CSV, "image/png"),
    (b"2,4", "text/plain", JSON),
    (b"{", JSON, JSON),
    (b"\xff", CSV, JSON),
    (b"1,2,3", CSV, JSON),
]
"""Body, content type and accepted type: answers, a status of the model's own, and errors."""


@pytest.fixture(scope="module")
def weights() -> bytes:
    torch = pytest.importorskip("torch")
    state = {"weight": torch.tensor([[0.3, 0.7]]), "bias": torch.tensor([0.1])}
    buffer = io.BytesIO()
    torch.save(state, buffer)
    return buffer.getvalue()


@pytest.fixture(autouse=True)
def installed(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let models be served by Ray here; nothing of it is left."""
    before = set(Path("/tmp").glob("ray-*"))
    monkeypatch.setenv("RELEASE_SERVING", RAY)
    yield
    assert set(Path("/tmp").glob("ray-*")) <= before


def ray_answers(folder: Path) -> list[tuple[int, bytes, str]]:
    """What the model answers behind Ray Serve."""
    requests = [(base64.b64encode(body).decode(), *types) for body, *types in REQUESTS]
    (folder / "requests.json").write_text(json.dumps(requests))
    (folder / "verify_model.zip").write_bytes(job_archive("verify_model"))
    command = [sys.executable, "-m", "tests.served.asked", str(folder)]
    environment = own_environment(folder)
    paths = [str(ROOT), environment.get("PYTHONPATH", "")]
    environment["PYTHONPATH"] = os.pathsep.join(filter(None, paths))
    told = subprocess.run(
        walled([*command, str(folder / "requests.json")], folder, [ROOT]).command,
        env=environment,
        stdout=subprocess.PIPE,
        check=True,
    )
    answers = json.loads(told.stdout)
    return [(status, base64.b64decode(body), kind) for status, body, kind in answers]


def toolkit_answers(model_dir: Path) -> list[tuple[int, bytes, str]]:
    """What the real toolkit answers, under a server with TorchServe's context."""
    from sagemaker_inference.transformer import Transformer
    from sagemaker_pytorch_serving_container.default_pytorch_inference_handler import (
        DefaultPytorchInferenceHandler,
    )

    transformer = Transformer(default_inference_handler=DefaultPytorchInferenceHandler())
    context = ServerContext(str(model_dir))
    answers = []
    for body, content_type, accept in REQUESTS:
        context.begin_request({"Content-Type": content_type, "Accept": accept})
        [result] = transformer.transform([{"body": bytearray(body)}], context)
        status, _ = context.get_response_status(0)
        kind = context.get_response_headers(0).get("content-type", accept)
        answers.append((status, wire_bytes(result), kind))
    return answers


def first_line(body: bytes) -> bytes:
    return body.partition(b"\n")[0]


def test_ray_serve_answers_as_the_toolkit_byte_by_byte(
    tmp_path: Path, weights: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    model_dir = tmp_path / "model"
    (model_dir / "code").mkdir(parents=True)
    (model_dir / "code/inference.py").write_text(CODE)
    (model_dir / "model.pth").write_bytes(weights)
    for name, content in files("inference.py", 1).items():
        (model_dir / name).write_bytes(content)
    monkeypatch.syspath_prepend(str(model_dir / "code"))
    monkeypatch.chdir(model_dir)
    monkeypatch.delitem(sys.modules, "inference", raising=False)

    toolkit = toolkit_answers(model_dir)
    ray = ray_answers(tmp_path)

    assert [status for status, *_ in toolkit] == [200, 200, 200, 200, 418, *[500] * 6]
    assert [status for status, *_ in ray] == [status for status, *_ in toolkit]
    answered = [n for n, (status, *_) in enumerate(toolkit) if status != 500]
    assert [ray[n][1] for n in answered] == [toolkit[n][1] for n in answered]
    # Behind its message, an error has the traceback, through the files of either.
    assert [first_line(body) for _, body, _ in ray] == [first_line(body) for _, body, _ in toolkit]
    assert b'code/inference.py", line 14, in predict_fn' in ray[5][1]
    # The container's front adds the character set to types of text.
    kinds = [kind.replace("; charset=utf-8", "") for _, _, kind in ray]
    assert kinds == [kind for _, _, kind in toolkit]


def test_a_model_is_packaged_and_verified_for_both_with_the_same_answers(
    tmp_path: Path, weights: bytes, capfd: pytest.CaptureFixture[str]
) -> None:
    model = tmp_path / "model.tar.gz"
    model.write_bytes(archive({"model.pth": weights}))

    def released(container: str) -> dict[str, Any]:
        config = copy_example(tmp_path / container)
        (config.parent / "inference/inference.py").write_text(RELEASED)
        document = json.loads(config.read_text())
        document["configuration"]["specific"]["PytorchModel"]["serving_container"] = container
        document["configuration"]["shared"] |= VERSIONS[container]
        config.write_text(json.dumps(document))
        configs = PipelineConfigs.load(config)
        examine(configs, model, put_code_in=True, load_seconds=1, as_json=True)
        evaluation: dict[str, Any] = json.loads(capfd.readouterr().out)
        return evaluation

    directly, over_http = released("pytorch"), released("ray")

    assert (directly["server"]["way"], over_http["server"]["way"]) == ("direct", "http")
    assert over_http["summary"].endswith("(over HTTP by Ray Serve on this machine)")
    for each in (directly, over_http):
        assert [finding for finding in each["findings"] if "response" in finding["code"]] == []
    answers = [each["answer"] for each in over_http["payloads"]]
    assert answers == [each["answer"] for each in directly["payloads"]]
    assert len(answers) == 4
    assert over_http["load"]["error_count"] == 0
    assert over_http["memory"]["peak_in_megabyte"] > directly["memory"]["peak_in_megabyte"]


def test_the_benchmark_compares_both() -> None:
    ran = subprocess.run(
        [sys.executable, "-m", "benchmarks.serving", "--smallest"],
        cwd=ROOT,
        env={**os.environ, "RELEASE_SERVING": RAY},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )

    lines = [line.split() for line in ran.stdout.splitlines()]
    assert [line[:2] for line in lines[1:]] == [
        ["first", "answer"], *(["latency", name] for name in ("p50", "p90", "p99"))
    ]  # fmt: skip
