"""What others' code sees of the machine and of its user, and how long it lives."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from constructs_lib import confinement
from constructs_lib.configs import PipelineConfigs
from constructs_lib.confinement import own_environment, walled
from constructs_lib.release.doctor import examine
from tests.example_pipeline import MODEL, copy_example
from tests.waiting import wait_until

ROOT = Path(__file__).parents[1]


def _has_walls() -> bool:
    return walled(["true"], Path("/")).has_walls


needs_walls = pytest.mark.skipif(not _has_walls(), reason="no namespaces for users here")


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The user's home, with a secret in it and another one in the environment."""
    folder = tmp_path / "home"
    (folder / ".aws").mkdir(parents=True)
    (folder / ".aws" / "credentials").write_text("secret of the home")
    monkeypatch.setenv("HOME", str(folder))
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret of the environment")
    return folder


def _run(code: str, folder: Path, *shown: Path, network: bool = False) -> str:
    """Run Python behind walls; returns what it printed."""
    command = walled([sys.executable, "-c", code], folder, shown, network=network).command
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    return result.stdout.strip()


@pytest.mark.parametrize(
    ("named", "installed", "told"),
    [(None, True, "here"), (None, False, None), ("", True, ""), ("/other", True, "/other")],
)
def test_a_job_is_told_where_ray_serve_is(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    named: str | None,
    installed: bool,
    told: str | None,
) -> None:
    folder = tmp_path / "here"
    monkeypatch.setattr(confinement, "SERVING", folder)
    monkeypatch.delenv(confinement.SERVING_VARIABLE, raising=False)
    if installed:
        folder.mkdir()
    if named is not None:
        monkeypatch.setenv(confinement.SERVING_VARIABLE, named)

    found = confinement.inherited().get(confinement.SERVING_VARIABLE)

    assert found == (str(folder) if told == "here" else told)


def test_the_environment_holds_nothing_that_is_not_named(home: Path, tmp_path: Path) -> None:
    folder = tmp_path / "own"
    folder.mkdir()

    environment = own_environment(folder)

    assert "secret of the environment" not in environment.values()
    assert environment["HOME"] == str(folder / "home")
    assert Path(environment["TMPDIR"]).is_dir()
    assert environment["PATH"] == os.environ["PATH"]


@needs_walls
def test_the_home_is_empty_but_for_what_is_shown(home: Path, tmp_path: Path) -> None:
    (home / "models").mkdir()
    (home / "models" / "model.tar.gz").write_text("weights")
    (home / "app").mkdir()
    code = f"import os; print([sorted(os.listdir({str(home)!r})), os.getcwd()])"

    told = _run(code, home / "app", home / "models" / "model.tar.gz")

    assert told == f"[['app', 'models'], '{home}/app']"
    assert _run(f"print(open('{home}/models/model.tar.gz').read())", tmp_path, home / "models") == (
        "weights"
    )


@needs_walls
def test_a_folder_of_the_home_may_have_any_name(home: Path) -> None:
    folder = home / os.fsdecode(b"two\nlines and no UTF-8 \xfe")
    folder.mkdir()

    assert walled(["true"], folder).has_walls
    assert _run(f"import os; print(len(os.listdir({str(home)!r})))", folder) == "1"


@needs_walls
@pytest.mark.parametrize(
    "way",
    [
        "open('{home}/.aws/credentials')",
        "open('/proc/{parent}/environ')",
        "open('/proc/{parent}/root{home}/.aws/credentials')",
        "__import__('os').kill({parent}, 0)",
    ],
)
def test_no_way_leads_around_the_walls(way: str, home: Path, tmp_path: Path) -> None:
    attempt = way.format(home=home, parent=os.getpid())
    code = f"try:\n {attempt}\nexcept OSError as error:\n print(type(error).__name__)"

    assert _run(code, tmp_path) in ("FileNotFoundError", "ProcessLookupError")


_TAKE_DOWN = """
import ctypes
libc = ctypes.CDLL(None, use_errno=True)
for more in (0, 0x10020000):  # in namespaces of its own, too
    libc.unshare(more)
    print(libc.umount2({home!r}.encode(), 2), end=" ")
"""


@needs_walls
def test_the_walls_cannot_be_taken_down(home: Path, tmp_path: Path) -> None:
    assert _run(_TAKE_DOWN.format(home=str(home)), tmp_path) == "-1 -1"


