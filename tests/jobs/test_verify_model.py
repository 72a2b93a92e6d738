"""The verification script, from its command line: broken archives, and what it says of each.

Archives are unpacked by the script under test only, below a temporary folder.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import itertools
import json
import os
import subprocess
import sys
import tarfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from constructs_lib.configs import PipelineConfigs
from constructs_lib.jobs.archive import job_archive
from constructs_lib.jobs.common import progress
from constructs_lib.jobs.common.code_members import CodeMember, code_sha256
from constructs_lib.jobs.common.limits import Limits
from constructs_lib.jobs.common.serving.default_functions import CSV, JSON, NPY
from constructs_lib.jobs.package_model.command_line import main as package
from constructs_lib.jobs.verify_model import direct, layout, memory
from constructs_lib.jobs.verify_model import load as load_module
from constructs_lib.jobs.verify_model.answers.excerpts import excerpt
from constructs_lib.jobs.verify_model.command_line import main
from constructs_lib.jobs.verify_model.failures import missing_module
from constructs_lib.jobs.verify_model.job import VerificationJob
from constructs_lib.jobs.verify_model.load import Arrivals, LoadResult, LoadTest, load_numbers
from constructs_lib.jobs.verify_model.memory import MemorySampler
from constructs_lib.jobs.verify_model.payloads import Payload
from constructs_lib.jobs.verify_model.printed import LOG_BYTES
from constructs_lib.jobs.verify_model.unpacking import unpack
from constructs_lib.jobs.verify_model.verification import verify as judge
from constructs_lib.jobs.verify_model.worker import Worker, WorkerEndedError, WorkerSilentError
from constructs_lib.release import doctor
from constructs_lib.release.archives import archive
from constructs_lib.release.doctor import HEALTHY, UNHEALTHY, examine
from tests.example_pipeline import CONFIG, MODEL, copy_example
from tests.jobs.pythons import PYTHONS, interpreter
from tests.waiting import TurnedClock, runs, wait_until

GOOD = """
import json, time, os, sys

def model_fn(model_dir):
    return {"loaded": model_dir}

def input_fn(data, content_type):
    return data

def predict_fn(data, model):
    return 0.5

def output_fn(prediction, accept):
    if accept == "text/csv":
        return f"{prediction}\\n"
    return json.dumps({"score": prediction})
"""

REQUEST: dict[str, Any] = {
    "content_types": ["text/csv", "application/json"],
    "response_types": ["text/csv", "application/json"],
    "output_variables": [["score", "NUMERIC"]],
    "environment": {"SAGEMAKER_PROGRAM": "inference.py"},
    "load_test": {
        "expected_tps": 20,
        "max_latency_in_millisecond": 1000,
        "max_acceptable_error_rate": 0.01,
    },
}
PAYLOADS = {"payload_text_csv_0.csv": b"1,2", "payload_application_json_1.json": b"{}"}

Verify = Callable[..., dict[str, Any]]


def with_predict(body: str) -> str:
    """The good handler with another ``predict_fn``."""
    return GOOD.replace("    return 0.5", "    " + body)


@pytest.fixture
def script(tmp_path: Path) -> Path:
    """The job as the pipeline ships it."""
    path = tmp_path / "verify_model.zip"
    path.write_bytes(job_archive("verify_model"))
    return path


Judged = Callable[[list[str]], tuple[str, str]]


@pytest.fixture
def judge_as_shipped(script: Path) -> Callable[[str], Judged]:
    """Run the job by a Python, out of its archive; returns what it printed."""

    def with_python(python: str) -> Judged:
        def run(arguments: list[str]) -> tuple[str, str]:
            command = [python, "-B", str(script), *arguments]
            done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
            assert done.returncode == 0, done.stderr
            return done.stdout, done.stderr

        return run

    return with_python


@pytest.fixture
def judge_here(compiled_job: Path, monkeypatch: pytest.MonkeyPatch) -> Judged:
    """Run the job in this process; only the model has processes of its own."""

    def run(arguments: list[str]) -> tuple[str, str]:
        told, log = io.StringIO(), io.StringIO()
        monkeypatch.setattr(sys, "argv", [str(compiled_job)])
        with contextlib.redirect_stdout(told), contextlib.redirect_stderr(log):
            exit_code = main(arguments)
        assert exit_code == 0, log.getvalue()
        return told.getvalue(), log.getvalue()

    return run


@pytest.fixture
def verify(tmp_path: Path, judge_here: Judged, judge_as_shipped: Callable[[str], Judged]) -> Verify:
    """Judges files, or a ready archive, as the job does; as it is shipped with a Python given."""

    def run(
        files: Mapping[str, str] | bytes,
        *options: str,
        outputs: Mapping[str, str] = {"score": "NUMERIC"},
        latency: int = 1000,
        tps: int = 200,
        environment: Mapping[str, str] = {},
        payloads: Mapping[str, bytes] = PAYLOADS,
        python: str | None = None,
    ) -> dict[str, Any]:
        if isinstance(files, bytes):
            content = files
        else:
            content = archive({name: text.encode() for name, text in files.items()})
        limits = {"expected_tps": tps, "max_latency_in_millisecond": latency}
        request = {
            **REQUEST,
            "output_variables": list(outputs.items()),
            "environment": {"SAGEMAKER_PROGRAM": "inference.py", **environment},
            "load_test": {**REQUEST["load_test"], **limits},
        }
        model, payload = tmp_path / "model.tar.gz", tmp_path / "payload.tar.gz"
        registration, output = tmp_path / "registration.json", tmp_path / "out/evaluation.json"
        model.write_bytes(content)
        payload.write_bytes(archive(payloads))
        registration.write_text(json.dumps({"regions": {"NA": {"request": request}}}))
        arguments = ["--model", str(model), "--payload", str(payload)]
        arguments += ["--request", str(registration), "--region-code", "NA"]
        arguments += ["--output", str(output), "--load-seconds", "0.02", "--workers", "1"]
        arguments += ["--memory-limit", "500", *options]
        told, log = (judge_here if python is None else judge_as_shipped(python))(arguments)
        evaluation: dict[str, Any] = json.loads(output.read_text())
        evaluation["log"] = log
        evaluation["told"] = told
        return evaluation

    return run


@pytest.fixture
def load_clock(monkeypatch: pytest.MonkeyPatch) -> TurnedClock:
    """The clock of loads, which passes as requests are waited for, and as tests turn it."""
    clock = TurnedClock()
    monkeypatch.setattr(load_module, "time", clock)
    return clock


AnswersTake = Callable[[Callable[[int], float]], None]


@pytest.fixture
def answers_take(load_clock: TurnedClock, monkeypatch: pytest.MonkeyPatch) -> AnswersTake:
    """Says how many seconds of a load's time each answer takes, by its number from 1 on."""

    def run(seconds: Callable[[int], float]) -> None:
        ask, numbers = Worker.ask, itertools.count(1)

        def taking(worker: Worker, *asked: Any) -> dict[str, Any]:
            reply = ask(worker, *asked)
            load_clock.sleep(seconds(next(numbers)))
            return reply

        monkeypatch.setattr(Worker, "ask", taking)

    return run


def code(text: str) -> dict[str, str]:
    """An archive's files with this entry point."""
    return {"model.bin": "weights", "code/inference.py": text}


