"""``release demo --rollback``: an alarm in the second wave takes a slow version back everywhere."""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path

import pytest
from rich.console import Console

from local.rollback import RollbackShown, run_rollback_demo
from tests.docs.documents import blocks
from tests.docs.outputs import differs
from tests.example_pipeline import ROOT

WIDTH = 80


@dataclass(frozen=True)
class Demo:
    """What the demo showed, and what it printed."""

    shown: RollbackShown
    output: str


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Demo:
    """Run the demo; what it prints goes into a file, where no line is broken."""
    printed = io.StringIO()
    folder = tmp_path_factory.mktemp("rollback")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        state = folder / ".local" / "demo-rollback"
        shown = run_rollback_demo(state, Console(file=printed, width=WIDTH))
    return Demo(shown, printed.getvalue())


def test_every_region_serves_the_first_version_again(demo: Demo) -> None:
    shown = demo.shown

    assert not shown.deployment.has_succeeded
    assert [(each.region_code, each.version, each.status) for each in shown.states] == [
        (code, 1, "InService") for code in ("NA", "EU", "FE")
    ]


def test_people_are_told_of_the_alarm_its_number_and_its_limit(demo: Demo) -> None:
    mail = demo.shown.mail

    assert "-latency" in mail.text
    assert "1,000 ms" in mail.text
    assert "version 1" in mail.text
    assert f"  Subject: {mail.subject}"[:WIDTH] in demo.output


def test_the_page_shows_the_traffic_of_both_versions_and_the_alarm(demo: Demo) -> None:
    page = Path(demo.shown.report).read_text()

    assert ">Traffic</h2>" in page
    assert 'class="tripped"' in page
    assert "limit 1,000 ms" in page


def test_it_prints_what_the_readme_shows(demo: Demo) -> None:
    [shown] = [
        command.output
        for block in blocks(ROOT / "README.md")
        for command in block.commands
        if command.text == "make demo-rollback"
    ]

    problem = differs(shown, demo.output)

    assert problem is None, problem
