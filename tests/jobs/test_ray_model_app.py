"""The adapter for Ray Serve answers as the real serving toolkit does, under a TorchServe."""

from __future__ import annotations

import asyncio
import importlib
import itertools
import json
import subprocess
import sys
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
from sagemaker_inference.transformer import Transformer

from constructs_lib.jobs.common.serving.context import ServerContext
from constructs_lib.jobs.ray_serving.layout import files
from constructs_lib.jobs.verify_model.toolkit.handler import wire_bytes
from tests.example_pipeline import ROOT
from tests.jobs.test_verify_model_toolkit import HANDLERS, PARTS, WHOLE

_NUMBERS = itertools.count()
ADAPTER = ROOT / "constructs_lib/jobs/ray_serving/ray_model_app.py"
MOST_LINES = 200
_WITH_CONTEXT = WHOLE + "def transform_fn(model, data, content_type, accept, context):\n    "
_WITH_RESPONSE = _WITH_CONTEXT + "response = context.request_processor[0]\n    "
_WITHOUT = WHOLE + "def transform_fn(model, data, content_type, accept):\n    "

ANSWERS = {
    **{name: source for name, source in HANDLERS.items() if name != "transform and parts"},
    "another status": _WITH_CONTEXT + "context.set_response_status(418, 'pot'); return 'tea'\n",
    "status by the processor": _WITH_RESPONSE + "response.report_status(404); return 'none'\n",
    "all statuses": _WITH_CONTEXT + "context.set_all_response_status(422); return data\n",
    "headers": _WITH_CONTEXT + "context.set_response_header(0, 'X-Own', 'yes'); return data\n",
    "headers of an error": _WITH_CONTEXT
    + "context.set_response_header(0, 'X-Own', 'yes'); raise ValueError('no')\n",
    "content type of an error": _WITH_CONTEXT
    + "context.set_response_content_type(0, 'text/html'); raise ValueError('no')\n",
    "content type of the context": _WITH_CONTEXT
    + "context.set_response_content_type(0, 'text/html'); return data\n",
    "what it is given": _WITH_CONTEXT
    + "response = context.request_processor[0]\n    return repr([type(data), content_type, accept,"
    " context.get_request_header(0, 'Accept'), context.get_request_id() is None,"
    " response.get_request_property('Content-Type'), context.system_properties])\n",
    "metrics": _WITH_CONTEXT + "context.metrics.add_metric('rows', 3, 'count')\n"
    "    context.metrics.add_counter('seen', 1); return data\n",
    "raises without a word": _WITHOUT + "raise ValueError\n",
    "raises several lines": _WITHOUT + "raise ValueError('one\\ntwo')\n",
    "raises an error of the toolkit": "from sagemaker_inference import errors\n"
    + _WITHOUT
    + "raise errors.BaseInferenceToolkitError(413, 'less', 'too much')\n",
    "raises a kind of it": "from sagemaker_inference import errors\n"
    "class Own(errors.GenericInferenceToolkitError): pass\n" + _WITHOUT + "raise Own(409)\n",
    "list": _WITHOUT + "return ['a', {'b': None}]\n",
    "bytearray with content type": _WITHOUT + "return bytearray(b'\\x00'), 'image/png'\n",
    "memory": _WITHOUT + "raise MemoryError('none left')\n",
    "parts with one default": WHOLE + "def predict_fn(data, model): return 1 / 0\n"
    "def input_fn(data, content_type): return data\n",
}


Answer = tuple[bytes, int, Mapping[str, str]]


class AnyCase(dict[str, str]):
    """Headers as starlette has them: by lower case names, found by any."""

    def get(self, name: str, default: Any = None) -> Any:
        return super().get(name.lower(), default)

    def items(self) -> Any:
        return [(name.title(), value) for name, value in super().items()]


@pytest.fixture
def model_dir(tmp_path: Path) -> Path:
    (tmp_path / "code").mkdir()
    for name, content in files("inference.py").items():
        (tmp_path / name).write_bytes(content)
    return tmp_path


