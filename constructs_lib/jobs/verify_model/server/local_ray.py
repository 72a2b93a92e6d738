"""Stands in for the entrypoint of Ray Serve's container, on a Linux machine without it.

Runs the commands of the container's ``sagemaker_entrypoint.sh``, and answers as its
``sagemaker_serve.py``, which is before Ray there (github.com/aws/deep-learning-containers,
scripts/docker/ray). Other than there, everything listens on the loopback interface, at free ports;
nothing is installed, and nothing told to Ray's authors; files are in a folder that goes away.
"""

from __future__ import annotations

import contextlib
import http.client
import http.server
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from ...common import redirected
from ...common.serving.context import gpu_numbers
from ..toolkit import MODEL_FOLDER
from .families import Family, adopt_orphans

if TYPE_CHECKING:
    from collections.abc import Sequence

HOST = "127.0.0.1"
_HEALTH_SECONDS = 60
"""How long the container waits for Ray Serve before it answers anyway."""
_POLL_SECONDS = 0.1
_BACKEND_SECONDS = 300
"""RAYSERVE_BACKEND_TIMEOUT, unless it is set."""
_LONGEST_FOLDER = 30
"""Sockets have paths of 107 bytes at most, and Ray's are long."""


def run_local_ray(arguments: Sequence[str]) -> NoReturn:
    """Serve a model's folder at a port until standard input ends; what was started ends then.

    Args:
        arguments: The folder and the port.
    """
    folder, port = Path(arguments[0]), int(arguments[1])
    adopt_orphans()
    family = Family(os.getpid())
    base = tempfile.gettempdir()
    temporary = tempfile.mkdtemp("", "ray-", base if len(base) <= _LONGEST_FOLDER else "/tmp")  # noqa: S108

    def end(code: int) -> NoReturn:
        family.kill()
        shutil.rmtree(temporary, ignore_errors=True)
        os._exit(code)

    def wait_for_the_job() -> None:
        while sys.stdin.buffer.read(1):
            pass
        end(0)

    signal.signal(signal.SIGTERM, lambda *_: end(1))
    threading.Thread(target=wait_for_the_job, daemon=True).start()
    try:
        _start_ray(folder, Path(temporary), port)
    except (OSError, subprocess.SubprocessError) as error:
        sys.stderr.write(f"Ray Serve cannot be started: {error}\n")
        end(1)
    end(0)