def test_a_model_that_serves_its_payloads_passes_with_numbers(verify: Verify) -> None:
    evaluation = verify(code(GOOD), "--load-seconds", "0.2", tps=20, python=sys.executable)

    assert evaluation["verdict"] == "passed", evaluation["findings"]
    assert evaluation["findings"] == []
    assert [payload["ok"] for payload in evaluation["payloads"]] == [True] * 4
    assert evaluation["gate"]["achieved_tps"] == evaluation["load"]["offered_tps"] == 20
    assert evaluation["gate"]["errors"] == evaluation["gate"]["error_rate"] == 0
    assert 0 < evaluation["gate"]["latency_p99_in_millisecond"] < 1000
    assert sum(bucket["count"] for bucket in evaluation["load"]["histogram"]) == 4
    assert evaluation["memory"]["peak_in_megabyte"] > 1
    assert evaluation["handler"]["functions"] == {
        "model_fn": "own",
        "input_fn": "own",
        "predict_fn": "own",
        "output_fn": "own",
        "transform_fn": "missing",
    }


def test_the_evaluation_names_the_artifact_that_was_judged(verify: Verify, tmp_path: Path) -> None:
    artifact = verify(code(GOOD), "--load-seconds", "0")["artifact"]

    content = (tmp_path / "model.tar.gz").read_bytes()
    assert artifact == {
        "sha256": hashlib.sha256(content).hexdigest(),
        "size_in_bytes": len(content),
    }


def test_a_worker_has_imported_no_more_of_the_job_than_serves_the_model(verify: Verify) -> None:
    seen = "len({'argparse', 'http.client', 'subprocess', 'tarfile'} & {*sys.modules})"

    payloads = verify(code(with_predict(f"return {seen}")), "--load-seconds", "0")["payloads"]

    assert payloads[0]["answer"] == "0"


def test_without_load_the_payloads_alone_are_judged(verify: Verify) -> None:
    evaluation = verify(code(GOOD), "--load-seconds", "0")

    assert (evaluation["verdict"], evaluation["load"]) == ("passed", None)
    assert evaluation["summary"] == "answered every payload (functions called directly)"


def hanging(where: str) -> str:
    return with_predict(f"time.sleep(60 if {where} else 0); return 0.5")