@pytest.fixture
def adapter(model_dir: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """The adapter as it lies in an archive, over a Ray that starts nothing."""
    ray = ModuleType("ray")
    serve = ModuleType("ray.serve")
    ray.cluster_resources = lambda: {"CPU": 4.0}  # type: ignore[attr-defined]
    ray.get_gpu_ids = list  # type: ignore[attr-defined]
    ray.serve = serve  # type: ignore[attr-defined]
    serve.deployment = lambda kind, **options: SimpleNamespace(  # type: ignore[attr-defined]
        bind=lambda *arguments: (kind, arguments, options)
    )
    requests, responses = ModuleType("starlette.requests"), ModuleType("starlette.responses")
    requests.Request = object  # type: ignore[attr-defined]
    responses.Response = lambda *arguments: arguments  # type: ignore[attr-defined]
    for module in (ray, serve, requests, responses):
        monkeypatch.setitem(sys.modules, module.__name__, module)
    monkeypatch.setitem(sys.modules, "starlette", ModuleType("starlette"))
    monkeypatch.syspath_prepend(str(model_dir))
    monkeypatch.chdir(model_dir)
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    yield importlib.import_module("ray_model_app")
    for name in ("ray_model_app", "ray_model_context", "ray_model_defaults"):
        sys.modules.pop(name, None)


@pytest.fixture
def entry_point(model_dir: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Puts a module into the model; a new name each time, as both import it."""
    names = []

    def make(source: str) -> str:
        name = f"served_entry_point_{next(_NUMBERS)}"
        (model_dir / "code" / f"{name}.py").write_text(source)
        monkeypatch.setenv("SAGEMAKER_PROGRAM", f"{name}.py")
        names.append(name)
        return name

    monkeypatch.syspath_prepend(str(model_dir / "code"))
    yield make
    for name in names:
        sys.modules.pop(name, None)


def real_answer(model_dir: Path, body: bytes, headers: Mapping[str, str]) -> Answer:
    """What the toolkit answers, under a server with TorchServe's context."""
    context = ServerContext(str(model_dir))
    context.begin_request(headers)
    [content] = Transformer().transform([{"body": bytearray(body)}], context)
    status, _ = context.get_response_status(0)
    return wire_bytes(content), status, context.get_response_headers(0)


def our_answer(adapter: Any, name: str, body: bytes, headers: Mapping[str, str]) -> Answer:
    """What the adapter answers; of a model that it does not load, what it raises."""
    sys.modules.pop(name, None)  # as fresh as for the toolkit
    try:
        replica = adapter.ModelReplica(f"{name}.py")
    except Exception as error:  # noqa: BLE001 - the toolkit answers any with an error
        return f"{error}\n{type(error).__name__}: {error}".encode(), 500, {}
    answer: Answer = replica.answer(body, AnyCase({k.lower(): v for k, v in headers.items()}))
    return answer


def comparable(answer: Answer) -> tuple[Any, ...]:
    """An answer; of the traceback in an error, what is the model's own."""
    body, status, headers = answer
    lines = body.decode("latin-1").strip().split("\n")
    raised = len(lines) > 1 and status != 200
    kind = lines[-1].partition(":")[0].rpartition(".")[2]
    told = (lines[0], kind) if raised else body
    return told, status, dict(headers)


@pytest.mark.parametrize("source", ANSWERS.values(), ids=ANSWERS)
@pytest.mark.parametrize("content_type", ["text/csv", "application/json", "application/x-npy"])
def test_the_adapter_answers_as_the_real_toolkit(
    adapter: Any, model_dir: Path, entry_point: Any, source: str, content_type: str
) -> None:
    name = entry_point(source)
    headers = {"Content-Type": content_type, "Accept": "application/json"}

    real = real_answer(model_dir, b"1,2", headers)

    assert comparable(our_answer(adapter, name, b"1,2", headers)) == comparable(real)


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Content-Type": "text/csv"},
        {"Content-Type": "text/csv", "Accept": "*/*"},
        {"Content-Type": "text/csv; charset=utf-8", "Accept": "text/csv, */*"},
    ],
    ids=str,
)
@pytest.mark.parametrize("default", [None, "text/csv"])
def test_without_headers_the_defaults_are_those_of_the_toolkit(
    adapter: Any,
    model_dir: Path,
    entry_point: Any,
    monkeypatch: pytest.MonkeyPatch,
    headers: dict[str, str],
    default: str | None,
) -> None:
    if default:
        monkeypatch.setenv("SAGEMAKER_DEFAULT_INVOCATIONS_ACCEPT", default)
    name = entry_point(_WITHOUT + "return repr([type(data), content_type, accept])\n")

    real = real_answer(model_dir, b"1,2", headers)

    assert comparable(our_answer(adapter, name, b"1,2", headers)) == comparable(real)


