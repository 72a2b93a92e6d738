"""In its container, a model is verified through the container's own server."""

from __future__ import annotations

import ctypes
import itertools
import json
import os
import socket
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from constructs_lib.jobs.archive import job_archive
from constructs_lib.jobs.common.errors import JobError
from constructs_lib.jobs.common.pauses import pauses
from constructs_lib.jobs.verify_model import layout
from constructs_lib.jobs.verify_model.job import VerificationJob, read_container
from constructs_lib.jobs.verify_model.payloads import Payload
from constructs_lib.jobs.verify_model.server import (
    connection,
    environment,
    families,
    over_http,
    process,
    starting,
)
from constructs_lib.jobs.verify_model.server.connection import Connection
from constructs_lib.jobs.verify_model.server.local_ray import LocalFront, free_ports
from constructs_lib.jobs.verify_model.verification import Verification, verify
from constructs_lib.jobs.verify_model.worker import Worker, WorkerSilentError
from constructs_lib.release.archives import archive
from tests.jobs.pythons import PYTHONS, interpreter
from tests.jobs.test_verify_model import GOOD, PAYLOADS, REQUEST, with_predict
from tests.waiting import TurnedClock, runs, wait_until

# A server as a container may have one: it calls the functions, and answers 404 until it has
# loaded them. What it starts cuts itself loose, as Ray's processes do.
SERVER = """
import http.server, importlib, json, os, subprocess, sys, threading, time, traceback

port, mode, folder = int(sys.argv[1]), sys.argv[2], os.environ["WHERE"]
sys.path.insert(0, folder + "/code")
print("serving with", os.environ.get("OWN"), flush=True)
subprocess.Popen([sys.executable, "-c",
    "import os, time; os.setsid(); os.fork() and os._exit(0); x = b'1' * 80_000_000;"
    f"open({os.environ['LOOSE']!r}, 'w').write(str(os.getpid())); time.sleep(600)"]).wait()
state = {}
asked = threading.Event()

def load():
    if mode == "slow":
        asked.wait()
    try:
        state["code"] = code = importlib.import_module("inference")
        state["model"] = code.model_fn(folder)
    except BaseException:
        traceback.print_exc()
        state["failed"] = True
        if mode == "ends":
            os._exit(7)

class Answering(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        kind, accept = self.headers["Content-Type"], self.headers["Accept"]
        assert self.path == "/invocations"
        asked.set()
        status, answer = 404, "Path '/' not found."
        if "failed" in state:
            status, answer = 503, "is unavailable because it failed to deploy."
        elif mode == "unavailable":
            status, answer = 503, "not yet"
        elif "model" in state:
            code = state["code"]
            try:
                read = code.input_fn(body, kind)
                status, answer = 200, code.output_fn(code.predict_fn(read, state["model"]), accept)
            except Exception as error:
                status, answer = 500, f"{error}\\n{traceback.format_exc()}"
            if mode == "wrong":
                status, answer = 500, "out of order"
        self.send_response(status)
        self.send_header("Content-Type", accept + "; charset=utf-8" if status == 200 else "x/y")
        self.send_header("Content-Length", str(len(answer.encode())))
        if status != 200 or mode == "closing":
            self.close_connection = True
            self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(answer.encode())
        if mode == "dies slowly" and status == 200:
            self.server.socket.close()
            self.connection.shutdown(2)
            while not os.path.exists(os.environ["ENDS"]):
                time.sleep(0.01)
        if mode.startswith("dies") and status == 200:
            os._exit(9)

    def log_message(self, *arguments):
        pass

threading.Thread(target=load).start()
http.server.ThreadingHTTPServer.request_queue_size = 128
server = http.server.ThreadingHTTPServer(("127.0.0.1", port), Answering)
while server.fileno() >= 0:
    server.handle_request()
time.sleep(600)
"""

QUICK = {**REQUEST, "load_test": {**REQUEST["load_test"], "expected_tps": 200}}
"""Ten times the requests in a second: a load of as many ends sooner."""

Judge = Callable[..., dict[str, Any]]


