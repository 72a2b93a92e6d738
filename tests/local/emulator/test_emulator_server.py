"""Requests and answers on connections that stay open."""

from __future__ import annotations

import logging
import socket
from collections.abc import Iterable, Iterator
from http.client import HTTPConnection, IncompleteRead
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from werkzeug.serving import BaseWSGIServer, make_server

from local.emulator import server as emulator_server
from local.emulator.server import RequestHandler, RequestLog
from tests.waiting import wait_until

_END_SECONDS = 0.01
"""How often the server of a test looks whether it is to end."""


def answer(environ: dict[str, Any], start: Any) -> Iterable[bytes]:
    """Answer with what was asked, in the way that the path says."""
    path = environ["PATH_INFO"]
    body = b"" if path == "/unread" else environ["wsgi.input"].read(_length(environ))
    text = f"{environ['REQUEST_METHOD']} {path} {len(body)}".encode()
    if path == "/defect":
        raise RuntimeError(path)
    if path == "/nothing":
        start("204 No Content", [])
        return [text]
    if path == "/stream":
        start("200 OK", [])
        return [text[:3], b"", text[3:]]
    announced = len(text) + (5 if path == "/broken" else 0)
    start("200 OK", [("Content-Length", str(announced)), ("Content-Type", "text/plain")])
    return [text]


def _length(environ: dict[str, Any]) -> int:
    return int(environ.get("CONTENT_LENGTH") or 0)


@pytest.fixture
def server() -> Iterator[BaseWSGIServer]:
    """A server of the embedded AWS with another application."""
    made = make_server("127.0.0.1", 0, answer, threaded=True, request_handler=RequestHandler)
    Thread(target=made.serve_forever, args=(_END_SECONDS,), daemon=True).start()
    yield made
    made.shutdown()
    made.server_close()


@pytest.fixture
def connection(server: BaseWSGIServer) -> Iterator[HTTPConnection]:
    """A connection to it, which is not made anew by itself."""
    made = HTTPConnection("127.0.0.1", server.port, timeout=10)
    made.auto_open = 0
    made.connect()
    yield made
    made.close()


def asked(connection: HTTPConnection, path: str, method: str = "GET", body: Any = None) -> str:
    connection.request(method, path, body)
    return connection.getresponse().read().decode()


def test_one_connection_takes_one_request_after_the_other(connection: HTTPConnection) -> None:
    assert asked(connection, "/one") == "GET /one 0"
    assert asked(connection, "/two", "POST", b"12345") == "POST /two 5"
    assert asked(connection, "/stream", "PUT", b"1") == "PUT /stream 1"
    assert asked(connection, "/three") == "GET /three 0"


def test_what_has_no_content_leaves_nothing_for_the_next_answer(
    connection: HTTPConnection,
) -> None:
    assert asked(connection, "/nothing") == ""
    assert asked(connection, "/one", "HEAD") == ""
    assert asked(connection, "/unread", "POST", b"unread") == "POST /unread 0"
    assert asked(connection, "/two") == "GET /two 0"


@pytest.mark.parametrize(
    "body", [b"1" * (emulator_server._LARGE_BYTES + 1), iter([b"1" * 70_000, b"2"])]
)
def test_large_bodies_and_those_of_unknown_length_arrive_whole(
    connection: HTTPConnection, body: Any
) -> None:
    connection.request("PUT", "/stream", body)
    response = connection.getresponse()

    assert response.read().startswith(b"PUT /stream ")
    assert response.will_close


def test_an_answer_that_is_not_as_announced_ends_the_connection(
    connection: HTTPConnection,
) -> None:
    with pytest.raises(IncompleteRead):
        asked(connection, "/broken")


def test_a_defect_ends_the_connection(connection: HTTPConnection) -> None:
    with pytest.raises(ConnectionError):
        asked(connection, "/defect")


def test_an_old_client_gets_content_until_the_end(server: BaseWSGIServer) -> None:
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as old:
        old.sendall(b"GET /stream HTTP/1.0\r\n\r\n")
        told = b"".join(iter(lambda: old.recv(4096), b""))

    head, _, content = told.partition(b"\r\n\r\n")
    assert b"Connection: close" in head
    assert b"chunked" not in head
    assert content == b"GET /stream 0"


def told_raw(server: BaseWSGIServer, request: bytes) -> bytes:
    """What is answered until the server ends the connection; the client sends nothing more."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as client:
        client.sendall(request)
        client.shutdown(socket.SHUT_WR)
        return b"".join(iter(lambda: client.recv(4096), b""))


def test_an_old_client_that_would_keep_the_connection_gets_no_chunks(
    server: BaseWSGIServer,
) -> None:
    told = told_raw(server, b"GET /stream HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")

    head, _, content = told.partition(b"\r\n\r\n")
    assert b"Connection: close" in head
    assert content == b"GET /stream 0"


def test_half_a_body_is_no_request(
    server: BaseWSGIServer, caplog: pytest.LogCaptureFixture
) -> None:
    told = told_raw(server, b"PUT /object HTTP/1.1\r\nContent-Length: 10\r\n\r\nhalf")

    assert told == b""
    assert "PUT /object" not in caplog.text


@pytest.mark.parametrize("length", ["\xb2", "9" * 5000, "-1", "1e3", "+5", ""])
def test_a_length_that_is_no_number_ends_the_connection_with_an_answer(
    server: BaseWSGIServer, length: str
) -> None:
    head = f"GET /unread HTTP/1.1\r\nContent-Length: {length}\r\n\r\n"

    told = told_raw(server, head.encode("latin-1"))

    assert told.startswith(b"HTTP/1.1 ")
    assert b"Connection: close" in told


def test_requests_that_come_at_once_are_answered_in_turn(server: BaseWSGIServer) -> None:
    requests = [
        b"PUT /one HTTP/1.1\r\nContent-Length: 3\r\n\r\n123",
        b"HEAD /two HTTP/1.1\r\n\r\n",
        b"GET /three HTTP/1.1\r\nConnection: close\r\n\r\n",
    ]

    told = told_raw(server, b"".join(requests))

    assert told.count(b"HTTP/1.1 200 OK") == 3
    assert told.index(b"PUT /one 3") < told.index(b"GET /three 0")
    assert b"HEAD /two" not in told


def test_a_connection_that_nobody_uses_is_ended(
    connection: HTTPConnection, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(emulator_server, "_IDLE_SECONDS", 0.05)

    assert asked(connection, "/one") == "GET /one 0"

    assert connection.sock.recv(1) == b""
    assert "timed out" not in caplog.text


def test_the_log_is_written_a_moment_later_and_warnings_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(emulator_server, "_LOG_SECONDS", 3600)
    path = tmp_path / "log"
    log = RequestLog(path)

    def tell(level: int, text: str) -> str:
        log.handle(logging.LogRecord("tests", level, "", 0, text, (), None))
        return path.read_text()

    assert tell(logging.INFO, "a request") == ""
    assert tell(logging.WARNING, "denied") == "a request\ndenied\n"
    assert tell(logging.INFO, "another one") == "a request\ndenied\n"
    log.close()
    assert path.read_text() == "a request\ndenied\nanother one\n"


def test_the_log_is_written_without_an_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(emulator_server, "_LOG_SECONDS", 0.01)
    path = tmp_path / "log"
    RequestLog(path).handle(logging.LogRecord("tests", logging.INFO, "", 0, "it", (), None))

    wait_until(lambda: path.read_text() == "it\n")
