"""What came of a replay, as tables."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from rich.console import Console
from rich.text import Text

from commands.terminal.messages import say
from commands.terminal.tables import plain_table

_NONE: Final = "-"
_MOST_EXAMPLES: Final = 5


def show_replay(document: Mapping[str, Any]) -> None:
    """Print what came of a replay, from the document that ``--json`` prints."""
    before, after = document["against"], document["version"]
    say(
        f"{document['pipeline']} in {document['region']}: version {after['version']} against"
        f" version {before['version']}, which {before['why']}."
    )
    console = Console()
    for line in _requests(document["requests"], before["version"], after["version"]):
        say(line, hang=2)
    fields = document["fields"]
    if fields:
        console.print()
        console.print(_fields(fields))
    examples = _examples(fields)
    if examples:
        console.print()
        _show_examples(console, examples, before["version"], after["version"])
    if any(document["latency_in_millisecond"].values()):
        console.print()
        _show_latencies(console, document["latency_in_millisecond"], before, after)
    say(f"\n{document['judged']}")


def _requests(requests: Mapping[str, Any], before: int, after: int) -> Iterator[str]:
    yield (
        f"{requests['sent']:,} of {requests['sent'] + requests['not_sent']:,} requests sent, from"
        f" {requests['from']}: {requests['agreeing']:,} agree, {requests['differing']:,} differ."
    )
    in_both = requests["failing_in_both"]
    if in_both:
        yield f"Neither answered {in_both:,}, such as: {requests['first_failure']}."
    failing = {before: requests["failing_against"], after: requests["failing_version"]}
    for version, count in failing.items():
        if count > in_both:
            yield f"Version {version} alone did not answer {count - in_both:,}."
    if requests["not_sent"]:
        yield (
            f"{requests['not_sent']:,} were not sent: the last one before them was never answered."
        )


def _fields(fields: Sequence[Mapping[str, Any]]) -> Any:
    numbers = ("values", "differ", "median", "largest", "of value")
    table = plain_table("field", *numbers, numbers=numbers)
    for each in fields:
        sizes, share = each["absolute_difference"], each["largest_relative_difference"]
        table.add_row(
            Text(each["name"]),
            f"{each['value_count']:,}",
            f"{each['differing_count']:,}",
            f"{sizes['p50']:.3g}" if sizes else _NONE,
            f"{sizes['max']:.3g}" if sizes else _NONE,
            _NONE if share is None else f"{share:.2%}",
        )
    return table


def _examples(
    fields: Sequence[Mapping[str, Any]],
) -> list[tuple[str, Mapping[str, Any]]]:
    """Return the largest difference of each field."""
    found = [(each["name"], each["examples"][0]) for each in fields if each["examples"]]
    return found[:_MOST_EXAMPLES]


def _show_examples(
    console: Console, examples: Sequence[tuple[str, Mapping[str, Any]]], before: int, after: int
) -> None:
    console.print("The largest difference of each field", style="bold")
    for name, each in examples:
        record = f", record {each['record']}" if each["record"] is not None else ""
        say(f"{name}: {each['request']}{record}")
        say(f"  version {before}: {each['before']}", hang=4)
        say(f"  version {after}: {each['after']}", hang=4)


def _show_latencies(
    console: Console,
    latencies: Mapping[str, Any],
    before: Mapping[str, Any],
    after: Mapping[str, Any],
) -> None:
    titles = [f"version {each['version']}" for each in (before, after)]
    numbers = (*titles, "change")
    table = plain_table("latency", *numbers, numbers=numbers)
    for name in ("p50", "p99"):
        old, new = latencies["against"][name], latencies["version"][name]
        change = f"{(new - old) / old:+.0%}" if old else _NONE
        table.add_row(f"{name} ms", f"{old:.2f}", f"{new:.2f}", change)
    console.print(table)