@pytest.fixture(autouse=True)
def orphans_are_left_to_the_system() -> Iterator[None]:
    """The job is the parent of what its server leaves behind: this process is only for the test.

    Without that, what other tests orphan would stay listed, as nobody here waits for it.
    """
    yield
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(families.ADOPT_ORPHANS, 0, 0, 0, 0)


@pytest.fixture
def judge(tmp_path: Path, compiled_job: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Judge]:
    """Judges as the job does in AWS, whose folders are below another one here."""
    monkeypatch.setattr(layout, "PROCESSING_FOLDER", tmp_path / "processing")
    place = tmp_path / "opt/ml/model"
    place.parent.mkdir(parents=True)
    for module in (layout, starting, over_http, environment):
        monkeypatch.setattr(module, "MODEL_FOLDER", str(place))
    loose = tmp_path / "loose"
    monkeypatch.setenv("WHERE", str(place))
    monkeypatch.setenv("LOOSE", str(loose))
    monkeypatch.setattr(process, "_LONGEST_PAUSE_SECONDS", 0.02)
    monkeypatch.setattr(connection, "_WATCH_SECONDS", 0.02)
    server = tmp_path / "server.py"
    server.write_text(SERVER)
    (tmp_path / "payload.tar.gz").write_bytes(archive(PAYLOADS))

    def run(
        code: str | Mapping[str, str],
        mode: str = "fast",
        contract: str = "handlers",
        container: str = "ray",
        **options: Any,
    ) -> dict[str, Any]:
        files = {"code/inference.py": code} if isinstance(code, str) else code
        model = tmp_path / "model.tar.gz"
        model.write_bytes(archive({name: text.encode() for name, text in files.items()}))
        [port] = free_ports(1)
        serving = {
            "container": container, "contract": contract, "workers": None, "port": port,
            "entrypoint": [sys.executable, str(server), str(port), mode],
        }  # fmt: skip
        serving |= options.pop("serving", {})
        request = {**QUICK, "environment": {**REQUEST["environment"], "OWN": "this"}}
        document = {"regions": {"NA": {"request": request}}, "serving": serving}
        (tmp_path / "registration.json").write_text(json.dumps(document))
        given: dict[str, Any] = {
            "output": tmp_path / "processing/evaluation.json",
            "load_seconds": 0.05,
            "startup_timeout": 20,
            "request_timeout": 5,
        }
        job = VerificationJob(
            model=model, payload=tmp_path / "payload.tar.gz", program=compiled_job,
            request=tmp_path / "registration.json", **{**given, **options},
        )  # fmt: skip
        evaluation = verify(job)
        evaluation["codes"] = [each["code"] for each in evaluation["findings"]]
        return evaluation

    yield run
    assert not os.path.lexists(place)
    # Empty: it was ended between the two things that writing a file is.
    pid = loose.read_text() if loose.exists() else ""
    assert not pid or not runs(int(pid))