@pytest.fixture
def service() -> Iterator[int]:
    """A service of this machine; returns its port."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


@needs_walls
@pytest.mark.parametrize("network", [True, False])
def test_the_network_is_there_if_it_is_asked_for(
    network: bool, service: int, tmp_path: Path
) -> None:
    code = (
        f"import socket\nsocket.create_server(('127.0.0.1', 0))\n"
        f"print(socket.socket().connect_ex(('127.0.0.1', {service})))"
    )

    assert (_run(code, tmp_path, network=network) == "0") is network


@pytest.mark.parametrize("has_walls", [pytest.param(True, marks=needs_walls), False])
@pytest.mark.parametrize(
    ("ends", "code"),
    [
        ("sys.exit(7)", 7),
        ("os.kill(os.getpid(), signal.SIGKILL)", -signal.SIGKILL),
        ("os.abort()", -signal.SIGABRT),
        ("os.kill(os.getpid(), signal.SIGINT)", -signal.SIGINT),
    ],
)
def test_a_command_ends_as_it_would_without(
    ends: str, code: int, has_walls: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not has_walls:
        monkeypatch.setattr(confinement, "_holds", lambda _: False)
    command = walled([sys.executable, "-c", f"import os, signal, sys; {ends}"], tmp_path).command

    assert subprocess.run(command, capture_output=True, check=False).returncode == code


@pytest.mark.skipif(sys.platform != "linux", reason="walls are Linux's")
def test_one_try_tells_for_every_folder_that_is_as_open(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried: list[object] = []
    monkeypatch.setattr(confinement, "_holds", tried.append)
    folders = [tmp_path / name for name in ("one", "two", "closed")]
    for folder in folders:
        folder.mkdir()
        walled(["true"], folder)
    folders[-1].chmod(0)

    walled(["true"], folders[-1])

    first, second, _, closed = tried
    assert first == second != closed


@needs_walls
@pytest.mark.skipif(os.geteuid() != 0, reason="only root gets into what is another's")
def test_where_only_privileges_lead_a_command_has_no_walls(tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    os.chown(closed, 65534, 65534)

    behind = walled(["true"], closed)

    assert not behind.has_walls
    assert subprocess.run(behind.command, check=False).returncode == 0


_PARENT = """
import subprocess, sys
from pathlib import Path
from constructs_lib import confinement

if {without_walls}:
    confinement._holds = lambda _: False
code = "import pathlib, time; pathlib.Path('runs').touch(); time.sleep(600)"
command = confinement.walled([sys.executable, "-c", code, {mark!r}], Path({folder!r})).command
subprocess.run(command, cwd={folder!r})
"""


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel of Linux tells of parents' deaths")
@pytest.mark.parametrize("has_walls", [pytest.param(True, marks=needs_walls), False])
def test_a_command_ends_with_the_process_that_started_it(has_walls: bool, tmp_path: Path) -> None:
    mark = str(tmp_path)
    code = _PARENT.format(without_walls=not has_walls, mark=mark, folder=mark)
    parent = subprocess.Popen([sys.executable, "-c", code], cwd=ROOT)
    wait_until((tmp_path / "runs").exists)

    parent.kill()
    parent.wait()

    wait_until(lambda: not _processes(mark))


def _processes(mark: str) -> list[str]:
    """Return the processes that have an argument."""
    found = []
    for file in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            arguments = file.read_bytes().decode(errors="replace").split("\0")
        except OSError:  # it has ended
            continue
        if mark in arguments:
            found.append(file.parent.name)
    return found


_LOOK_AROUND = """
import os, socket, sys
sys.stderr.write("seen: " + repr([
    os.environ.get("AWS_SECRET_ACCESS_KEY"),
    os.path.exists({secret!r}),
    os.path.expanduser("~") == {home!r},
    socket.socket().connect_ex(("127.0.0.1", {port})) == 0,
]) + "\\n")
"""


@needs_walls
def test_a_models_code_sees_nothing_of_the_user_in_check_archive(
    home: Path, tmp_path: Path, service: int, capfd: pytest.CaptureFixture[str]
) -> None:
    configs = PipelineConfigs.load(copy_example(tmp_path / "own"))
    handler = tmp_path / "own" / "inference" / "inference.py"
    secret = str(home / ".aws" / "credentials")
    look = _LOOK_AROUND.format(secret=secret, home=str(home), port=service)
    handler.write_text(handler.read_text() + look)

    examine(configs, MODEL, put_code_in=True, load_seconds=0)

    assert "seen: [None, False, False, False]\n" in capfd.readouterr().err


def test_check_archive_says_so_where_the_machine_has_no_walls(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(confinement, "_holds", lambda _: False)
    configs = PipelineConfigs.load(copy_example(tmp_path / "own"))

    examine(configs, MODEL, put_code_in=True, load_seconds=0)

    assert "note: this machine gives no namespaces to users" in capfd.readouterr().err


def test_what_counts_lines_finds_its_configuration(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(ROOT.parent))
    monkeypatch.delenv("COVERAGE_PROCESS_CONFIG", raising=False)
    assert str(ROOT) not in confinement._in_sight([], confinement._hidden())

    monkeypatch.setenv("COVERAGE_PROCESS_CONFIG", "pyproject.toml")
    assert str(ROOT) in confinement._in_sight([], confinement._hidden())
