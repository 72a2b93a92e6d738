"""What all pages have in common: one HTML file with a head, sections, and nothing to load."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable
from pathlib import Path
from typing import Final, NamedTuple

from local.report.html import Html, element

_STYLE_PATH: Final = Path(__file__).with_name("style.css")


class ReportSection(NamedTuple):
    """A part of a page; one without content is left out."""

    id: str
    title: str
    content: Html | None


def compose_document(
    title: str, header: Html, sections: Iterable[ReportSection], footer: str
) -> str:
    """Compose a page.

    Args:
        title: Of the window.
        header: The element at the top.
        sections: In their order.
        footer: A sentence at the end.
    """
    shown = [each for each in sections if each.content is not None]
    body = element(
        "body",
        element("a", "Skip to the content", href="#content", class_="skip"),
        header,
        element(
            "nav",
            *(element("a", each.title, href=f"#{each.id}") for each in shown),
            aria_label="Sections",
        ),
        element("main", *map(_section, shown), id="content", tabindex="-1"),
        element("footer", element("p", footer)),
    )
    return f"<!DOCTYPE html>\n{element('html', _head(title), body, lang='en', dir='ltr')}\n"


def write_document(path: Path, page: str) -> Path:
    """Write a page over an earlier one: whole, or not at all."""
    temporary = path.with_suffix(".tmp")
    temporary.write_text(page, encoding="utf-8")
    temporary.replace(path)
    return path


def _head(title: str) -> Html:
    style = _STYLE_PATH.read_text(encoding="utf-8")
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    policy = f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    return element(
        "head",
        element("meta", charset="utf-8"),
        element("meta", http_equiv="Content-Security-Policy", content=policy),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("meta", name="color-scheme", content="light dark"),
        element("meta", name="referrer", content="no-referrer"),
        element("title", title),
        element("style", Html(style)),
    )


def _section(section: ReportSection) -> Html:
    title_id = f"{section.id}-title"
    return element(
        "section",
        element("h2", section.title, id=title_id),
        section.content,
        id=section.id,
        aria_labelledby=title_id,
    )
