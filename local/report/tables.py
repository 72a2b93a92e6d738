"""Tables with headers for rows and columns, bars in their cells, and lists of names with values."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from local.report.html import Child, Html, element


def table(
    columns: Sequence[str], rows: Iterable[Sequence[Child]], *, caption: str, class_: str = ""
) -> Html:
    """Compose a table; the first cell of each row is its header.

    On narrow screens the style sheet shows each row as a block, with the column's name in front
    of each value.
    """
    head = element("tr", *(element("th", name, scope="col") for name in columns))
    return element(
        "table",
        element("caption", caption),
        element("thead", head),
        element("tbody", *(_row(columns, row) for row in rows)),
        class_=class_ or None,
    )


def _row(columns: Sequence[str], row: Sequence[Child]) -> Html:
    first, *others = row
    cells = (
        element("td", element("div", value, class_="value"), data_column=column)
        for column, value in zip(columns[1:], others, strict=True)
    )
    return element("tr", element("th", first, scope="row"), *cells)


def count_bar(count: int, most: int) -> Html:
    """Draw a bar of a histogram, whose greatest count takes the whole width."""
    rect = element("rect", width=f"{100 * count / most:.2f}%", height="100%", rx=2)
    return element("svg", rect, class_="bar", aria_hidden="true")


def named_values(pairs: Iterable[tuple[str, Child]]) -> Html:
    """Compose a list of names, each with its value; those without a value are left out."""
    return element(
        "dl",
        *(
            element("div", element("dt", name), element("dd", value))
            for name, value in pairs
            if value is not None
        ),
    )
