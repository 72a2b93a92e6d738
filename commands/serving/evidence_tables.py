"""What a person reads before a version is approved."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

from rich.console import Console
from rich.text import Text

from commands.serving.evidence import VersionEvidence, changes, read_evidence
from commands.serving.former import FormerVersion, former_version
from commands.terminal.aws import Aws, AwsCallError
from commands.terminal.messages import say
from commands.terminal.tables import plain_table
from constructs_lib.aws.registry import ModelPackage
from constructs_lib.errors import ReleaseError
from constructs_lib.jobs.verify_model.findings import shortened

_NONE: Final = "-"
_MOST_FINDINGS: Final = 10


class _Limit(NamedTuple):
    """A limit of a measured number."""

    name: str
    """Among those of the evaluation."""
    words: str


_LIMITS: Final = {
    "latency p99 ms": _Limit("max_latency_in_millisecond", "at most"),
    "error rate": _Limit("max_acceptable_error_rate", "at most"),
    "requests a second": _Limit("expected_tps", "at least"),
    "peak memory MB": _Limit("container_memory_limit_in_megabyte", "at most"),
    "cold load s": _Limit("startup_timeout_in_second", "at most"),
}


def show_evidence(aws: Aws, pipeline: str, chosen: Sequence[ModelPackage]) -> None:
    """Print on standard error what is known of versions: once for each content.

    That is the verdict of verification, measured numbers beside those of the version that serves,
    what else differs from it, and what was found in pickles. What cannot be read is said.
    """
    by_content: dict[str, list[ModelPackage]] = {}
    for each in chosen:
        by_content.setdefault(each.artifact_sha256 or each.arn, []).append(each)
    for packages in by_content.values():
        _show(aws, pipeline, packages)
    say("", err=True)


def _show(aws: Aws, pipeline: str, packages: Sequence[ModelPackage]) -> None:
    console = Console(stderr=True)
    package = next((each for each in packages if each.region == aws.home_region), packages[0])
    regions = ", ".join(each.region for each in packages)
    console.print()
    console.print(Text(f"{pipeline} version {package.version} in {regions}", style="bold"))
    evidence = read_evidence(aws, package)
    unread = list(evidence.unread)
    former, why_not = _former(aws, pipeline, package)
    before = None if former is None else read_evidence(aws, former.package)
    unread += before.unread if before else []
    _show_verdict(evidence)
    _show_measured(console, evidence, before)
    if former is None or before is None:
        say(why_not, err=True)
    else:
        _show_changes(console, former, before, evidence)
    _show_pickles(evidence)
    for each in unread:
        say(f"Not read: {each}", err=True, hang=2)


def _former(aws: Aws, pipeline: str, package: ModelPackage) -> tuple[FormerVersion | None, str]:
    """Find what to compare with, or say why there is nothing."""
    try:
        found = former_version(aws, pipeline, package)
    except (AwsCallError, ReleaseError) as error:
        return None, f"Compared with nothing: which version serves is not known. {error}"
    if found is not None:
        return found, ""
    return None, "Compared with nothing: no other version serves, and none before it is approved."


def _show_verdict(evidence: VersionEvidence) -> None:
    metadata, evaluation = evidence.package.metadata, evidence.evaluation
    mode = metadata.get("verification")
    verdict = (evaluation or {}).get("verdict") or metadata.get("verification_verdict")
    if verdict is None:
        told = "not verified" if mode == "off" else "not known"
        say(f"Verification: {told}{f' (verification {mode})' if mode else ''}.", err=True)
        return
    summary = (evaluation or {}).get("summary")
    say(
        f"Verification: {verdict} (verification {mode or 'not known'})"
        f"{f': {shortened(summary)}' if summary else ''}.",
        err=True,
    )
    _show_findings((evaluation or {}).get("findings") or [])


def _show_findings(findings: Sequence[Mapping[str, Any]], count: int | None = None) -> None:
    """Tell findings, each with its fix; of many only the first."""
    for each in findings[:_MOST_FINDINGS]:
        told = f"{each.get('severity')}: {each.get('code')}: {shortened(each.get('message'))}"
        say(f"  {told}", err=True, hang=4)
        say(f"    fix: {shortened(each.get('fix'))}", err=True, hang=6)
    more = (len(findings) if count is None else count) - len(findings[:_MOST_FINDINGS])
    if more > 0:
        say(f"  and {more:,} more", err=True)


def _show_measured(
    console: Console, after: VersionEvidence, before: VersionEvidence | None
) -> None:
    numbers, earlier = after.measured(), before.measured() if before else {}
    if not numbers:
        say("Nothing was measured.", err=True)
        return
    titles = [f"version {before.package.version}"] if before else []
    titles.append(f"version {after.package.version}")
    changed = ["change"] if before else []
    right = (*titles, *changed)
    table = plain_table("measured", *right, "limit", numbers=right)
    for name, value in numbers.items():
        old = earlier.get(name)
        cells = [_number(name, old), _number(name, value)][0 if before else 1 :]
        table.add_row(
            name, *cells, *([_change(old, value)] if before else []), _limit(name, after.limits)
        )
    console.print()
    console.print(table)
    console.print()


def _number(name: str, value: float | None) -> str:
    if value is None:
        return _NONE
    return f"{value:.2%}" if name == "error rate" else f"{value:,.4g}"


def _change(before: float | None, after: float) -> str:
    if before is None or not before or before == after:
        return ""
    return f"{(after - before) / before:+.0%}"


def _limit(name: str, limits: Mapping[str, Any]) -> str:
    limit = _LIMITS.get(name)
    value = limits.get(limit.name) if limit else None
    return _NONE if limit is None or value is None else f"{limit.words} {_number(name, value)}"


def _show_changes(
    console: Console, former: FormerVersion, before: VersionEvidence, after: VersionEvidence
) -> None:
    version = f"version {former.package.version}, which {former.why}"
    found = list(changes(before, after))
    if not found:
        say(f"Nothing else differs from {version}.", err=True)
        return
    say(f"Different from {version}:", err=True)
    table = plain_table("", *(f"version {each.package.version}" for each in (before, after)))
    for name, old, new in found:
        table.add_row(Text(name), Text(old), Text(new))
    console.print(table)
    console.print()


def _show_pickles(evidence: VersionEvidence) -> None:
    pickles = evidence.pickles
    if pickles is None:
        say("Pickles: not known, its packaging manifest tells nothing of them.", err=True)
        return
    policy, count = pickles.get("policy"), pickles.get("finding_count", 0)
    if policy == "off":
        say("Pickles: not looked at (pickle_policy off).", err=True)
        return
    read = f"{pickles.get('pickle_count', 0):,} read"
    found = f"{count:,} findings" if count != 1 else "1 finding"
    say(
        f"Pickles: {read}, {found if count else 'nothing found'} (pickle_policy {policy}).",
        err=True,
    )
    _show_findings(pickles.get("findings") or [], count)
