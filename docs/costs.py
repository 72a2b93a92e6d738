"""Writes the tables of costs in docs/operate.md out of prices and quantities: ``make docs``.

``python -m docs.costs --app`` prints them for the regions that this app uses. Prices are AWS's list
prices of us-east-1 in US dollars, without free tiers, as published in 2026; other regions' differ.
Quantities are those of the example pipeline; ``tests/synth/test_costs.py`` compares them with the
templates and the definition that it compiles to.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from math import prod
from pathlib import Path
from typing import Final

from constructs_lib.service_model.prices import (
    FUNCTION_USD,
    HOURLY_USD,
    MONTH_HOURS,
    TRANSFER_USD,
    VOLUME_USD,
)
from docs.used_regions import EXAMPLE, UsedRegions, wants_this_app
from docs.writing import fill_blocks, write_if_changed

DOCUMENT: Final = Path(__file__).parent / "operate.md"
_TIMES: Final = "\N{MULTIPLICATION SIGN}"


@dataclass(frozen=True)
class Price:
    """A list price."""

    usd: Decimal
    per: str
    page: str
    """AWS's price page that lists it."""


PRICES: Final = {
    "key": Price(Decimal("1.00"), "KMS key and month", "AWS KMS"),
    "key request": Price(Decimal("0.000003"), "request", "AWS KMS"),
    "storage": Price(Decimal("0.023"), "GB and month, S3 Standard", "Amazon S3"),
    "put": Price(Decimal("0.000005"), "PUT, COPY or LIST request", "Amazon S3"),
    "transfer": Price(TRANSFER_USD, "GB to another region", "Amazon S3"),
    "dashboard": Price(Decimal("3.00"), "dashboard and month", "Amazon CloudWatch"),
    "alarm": Price(Decimal("0.10"), "metric of an alarm and month", "Amazon CloudWatch"),
    "logs": Price(Decimal("0.50"), "GB of logs taken in", "Amazon CloudWatch"),
    "endpoint": Price(Decimal("0.01"), "interface endpoint, zone and hour", "AWS PrivateLink"),
    "ml.m5.xlarge": Price(
        HOURLY_USD["ml.m5.xlarge"], "hour of `ml.m5.xlarge`", "Amazon SageMaker AI"
    ),
    "ml.m5.large": Price(HOURLY_USD["ml.m5.large"], "hour of `ml.m5.large`", "Amazon SageMaker AI"),
    "volume": Price(VOLUME_USD, "GB of job volume and month", "Amazon SageMaker AI"),
    "served data": Price(Decimal("0.016"), "GB to or from an endpoint", "Amazon SageMaker AI"),
    "transition": Price(Decimal("0.000025"), "state transition", "AWS Step Functions"),
    "function": Price(FUNCTION_USD, "GB-second", "AWS Lambda"),
}


@dataclass(frozen=True)
class Quantity:
    """How much of something is used."""

    number: Decimal
    unit: str
    written: str | None = None
    """How the number is written where it is not exact: ``5/60``."""

    def __str__(self) -> str:
        """Return number and unit as a reader calculates with them."""
        return f"{self.written or self.number} {self.unit}".strip()


@dataclass(frozen=True)
class Line:
    """A line of a table: the product of quantities and a price."""

    what: str
    quantities: tuple[Quantity, ...]
    price: str

    @property
    def usd(self) -> Decimal:
        """What it costs."""
        return prod((each.number for each in self.quantities), start=PRICES[self.price].usd)

    @property
    def arithmetic(self) -> str:
        """How that is calculated."""
        factors = (*map(str, self.quantities), f"{PRICES[self.price].usd:f}")
        return f" {_TIMES} ".join(factors)


def _of(number: int | str, unit: str) -> Quantity:
    return Quantity(Decimal(number), unit)


def _minutes(number: int) -> Quantity:
    return Quantity(Decimal(number) / 60, "h", f"{number}/60")


MODEL_GB: Final = "0.5"
_JOB_MINUTES: Final = 5


def idle(regions: UsedRegions) -> tuple[Line, ...]:
    """Return what a deployment costs a month that releases nothing."""
    count = len(regions.all)
    return (
        Line("KMS keys", (_of(count, "keys"),), "key"),
        Line("S3, 10 GB in each region", (_of(count, "regions"), _of(10, "GB")), "storage"),
    )


OPTIONS: Final = (
    Line("`monitoring`, per pipeline: dashboard", (_of(1, "dashboard"),), "dashboard"),
    Line(
        "`monitoring`, per pipeline: three alarms, and one on duration that counts as three",
        (_of(6, "metrics"),),
        "alarm",
    ),
    Line(
        "`monitoring`, per trigger on upload or load test: its function (two) and queue (one)",
        (_of(3, "metrics"),),
        "alarm",
    ),
    Line("`monitoring`, per schedule: its queue", (_of(1, "metric"),), "alarm"),
    Line("`notifications`: its queue", (_of(1, "metric"),), "alarm"),
    Line("an interface endpoint, per service and zone", (_of(MONTH_HOURS, "h"),), "endpoint"),
)


