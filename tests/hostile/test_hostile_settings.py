"""Settings of any shape, and names on the command line that are meant to break out."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import app
from commands.program import main
from commands.terminal import places
from constructs_lib.errors import ReleaseError
from constructs_lib.settings import CONTEXT_KEY, ENVIRONMENT_KEY, Settings, SettingsError
from tests.hostile.inputs import NAMES

SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=12)
JSON = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=8,
)
KNOWN = st.dictionaries(
    st.sampled_from([*Settings.model_fields, "environments"]), JSON, min_size=1, max_size=3
)


@settings(deadline=None, max_examples=200)
@given(given_settings=KNOWN | JSON | JSON.map(json.dumps), environment=st.none() | JSON)
def test_settings_of_any_shape_are_read_or_refused(given_settings: Any, environment: Any) -> None:
    context = {CONTEXT_KEY: given_settings, ENVIRONMENT_KEY: environment}

    refused = None
    try:
        read = Settings.from_context(context.get)
    except ReleaseError as error:
        refused = str(error)

    if refused is None:
        assert Settings.model_validate(read.model_dump()) == read
    else:
        assert CONTEXT_KEY in refused


CONTEXTS = ["", "[]", "5", "{}", '{"context": []}', '{"context": null}', "[" * 100_000, b"\xff\xfe"]


@pytest.mark.parametrize("content", [*CONTEXTS, None], ids=lambda each: repr(each)[:20])
def test_a_cdk_json_of_any_content_is_an_error_in_words(
    content: str | bytes | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "cdk.json"
    if content is not None:
        file.write_bytes(content.encode() if isinstance(content, str) else content)
    monkeypatch.setattr(app, "ROOT", tmp_path)
    monkeypatch.setattr(places, "ROOT", tmp_path)

    with pytest.raises(SettingsError, match=r"cdk\.json"):
        places.read_settings()
    assert app.main() == 1


@pytest.mark.parametrize("command", ["validate", "definition", "graph", "payloads"])
@pytest.mark.parametrize("name", NAMES)
def test_a_name_that_is_no_folders_is_an_error_in_words(
    command: str,
    name: str,
    own_app: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr("commands.terminal.places.ROOT", own_app)

    with pytest.raises(SystemExit) as ended:
        main(args=[command, "--", name])

    output = capsys.readouterr()
    assert ended.value.code == 1
    assert output.out == ""
    assert output.err.startswith("error: There is no pipeline ")
    assert "\x1b" not in output.err


@pytest.mark.parametrize("name", NAMES)
def test_no_name_makes_a_folder_elsewhere(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "app" / "pipelines"
    folder.mkdir(parents=True)
    monkeypatch.setattr("commands.terminal.places.pipelines_folder", lambda _: folder)

    with pytest.raises(SystemExit) as ended:
        main(args=["new", "--owner", "team", "--", name])

    assert ended.value.code == 1
    assert capsys.readouterr().err.startswith("error: ")
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []
