"""What every test shares: nobody reaches a network or a real AWS account.

Nor does the terminal, or a git hook, around a test change what it sees.
"""

from __future__ import annotations

import gc
import os
import socket
from collections.abc import Generator, Iterator
from functools import cache, partial
from pathlib import Path
from typing import Any

import pytest
from botocore.loaders import JSONFileLoader

from commands.terminal import places
from constructs_lib.compilation import parent as compilation
from local.emulator import embedded
from tests.example_pipeline import CONFIG
from tests.scheduling import RoomScheduling
from tests.synth.app_copy import BEFORE_ANY_END, copy_app
from tests.warm import compiler, emulator

_OBJECTS_BETWEEN_COLLECTIONS = 50_000
_LOCAL_HOSTS = {"127.0.0.1", "localhost", "::1", "0.0.0.0"}

_OF_WHOEVER_RUNS_THE_TESTS = {
    *("COLUMNS", "LINES", "FORCE_COLOR", "NO_COLOR", "PY_COLORS", "TERMINAL_WIDTH"),
    "GITHUB_ACTIONS",  # with it, Typer writes colours into what is no terminal
    *("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_OBJECT_DIRECTORY", "GIT_PREFIX"),
}
"""A git hook sets those of git: the tests' own repositories would be the one that it runs for."""

for _name in list(os.environ):
    if _name.startswith(("AWS_", "CDK_")) or _name in _OF_WHOEVER_RUNS_THE_TESTS:
        del os.environ[_name]
# Session-wide, because worker processes and fixtures of any scope may start Node.
os.environ["CDK_DISABLE_CLI_TELEMETRY"] = "true"
# Whether or not Ray Serve is installed, models are called directly: its start takes half a minute.
os.environ["RELEASE_SERVING"] = ""
# Commands judge by this day until when AWS patches containers: the same whenever tests run.
os.environ["SOURCE_DATE_EPOCH"] = str(BEFORE_ANY_END)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the option with which ``make docs`` writes the table of rooms anew."""
    parser.addoption(
        "--update-architecture", action="store_true", help="rewrite the table of rooms"
    )


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> RoomScheduling | None:
    """Keep a room together where files would be kept together."""
    return RoomScheduling(config, log) if config.getoption("dist") == "loadfile" else None


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_collection() -> Generator[None, object, object]:
    """Look for no garbage while modules are imported, and later in nothing that these brought.

    There is none to speak of, and looking for it took a fifth of the time; and as often as Python
    does, a twentieth of the tests that emulate AWS.
    """
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.set_threshold(_OBJECTS_BETWEEN_COLLECTIONS)
        gc.enable()


class NetworkUsedError(AssertionError):
    """A test reached for a host other than this machine."""


@pytest.fixture(scope="session", autouse=True)
def no_network() -> Iterator[None]:
    """Let nothing but this machine be reached, nor any name be looked up."""
    connect, look_up = socket.socket.connect, socket.getaddrinfo

    def connect_locally(self: socket.socket, address: Any) -> None:
        if isinstance(address, tuple) and address[0] not in _LOCAL_HOSTS:
            raise NetworkUsedError(f"connect to {address}")
        connect(self, address)

    def look_up_locally(host: Any, *args: Any, **options: Any) -> Any:
        name = host.decode() if isinstance(host, bytes) else host
        if name is not None and name not in _LOCAL_HOSTS:
            raise NetworkUsedError(f"look-up of {name}")
        return look_up(host, *args, **options)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket.socket, "connect", connect_locally)
        patch.setattr(socket, "getaddrinfo", look_up_locally)
        yield


@pytest.fixture(scope="session", autouse=True)
def service_models_are_read_once() -> Iterator[None]:
    """Keep what botocore reads: each session parses megabytes of JSON.

    Not of S3: clients take the buckets out of its paths, which moto has to find there.
    """
    load = JSONFileLoader.load_file
    kept = cache(partial(load, JSONFileLoader()))

    def load_or_keep(loader: JSONFileLoader, path: str) -> Any:
        return load(loader, path) if "/s3" in path else kept(path)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(JSONFileLoader, "load_file", load_or_keep)
        yield


@pytest.fixture(scope="session", autouse=True)
def copies_of_warm_processes() -> Iterator[None]:
    """Compile in copies of one process, and let those of another be embedded AWSs."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(compilation, "_start_compiler", compiler.start)
        patch.setattr(embedded, "_start_server", emulator.start)
        yield


@pytest.fixture(autouse=True)
def no_environment_is_chosen(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let what a command was told hold for its test: it leaves it to the rest of its process."""
    monkeypatch.setattr(places, "_CHOSEN", [])


@pytest.fixture(scope="session")
def example_config() -> Path:
    """The config file of the tests' own pipeline."""
    return CONFIG


@pytest.fixture(scope="session")
def own_app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A copy of the app whose only pipeline is the tests' own, for tests that leave it as it is."""
    folder = copy_app(tmp_path_factory.mktemp("app"))
    copied = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    yield folder
    changed = [path for path, content in copied.items() if path.read_bytes() != content]
    assert not changed, f"A test has changed what others share: {changed}"
