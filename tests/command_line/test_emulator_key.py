"""The file through which commands find the key of a running embedded AWS."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest

from commands.terminal import places
from commands.terminal.emulator_key import EmulatorKeyError, key_file, read_key, write_key
from constructs_lib.aws.handle import AccessKey

ENDPOINT = "http://localhost:4566"
KEY = AccessKey("id", "secret")


@pytest.fixture(autouse=True)
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(places, "STATE", tmp_path / "state")
    for name in ("AWS_ENDPOINT_URL", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


def test_only_the_owner_reads_the_key(state: Path) -> None:
    key_file().parent.mkdir()
    key_file().write_text("{}")
    key_file().chmod(0o644)

    write_key(ENDPOINT, KEY)

    assert key_file() == state / "state" / "emulator.json"
    assert stat.S_IMODE(key_file().stat().st_mode) == 0o600
    assert json.loads(key_file().read_text())["endpoint"] == ENDPOINT
    assert read_key(ENDPOINT) == KEY


def test_the_environment_goes_before_the_file(monkeypatch: pytest.MonkeyPatch) -> None:
    write_key(ENDPOINT, KEY)
    monkeypatch.setenv("AWS_ENDPOINT_URL", ENDPOINT)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "other")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "hidden")

    assert read_key(ENDPOINT) == AccessKey("other", "hidden")


@pytest.mark.parametrize(
    "content",
    [
        None,
        "no json",
        "[]",
        '{"endpoint": "http://localhost:1"}',
        '{"endpoint": "http://localhost:4566"}',
        '{"endpoint": "http://localhost:4566", "access_key_id": 5, "secret_access_key": null}',
    ],
)
def test_a_key_that_nothing_tells_is_an_error_that_says_what_to_do(content: str | None) -> None:
    if content is not None:
        key_file().parent.mkdir()
        key_file().write_text(content)

    with pytest.raises(EmulatorKeyError, match="Start one in another shell: release emulator"):
        read_key(ENDPOINT)


def test_where_another_runs_the_error_names_it() -> None:
    with pytest.raises(EmulatorKeyError, match=": none was started in this folder"):
        read_key(ENDPOINT)
    write_key("http://localhost:1", KEY)

    with pytest.raises(EmulatorKeyError, match="started in this folder is at http://localhost:1"):
        read_key(ENDPOINT)
