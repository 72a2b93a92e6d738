"""Synthesis for the embedded AWS."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from local import deployment


def test_an_error_is_told_without_the_warnings_before_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    stderr = "warning: containers\nwarning: code\nerror: no such folder\n  a second line\n"
    ended = subprocess.CompletedProcess([], 1, "", stderr)
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: ended)

    with pytest.raises(deployment.SynthesisError) as refused:
        deployment.synthesize(tmp_path)

    assert str(refused.value) == "no such folder\n  a second line"