def test_code_that_the_toolkit_refuses_is_not_loaded(
    adapter: Any, model_dir: Path, entry_point: Any
) -> None:
    name = entry_point(HANDLERS["transform and parts"])

    refused = "Cannot use transform_fn"
    assert real_answer(model_dir, b"1", {})[0].decode().startswith(refused)
    with pytest.raises(ValueError, match=refused):
        adapter.ModelReplica(f"{name}.py")


def test_text_that_is_no_utf8_is_an_error_as_in_the_toolkit(
    adapter: Any, model_dir: Path, entry_point: Any
) -> None:
    name, headers = entry_point(_WITHOUT + "return data\n"), {"Content-Type": "text/csv"}

    answer = our_answer(adapter, name, b"\xff", headers)

    assert comparable(answer) == comparable(real_answer(model_dir, b"\xff", headers))
    assert answer[1] == 500


def test_what_cannot_be_sent_is_answered_as_by_torchserve(adapter: Any, entry_point: Any) -> None:
    name = entry_point(_WITHOUT + "return object()\n")

    body, status, headers = our_answer(adapter, name, b"1", {"Content-Type": "text/csv"})

    assert (status, headers) == (503, {"content-type": "application/json"})
    assert json.loads(body)["message"] == "Unsupported model output data type."


def test_of_headers_that_differ_in_case_the_last_is_sent_and_no_length(
    adapter: Any, entry_point: Any
) -> None:
    name = entry_point(
        _WITH_CONTEXT
        + "context.set_response_header(0, 'Content-Type', 'text/html')\n"
        + "    context.set_response_header(0, 'Content-Length', '1'); return data\n"
    )

    _, status, headers = our_answer(adapter, name, b"1,2", {"Accept": "text/csv"})

    assert (status, headers) == (200, {"content-type": "text/csv"})


def test_the_traceback_in_an_error_shows_the_models_code(adapter: Any, entry_point: Any) -> None:
    name = entry_point(PARTS.format("", "1 / 0"))

    body, _, _ = our_answer(adapter, name, b"1", {"Content-Type": "text/csv"})

    assert f'{name}.py", line 4, in output_fn'.encode() in body


def test_the_model_is_loaded_once_in_the_thread_that_answers(
    adapter: Any, entry_point: Any
) -> None:
    thread = "__import__('threading').get_ident()"
    name = entry_point(
        f"LOADED = []\ndef model_fn(model_dir): LOADED.append({thread}); return LOADED\n"
        "def transform_fn(model, data, content_type, accept):\n"
        f"    return repr(model == [{thread}])\n"
    )
    replica = adapter.ModelReplica(f"{name}.py")

    async def body() -> bytes:
        return b"1"

    request = SimpleNamespace(body=body, headers=AnyCase())
    answers = [asyncio.run(replica(request)) for _ in range(2)]

    assert [answer[:2] for answer in answers] == [(b"True", 200)] * 2