def release(regions: UsedRegions) -> tuple[Line, ...]:
    """Return what a release costs."""
    return (
        Line("Package, on `ml.m5.xlarge`", (_minutes(_JOB_MINUTES),), "ml.m5.xlarge"),
        Line("Verify, on `ml.m5.large`", (_minutes(_JOB_MINUTES),), "ml.m5.large"),
        Line(
            "volumes of both jobs",
            (
                _of(2, "jobs"),
                _of(30, "GB"),
                Quantity(
                    Decimal(_JOB_MINUTES) / (MONTH_HOURS * 60),
                    "month",
                    f"{_JOB_MINUTES}/{MONTH_HOURS * 60}",
                ),
            ),
            "volume",
        ),
        Line(
            "copies to the other regions",
            (_of(len(regions.others), "regions"), _of(MODEL_GB, "GB")),
            "transfer",
        ),
        Line(
            "functions, a minute each",
            (_of(2 * len(regions.registered), "calls"), _of(60, "s"), _of(1, "GB")),
            "function",
        ),
        Line("requests to S3", (_of(200, "requests"),), "put"),
        Line("requests to KMS", (_of(200, "requests"),), "key request"),
        Line("logs", (_of("0.001", "GB"),), "logs"),
    )


def kept(regions: UsedRegions) -> tuple[Line, ...]:
    """Return what a release costs each month that it is kept."""
    return (
        Line(
            "S3, per month: the upload, the packaged model, its copies",
            (_of(len(regions.registered) + 1, "objects"), _of(MODEL_GB, "GB")),
            "storage",
        ),
    )


LOAD_TEST: Final = (
    Line(
        "load test in AWS, per instance type (`load_test_in_aws`)",
        (_minutes(40),),
        "ml.m5.large",
    ),
)


def served(regions: UsedRegions) -> tuple[Line, ...]:
    """Return what endpoints cost a month: one small instance in each region."""
    count = len(regions.registered)
    return (
        Line(
            "endpoints, one `ml.m5.large` in each region",
            (_of(count, "regions"), _of(1, "instance"), _of(MONTH_HOURS, "h")),
            "ml.m5.large",
        ),
    )


def watched(regions: UsedRegions) -> tuple[Line, ...]:
    """Return what the alarms of endpoints cost a month."""
    return (
        Line(
            "alarms: two of the endpoint, two of each of three kept versions",
            (_of(len(regions.registered), "regions"), _of(8, "metrics")),
            "alarm",
        ),
    )


SERVED_DATA: Final = (
    Line("a million requests and answers of 2 KB", (_of(4, "GB"),), "served data"),
)
_DEPLOYMENT_MINUTES: Final = 15
"""For which both fleets of a region run: 8 of a fleet's start, 5 of baking once (a canary bakes
twice), 2 of the termination wait."""


def deployment(regions: UsedRegions) -> tuple[Line, ...]:
    """Return what it costs that a version takes over from another one."""
    count = len(regions.registered)
    return (
        Line(
            "the second fleet, while it starts and takes over",
            (_of(count, "regions"), _of(1, "instance"), _minutes(_DEPLOYMENT_MINUTES)),
            "ml.m5.large",
        ),
        Line("the workflow", (_of(count, "regions"), _of(100, "transitions")), "transition"),
        Line(
            "its function",
            (_of(count, "regions"), _of(40, "calls"), _of(5, "s"), _of("0.5", "GB")),
            "function",
        ),
    )


def tables(regions: UsedRegions = EXAMPLE) -> dict[str, str]:
    """Return each table by its name in the document."""
    return {
        "idle": _table(
            [
                *_lines(idle(regions), 2),
                _total("as it ships", idle(regions), 2),
                *_lines(OPTIONS, 2),
            ]
        ),
        "release": _table(
            [
                *_lines(release(regions), 4),
                _total("a release", release(regions), 2),
                *_lines(kept(regions), 3),
                *_lines(LOAD_TEST, 3),
            ]
        ),
        "endpoints": _table(
            [
                *_lines(served(regions), 2),
                *_lines(watched(regions), 2),
                *_lines(SERVED_DATA, 2),
                *_lines(deployment(regions), 4),
                _total("a deployment", deployment(regions), 2),
            ]
        ),
        "prices": _price_table(),
    }


def document(text: str) -> str:
    """Fill the marked blocks of a document."""
    return fill_blocks(text, "costs", tables().__getitem__)


def total(lines: Iterable[Line]) -> Decimal:
    """Return what lines cost together, US dollars."""
    return sum((line.usd for line in lines), Decimal(0))


def _lines(lines: Sequence[Line], digits: int) -> list[tuple[str, str, str]]:
    return [(line.what, line.arithmetic, _usd(line.usd, digits)) for line in lines]


def _total(what: str, lines: Sequence[Line], digits: int) -> tuple[str, str, str]:
    return f"**{what}**", "", f"**{_usd(total(lines), digits)}**"


def _usd(value: Decimal, digits: int) -> str:
    return str(value.quantize(Decimal(1).scaleb(-digits), ROUND_HALF_UP))


def _table(rows: Iterable[tuple[str, str, str]]) -> str:
    head = ["| what | arithmetic | USD |", "|---|---|---|"]
    return "\n".join([*head, *(f"| {' | '.join(row)} |" for row in rows)])


def _price_table() -> str:
    head = ["| USD | per | AWS's price page |", "|---|---|---|"]
    rows = [f"| {price.usd:f} | {price.per} | {price.page} |" for price in PRICES.values()]
    return "\n".join([*head, *rows])


def main(arguments: Sequence[str] | None = None) -> None:
    """Write the document if it is not current, or print the tables of this app."""
    if wants_this_app(__doc__, arguments):
        sys.stdout.write("\n\n".join(tables(UsedRegions.of_this_app()).values()) + "\n")
        return
    write_if_changed(DOCUMENT, document(DOCUMENT.read_text()))


if __name__ == "__main__":
    main()
