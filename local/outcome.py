"""Tells a person what came of an execution: what verification found, and what was registered."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from rich.text import Text

from constructs_lib.terminal.lines import print_fitted
from constructs_lib.terminal.paths import shown_path
from local.releases import RegisteredPackage
from local.report import REPORT_NAME
from local.report.evaluation import (
    Evaluation,
    VerificationFinding,
    find_evaluation,
    versions_told,
)
from local.report.formats import number

if TYPE_CHECKING:
    from rich.console import Console

    from local.runner import Execution

_NAMES_WIDTH: Final = 16
_MARKS: Final = re.compile(r"""[\s'"`\\/(){}$]+""")


@dataclass(frozen=True)
class Release:
    """What came of an execution."""

    execution: Execution
    packages: tuple[RegisteredPackage, ...] = ()
    """What it registered, none if it failed."""
    model: Path | None = None
    """The packaged ``model.tar.gz``, if any was registered."""

    @property
    def report(self) -> Path:
        """The page about it."""
        return self.execution.folder / REPORT_NAME


def tell_verification(execution: Execution, console: Console) -> None:
    """Print the measured numbers beside their limits, and each finding with its fix.

    What the reason of a failure says already is not said again.
    """
    found = find_evaluation(execution.steps)
    if found is None or not isinstance(found[1], Evaluation):
        return
    evaluation = found[1]
    console.print()
    for name, value in _numbers(evaluation):
        _print_row(name, value, console)
    if told := versions_told(execution.step(found[0]), evaluation):
        print_fitted(console, Text(told))
    reason = _bare(execution.failure_reason or "")
    for finding in evaluation.findings:
        if _bare(finding.message) not in reason:
            _tell_finding(finding, console)


def _bare(text: str) -> str:
    """Return a text without quotation marks, brackets and blanks: they differ between places."""
    return _MARKS.sub("", text)


def _tell_finding(finding: VerificationFinding, console: Console) -> None:
    style = "yellow" if finding.severity == "warning" else "bold red"
    told = Text.assemble((finding.severity, style), f": {finding.code}: {finding.message}")
    print_fitted(console, told, hang=2)
    if finding.fix:
        print_fitted(console, Text(f"  fix: {finding.fix}"), hang=2)


def _print_row(name: str, value: str, console: Console) -> None:
    row = Text.assemble((f"{name:{_NAMES_WIDTH}}", "bold"), " ", value)
    print_fitted(console, row, hang=_NAMES_WIDTH + 1)


def _numbers(evaluation: Evaluation) -> Iterator[tuple[str, str]]:
    limits, load = evaluation.limits, evaluation.load
    answered = sum(payload.ok for payload in evaluation.payloads)
    count = f"{answered} of {len(evaluation.payloads)} sample requests answered"
    yield "verification", f"{evaluation.verdict}: {count}"
    if server := evaluation.server.described:
        reason = evaluation.server.why_direct
        yield "asked", f"{server}: {reason}" if reason else server
    if load is not None:
        gate = evaluation.gate
        latency = number(gate.latency_p99_in_millisecond, "ms")
        yield "latency p99", latency + _limit(limits.get("max_latency_in_millisecond"), "ms")
        errors = number(100 * gate.error_rate, "%")
        yield "error rate", errors + _limit(limits.get("max_acceptable_error_rate"), "%", 100)
        tps = limits.get("expected_tps")
        asked = "" if tps is None else f" (at least {number(tps)} expected)"
        yield "throughput", f"{number(gate.achieved_tps)} requests per second{asked}"
    if evaluation.memory is not None:
        limit = _limit(limits.get("container_memory_limit_in_megabyte"), "MB")
        yield "peak memory", number(evaluation.memory.peak_in_megabyte, "MB") + limit


def _limit(limit: float | None, unit: str, factor: int = 1) -> str:
    return "" if limit is None else f" (at most {number(factor * limit, unit)})"


def tell_release(made: Release, console: Console) -> None:
    """Print what was registered in each region, and where everything lies."""
    for package in made.packages:
        console.print()
        for name, value in _rows(package).items():
            _print_row(name, value, console)
    registered = _registered_before(made.execution)
    for stage, arn in registered.items():
        console.print()
        print_fitted(console, Text(f"{stage}: the same content is registered as {arn}"), hang=2)
    if registered:
        again = "To register it once more, add: --parameter RegisterAgain=yes"
        print_fitted(console, Text(f"\n{again}"), hang=2)
    console.print()
    if made.model:
        console.print(f"Packaged model:   {shown_path(made.model)}", soft_wrap=True)
    console.print(f"Logs and records: {shown_path(made.execution.folder)}", soft_wrap=True)
    console.print(f"Run report:       {shown_path(made.report)}", soft_wrap=True)


def _registered_before(execution: Execution) -> dict[str, str]:
    """Tell which model packages made registrations superfluous, by the steps that found them."""
    outputs = {step.name: step.properties.get("OutputParameters", {}) for step in execution.steps}
    return {
        name: each["registered"]
        for name, each in outputs.items()
        if each.get("state") == "registered"
    }


def _rows(package: RegisteredPackage) -> dict[str, str]:
    return {
        package.step: package.region,
        "model package": package.arn,
        "version": f"{package.version}, {package.approval_status}",
        "image": package.image_uri,
        "artifact": package.artifact_uri,
        "sample payload": package.sample_payload_uri,
    }