def test_code_that_ends_its_process_ends_the_replica(model_dir: Path) -> None:
    program = (
        "import sys, types; ray = sys.modules['ray'] = types.ModuleType('ray')\n"
        "serve = ray.serve = sys.modules['ray.serve'] = types.ModuleType('ray.serve')\n"
        "for name, part in (('requests', 'Request'), ('responses', 'Response')):\n"
        "    module = sys.modules['starlette.' + name] = types.ModuleType(name)\n"
        "    setattr(module, part, object)\n"
        "ray.get_gpu_ids = list; import ray_model_app\n"
        "ray_model_app.ModelReplica('inference.py'); print('loaded')\n"
    )
    (model_dir / "code" / "inference.py").write_text("def model_fn(model_dir): raise SystemExit\n")

    ended = subprocess.run(
        [sys.executable, "-c", program], cwd=model_dir, capture_output=True, text=True, check=False
    )

    assert (ended.returncode, ended.stdout) == (1, "")
    assert "SystemExit" in ended.stderr


@pytest.mark.parametrize(
    ("have", "workers", "environment", "expected"),
    [
        ({"CPU": 4.0}, None, {}, (4, 1, 0)),
        ({"CPU": 4.0}, 1, {}, (1, 4, 0)),
        ({"CPU": 4.0}, 3, {}, (3, 1, 0)),
        ({"CPU": 2.0}, 3, {}, (3, 0.6666, 0)),
        ({"CPU": 8.0, "GPU": 1.0}, None, {}, (1, 8, 1)),
        ({"CPU": 8.0, "GPU": 2.0}, 3, {}, (3, 2, 0.5)),
        ({"CPU": 8.0, "GPU": 1.0}, 3, {}, (3, 2, 0.3333)),
        ({"CPU": 4.0}, None, {"SAGEMAKER_MODEL_SERVER_WORKERS": "2"}, (2, 2, 0)),
        ({"CPU": 4.0}, None, {"SAGEMAKER_TS_MAX_WORKERS": "2"}, (2, 2, 0)),
        ({"CPU": 4.0}, 1, {"SAGEMAKER_MODEL_SERVER_WORKERS": "2"}, (1, 4, 0)),
    ],
)
def test_there_is_one_replica_per_gpu_or_cpu_and_all_find_a_place(
    adapter: Any,
    monkeypatch: pytest.MonkeyPatch,
    have: dict[str, float],
    workers: int | None,
    environment: dict[str, str],
    expected: tuple[float, ...],
) -> None:
    monkeypatch.setattr(sys.modules["ray"], "cluster_resources", lambda: have)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)

    kind, arguments, options = adapter.app({"entry_point": "own.py", "workers": workers})

    placed = options["ray_actor_options"]
    assert (kind, arguments) == (adapter.ModelReplica, ("own.py",))
    assert (options["num_replicas"], placed["num_cpus"], placed["num_gpus"]) == expected
    assert options["max_ongoing_requests"] == 1


def test_the_context_names_the_gpu_that_the_process_sees(
    adapter: Any, entry_point: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.modules["ray"], "get_gpu_ids", lambda: [3])
    name = entry_point(_WITH_CONTEXT + "return str(context.system_properties['gpu_id'])\n")

    assert our_answer(adapter, name, b"1", {})[0] == b"0"


def test_the_files_are_the_same_for_the_same_arguments() -> None:
    assert files("own.py", 2) == files("own.py", 2)
    assert b'entry_point: "own.py"\n    workers: 2\n' in files("own.py", 2)["config.yaml"]
    assert b"workers: null\n" in files("own.py")["config.yaml"]


def test_the_files_are_found_in_the_archive_of_a_job(tmp_path: Path) -> None:
    path = tmp_path / "job.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for module in (ROOT / "constructs_lib/jobs").rglob("*.py"):
            archive.write(module, module.relative_to(ROOT / "constructs_lib"))
    program = (
        f"import sys; sys.path.insert(0, {str(path)!r}); from jobs.ray_serving.layout import files;"
        "print(*map(len, files('inference.py').values()))"
    )

    told = subprocess.run([sys.executable, "-c", program], stdout=subprocess.PIPE, check=True)

    assert [int(each) for each in told.stdout.split()] == [
        len(content) for content in files("inference.py").values()
    ]


def test_the_adapter_is_short_enough_to_read() -> None:
    assert len(ADAPTER.read_text().splitlines()) < MOST_LINES
