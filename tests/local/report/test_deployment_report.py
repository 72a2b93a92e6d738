"""The page about a deployment: what it tells, and that it is made of its record."""

from __future__ import annotations

import json
from pathlib import Path

from typer.testing import CliRunner

from commands.program import app
from constructs_lib.endpoints.deployment import deployment_of
from local.report import DEPLOYMENT_RECORD, write_deployment
from local.report.deployments.over_time import spans_of
from tests.endpoints.histories import History, deployed, plan, taken_back, target


def _spans(history: History, code: str, former: int | None = 1) -> list[tuple[str, str, float]]:
    deployment = deployment_of(history.description, history.events)
    return [
        (each.kind, each.words, (each.end - each.start).total_seconds())
        for each in spans_of(deployment, target(code, former=former))
    ]


def test_a_region_serves_the_former_version_until_the_new_one_does() -> None:
    spans = _spans(deployed(), "EU")

    assert [each[:2] for each in spans] == [
        ("former", "version 1"),
        ("changing", "changing to version 2, version 1 still answers"),
        ("new", "version 2"),
    ]
    deployment = deployment_of(deployed().description, deployed().events)
    assert sum(each[2] for each in spans) == deployment.duration_in_second


def test_what_is_taken_back_serves_the_former_version_in_the_end() -> None:
    assert [each[0] for each in _spans(taken_back(), "EU")] == [
        "former",
        "changing",
        "new",
        "changing",
        "former",
    ]
    assert [each[0] for each in _spans(taken_back(), "NA", former=None)] == [
        "absent",
        "changing",
        "absent",
    ]


def test_the_page_tells_versions_waves_answers_and_events(tmp_path: Path) -> None:
    history = deployed()

    page = write_deployment(tmp_path / "d", history.description, history.events).read_text()

    for told in ("Versions over time", "Waves", "Answers", "What happened", "Settings"):
        assert f">{told}</h2>" in page
    assert "Deployed: version 2" in page
    assert "b.csv" in page
    assert "wave 1 bakes" in page.lower()
    assert "<script" not in page


def test_the_reason_stands_at_the_top_and_markup_stays_text(tmp_path: Path) -> None:
    history = History()
    history.call("resolve", None, plan([target("EU")]))
    history.give_up("<b>no capacity</b>")

    page = write_deployment(tmp_path / "d", history.description, history.events).read_text()

    assert "&lt;b&gt;no capacity&lt;/b&gt;" in page
    assert page.index("no capacity") < page.index("Versions over time</h2>")


def test_a_deployment_that_changed_nothing_has_a_page(tmp_path: Path) -> None:
    history = History()
    history.call(
        "resolve", None, {"status": "unchanged", "reason": "version 2 serves", "waves": []}
    )
    history.succeed("unchanged")

    page = write_deployment(tmp_path / "d", history.description, history.events).read_text()

    assert "No region was to be changed." in page
    assert "version 2 serves" in page


def test_the_page_is_written_again_from_its_record(tmp_path: Path) -> None:
    history = taken_back()
    page = write_deployment(tmp_path / "d", history.description, history.events)
    first = page.read_bytes()
    page.unlink()

    result = CliRunner().invoke(app, ["report", str(tmp_path / "d"), "--json"])

    assert json.loads(result.stdout)["report"] == str(page)
    assert page.read_bytes() == first


def test_a_damaged_record_is_told(tmp_path: Path) -> None:
    (tmp_path / DEPLOYMENT_RECORD).write_text('{"execution": {}')

    result = CliRunner().invoke(app, ["report", str(tmp_path)])

    assert result.exit_code == 1
    assert "is damaged" in str(result.exception)