def free_ports(count: int) -> list[int]:
    """Return ports that nobody listens at."""
    with contextlib.ExitStack() as opened:
        sockets = [opened.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind((HOST, 0))
        return [each.getsockname()[1] for each in sockets]


def _start_ray(folder: Path, temporary: Path, port: int) -> None:
    """Start everything in the entrypoint's order, and answer."""
    gcs, client, agent, backend = free_ports(4)
    environment = _environment(folder, temporary, gcs)

    def command(module: str, *arguments: str) -> list[str]:
        return [sys.executable, "-m", f"ray.{module}", *arguments]

    gpus = len(gpu_numbers())
    start = ["--head", f"--port={gcs}", "--include-dashboard=False", f"--num-gpus={gpus}"]
    start += [f"--node-ip-address={HOST}", f"--ray-client-server-port={client}"]
    start += [f"--dashboard-agent-listen-port={agent}", f"--temp-dir={temporary / 'ray'}"]
    start += ["--min-worker-port=0", "--max-worker-port=0", "--disable-usage-stats"]
    serve = [f"--http-host={HOST}", f"--http-port={backend}"]
    told: dict[str, Any] = {"env": environment, "stdin": subprocess.DEVNULL}
    subprocess.run(command("scripts.scripts", "start", *start), check=True, **told)
    subprocess.run(command("serve.scripts", "start", *serve), check=True, **told)
    run = command("serve.scripts", "run", str(folder / "config.yaml"))
    with subprocess.Popen(run, **told) as application:
        end = time.monotonic() + _HEALTH_SECONDS
        while not _is_healthy(backend) and time.monotonic() < end:
            if application.poll() is not None:
                raise OSError("serve run exited")
            time.sleep(_POLL_SECONDS)
        LocalFront(port, backend).serve_forever()


def _environment(folder: Path, temporary: Path, gcs_port: int) -> dict[str, str]:
    """Return what the container's processes have, and what keeps Ray to this machine."""
    # In the container the model is at its path; here Python finds it there.
    on_path = temporary / "on_path"
    on_path.mkdir()
    source = redirected.__loader__.get_source(redirected.__name__)  # type: ignore[union-attr]
    call = f"\n\nredirect({MODEL_FOLDER!r}, {str(folder)!r})\n"
    (on_path / "sitecustomize.py").write_text(source + call)
    paths = [str(on_path), str(folder), str(folder / "code"), os.environ.get("PYTHONPATH", "")]
    return {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(path for path in paths if path),
        "RAY_ADDRESS": f"{HOST}:{gcs_port}",
        "RAY_TMPDIR": str(temporary),
        "RAY_USAGE_STATS_ENABLED": "0",
        "RAY_COLOR_PREFIX": "0",
        # As on systems with a firewall that asks: nothing but loopback.
        "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",
    }


def _is_healthy(backend: int) -> bool:
    connection = http.client.HTTPConnection(HOST, backend, timeout=5)
    try:
        connection.request("GET", "/-/healthz")
        return connection.getresponse().status == http.HTTPStatus.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


class LocalFront(http.server.ThreadingHTTPServer):
    """What SageMaker asks, before Ray Serve."""

    daemon_threads = True
    request_queue_size = 128
    """Above the connections of a load: one that does not fit is tried again a second later."""

    def __init__(self, port: int, backend: int) -> None:
        """Listen.

        Args:
            port: Here.
            backend: Ray Serve's port.
        """
        super().__init__((HOST, port), ForwardedRequest)
        self.backend = backend
        self.backend_seconds = int(os.environ.get("RAYSERVE_BACKEND_TIMEOUT", _BACKEND_SECONDS))


class ForwardedRequest(http.server.BaseHTTPRequestHandler):
    """A request, answered by what Ray Serve answers."""

    server: LocalFront
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        """Tell whether Ray is healthy."""
        self._answer(
            200 if _is_healthy(self.server.backend) else 503, b"", "text/plain; charset=utf-8", {}
        )

    def do_POST(self) -> None:
        """Send it on, and its answer back."""
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        accept = self.headers.get("Accept", "application/json")
        kind = self.headers.get("Content-Type", "application/json")
        headers = {**_of_sagemaker(self.headers), "Content-Type": kind, "Accept": accept}
        connection = http.client.HTTPConnection(
            HOST, self.server.backend, timeout=self.server.backend_seconds
        )
        try:
            connection.request("POST", "/", body, headers)
            response = connection.getresponse()
            content = response.read()
            kind = response.headers.get("Content-Type", accept)
            if kind.startswith("text/") and "charset=" not in kind.lower():
                kind += "; charset=utf-8"
            self._answer(response.status, content, kind, _of_sagemaker(response.headers))
        except TimeoutError:
            self._fail(504, "Request timeout")
        except ConnectionRefusedError:
            self._fail(503, "Service unavailable")
        except (OSError, http.client.HTTPException) as error:
            self._fail(500, str(error))
        finally:
            connection.close()

    def _fail(self, status: int, message: str) -> None:
        self._answer(status, json.dumps({"error": message}).encode(), "application/json", {})

    def _answer(self, status: int, body: bytes, kind: str, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in {**headers, "Content-Type": kind}.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002
        """Say nothing of single requests."""


def _of_sagemaker(headers: Any) -> dict[str, str]:
    return {
        name: value
        for name, value in headers.items()
        if name.lower().startswith("x-amzn-sagemaker-")
    }