BROKEN: dict[str, tuple[dict[str, str], str, str, str]] = {
    "no code folder": (
        {"inference.py": GOOD},
        "code-folder-missing",
        "no folder code/ at its root; there is inference.py",
        "with the entry point at code/inference.py",
    ),
    "wrong folder level": (
        {"model/code/inference.py": GOOD, "model/model.bin": "weights"},
        "wrong-folder-level",
        "model/code/inference.py has to be code/inference.py",
        "-C model .",
    ),
    "another entry point": (
        {"code/serve.py": GOOD},
        "entry-point-missing",
        "no entry point inference.py",
        "inference_entry_point",
    ),
    "syntax error": (
        code(GOOD + "\ndef broken(:\n"),
        "syntax-error",
        "SyntaxError: invalid syntax (inference.py line 18)",
        "Correct the line; this machine runs Python",
    ),
    "missing package": (
        code("import no_such_package\n" + GOOD),
        "package-missing",
        "imports no_such_package, which is not installed in the serving container (inference.py",
        "into code/",
    ),
    "import raises": (
        code(GOOD + "\n1 / 0\n"),
        "import-failed",
        "ZeroDivisionError",
        "while it is imported",
    ),
    "wrong arity": (
        code(GOOD.replace("def model_fn(model_dir)", "def model_fn(model_dir, a, b)")),
        "handler-signature",
        "model_fn(model_dir, a, b) cannot be called",
        "model_fn(model_dir, context)",
    ),
    "both interfaces": (
        code(GOOD + "\ndef transform_fn(model, data, content_type, accept): return data\n"),
        "transform-fn-conflict",
        "input_fn, predict_fn, output_fn",
        "Keep either",
    ),
    "model_fn raises": (
        code(GOOD.replace('return {"loaded": model_dir}', "raise OSError('no weights')")),
        "model-load-failed",
        "OSError: no weights (inference.py line 5)",
        "Correct model_fn",
    ),
    "warm-up raises": (
        code(GOOD + "\ndef model_warmup_fn(model_dir, model): raise OSError('cold')\n"),
        "model-load-failed",
        "model_warmup_fn raises OSError: cold (inference.py line 18)",
        "Correct model_warmup_fn",
    ),
    "model_fn exits": (
        code(GOOD.replace('return {"loaded": model_dir}', "os._exit(3)")),
        "worker-ended",
        "ended with exit code 3 during model_fn",
        "Remove exit()",
    ),
    "one content type raises": (
        code(
            GOOD.replace(
                "    return data", "    if 'json' in content_type: raise ValueError('no JSON')"
            )
        ),
        "handler-raised",
        "ValueError: no JSON (inference.py line 8)",
        "declared content and response types",
    ),
    "payload of other variables": (
        code(GOOD.replace("    return data", "    first, second, third = data.split(',')")),
        "handler-raised",
        "ValueError: not enough values to unpack",
        "declared content and response types",
    ),
    "exit in a handler": (
        code(with_predict("sys.exit(4)")),
        "handler-exited",
        "ended with exit code 4",
        "Raise an exception instead of exit()",
    ),
    "crash in a handler": (
        code(with_predict("os.kill(os.getpid(), 11)")),
        "handler-exited",
        "SIGSEGV",
        "look at the log",
    ),
    "object of the wrong type": (
        code(GOOD.replace("return json.dumps(", "return lambda: (")),
        "response-wrong-type",
        "type function; allowed are str and bytes",
        "json.dumps",
    ),
    "nothing": (
        code(GOOD.replace('return f"{prediction}\\n"', 'return ""')),
        "response-empty",
        "without any record",
        "one record per record of the request",
    ),
    "infinity": (
        code(with_predict("return 'inf'")),
        "output-not-finite",
        "score inf",
        "divisions by zero",
    ),
    "transform_fn raises": (
        code(
            "def model_fn(model_dir): return 1\ndef transform_fn(m, d, c, a): raise KeyError('x')"
        ),
        "handler-raised",
        "KeyError",
        "declared content and response types",
    ),
    "transform_fn of wrong arity": (
        code("def model_fn(model_dir): return 1\ndef transform_fn(model, data): return data"),
        "handler-signature",
        "transform_fn(model, data) cannot be called",
        "transform_fn(model, input_data, content_type, accept)",
    ),
    "text for a number": (
        code(with_predict("return 'high'")),
        "output-wrong-type",
        "score 'high', which is no number",
        "Return score as NUMERIC",
    ),
    "not a number": (
        code(with_predict("return float('nan')")),
        "output-not-finite",
        "score nan",
        "divisions by zero",
    ),
    "another variable": (
        code(GOOD.replace('"score"', '"risk"')),
        "output-missing",
        "without ['score']; the response has ['risk']",
        "source_model_inference_output_variable_list",
    ),
    "too many columns": (
        code(GOOD.replace('f"{prediction}', 'f"1,{prediction}')),
        "output-count",
        "2 values; declared are 1",
        "one value per declared output variable",
    ),
    "too many records": (
        code(
            GOOD.replace("return json.dumps({", "return json.dumps(2 * [{").replace(
                "prediction})", "prediction}])"
            )
        ),
        "response-count",
        "2 records; the request has 1",
        "one record per record of the request",
    ),
    "wrapped without records": (
        code(GOOD.replace('{"score": prediction}', '{"predictions": []}')),
        "response-empty",
        "without any record",
        "one record per record of the request",
    ),
    "wrapped records of another variable": (
        code(GOOD.replace('{"score": prediction}', '{"predictions": [{"risk": 0.5}]}')),
        "output-missing",
        "without ['score']; the response has ['risk']",
        "source_model_inference_output_variable_list",
    ),
    "CSV header": (
        code(GOOD.replace('f"{prediction}', 'f"score\\n{prediction}')),
        "response-header",
        "a header row, ['score'], before its records",
        "header=False",
    ),
    "CSV header of other names": (
        code(GOOD.replace('f"{prediction}', 'f",0\\nx,{prediction}').replace(",0", ",risk")),
        "response-header",
        "a header row, ['', 'risk'], before its records",
        "header=False",
    ),
    "not UTF-8": (
        code(GOOD.replace("return json.dumps", "return b'\\xff\\xfe' or json.dumps")),
        "response-not-utf8",
        "not UTF-8 (at byte 0)",
        "encoded as UTF-8",
    ),
    "not JSON": (
        code(GOOD.replace("return json.dumps", "return 'score' or json.dumps")),
        "response-not-json",
        "no JSON",
        "json.dumps",
    ),
    "another content type": (
        code(GOOD.replace("prediction})", 'prediction}), "text/plain"')),
        "response-content-type",
        "content type 'text/plain'",
        "return application/json",
    ),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_archive_is_told_with_its_fix(verify: Verify, name: str) -> None:
    files, code_word, message, fix = BROKEN[name]

    evaluation = verify(files)

    assert evaluation["verdict"] == "failed"
    assert evaluation["gate"]["errors"] >= 1
    found = [each for each in evaluation["findings"] if each["code"] == code_word]
    assert found, evaluation["findings"]
    assert message in found[0]["message"]
    assert fix in found[0]["fix"]
    assert found[0]["severity"] == "error"
    assert not set('"{}\\`$') & set(evaluation["summary"])
    assert len(evaluation["summary"]) <= 500


CONTEXT = """
import json

def model_fn(model_dir, context):
    assert context.get_request_id() is None
    context.set_response_status(503, "loading")
    return [context.system_properties["server_version"]]

def input_fn(body, content_type, context):
    assert context.request_processor[0].get_request_property("Content-Type") == content_type
    assert context.get_all_request_header(0)["Content-Type"] == content_type
    context.metrics.add_time("read", 1.5, unit="ms")
    context.metrics.add_metric_to_cache("rows", "count").add_or_update(1)
    return body

def predict_fn(record, model, context):
    assert context.get_request_id(0) not in model
    model.append(context.get_request_id(0))
    context.set_response_header(0, "x-request", model[-1])
    assert context.get_response_headers(0) == {"x-request": model[-1]}
    return 0.5

def output_fn(prediction, accept, context):
    context.set_response_content_type(0, "text/plain")
    assert context.get_response_content_type(0) == "text/plain"
    # STATUS
    return str(prediction) if accept == "text/csv" else json.dumps({"score": prediction})
"""


def test_the_context_has_what_that_of_the_server_has(verify: Verify) -> None:
    evaluation = verify(code(CONTEXT))

    assert evaluation["verdict"] == "passed", evaluation["findings"]


@pytest.mark.parametrize(
    ("call", "told"),
    [
        ("set_response_status(415, 'Unsupported Media Type', 0)", "415 Unsupported Media Type"),
        ("set_all_response_status(500)", "500"),
    ],
)
def test_another_status_than_success_is_no_answer(verify: Verify, call: str, told: str) -> None:
    evaluation = verify(code(CONTEXT.replace("# STATUS", f"context.{call}")))

    [finding] = evaluation["findings"]
    assert finding["code"] == "response-status"
    assert f"is answered with status {told}." in finding["message"]


def test_a_transform_fn_serves_alone(verify: Verify) -> None:
    whole = "def model_fn(model_dir): return 0.5\ndef transform_fn(model, data, kind, accept):\n"

    evaluation = verify(
        code(whole + "    return f'{{\"score\": {model}}}' if 'json' in accept else '0.5'")
    )

    assert evaluation["verdict"] == "passed", evaluation["findings"]
    functions = evaluation["handler"]["functions"]
    assert functions == {
        **dict.fromkeys(functions, "missing"),
        "model_fn": "own",
        "transform_fn": "own",
    }


@pytest.mark.parametrize(
    "answer", ['{"predictions": [{"score": "0.5"}]}', '{"outputs": [[0.5]]}', '{"score": [[0.5]]}']
)
def test_records_may_be_the_only_member_of_an_object(verify: Verify, answer: str) -> None:
    evaluation = verify(code(GOOD.replace('json.dumps({"score": prediction})', repr(answer))))

    assert evaluation["verdict"] == "passed", evaluation["findings"]


@pytest.mark.parametrize(
    ("body", "content_type", "count"),
    [
        (b'1,"a\nb"\n\n2,c\n', CSV, 2),
        (b'{"a": 1}', JSON, 1),
        (b'[{"a": 1}, {"a": 2}]', JSON, 2),
        (b"[1, 2]", JSON, None),
        (b"{", JSON, None),
        (b"\xff", CSV, None),
        (b"\x93NUMPY", NPY, None),
        (b"1,2\n3,4", "text/CSV; charset=utf-8", 2),
        (b'{"a": 1}\n\n{"a": 2}\n', "application/jsonlines", 2),
        (b'{"a": 1}\n{"a": 2}', "application/x-ndjson", 2),
        (b'{"a": {"b": {"c": 1}}, "d": "x"}', JSON, 1),
        (b'{"a": {"b": [1, 2]}}', JSON, None),
        (b'{"inputs": ["a", "b"]}', JSON, None),
        (b'{"instances": [{"a": 1}, {"a": 2}]}', JSON, None),
        (b'{"customer": 1, "orders": [[1], [2]]}', JSON, None),
        (b"hello", "text/plain", None),
        (b"[" * 200_000 + b"]" * 200_000, JSON, None),
    ],
)
def test_the_records_of_a_request_are_counted(
    body: bytes, content_type: str, count: int | None
) -> None:
    assert Payload("payload", body, content_type, JSON).record_count == count


def test_a_handler_that_raises_for_one_content_type_answers_the_other(verify: Verify) -> None:
    evaluation = verify(BROKEN["one content type raises"][0])

    assert {(each["content_type"], each["ok"]) for each in evaluation["payloads"]} == {
        ("text/csv", True),
        ("application/json", False),
    }


def test_the_code_imports_its_own_modules_and_none_of_the_job(verify: Verify) -> None:
    names = ["common", "errors", "handler", "job", "load", "worker"]
    modules = {f"code/{name}.py": f"NAME = 'own {name}'\n" for name in names}
    report = (
        f"print('seen:', *[__import__(name).NAME for name in {names}]); "
        "print('path:', sys.argv[0] in map(os.path.realpath, sys.path)); return 0.5"
    )

    evaluation = verify({**code(with_predict(report)), **modules}, python=sys.executable)

    assert evaluation["verdict"] == "passed", evaluation["findings"]
    assert "seen: " + " ".join(f"own {name}" for name in names) in evaluation["log"]
    assert "path: False" in evaluation["log"]


def test_the_code_imports_modules_beside_the_weights(verify: Verify) -> None:
    files = code(with_predict("import scores.half; return scores.half.VALUE"))

    evaluation = verify({**files, "scores/half.py": "VALUE = 0.5"})

    assert evaluation["verdict"] == "passed", evaluation["findings"]


@pytest.mark.parametrize(
    "read",
    [
        "open('/opt/ml/model/model.bin').read()",
        "__import__('pathlib').Path('/opt/ml/model/model.bin').read_text()",
        "os.path.exists('/opt/ml/model/model.bin') and 'weights'",
        "'weights' if 'model.bin' in os.listdir('/opt/ml/model') else ''",
    ],
)
def test_the_code_reads_the_model_by_its_path_in_the_container(verify: Verify, read: str) -> None:
    assert not Path("/opt/ml/model").exists()

    evaluation = verify(code(with_predict(f"return 0.5 / (({read}) == 'weights')")))

    assert evaluation["verdict"] == "passed", evaluation["findings"]


def test_the_traceback_of_a_missing_file_is_the_codes_alone(verify: Verify) -> None:
    log = verify(code(with_predict("open('/opt/ml/model/absent')")))["log"]

    assert "in predict_fn" in log
    assert "redirected" not in log


def test_the_model_is_where_the_container_has_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a job of AWS, and nowhere else: no other machine's /opt is touched."""
    place = tmp_path / "model"
    monkeypatch.setattr(layout, "MODEL_FOLDER", str(place))
    monkeypatch.setattr(layout, "PROCESSING_FOLDER", tmp_path / "processing")

    with layout.found_by_path(
        tmp_path / "unpacked", tmp_path / "processing/output/evaluation.json"
    ):
        assert place.readlink() == tmp_path / "unpacked"
    with layout.found_by_path(
        tmp_path / "unpacked", tmp_path / "processing/output/evaluation.json"
    ):
        place.unlink()  # as code may
    for elsewhere in (None, tmp_path / "evaluation.json"):
        with layout.found_by_path(tmp_path / "unpacked", elsewhere):
            assert not place.is_symlink()


@pytest.mark.parametrize(
    ("name", "in_container", "word", "what"),
    [
        ("helpers", True, "module-missing", "helpers, which is at export/helpers.py"),
        ("tools.more", True, "module-missing", "its own folder tools does not hold"),
        ("lib", False, "module-missing", "lib, which is at export/lib"),
        ("torch.nn", False, "package-missing-here", "the serving container has and this machine"),
        ("torch", True, "package-missing", "not installed in the serving container"),
        ("/etc", False, "package-missing", "not installed here"),
        ("transformers", False, "package-missing", "not installed here"),
    ],
)
def test_it_is_told_whose_a_missing_module_is(
    tmp_path: Path, name: str, in_container: bool, word: str, what: str
) -> None:
    for path in ("export/helpers.py", "code/tools/__init__.py", "export/lib/a.py"):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text("")

    missing = missing_module(name, tmp_path, in_container=in_container)

    assert missing.code == word
    assert what in missing.what
    assert missing.fix


def test_a_package_of_rays_container_is_missing_on_this_machine_only(tmp_path: Path) -> None:
    missing = missing_module("transformers", tmp_path, in_container=False, container="ray")

    assert missing.code == "package-missing-here"
    assert "pip install transformers" in missing.fix


def test_it_is_told_whose_functions_serve_the_model(verify: Verify) -> None:
    told = verify(code(GOOD))["told"]

    own = "model_fn, input_fn, predict_fn, output_fn"
    assert f"handler: inference.py defines {own}\n" in told
    assert "default" not in told


def test_each_default_that_runs_is_told_with_what_it_does(verify: Verify) -> None:
    text = GOOD.replace("def input_fn", "def read").replace("def predict_fn", "def predict")

    evaluation = verify(code(text))

    assert "handler: inference.py defines model_fn, output_fn\n" in evaluation["told"]
    assert (
        "handler: no input_fn: the toolkit's default runs, which reads JSON, CSV or NPY into a"
        " tensor\nhandler: no predict_fn: the toolkit's default runs, which calls the model with"
    ) in evaluation["told"]
    assert set(evaluation["handler"]["defaults"]) == {"input_fn", "predict_fn"}


def test_of_code_that_was_not_imported_no_function_is_told(verify: Verify) -> None:
    assert "handler: " not in verify({"inference.py": GOOD})["told"]


def test_a_default_that_fails_is_named(verify: Verify) -> None:
    [finding] = verify(code("def model_fn(model_dir): return 1\n"))["findings"][:1]

    assert "in the toolkit's default" in finding["message"]
    assert "the code defines none" in finding["message"]


def test_what_a_default_imports_is_not_said_to_be_imported_by_the_code(verify: Verify) -> None:
    without = GOOD.replace("def model_fn", "def load")

    [finding] = verify(code(f"import sys\nsys.modules['torch'] = None\n{without}"))["findings"]

    assert finding["message"].startswith(
        "The toolkit's default model_fn, which runs because the code defines none, imports torch,"
    )


def test_a_failed_handler_shows_its_own_traceback_once(verify: Verify) -> None:
    text = with_predict("print('read', data); return lowest([])")
    evaluation = verify(code(text + "\ndef lowest(values):\n    return min(values)\n"))

    [finding] = evaluation["findings"]
    assert finding["message"].startswith("payload_text_csv_0.csv (text/csv to text/csv) raises Val")
    assert (
        "The same of payload_text_csv_0.csv (text/csv to application/json), payload"
        in (finding["message"])
    )
    log = evaluation["log"]
    assert log.count("Traceback (most recent call last)") == 1
    assert 'File "/opt/ml/model/code/inference.py", line 11, in predict_fn' in log
    assert "in lowest\n    return min(values)" in log
    assert "verify_model" not in log
    assert log.index("read 1,2") < log.index("Traceback")
    assert finding["traceback"] in log
    assert finding["traceback"].endswith("ValueError: min() arg is an empty sequence\n")
    assert finding["printed"] == "read 1,2"


def test_a_model_that_fails_to_load_shows_what_was_printed_and_raised(verify: Verify) -> None:
    text = GOOD.replace("    return {", "    print('in', model_dir); 1 / 0\n    return {")

    [finding] = verify(code("print('imported')\n" + text))["findings"]

    assert finding["code"] == "model-load-failed"
    assert finding["printed"] == "imported\nin /opt/ml/model"
    assert finding["traceback"].endswith("ZeroDivisionError: division by zero\n")


def test_a_file_that_model_fn_does_not_find_is_told_with_those_there_are(verify: Verify) -> None:
    text = GOOD.replace("    return {", "    open(model_dir + '/model.pt')\n    return {")

    [finding] = verify({**code(text), **{f"part{n}": "" for n in range(8)}})["findings"]

    assert "No such file or directory: '/opt/ml/model/model.pt'" in finding["message"]
    assert finding["message"].endswith(
        "The model's folder holds: code/, model.bin, part0, part1, part2, part3, part4, part5 and 2"
        " more."
    )
    assert finding["fix"] == "Correct model_fn."


def test_what_hung_shows_what_it_printed(verify: Verify, monkeypatch: pytest.MonkeyPatch) -> None:
    text = with_predict("print('waiting for', data); time.sleep(60)")
    ask = Worker.ask

    def until_printed(worker: Worker, *asked: Any) -> dict[str, Any]:
        try:
            return ask(worker, *asked)
        except WorkerSilentError:
            wait_until(worker.printed)
            raise

    monkeypatch.setattr(Worker, "ask", until_printed)

    [finding] = verify(code(text), "--request-timeout", "0.01")["findings"]

    assert finding["code"] == "handler-hangs"
    assert finding["printed"] == "waiting for 1,2"
    assert "traceback" not in finding


def test_a_finding_without_evidence_has_no_member_for_it(verify: Verify) -> None:
    [finding] = verify({"inference.py": GOOD})["findings"]

    assert set(finding) == {"severity", "code", "message", "fix"}


def test_only_the_end_of_what_was_printed_is_kept(verify: Verify) -> None:
    text = with_predict("print('first', 'x' * 20000, 'last'); return 1 / 0")

    [finding] = verify(code(text))["findings"]

    assert finding["printed"].startswith("(the last 4,000 characters)\nxxx")
    assert finding["printed"].endswith("x last")


def test_code_that_never_stops_printing_is_judged(verify: Verify) -> None:
    flood = "import threading, os\ndef flood():\n    while True: os.write(1, b'x' * 65536)\n"
    start = "threading.Thread(target=flood, daemon=True).start()\n"

    evaluation = verify(code(flood + start + with_predict("return 1 / 0")), "--load-seconds", "0")

    [finding] = evaluation["findings"]
    assert "ZeroDivisionError" in finding["message"]


def test_the_evaluation_is_no_log(verify: Verify) -> None:
    more = {f"payload_text_csv_{number}.csv": b"%d" % number for number in range(1, 8)}
    text = with_predict("print(data * 100); raise KeyError(data)")

    findings = verify(code(text), payloads={**PAYLOADS, **more})["findings"]

    assert [("printed" in each, "traceback" in each) for each in findings] == [
        *[(True, True)] * 5,
        *[(False, False)] * 4,
    ]


def test_a_wrong_answer_under_load_counts_as_the_first_would(verify: Verify) -> None:
    # Four payloads and one more to warm up are answered well.
    text = with_predict("model['n'] = model.get('n', 0) + 1; return 0.5 if model['n'] < 6 else 'x'")

    evaluation = verify(code(text))

    assert evaluation["verdict"] == "failed"
    codes = [each["code"] for each in evaluation["findings"]]
    assert sorted(set(codes)) == ["answers-differ", "output-wrong-type"]
    assert "score 'x', which is no number" in evaluation["findings"][0]["message"]


def test_answers_that_differ_between_equal_requests_are_a_warning(verify: Verify) -> None:
    text = with_predict("model['n'] = model.get('n', 0) + 1; return model['n']")

    evaluation = verify(code(text))

    assert evaluation["verdict"] == "passed", evaluation["findings"]
    [finding] = evaluation["findings"]
    assert (finding["severity"], finding["code"]) == ("warning", "answers-differ")
    assert "payload_text_csv_0.csv (text/csv to text/csv)" in finding["message"]
    assert "model.eval()" in finding["fix"]


def test_equal_requests_are_compared_without_a_load_too(verify: Verify) -> None:
    text = with_predict("model['n'] = model.get('n', 0) + 1; return model['n']")

    evaluation = verify(code(text), "--load-seconds", "0")

    assert (evaluation["verdict"], evaluation["load"]) == ("passed", None)
    [finding] = evaluation["findings"]
    assert (finding["severity"], finding["code"]) == ("warning", "answers-differ")


@pytest.mark.parametrize(
    ("second", "code_word", "message"),
    [
        ("'x'", "output-wrong-type", "is answered with score 'x', which is no number"),
        ("1 / 0", "handler-raised", "(inference.py line 11), when it is sent again"),
        ("os._exit(3)", "handler-exited", "it ended with exit code 3, when it is sent again"),
        ("time.sleep(60)", "handler-hangs", "not answered within 2 s, when it is sent again"),
    ],
)
def test_a_second_answer_counts_as_the_first_would(
    verify: Verify, monkeypatch: pytest.MonkeyPatch, second: str, code_word: str, message: str
) -> None:
    text = with_predict(
        f"model['n'] = n = model.get('n', 0) + 1; return 0.5 if n < 5 else {second}"
    )
    ask, numbers = Worker.ask, itertools.count(1)

    def not_for_long(worker: Worker, payload: Payload, seconds: float) -> dict[str, Any]:
        never_comes = next(numbers) == 5 and code_word == "handler-hangs"
        return ask(worker, payload, 0.01 if never_comes else seconds)

    monkeypatch.setattr(Worker, "ask", not_for_long)

    evaluation = verify(code(text), "--load-seconds", "0", "--request-timeout", "2")

    found = [each for each in evaluation["findings"] if each["code"] == code_word]
    assert [each["severity"] for each in found] == ["error"]
    assert message in found[0]["message"]
    assert evaluation["verdict"] == "failed"
    assert [payload["ok"] for payload in evaluation["payloads"]] == [True] * 4


def test_every_answer_is_shown(verify: Verify) -> None:
    wrong = code(GOOD.replace('{"score": prediction}', '{"risk": prediction}'))

    payloads = verify(wrong, "--load-seconds", "0")["payloads"]

    answers = [(each["answer"], each["response_bytes"], each["ok"]) for each in payloads]
    assert answers == [("0.5", 4, True), ('{"risk": 0.5}', 13, False)] * 2


@pytest.mark.parametrize(
    ("body", "shown"),
    [
        (b"0.5\r\n", "0.5"),
        (b"1,a\n2,b\n", r"1,a\n2,b"),
        ("\x1b[31mred\x00 \u202eabc \ud7ff é\n".encode(), r"\x1b[31mred\x00 \u202eabc \ud7ff é"),
        (b"\x93NUMPY\x01", r"\x93NUMPY\x01"),
        (b"", ""),
        (b"\x1b" * 300, r"\x1b" * 300),
        (b"x" * 12_345, "x" * 300 + "... (12,045 characters more)"),
    ],
)
def test_an_answer_is_shown_shortened_and_without_control_characters(
    body: bytes, shown: str
) -> None:
    assert excerpt(body) == shown


def test_nothing_that_a_model_says_controls_a_terminal(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    escape = "\\x1b[2J\\u202e"
    text = GOOD.replace("return json.dumps(", f"return '{escape}' or json.dumps(")
    text = text.replace('return f"{prediction}', f'raise ValueError("{escape}")#')
    (tmp_path / "code").mkdir()
    (tmp_path / "code/inference.py").write_text(text)

    exit_code = examine(PipelineConfigs.load(CONFIG), tmp_path, load_seconds=0)

    said = capfd.readouterr().out
    assert exit_code == UNHEALTHY
    assert r"to application/json): \x1b[2J\u202e" in said
    assert r"raises ValueError: \x1b[2J\u202e (inference.py line 15)" in said
    assert not set(said) & {"\x1b", "\u202e"}


def test_a_slow_check_tells_what_it_is_doing(
    verify: Verify, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def until_told(what: str) -> str:
        return f"while not os.path.exists({str(tmp_path / what)!r}): time.sleep(0.01)"

    second = "model['n'] = model.get('n', 0) + 1\n    if model['n'] == 2:\n        "
    slow = with_predict(second + until_told("answer 2") + "\n    return 0.5")
    slow = slow.replace("    return {", f"    {until_told('loading')}\n    return {{")

    def tell(line: str) -> None:
        sys.stderr.write(line)
        for what in ("loading", "answer 2"):
            if what in line:
                (tmp_path / what).touch()

    stream = SimpleNamespace(write=tell, flush=lambda: None)
    monkeypatch.setattr(progress, "sys", SimpleNamespace(stderr=stream))

    log = verify(code(slow), "--progress-seconds", "0.01", "--load-seconds", "0")["log"]

    assert "still loading the model (" in log
    assert "still waiting for answer 2 of 4, to payload_text_csv_0.csv (text/csv to app" in log


def test_a_hanging_handler_is_ended(verify: Verify) -> None:
    evaluation = verify(code(hanging("True")), "--request-timeout", "0.01")

    assert {each["code"] for each in evaluation["findings"]} == {"handler-hangs"}
    assert "not answered within 0.01 s" in evaluation["findings"][0]["message"]
    assert "no network" in evaluation["findings"][0]["fix"]
    assert "The 3 payloads after it were not sent." in evaluation["findings"][0]["message"]
    assert (len(evaluation["findings"]), len(evaluation["payloads"])) == (1, 1)


def test_a_model_that_loads_too_slowly_is_ended(
    verify: Verify, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow = GOOD.replace("    return {", "    time.sleep(60)\n    return {")
    clock, load = TurnedClock(), Worker.load

    def for_long(worker: Worker) -> None:
        load(worker)
        clock.sleep(99.99)

    monkeypatch.setattr(direct, "time", clock)
    monkeypatch.setattr(Worker, "load", for_long)

    evaluation = verify(code(slow), "--startup-timeout", "100")

    assert [each["code"] for each in evaluation["findings"]] == ["startup-timeout"]
    assert "not loaded after 100 s (model_fn)" in evaluation["summary"]
    assert "raise container_startup_health_check_timeout" in evaluation["findings"][0]["fix"]


def test_a_slow_handler_is_told_with_number_and_limit(
    verify: Verify, answers_take: AnswersTake
) -> None:
    answers_take(lambda _: 0.12)

    evaluation = verify(code(GOOD), latency=100)

    fixes = {each["code"]: each["fix"] for each in evaluation["findings"]}
    assert "Make predict_fn faster" in fixes["latency-above-limit"]
    p99 = evaluation["gate"]["latency_p99_in_millisecond"]
    expected = f"latency p99 {p99} ms is above max_latency_in_millisecond 100"
    assert expected in evaluation["summary"]


def test_latency_counts_from_when_a_request_was_due(
    verify: Verify, answers_take: AnswersTake
) -> None:
    """One worker at 20 requests a second that needs 0.12 s each: the wait in line counts."""
    answers_take(lambda _: 0.12)

    evaluation = verify(code(GOOD), "--load-seconds", "0.2", tps=20)

    latency = evaluation["load"]["latency_in_millisecond"]
    assert latency["max"] == 120 + 3 * (120 - 50)


def test_a_handler_that_stalls_once_shows_it_in_the_percentiles(
    verify: Verify, answers_take: AnswersTake
) -> None:
    """Of 200 requests one takes 0.6 s: 60 more arrive meanwhile, and their wait counts.

    Asked one after the other, 199 of 200 would be fast, and p99 would not tell.
    """
    answers_take(lambda number: 0.6 if number == 60 else 0.001)

    evaluation = verify(code(GOOD), "--load-seconds", "2", tps=100)

    load = evaluation["load"]
    assert load["request_count"] == 200
    latency = load["latency_in_millisecond"]
    assert latency["p99"] > 500
    assert latency["p90"] > 200
    assert latency["p50"] < latency["p90"]
    assert load["offered_tps"] == 100


def test_a_model_that_falls_behind_is_told_what_it_achieves(
    verify: Verify, answers_take: AnswersTake
) -> None:
    """One worker that needs 0.1 s each serves 10 of the 20 requests a second."""
    answers_take(lambda _: 0.1)

    evaluation = verify(code(GOOD), "--load-seconds", "1", latency=100, tps=20)

    load = evaluation["load"]
    assert load["offered_tps"] == 20
    assert load["achieved_tps"] < 13
    [finding] = [
        each for each in evaluation["findings"] if each["code"] == "throughput-below-expected"
    ]
    assert finding["message"] == f"achieved tps {load['achieved_tps']} is below expected_tps 20"
    assert "a larger instance type" in finding["fix"]


def test_errors_under_load_are_counted(verify: Verify) -> None:
    # Four payloads and one more to warm up are answered, then no more.
    text = with_predict("model['n'] = model.get('n', 0) + 1; return 0.5 / (model['n'] < 6)")

    evaluation = verify(code(text))

    assert evaluation["gate"]["error_rate"] == 1.0
    assert "error rate 1.0000 is above max_acceptable_error_rate 0.01" in evaluation["summary"]
    assert "Look at the log" in evaluation["findings"][0]["fix"]


def test_a_handler_that_needs_too_much_memory_is_ended(verify: Verify) -> None:
    text = with_predict("model.setdefault('kept', []).append(b'x' * 40_000_000); return 0.5")

    evaluation = verify(code(text), "--memory-limit", "150", "--load-seconds", "1", tps=20)

    fixes = {each["code"]: each["fix"] for each in evaluation["findings"]}
    assert "Keep nothing from one request to the next" in fixes["memory-above-limit"]
    assert "is above container_memory_limit 150" in evaluation["summary"]


def test_a_leaking_handler_is_warned_about(
    verify: Verify, load_clock: TurnedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = with_predict("model.setdefault('kept', []).append(b'x' * 2_000_000); return 0.5")
    samplers: list[MemorySampler] = []
    start, ask = MemorySampler.__init__, Worker.ask

    def noting(sampler: MemorySampler, limit_bytes: int | None) -> None:
        samplers.append(sampler)
        start(sampler, limit_bytes)

    def until_seen(worker: Worker, *asked: Any) -> dict[str, Any]:
        reply = ask(worker, *asked)
        [sampler] = samplers
        seen = len(sampler.samples)
        wait_until(lambda: len(sampler.samples) > seen)
        return reply

    monkeypatch.setattr(memory, "SAMPLE_SECONDS", 0.001)
    monkeypatch.setattr(MemorySampler, "__init__", noting)
    monkeypatch.setattr(Worker, "ask", until_seen)

    evaluation = verify(code(text), "--load-seconds", "1", tps=20)

    assert evaluation["verdict"] == "passed", evaluation["findings"]
    [finding] = evaluation["findings"]
    assert (finding["severity"], finding["code"]) == ("warning", "memory-grows")
    assert "bound caches" in finding["fix"]


def test_requirements_are_listed_with_an_error(verify: Verify) -> None:
    files = {**code(GOOD), "code/requirements.txt": "# needed\nfoo==1\n\nbar\n"}

    evaluation = verify(files)

    assert evaluation["requirements"] == ["foo==1", "bar"]
    [finding] = evaluation["findings"]
    assert (finding["severity"], finding["code"]) == ("error", "requirements-not-installed")
    assert "Use what the container has" in finding["fix"]
    assert evaluation["verdict"] == "failed"
    assert all(each["ok"] for each in evaluation["payloads"])


def test_what_the_code_prints_is_logged_up_to_a_limit(verify: Verify) -> None:
    text = with_predict("print('seen', 'x' * 9_000_000); sys.stdin.read(); return 0.5")

    evaluation = verify(code(text))

    assert evaluation["verdict"] == "passed", evaluation["findings"]
    assert "seen" in evaluation["log"]
    assert len(evaluation["log"]) < 2 * LOG_BYTES


def test_the_code_runs_with_the_environment_of_the_container(verify: Verify) -> None:
    text = with_predict(
        "return float(os.environ['SAGEMAKER_SUBMIT_DIRECTORY'] == os.getcwd() + '/code')"
    )

    submit = {"SAGEMAKER_SUBMIT_DIRECTORY": "/opt/ml/model/code", "LEVEL": "20"}
    evaluation = verify(code(text.replace("return float", "return 1 / float")), environment=submit)

    assert evaluation["verdict"] == "passed", evaluation["findings"]


def tar(*members: tuple[tarfile.TarInfo, bytes]) -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w:gz") as target:
        for info, content in members:
            info.size = len(content)
            target.addfile(info, io.BytesIO(content))
    return file.getvalue()


def link(name: str, target: str, kind: bytes = tarfile.SYMTYPE) -> tuple[tarfile.TarInfo, bytes]:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    return info, b""


@pytest.mark.parametrize(
    ("members", "message"),
    [
        ([(tarfile.TarInfo("../escaped"), b"x")], "leads out"),
        ([(tarfile.TarInfo("/escaped"), b"x")], "leads out"),
        ([link("out", "/etc")], "outside of the archive"),
        ([link("out", "../../..")], "outside of the archive"),
        ([link("a", "."), (tarfile.TarInfo("a/b"), b"x")], "no folder"),
        ([link("a", "../x", tarfile.LNKTYPE)], "leads out"),
        ([link("pipe", "", tarfile.FIFOTYPE)], "neither file"),
    ],
)
def test_an_unsafe_member_is_refused(
    verify: Verify, members: list[tuple[tarfile.TarInfo, bytes]], message: str
) -> None:
    evaluation = verify(tar(*members))

    [finding] = evaluation["findings"]
    assert finding["code"] == "archive-unsafe"
    assert message in finding["message"]


def test_a_damaged_archive_is_refused(verify: Verify) -> None:
    whole = tar((tarfile.TarInfo("code/inference.py"), GOOD.encode() * 50))

    for content in (whole[:-9], whole[:100], b"PK not a tar", b""):
        [finding] = verify(content)["findings"]
        assert finding["code"] == "archive-unreadable"
        assert "copy it again" in finding["fix"]


def test_a_model_that_keeps_up_achieves_what_was_offered() -> None:
    arrivals = Arrivals(20, 1)

    kept_up = load_numbers(LoadResult([0.15] * 20, 0, 0.95 + 0.15), arrivals, 1, 0.2)
    fell_behind = load_numbers(LoadResult([1.0] * 20, 0, 2.2), arrivals, 1, 0.2)

    assert kept_up["achieved_tps"] == kept_up["offered_tps"] == 20
    assert fell_behind["achieved_tps"] == 10


class EndingWorker:
    """Ends at its first request; the one in its place answers."""

    ends = True

    def ask(self, payload: object, timeout_seconds: float) -> dict[str, Any]:
        if self.ends:
            raise WorkerEndedError
        return {"body": ""}

    def stop(self) -> None:
        self.ends = False


def test_the_start_of_another_worker_is_no_latency_of_the_request_before(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock, worker = TurnedClock(), EndingWorker()
    monkeypatch.setattr(load_module, "time", clock)

    def start_worker() -> EndingWorker:
        clock.sleep(0.5)
        return worker

    load = LoadTest(cast("Any", ["payload"]), cast("Any", start_worker))
    result = load.run([cast("Any", worker)], Arrivals(20, 0.1), grace_seconds=5)

    # The second request, due after 50 ms, waits for the start; the first one does not.
    assert result.errors == 1
    assert result.latencies == [0.0, pytest.approx(0.45)]


@pytest.mark.parametrize("minor", PYTHONS)
def test_the_script_judges_in_the_python_of_every_container(verify: Verify, minor: int) -> None:
    python = interpreter(f"3.{minor}")

    good = verify(code(GOOD), python=python)
    broken = verify(code(with_predict("sys.exit(4)")), python=python)

    assert good["verdict"] == "passed", good["findings"]
    assert good["environment"]["python"].startswith(f"3.{minor}.")
    assert good["load"]["request_count"] == 4
    assert {each["code"] for each in broken["findings"]} == {"handler-exited"}


def test_a_request_of_another_region_cannot_be_judged(tmp_path: Path, script: Path) -> None:
    (tmp_path / "registration.json").write_text('{"regions": {}}')
    command = [sys.executable, str(script), "--model", str(tmp_path), "--payload", "none"]
    command += ["--request", str(tmp_path / "registration.json")]

    result = subprocess.run(command, capture_output=True, text=True, check=False)

    assert result.returncode == 2
    assert "not a registration file with that region" in result.stderr
    assert "Traceback" not in result.stderr


def test_the_doctor_finds_the_example_healthy(capfd: pytest.CaptureFixture[str]) -> None:
    configs = PipelineConfigs.load(CONFIG)

    assert examine(configs, MODEL, put_code_in=True, load_seconds=0.2) == HEALTHY
    said = capfd.readouterr().out
    assert "\npassed: answered every payload" in said
    assert 'answer to payload_text_csv_0.csv (text/csv to application/json): {"legacy-' in said


def test_the_doctor_tells_what_is_wrong_with_a_folder(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "inference.py").write_text(GOOD)
    configs = PipelineConfigs.load(CONFIG)

    assert examine(configs, tmp_path, load_seconds=0.2, as_json=True) == UNHEALTHY
    assert json.loads(capfd.readouterr().out)["findings"][0]["code"] == "code-folder-missing"


# --- The code is what was packaged --------------------------------------------------------------


@pytest.fixture
def own_pipeline(tmp_path: Path) -> PipelineConfigs:
    """The example's configs, in a folder whose code may be changed."""
    return PipelineConfigs.load(copy_example(tmp_path / "own"))


def test_the_doctor_refuses_what_packaging_refuses(
    own_pipeline: PipelineConfigs, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    source = own_pipeline.model.get_source_dir()
    assert isinstance(source, Path)
    (tmp_path / "elsewhere.py").write_text("")
    (source / "elsewhere.py").symlink_to(tmp_path / "elsewhere.py")

    assert examine(own_pipeline, MODEL, put_code_in=True, load_seconds=0) == UNHEALTHY
    assert "error: packaging-refused: Package refuses it: " in (said := capfd.readouterr().out)
    assert "is a link out of" in said


def test_the_doctor_judges_the_files_that_are_packaged(
    own_pipeline: PipelineConfigs, capfd: pytest.CaptureFixture[str]
) -> None:
    """Hidden files are left out of the code, so a handler cannot read them."""
    source = own_pipeline.model.get_source_dir()
    assert isinstance(source, Path)
    (source / ".labels").write_text("yes,no")
    handler = source / "inference.py"
    handler.write_text(handler.read_text() + "\nopen(Path(__file__).with_name('.labels'))\n")

    assert examine(own_pipeline, MODEL, put_code_in=True, load_seconds=0) == UNHEALTHY
    assert "FileNotFoundError" in capfd.readouterr().out


def test_the_doctor_shows_how_far_packaging_is(
    own_pipeline: PipelineConfigs, monkeypatch: pytest.MonkeyPatch
) -> None:
    bars = []

    @contextlib.contextmanager
    def bar(what: str, total_bytes: int, _console: object) -> Iterator[Callable[[int], None]]:
        bars.append((what, total_bytes))
        yield lambda _: None

    monkeypatch.setattr(doctor, "bytes_bar", bar)

    assert examine(own_pipeline, MODEL, put_code_in=True, load_seconds=0) == HEALTHY
    assert bars == [("Packaging model.tar.gz", MODEL.stat().st_size)]


def test_the_doctor_takes_a_single_folder_as_packaging_does(
    own_pipeline: PipelineConfigs, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    unpack(MODEL, tmp_path / "one/model", Limits())

    assert examine(own_pipeline, tmp_path / "one", put_code_in=True, load_seconds=0) == UNHEALTHY
    assert "inside of one folder" in capfd.readouterr().out
    exit_code = examine(
        own_pipeline, tmp_path / "one", put_code_in=True, single_folder="flatten", load_seconds=0
    )
    assert exit_code == HEALTHY


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"PK\x03\x04", "is a zip file, as torch.save writes too"),
        (b"BZh91AY", "is compressed with bzip2"),
        (b"PK\x05\x06", "is a zip file, not a gzip-compressed tar archive (unpack it"),
        (b"7z\xbc\xaf\x27\x1c", "is a 7z file"),
        (b"\x04\x22\x4d\x18", "is compressed with lz4"),
        (b"\x89HDF\r\n\x1a\n", "is a file in HDF5"),
        (b"\xfd7zXZ\0", "is compressed with xz"),
        (b"\x28\xb5\x2f\xfd", "is compressed with zstd"),
    ],
)
def test_a_file_of_another_format_is_named(verify: Verify, content: bytes, message: str) -> None:
    [finding] = verify(content)["findings"]

    assert finding["code"] == "archive-unreadable"
    assert message in finding["message"]


def packaged(folder: Path, files: Mapping[str, str]) -> tuple[bytes, str]:
    """A model packaged with this code, and the code's digest in the manifest."""
    source, output = folder / "source", folder / "packaged/model.tar.gz"
    for name, text in files.items():
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        (source / name).write_text(text)
    (source / "run.sh").write_text("exit")
    (source / "run.sh").chmod(0o755)
    (source / "latest.py").symlink_to("inference.py")
    (source / "no_files").mkdir()
    (folder / "trained.tar.gz").write_bytes(archive({"model.bin": b"weights"}))
    arguments = ["--model", str(folder / "trained.tar.gz"), "--code", str(source)]
    assert package([*arguments, "--output", str(output)]) == 0
    manifest = json.loads(output.with_name("manifest.json").read_text())
    return output.read_bytes(), manifest["code_sha256"]


def test_the_code_that_was_packaged_passes(verify: Verify, tmp_path: Path) -> None:
    model, digest = packaged(tmp_path, {"inference.py": GOOD, f"lib/{'n' * 120}.py": ""})
    evaluation = verify(model, "--code-sha256", digest)
    assert evaluation["verdict"] == "passed", evaluation["findings"]


@pytest.mark.parametrize(
    "change",
    [
        {"code/inference.py": GOOD + "\n"},
        {"code/more.py": ""},
        {"code/__pycache__/inference.cpython-311.pyc": "compiled"},
    ],
    ids=["another", "one-more", "compiled"],
)
def test_other_code_than_was_packaged_is_never_imported(
    verify: Verify, tmp_path: Path, change: dict[str, str]
) -> None:
    marker = tmp_path / "imported"
    handler = f"open({str(marker)!r}, 'w').close()\n{GOOD}"
    content = handler.encode()
    honest = CodeMember(
        "inference.py", len(content), executable=False, read=lambda: iter([content])
    )
    expected = code_sha256([honest])
    assert verify(code(handler), "--code-sha256", expected)["verdict"] == "passed"
    marker.unlink()

    evaluation = verify({**code(handler), **change}, "--code-sha256", expected)

    (finding,) = evaluation["findings"]
    assert (finding["code"], evaluation["verdict"]) == ("code-changed", "failed")
    assert f"the manifest's is {expected}" in finding["message"]
    assert not marker.exists()


_HANGS = """
import os, pathlib, time
pathlib.Path({file!r}).write_text(str(os.getpid()))
while True:
    time.sleep(60)
"""


def test_a_worker_ends_with_the_job_whatever_its_code_is_at(tmp_path: Path, script: Path) -> None:
    told = tmp_path / "pid"
    code_folder = tmp_path / "model" / "code"
    code_folder.mkdir(parents=True)
    (code_folder / "inference.py").write_text(_HANGS.format(file=str(told)))
    start = (
        "import sys; sys.path.insert(0, sys.argv[1])\n"
        "from pytorch_model_release_jobs.verify_model.worker import Worker\n"
        "import os, pathlib, time\n"
        "model = pathlib.Path(sys.argv[2])\n"
        "Worker(pathlib.Path(sys.argv[1]), model, 'inference', os.environ)\n"
        "time.sleep(600)"
    )
    job = subprocess.Popen([sys.executable, "-c", start, str(script), str(tmp_path / "model")])
    wait_until(lambda: told.exists() and told.read_text())

    job.kill()
    job.wait()

    worker = int(told.read_text())
    wait_until(lambda: not runs(worker))


def test_a_worker_leaves_nothing_open_however_often_it_is_stopped(tmp_path: Path) -> None:
    program = tmp_path / "ends_at_once.py"
    program.write_text("")
    worker = Worker(program, tmp_path, "inference", {})
    worker.process.wait()
    worker.stop()
    own = [os.open(os.devnull, os.O_RDONLY) for _ in range(8)]  # with the worker's numbers

    worker.stop()

    for descriptor in own:
        os.close(descriptor)  # would be an error if the worker had closed one
    with pytest.raises(ValueError, match="closed file"):
        cast("io.BufferedWriter", worker.process.stdin).write(b"")


def test_workers_that_have_ended_by_themselves_are_stopped_too(
    tmp_path: Path, script: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended: list[Worker] = []
    started: list[Worker] = []
    start, stop = Worker.__init__, Worker.stop

    def noting(worker: Worker, *arguments: Any) -> None:
        started.append(worker)
        start(worker, *arguments)

    def ending(worker: Worker) -> None:
        ended.append(worker)
        stop(worker)

    monkeypatch.setattr(Worker, "__init__", noting)
    monkeypatch.setattr(Worker, "stop", ending)
    (tmp_path / "model/code").mkdir(parents=True)
    (tmp_path / "model/code/inference.py").write_text("raise SystemExit(3)\n")
    (tmp_path / "payload.tar.gz").write_bytes(archive(PAYLOADS))
    request = tmp_path / "registration.json"
    request.write_text(json.dumps({"regions": {"NA": {"request": REQUEST}}}))
    job = VerificationJob(
        program=script, model=tmp_path / "model", payload=tmp_path / "payload.tar.gz",
        request=request, load_seconds=0, workers=1,
    )  # fmt: skip

    assert [each["code"] for each in judge(job)["findings"]] == ["worker-ended"]
    assert started
    assert set(started) == set(ended)
