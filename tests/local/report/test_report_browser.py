"""The report as a browser shows it: errors, requests, widths, accessibility, print."""

from __future__ import annotations

import re
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from local.report import write_deployment, write_replay, write_report
from tests.endpoints.histories import deployed, taken_back
from tests.replay.document import DIFFERING, replay_document

if TYPE_CHECKING:
    from tests.local.report.conftest import Browser, Samples

STYLE = Path(__file__).parents[3] / "local" / "report" / "style.css"

# What lies beyond the right edge of the window, except inside of what scrolls on purpose.
BEYOND = """
[...document.querySelectorAll('body *')].filter(each =>
    !each.closest('.graph, pre, .spoken, .skip, thead') && each.getBoundingClientRect().width > 0
    && each.getBoundingClientRect().right > innerWidth + 1
).map(each => each.tagName + ' ' + each.className).slice(0, 5)
"""

# Each text with its colour against the first opaque background behind it (WCAG 2.2, 1.4.3).
LOW_CONTRAST = """
(() => {
  const parse = text => text.match(/[\\d.]+/g).map(Number);
  const light = ([r, g, b]) => [r, g, b].map(c => c / 255)
    .map(c => c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4)
    .reduce((sum, c, i) => sum + c * [0.2126, 0.7152, 0.0722][i], 0);
  const back = each => {
    for (; each; each = each.parentElement) {
      const node = each.closest('.node');
      if (node) return parse(getComputedStyle(node.querySelector('rect')).fill);
      const colour = parse(getComputedStyle(each).backgroundColor);
      if (colour.length < 4 || colour[3] > 0) return colour;
    }
  };
  const found = [];
  let checked = 0;
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const each = walker.currentNode.parentElement;
    if (!walker.currentNode.data.trim() || !each.getClientRects().length) continue;
    const style = getComputedStyle(each);
    const fore = parse(each.closest('svg') ? style.fill : style.color);
    const [a, b] = [light(fore), light(back(each))].sort((x, y) => y - x);
    checked += 1;
    if ((a + 0.05) / (b + 0.05) < 4.5) found.push(each.tagName + ': ' + each.textContent);
  }
  return {checked, found};
})()
"""


