"""Registered versions as tables."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import groupby
from typing import Final

from rich.console import Console
from rich.text import Text

from commands.terminal.tables import plain_table, state_text
from constructs_lib.aws.registry import ModelPackage
from constructs_lib.git import DIRTY

_NUMBERS: Final = {
    "p50 ms": ("latency_p50_in_millisecond", "{:.1f}"),
    "p99 ms": ("latency_p99_in_millisecond", "{:.1f}"),
    "errors": ("error_rate", "{:.2%}"),
    "tps": ("achieved_tps", "{:.1f}"),
}
"""Title, name among the measured numbers, and form."""
_SHORT_DIGEST: Final = 8
_LONG_DIGEST: Final = 24
_NONE: Final = "-"


def show(found: list[ModelPackage]) -> None:
    """Print one row per version; the region stands in the first row of each."""
    table = plain_table(
        *("region", "ver", "approval", "created", *_NUMBERS, "sha256"),
        numbers=("ver", *_NUMBERS),
        whole=("region", "sha256"),
    )
    for region, versions in groupby(found, key=lambda each: each.region):
        for number, package in enumerate(versions):
            table.add_row(
                "" if number else region,
                str(package.version),
                state_text(_approval(package)),
                _created(package)[len("2026-") :],
                *_numbers(package).values(),
                (package.artifact_sha256 or _NONE)[:_SHORT_DIGEST],
            )
    Console().print(table)


def _approval(package: ModelPackage) -> str:
    return package.approval_status.removesuffix("ManualApproval")


def _created(package: ModelPackage) -> str:
    return package.creation_time[:16].replace("T", " ")


def _numbers(package: ModelPackage) -> dict[str, str]:
    return {
        title: form.format(package.measured[name]) if name in package.measured else _NONE
        for title, (name, form) in _NUMBERS.items()
    }


def show_comparison(found: list[ModelPackage], versions: tuple[int, int]) -> None:
    """Print two versions side by side: regions that agree in one table, differences in bold."""
    rows = {
        region: _rows({package.version: package for package in packages}, versions)
        for region, packages in groupby(found, key=lambda each: each.region)
    }
    console = Console()
    shown: list[dict[str, tuple[str, ...]]] = []
    for each in rows.values():
        if each in shown:
            continue
        if shown:
            console.print()
        shown.append(each)
        table = plain_table(
            "", *(f"version {version}" for version in versions), "change", numbers=("change",)
        )
        for name, cells in each.items():
            style = "bold" if len(set(cells[:2])) > 1 else "dim"
            table.add_row(Text(name), *cells, style=style)
        console.print(", ".join(region for region in rows if rows[region] == each), style="bold")
        console.print(table)


def _rows(
    packages: Mapping[int, ModelPackage], versions: tuple[int, int]
) -> dict[str, tuple[str, ...]]:
    """Return two facts and their change by the name of the fact."""
    sides = [packages.get(version) for version in versions]
    facts = [_facts(package) if package else {"approval": "no such version"} for package in sides]
    names = [name for side in facts for name in side]
    rows = {
        name: (facts[0].get(name, _NONE), facts[1].get(name, _NONE), _change(name, sides))
        for name in dict.fromkeys(names)
    }
    always = {"approval", "created", *_NUMBERS, "sha256"}
    return {name: row for name, row in rows.items() if name in always or row[0] != row[1]}


def _facts(package: ModelPackage) -> dict[str, str]:
    """Return a version's properties for a comparison, but for S3 URIs and ARNs."""
    metadata = {
        name: value
        for name, value in sorted(package.metadata.items())
        if not value.startswith(("s3://", "arn:"))
        and name not in {measured for measured, _ in _NUMBERS.values()}
    }
    execution = package.metadata.get("pipeline_execution_arn", _NONE).rpartition("/")[2]
    return {
        "approval": _approval(package),
        "created": _created(package),
        **_numbers(package),
        "execution": execution,
        "sha256": metadata.pop("artifact_sha256", _NONE)[:_LONG_DIGEST],
        **{name: _cut(value) for name, value in metadata.items()},
    }


def _cut(value: str) -> str:
    """Return a digest's beginning, and whether the tree of a commit was clean."""
    dirty = DIRTY if value.endswith(DIRTY) else ""
    return f"{value.removesuffix(dirty)[:_LONG_DIGEST]}{dirty}"


def _change(name: str, sides: list[ModelPackage | None]) -> str:
    """Return by how much a measured number changes, in percent."""
    measured = _NUMBERS.get(name, ("", ""))[0]
    before, after = (side.measured.get(measured) if side else None for side in sides)
    if before is None or after is None or not before or before == after:
        return ""
    return f"{(after - before) / before:+.0%}"
