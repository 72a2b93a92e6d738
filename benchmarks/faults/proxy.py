"""The fault proxy between a function or a runner and the embedded AWS."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import closing
from http.client import HTTPConnection
from typing import Any, Self

_START_SECONDS = 60.0
_CONTROL_SECONDS = 30.0


class FaultProxy:
    """microburst in front of an endpoint; lets everything through until it is given rules."""

    def __init__(self, upstream: str) -> None:
        """Prepare to forward to ``upstream``."""
        self._upstream = upstream
        with closing(socket.socket()) as free:
            free.bind(("127.0.0.1", 0))
            self._port = free.getsockname()[1]
        # moto reads buckets from the path only when the host is localhost.
        self.url = f"http://localhost:{self._port}"
        self._process: subprocess.Popen[bytes] | None = None
        self.rules: Sequence[dict[str, Any]] = ()

    def __enter__(self) -> Self:
        """Start, and wait until it answers."""
        self._process = subprocess.Popen(
            [
                sys.executable,
                "-m",
                "benchmarks.faults.proxy_process",
                "-u",
                self._upstream,
                "-p",
                str(self._port),
            ],
            stdin=subprocess.PIPE,  # it ends with this process
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        deadline = time.monotonic() + _START_SECONDS
        while True:
            try:
                self._control("GET", "health")
            except ConnectionError:
                if time.monotonic() > deadline or self._process.poll() is not None:
                    self.__exit__()
                    raise
                time.sleep(0.05)
            else:
                return self

    def __exit__(self, *_error: object) -> None:
        """Stop."""
        if self._process is not None:
            self._process.kill()
            self._process.communicate()

    def inject(self, rules: Sequence[dict[str, Any]]) -> None:
        """Replace the rules."""
        if rules or self.rules:
            self._control("POST", "rules", list(rules))
        self.rules = rules

    def fired(self) -> int:
        """Count the faults since the rules were given."""
        rules = self._control("GET", "rules")
        return sum(rule["fired_count"] for rule in rules if _injects(rule))

    def _control(self, method: str, path: str, body: Any = None) -> Any:
        content = None if body is None else json.dumps(body)
        with closing(HTTPConnection("localhost", self._port, timeout=_CONTROL_SECONDS)) as proxy:
            proxy.request(method, f"/_microburst/{path}", content)
            return json.loads(proxy.getresponse().read())


def _injects(rule: dict[str, Any]) -> bool:
    return bool(rule.keys() & {"error", "latency", "timeout_ms", "reset", "response", "request"})
