"""The page about a replay: what it tells, and that it is made of its record."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from commands.program import app
from local.report import REPLAY_RECORD, write_replay
from tests.replay.document import DIFFERING, replay_document


def test_the_page_tells_where_versions_differ_and_by_how_much(tmp_path: Path) -> None:
    page = write_replay(tmp_path / "r", replay_document(DIFFERING, not_sent=3)).read_text()

    for told in ("Fields", "Sizes", "Differences", "Latency", "Versions", "Tolerances"):
        assert f">{told}</h2>" in page
    assert "They differ" in page
    assert "Version 2 answers 3 of 5 requests otherwise than version 1." in page
    assert "3 requests were not sent" in page
    assert "captured/10.jsonl, line 2, record 1" in page
    assert "50.00%" in page  # 0.5 to 0.75
    assert "1, Approved, serves in NA, EU" in page
    assert "Neither version answered 1 of the requests" in page
    assert "&lt;script&gt;high" in page
    assert "<script>high" not in page


def test_versions_that_agree_have_no_differences_to_show(tmp_path: Path) -> None:
    page = write_replay(tmp_path / "r", replay_document(DIFFERING[:1])).read_text()

    assert "They agree" in page
    assert ">Differences</h2>" not in page
    assert ">Sizes</h2>" not in page


def test_report_writes_it_again_from_the_record(tmp_path: Path) -> None:
    page = write_replay(tmp_path, replay_document(DIFFERING))
    first = page.read_text()
    page.unlink()

    result = CliRunner().invoke(app, ["report", str(tmp_path)])

    assert result.exit_code == 0, result.output
    assert page.read_text() == first


@pytest.mark.parametrize("content", ["{", "[]", '{"pipeline": "x"}', json.dumps({"fields": 1})])
def test_a_damaged_record_is_told(tmp_path: Path, content: str) -> None:
    (tmp_path / REPLAY_RECORD).write_text(content)

    error = CliRunner().invoke(app, ["report", str(tmp_path)]).exception

    assert "no record of a replay" in str(error)
    assert not (tmp_path / "report.html").exists()
