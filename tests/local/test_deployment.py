"""Synthesis for the embedded AWS: one process, which runs the app as often as it is asked to."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from local import deployment
from local.deployment import AppProcess, SynthesisError

ENDS_WELL = """
import os
from pathlib import Path

pid = os.getpid()

def main():
    variables = {name: os.environ.get(name) for name in os.environ if name[:4] in ("AWS_", "CDK_")}
    folder = Path(variables["CDK_OUTDIR"])
    folder.mkdir(parents=True)
    (folder / "manifest.json").write_text(__import__("json").dumps({"artifacts": {}}))
    (folder / "seen").write_text(__import__("json").dumps([pid, __name__, variables]))
    return 0
"""
REFUSES = """
import sys

def main():
    sys.stderr.write("warning: containers\\nwarning: code\\n")
    sys.stderr.write("error: no such folder\\n  a second line\\n")
    return 1
"""


@pytest.fixture
def app(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Path]:
    """Put an app in place of this one; returns a folder for what it makes."""

    def put(text: str) -> Path:
        (tmp_path / "app.py").write_text(text)
        monkeypatch.setattr(deployment, "_ROOT", tmp_path)
        return tmp_path / "made"

    return put


def test_one_process_synthesizes_one_app_after_the_other(
    app: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_PROFILE", "somebody")
    folder = app(ENDS_WELL)

    with AppProcess(folder / "log") as process:
        coming = [
            process.synthesize(folder / "first", {"model-release": {"app_name": "first"}}),
            process.synthesize(folder / "second"),
        ]
        made = [each.result().folder for each in coming]

    first, second = (json.loads((each / "seen").read_text()) for each in made)
    assert made == [folder / "first", folder / "second"]
    assert first[:2] == second[:2] == [first[0], "app"]
    contexts = [json.loads(each[2].pop("CDK_CONTEXT_JSON")) for each in (first, second)]
    assert contexts == [{"model-release": {"app_name": "first"}}, {}]
    assert second[2] == {
        "CDK_OUTDIR": str(folder / "second"),
        "CDK_DEFAULT_ACCOUNT": "123456789012",
    }


def test_an_error_is_told_without_the_warnings_before_it(app: Callable[[str], Path]) -> None:
    folder = app(REFUSES)

    with AppProcess(folder / "log") as process:
        first, second = (process.synthesize(folder / name) for name in ("first", "second"))
        told = [each.exception() for each in (first, second)]

    assert [type(each) for each in told] == [SynthesisError] * 2
    assert [str(each) for each in told] == ["no such folder\n  a second line"] * 2


def test_a_process_that_has_ended_tells_what_it_has_printed(app: Callable[[str], Path]) -> None:
    folder = app("raise SystemExit('cannot be imported')\n")

    with AppProcess(folder / "log") as process:
        coming = process.synthesize(folder / "first")
        with pytest.raises(SynthesisError, match="cannot be imported"):
            coming.result()


def test_what_an_app_prints_is_no_answer(app: Callable[[str], Path]) -> None:
    talks = "    print('to whoever reads')\n    os.system('echo from a child')\n"
    folder = app(ENDS_WELL.replace("def main():\n", f"print('early')\n\ndef main():\n{talks}"))

    with AppProcess(folder / "log") as process:
        made = [process.synthesize(folder / name).result().folder for name in ("first", "second")]

    assert made == [folder / "first", folder / "second"]
    printed = (folder / "log").read_text().splitlines()
    assert sorted(printed) == sorted(["early", *["to whoever reads", "from a child"] * 2])


def test_an_app_and_what_it_starts_find_no_input(app: Callable[[str], Path]) -> None:
    asks = "    import subprocess, sys\n    assert sys.stdin.read() == ''\n"
    asks += "    assert subprocess.run(['cat'], capture_output=True).stdout == b''\n"
    folder = app(ENDS_WELL.replace("def main():\n", f"def main():\n{asks}"))

    with AppProcess(folder / "log") as process:
        coming = [process.synthesize(folder / name) for name in ("first", "second")]
        made = [each.result(timeout=60).folder for each in coming]

    assert made == [folder / "first", folder / "second"]


def test_a_process_that_ends_without_a_word_is_told_of_each_time(
    app: Callable[[str], Path],
) -> None:
    folder = app("import os\n\ndef main():\n    os._exit(137)\n")

    with AppProcess(folder / "log") as process:
        told = [str(process.synthesize(folder / name).exception()) for name in ("one", "two")]

    assert told == [f"The app has ended without a word; see {folder / 'log'}."] * 2


def test_what_is_not_waited_for_ends_with_the_process(app: Callable[[str], Path]) -> None:
    folder = app("def main():\n    import time\n    time.sleep(600)\n")

    with AppProcess(folder / "log") as process:
        running, waiting = (process.synthesize(folder / name) for name in ("first", "second"))

    assert isinstance(running.exception(timeout=5), SynthesisError)
    assert waiting.cancelled()