def test_a_model_is_asked_through_the_containers_server(
    judge: Judge, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    clock, exchange = TurnedClock(), Connection.exchange

    def answered(*asked: Any) -> connection.Answer:
        answer = exchange(*asked)
        clock.sleep(0.4)
        return answer

    monkeypatch.setattr(Connection, "exchange", answered)
    monkeypatch.setattr(over_http, "time", clock)

    evaluation = judge(GOOD, "slow")

    assert (evaluation["verdict"], evaluation["findings"]) == ("passed", [])
    server = evaluation["server"]
    assert (server["container"], server["way"]) == ("ray", "http")
    assert server["first_answer_in_second"] > 0.7  # what came before the model was no answer
    assert evaluation["summary"].endswith("(over HTTP by the container's own server)")
    assert [each["ok"] for each in evaluation["payloads"]] == [True] * 4
    assert evaluation["load"]["request_count"] == 10
    assert evaluation["load"]["error_count"] == 0
    own = {name for name, whose in evaluation["handler"]["functions"].items() if whose == "own"}
    assert own == {"model_fn", "input_fn", "predict_fn", "output_fn"}
    assert "serving with this" in capfd.readouterr().err


def test_the_memory_of_what_cut_itself_loose_counts(
    judge: Judge, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    measure = Verification._measure

    def until_seen(verification: Verification, *given: Any) -> None:
        measure(verification, *given)
        wait_until((tmp_path / "loose").exists)
        before = len(verification.memory.samples)
        wait_until(lambda: len(verification.memory.samples) > before + 1)

    monkeypatch.setattr(Verification, "_measure", until_seen)

    assert judge(GOOD)["memory"]["peak_in_megabyte"] > 80


def test_a_server_that_holds_too_much_memory_is_ended_with_all_it_started(judge: Judge) -> None:
    evaluation = judge(GOOD, memory_limit=60, load_seconds=0)

    assert "memory-above-limit" in evaluation["codes"]
    assert evaluation["verdict"] == "failed"


@pytest.mark.parametrize("mode", ["fast", "closing"])
def test_a_failure_is_told_with_what_the_code_raises(judge: Judge, mode: str) -> None:
    code = with_predict("raise ValueError('no such order')")

    evaluation = judge(code, mode)

    assert evaluation["codes"] == ["handler-raised"]
    [finding] = evaluation["findings"]
    assert "raises ValueError: no such order (inference.py line 11)" in finding["message"]
    assert finding["traceback"].endswith("ValueError: no such order\n")
    assert evaluation["server"]["way"] == "http"


def test_a_failure_of_the_server_alone_is_told_as_its_own(judge: Judge) -> None:
    [finding, *_] = judge(GOOD, "wrong")["findings"]

    assert finding["code"] == "response-status"
    assert "status 500 over HTTP: out of order" in finding["message"]
    assert "Called directly, the functions answer it" in finding["message"]


@pytest.mark.parametrize("mode", ["fast", "ends"])
def test_a_model_that_does_not_load_is_told_with_what_the_code_raises(
    judge: Judge, mode: str
) -> None:
    evaluation = judge(
        GOOD.replace("    return {", "    raise OSError('no weights')\n    return {"), mode
    )

    assert evaluation["codes"] == ["model-load-failed"]
    assert "no weights (inference.py line 5)" in evaluation["findings"][0]["message"]


@pytest.mark.parametrize(
    ("line", "code", "message"),
    [
        ("import no_such_package", "package-missing", "no_such_package"),
        ("raise OSError('no licence')", "import-failed", "no licence (inference.py line 1)"),
        ("def model_fn(): pass", "handler-signature", "model_fn"),
    ],
)
def test_code_that_no_server_could_serve_is_told_before_one_is_started(
    judge: Judge, tmp_path: Path, line: str, code: str, message: str
) -> None:
    started = tmp_path / "started"
    starting = f"import pathlib, time; pathlib.Path({str(started)!r}).touch(); time.sleep(60)"
    source = f"{line}\n{GOOD}" if code != "handler-signature" else f"{GOOD}\n{line}\n"

    evaluation = judge(source, serving={"entrypoint": [sys.executable, "-c", starting]})

    assert evaluation["codes"] == [code]
    assert message in evaluation["findings"][0]["message"]
    assert not started.exists()


def test_code_that_the_server_only_finds_packages_for_is_served(
    judge: Judge, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "beside").mkdir()
    (tmp_path / "beside/of_the_server.py").touch()
    loaded = tmp_path / "loaded"
    note = f"    open({str(loaded)!r}, 'a').write('x')\n    return {{"
    code = "import of_the_server\n" + GOOD.replace("    return {", note, 1)
    in_container = starting._in_the_container

    def with_packages(*given: Any) -> starting.ServerStart:
        start = in_container(*given)
        paths = {"PYTHONPATH": str(tmp_path / "beside")}
        return start._replace(environment={**start.environment, **paths})

    monkeypatch.setattr(starting, "_in_the_container", with_packages)

    evaluation = judge(code)

    assert (evaluation["verdict"], evaluation["codes"]) == ("passed", [])
    assert loaded.read_text() == "x"  # by the server: the import that is tried loads nothing


def test_a_server_that_ends_shows_what_it_printed(judge: Judge) -> None:
    [finding] = judge(GOOD, serving={"entrypoint": [sys.executable, "-c", "exit('no port')"]})[
        "findings"
    ]

    assert finding["code"] == "server-not-started"
    assert finding["message"] == "The container's server ended with exit code 1."
    assert finding["printed"] == "no port"


def test_a_server_that_never_answers_is_ended(
    judge: Judge, monkeypatch: pytest.MonkeyPatch
) -> None:
    sleeping = [sys.executable, "-c", "import time; time.sleep(60)"]
    monkeypatch.setattr(process, "time", TurnedClock())

    evaluation = judge(GOOD, startup_timeout=0.6, serving={"entrypoint": sleeping})

    assert evaluation["codes"] == ["startup-timeout"]


@pytest.fixture
def hang(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A statement that hangs; what waits for an answer has waited far too long as soon as it does.

    The requests before it have all the time that they need, on a busy machine.
    """
    hanging = tmp_path / "hanging"
    clock = SimpleNamespace(monotonic=lambda: 1000 * hanging.exists(), sleep=time.sleep)
    for module in (connection, process):
        monkeypatch.setattr(module, "time", clock)
    ask = Worker.ask

    def not_for_long(worker: Worker, payload: Payload, seconds: float) -> dict[str, Any]:
        return ask(worker, payload, 0.01 if hanging.exists() else seconds)

    monkeypatch.setattr(Worker, "ask", not_for_long)
    return f"open({str(hanging)!r}, 'w').close(); time.sleep(60)"


def test_a_hanging_model_is_told_by_the_code_that_hangs(judge: Judge, hang: str) -> None:
    evaluation = judge(with_predict(hang))

    assert evaluation["codes"] == ["startup-timeout"]


def test_a_request_that_hangs_is_told(judge: Judge, hang: str) -> None:
    evaluation = judge(
        GOOD.replace("    return data", f"    if data == '{{}}': {hang}\n    return data"),
        request_timeout=1,
    )

    assert evaluation["codes"] == ["handler-hangs"]
    assert "is not answered within 1 s" in evaluation["findings"][0]["message"]


@pytest.mark.parametrize("how", ["dies", "dies slowly"])
def test_a_server_that_ends_while_it_is_asked_is_told(
    how: str, judge: Judge, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    may_end, ends = tmp_path / "ends", over_http._ends

    def ends_meanwhile(process: subprocess.Popen[bytes]) -> bool:
        may_end.touch()
        return ends(process)

    monkeypatch.setenv("ENDS", str(may_end))
    monkeypatch.setattr(over_http, "_ends", ends_meanwhile)

    evaluation = judge(GOOD, how)

    assert "server-ended" in evaluation["codes"]
    assert evaluation["verdict"] == "failed"


def test_a_container_without_functions_needs_no_code(judge: Judge) -> None:
    code = {"weights.bin": "1", "code/inference.py": GOOD}

    evaluation = judge(code, contract="http", container="custom")

    assert evaluation["verdict"] == "passed"
    assert (evaluation["server"]["contract"], evaluation["handler"]["functions"]) == ("http", {})


def test_a_container_without_functions_is_explained_by_its_own_answer(judge: Judge) -> None:
    code = with_predict("raise ValueError('no such order')")

    [finding, *_] = judge(code, contract="http", container="custom")["findings"]

    assert finding["code"] == "response-status"
    assert "status 500 over HTTP: no such order" in finding["message"]
    assert "directly" not in finding["message"]


def test_a_server_that_says_it_is_not_there_yet_is_asked_again(
    judge: Judge, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers: list[connection.Answer] = []
    exchange = Connection.exchange

    def kept(*asked: Any) -> connection.Answer:
        answers.append(exchange(*asked))
        return answers[-1]

    monkeypatch.setattr(Connection, "exchange", kept)
    # Time passes by the answers of the server, however long its start takes.
    clock = SimpleNamespace(monotonic=lambda: 10 * len(answers), sleep=time.sleep)
    monkeypatch.setattr(process, "time", clock)

    evaluation = judge(GOOD, "unavailable", contract="http", container="custom")

    assert len(answers) > 1
    assert evaluation["codes"] == ["startup-timeout"]
    assert "status 503 (not yet)" in evaluation["findings"][0]["message"]


def test_an_image_with_an_empty_folder_for_the_model_gets_it_there(
    judge: Judge, tmp_path: Path
) -> None:
    place = tmp_path / "opt/ml/model"
    place.mkdir()

    assert judge(GOOD)["verdict"] == "passed"
    assert list(place.iterdir()) == []
    place.rmdir()


def test_a_folder_that_has_to_stay_gets_links_to_what_the_model_has(
    judge: Judge, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = tmp_path / "opt/ml/model"
    place.mkdir()
    remove = Path.rmdir

    def busy(path: Path) -> None:
        if path == place:
            raise OSError(16, "Device or resource busy")
        remove(path)

    monkeypatch.setattr(Path, "rmdir", busy)

    assert judge(GOOD)["verdict"] == "passed"
    assert list(place.iterdir()) == []
    monkeypatch.undo()
    place.rmdir()


def test_a_model_that_cannot_be_where_the_server_looks_is_called_directly(
    judge: Judge, tmp_path: Path
) -> None:
    place = tmp_path / "opt/ml/model"
    place.mkdir()
    (place / "other").touch()

    evaluation = judge(GOOD)

    assert (evaluation["verdict"], evaluation["codes"]) == ("passed", ["server-not-started"])
    assert evaluation["server"]["way"] == "direct"
    assert "cannot be put at" in evaluation["server"]["why_direct"]
    (place / "other").unlink()
    place.rmdir()


def test_a_container_that_is_not_here_is_said_to_be_none(judge: Judge, tmp_path: Path) -> None:
    entrypoint = {"entrypoint": ["/usr/local/bin/no_such.sh", "serve"]}
    elsewhere = {"output": tmp_path / "elsewhere/evaluation.json", "serving": entrypoint}

    evaluation = judge(GOOD, contract="http", container="custom", **elsewhere)

    assert evaluation["codes"] == ["server-not-here"]
    assert "no_such.sh" in evaluation["findings"][0]["message"]


@pytest.mark.parametrize(
    ("container", "serving", "reason"),
    [
        ("ray", None, "Ray Serve is not installed here"),
        ("ray", "", "Ray Serve is left out (RELEASE_SERVING is empty)"),
        ("ray", "/no/such", "RELEASE_SERVING names /no/such, where Ray Serve is not"),
        ("huggingface", None, "in the container's image only"),
    ],
)
def test_without_a_server_the_functions_are_called_and_the_verdict_says_so(
    judge: Judge,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    container: str,
    serving: str | None,
    reason: str,
) -> None:
    monkeypatch.delenv(starting.RAY_FOLDER, raising=False)
    if serving is not None:
        monkeypatch.setenv(starting.RAY_FOLDER, serving)

    evaluation = judge(GOOD, container=container, output=tmp_path / "elsewhere/evaluation.json")

    assert (evaluation["verdict"], evaluation["codes"]) == ("passed", [])
    assert reason in evaluation["server"]["why_direct"]
    assert evaluation["summary"].endswith("(functions called directly)")


def test_where_others_could_reach_its_ports_ray_is_not_started(
    judge: Judge, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "ray").mkdir()
    monkeypatch.setenv(starting.RAY_FOLDER, str(tmp_path))
    monkeypatch.setattr(socket, "if_nameindex", lambda: [(1, "lo"), (2, "eth0")])

    evaluation = judge(GOOD, output=tmp_path / "elsewhere/evaluation.json")

    assert "ports would be open" in evaluation["server"]["why_direct"]


def test_an_own_entrypoint_runs_on_this_machine_with_the_model_where_it_lies(
    judge: Judge, tmp_path: Path
) -> None:
    server = textwrap.dedent(SERVER).replace('os.environ["WHERE"]', "sys.argv[3]")
    files = {"server.py": server, "code/inference.py": GOOD}
    place = str(tmp_path / "opt/ml/model")
    [port] = free_ports(1)
    command = [sys.executable, f"{place}/server.py", str(port), "fast", place]
    output = {"output": tmp_path / "elsewhere/evaluation.json"}

    evaluation = judge(
        files, contract="http", container="custom", serving={"entrypoint": command, "port": port},
        **output,
    )  # fmt: skip

    assert evaluation["verdict"] == "passed"
    assert evaluation["server"]["described"].startswith("over HTTP by the container's entrypoint")


def test_a_file_that_does_not_say_how_it_is_served_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "registration.json"
    path.write_text(json.dumps({"serving": {"container": "ray"}}))

    with pytest.raises(JobError, match="does not say how the model is served"):
        read_container(path)


def test_a_file_of_before_means_the_container_of_pytorch(tmp_path: Path) -> None:
    path = tmp_path / "registration.json"
    path.write_text(json.dumps({"regions": {}}))

    assert (read_container(path).container, read_container(path).has_functions) == ("pytorch", True)


def test_an_entry_point_in_a_subfolder_is_refused(tmp_path: Path) -> None:
    finding = layout.layout_finding(tmp_path, "sub/inference.py")

    assert finding is not None
    assert finding.code == "entry-point-in-subfolder"
    assert "default functions" in finding.message


@pytest.mark.parametrize("minor", PYTHONS)
def test_a_server_is_asked_in_the_python_of_every_container(tmp_path: Path, minor: int) -> None:
    python = interpreter(f"3.{minor}")
    [port] = free_ports(1)
    server = SERVER.replace('os.environ["WHERE"]', "sys.argv[3]")
    files = {"server.py": server, "code/inference.py": GOOD}
    place = "/opt/ml/model"
    serving = {
        "container": "custom", "contract": "http", "workers": 1, "port": port,
        "entrypoint": [python, f"{place}/server.py", str(port), "fast", place],
    }  # fmt: skip
    document = {"regions": {"NA": {"request": QUICK}}, "serving": serving}
    (tmp_path / "registration.json").write_text(json.dumps(document))
    content = {name: text.encode() for name, text in files.items()}
    (tmp_path / "model.tar.gz").write_bytes(archive(content))
    (tmp_path / "payload.tar.gz").write_bytes(archive(PAYLOADS))
    (tmp_path / "verify_model.zip").write_bytes(job_archive("verify_model"))
    command = [python, "-B", "verify_model.zip", "--load-seconds", "0.02", "--json"]
    command += ["--model", "model.tar.gz", "--payload", "payload.tar.gz"]

    told = subprocess.run(
        [*command, "--request", "registration.json"],
        cwd=tmp_path,
        env={**os.environ, "LOOSE": str(tmp_path / "loose")},
        stdout=subprocess.PIPE,
        check=False,
    )

    evaluation = json.loads(told.stdout)
    assert (evaluation["verdict"], evaluation["findings"]) == ("passed", [])
    assert evaluation["server"]["way"] == "http"
    assert evaluation["load"]["error_count"] == 0
    assert not runs(int((tmp_path / "loose").read_text()))


def test_nothing_is_left_below_this_process(judge: Judge) -> None:
    before = {each.pid for each in families.below(os.getpid())}

    judge(GOOD)

    left = [each for each in families.below(os.getpid()) if each.resident_bytes]
    assert {each.pid for each in left} <= before


def test_an_answer_that_stalls_is_no_end_of_the_server() -> None:
    asked = 0

    def stall() -> None:
        nonlocal asked
        while True:
            try:
                accepted, _ = listening.accept()
            except OSError:  # shut down below
                return
            asked += 1
            accepted.recv(65536)
            accepted.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n1")
            stalled.append(accepted)

    stalled = list[socket.socket]()
    with (
        socket.create_server(("127.0.0.1", 0)) as listening,
        subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as server,
    ):
        stalling = threading.Thread(target=stall)
        stalling.start()
        asking = Connection(server, listening.getsockname()[1])
        payload = Payload("payload.csv", b"1", "text/csv", "text/csv")

        with pytest.raises(WorkerSilentError):
            asking.ask(payload, 0.1)

        assert asked == 1
        server.kill()
        # Closing it may end the thread by an error, which is told of whatever test runs then.
        listening.shutdown(socket.SHUT_RDWR)
        stalling.join()
    for each in stalled:
        each.close()


def test_the_front_of_ray_takes_all_connections_of_a_load_at_once() -> None:
    assert LocalFront.request_queue_size > over_http.MOST_CONNECTIONS


def test_looks_follow_each_other_soon_at_first_and_the_later_ones_as_told() -> None:
    assert list(itertools.islice(pauses(0.03), 5)) == [0.005, 0.01, 0.02, 0.03, 0.03]