@pytest.fixture(scope="module")
def pages(samples: Samples, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Reports of every kind of end, with long texts among them."""
    folder = tmp_path_factory.mktemp("reports")
    success = samples.release(folder / "succeeded")
    raised = {
        "severity": "error",
        "code": "handler-raised",
        "message": "payload.csv raises ValueError: bad.",
        "traceback": "  File inference.py, in predict_fn\n" * 80 + "ValueError: " + "bad" * 500,
        "printed": "read " + "1,2," * 900,
    }
    verify = samples.verification(samples.evaluation(verdict="failed", findings=[raised]))
    long = samples.changed(
        success, verify, parameters={"P" * 300: "long" * 2000, "שלום": "a\u202eb"}
    )
    executions = {
        "succeeded": success,
        "failed": samples.failed(folder / "failed"),
        "stopped": samples.stopped(folder / "stopped"),
        "long": samples.changed(long, folder=folder / "long"),
    }
    deployments = {"deployed": deployed(), "taken-back": taken_back()}
    return {
        **{name: write_report(samples.write(each)) for name, each in executions.items()},
        **{
            name: write_deployment(folder / name, each.description, each.events)
            for name, each in deployments.items()
        },
        "replayed": write_replay(folder / "replayed", replay_document(DIFFERING, not_sent=3)),
    }


PAGES = ["succeeded", "failed", "stopped", "long", "deployed", "taken-back", "replayed"]


@pytest.mark.parametrize("name", PAGES)
def test_the_page_loads_nothing_else_and_complains_of_nothing(
    name: str, chromium: Browser, pages: dict[str, Path]
) -> None:
    chromium.show(pages[name])

    assert chromium.requests == [pages[name].as_uri()]
    assert chromium.messages == []
    assert chromium.evaluate("document.querySelector('h1').innerText").startswith("returns-risk")
    # The policy lets this style sheet in, and nothing else.
    assert chromium.evaluate("getComputedStyle(document.querySelector('section')).borderRadius")


def test_the_policy_keeps_out_whatever_a_text_could_smuggle_in(
    chromium: Browser, pages: dict[str, Path], tmp_path: Path
) -> None:
    page = tmp_path / "report.html"
    smuggled = "<script>document.title = 'run'</script><img src='https://example.com/x.png'>"
    text = pages["succeeded"].read_text(encoding="utf-8")
    page.write_text(text.replace("</main>", f"{smuggled}</main>"), encoding="utf-8")

    chromium.show(page)

    assert chromium.evaluate("document.title") != "run"
    assert len(chromium.messages) == 2
    assert all("Content Security Policy" in message for message in chromium.messages)


@pytest.mark.parametrize("width", [320, 375, 768, 1280])
@pytest.mark.parametrize("name", PAGES)
def test_nothing_runs_out_of_the_window(
    name: str, width: int, chromium: Browser, pages: dict[str, Path]
) -> None:
    chromium.fit(pages[name], width=width)

    assert chromium.evaluate("document.documentElement.scrollWidth") == width
    assert chromium.evaluate(BEYOND) == []


@pytest.mark.parametrize("width", [375, 1280])
def test_a_long_traceback_scrolls_and_begins_at_its_end(
    width: int, chromium: Browser, pages: dict[str, Path]
) -> None:
    chromium.show(pages["long"], width=width)

    pre = "document.querySelector('#verification pre')"
    assert chromium.evaluate(f"{pre}.clientHeight < {pre}.scrollHeight")
    assert chromium.evaluate(f"{pre}.scrollTop") == 0  # of a reversed column, which is its end
    assert chromium.evaluate(f"{pre}.scrollWidth > {pre}.clientWidth")
    assert chromium.evaluate(f"{pre}.scrollLeft") == 0


@pytest.mark.parametrize(("width", "shown"), [(1280, "sideways"), (375, "downwards")])
def test_one_of_the_two_graphs_is_shown(
    width: int, shown: str, chromium: Browser, pages: dict[str, Path]
) -> None:
    chromium.show(pages["succeeded"], width=width)

    visible = "[...document.querySelectorAll('.graph')].filter(e => e.offsetHeight > 0)"
    assert chromium.evaluate(f"{visible}.map(each => each.className)") == [f"graph {shown}"]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(
    "name", ["succeeded", "failed", "stopped", "deployed", "taken-back", "replayed"]
)
def test_every_text_has_enough_contrast(
    name: str, scheme: str, chromium: Browser, pages: dict[str, Path]
) -> None:
    chromium.fit(pages[name], scheme=scheme)

    outcome = chromium.evaluate(LOW_CONTRAST)

    assert outcome["checked"] > 100
    assert outcome["found"] == []


def test_dark_and_light_differ(chromium: Browser, pages: dict[str, Path]) -> None:
    colours = set()
    for scheme in ("light", "dark"):
        chromium.show(pages["succeeded"], scheme=scheme)
        colours.add(chromium.evaluate("getComputedStyle(document.body).backgroundColor"))

    assert len(colours) == 2


@pytest.mark.parametrize("name", ["succeeded", "failed", "stopped"])
def test_landmarks_headings_tables_and_names(
    name: str, chromium: Browser, pages: dict[str, Path]
) -> None:
    chromium.show(pages[name])

    def each(selector: str, expression: str = "e.outerHTML") -> list[str]:
        elements = f"[...document.querySelectorAll('{selector}')]"
        found: list[str] = chromium.evaluate(f"{elements}.map(e => {expression})")
        return found

    for landmark in ("header", "nav[aria-label]", "main", "footer", "html[lang]", "head > title"):
        assert len(each(landmark)) == 1, landmark
    levels = [int(tag[1]) for tag in each("h1, h2, h3, h4", "e.tagName")]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))
    assert each("table:not(:has(> caption))") == []
    assert each("th:not([scope])") == []
    assert each("svg:not([aria-hidden=true]):not([role=img][aria-label])") == []
    # What scrolls can be reached by keyboard.
    assert each("pre:not([tabindex])") == []
    ids = each("[id]", "e.id")
    assert len(ids) == len(set(ids))
    targets = set(each("nav a, .skip", "e.hash.slice(1)"))
    assert {"content", "timeline", "steps"} <= targets <= set(ids)


def test_the_first_tab_stop_skips_to_the_content(chromium: Browser, pages: dict[str, Path]) -> None:
    chromium.show(pages["succeeded"])

    for kind in ("keyDown", "keyUp"):
        chromium.call("Input.dispatchKeyEvent", type=kind, key="Tab", windowsVirtualKeyCode=9)

    assert chromium.evaluate("document.activeElement.className") == "skip"
    assert chromium.evaluate("document.activeElement.getBoundingClientRect().left") >= 0


def test_it_prints(chromium: Browser, pages: dict[str, Path]) -> None:
    chromium.show(pages["succeeded"], scheme="dark")

    pdf = chromium.print_pdf()

    assert pdf.startswith(b"%PDF-")
    assert 2 <= len(re.findall(rb"/Type\s*/Page\b", pdf)) <= 12
    chromium.call("Emulation.setEmulatedMedia", media="print")
    assert chromium.evaluate("getComputedStyle(document.body).backgroundColor") == (
        "rgb(255, 255, 255)"
    )
    assert chromium.evaluate("getComputedStyle(document.querySelector('nav')).display") == "none"


def test_the_style_sheet_names_no_other_file() -> None:
    assert not re.search(r"url\(|@import|https?:", STYLE.read_text(encoding="utf-8"))


@pytest.mark.parametrize("width", [375, 414])
def test_four_steps_side_by_side_are_seen_on_a_phone(
    width: int, chromium: Browser, pages: dict[str, Path]
) -> None:
    chromium.show(pages["succeeded"], width=width)

    beyond = """
    [...document.querySelectorAll('.graph.downwards .node')].filter(each =>
        each.getBoundingClientRect().right > each.closest('.graph').getBoundingClientRect().right
    ).map(each => each.textContent)
    """
    assert chromium.evaluate(beyond) == []
