"""The section about the verification: verdict, limits, latencies, answers and findings."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from local.report.comparison import MeasuredNumber, measured_numbers
from local.report.evaluation import (
    Bucket,
    Evaluation,
    Load,
    PayloadAnswer,
    ServingFunctions,
    VerificationFinding,
)
from local.report.formats import ABSENT, code_of, number, size, value_of
from local.report.html import Html, element, join
from local.report.states import badge
from local.report.tables import count_bar, named_values, table

_MAX_LATENCY: Final = "max_latency_in_millisecond"


def show_verification(step: str, evaluation: Evaluation | str, versions: str = "") -> Html:
    """Compose the section's content.

    Args:
        step: The step that verified.
        evaluation: What it found, or why that cannot be read.
        versions: Under which versions the verdict was reached.
    """
    if isinstance(evaluation, str):
        why = element("p", "The evaluation of step ", code_of(step), " cannot be read: ")
        return join([why, element("p", value_of(evaluation))])
    return join(
        [
            element("p", badge(evaluation.verdict), " ", value_of(evaluation.summary)),
            element("p", versions) if versions else None,
            _findings(evaluation.findings),
            *map(_evidence, evaluation.findings),
            _handler(evaluation.handler),
            element("h3", "Limits and what was measured"),
            _limits(evaluation),
            _latencies(evaluation),
            element("h3", "Answers to the sample payloads"),
            _payloads(evaluation.payloads),
        ]
    )


def _findings(findings: Sequence[VerificationFinding]) -> Html | None:
    if not findings:
        return None
    rows = [
        [
            code_of(finding.code),
            badge(finding.severity),
            value_of(finding.message),
            value_of(finding.fix or ABSENT),
        ]
        for finding in sorted(findings, key=lambda finding: finding.severity)
    ]
    return join(
        [
            element("h3", "Findings"),
            table(
                ["Finding", "Severity", "What", "Fix"], rows, caption="What is wrong, and the fix"
            ),
        ]
    )


def _evidence(finding: VerificationFinding) -> Html | None:
    """Show what the model's code raised and printed, each where there is something."""
    texts = {
        "Traceback": (finding.traceback, "tail unwrapped"),
        "Printed before": (finding.printed, "tail"),
    }
    shown = [
        join(
            [
                element("h4", title, ": ", code_of(finding.code)),
                element("pre", element("bdi", text), class_=class_, tabindex="0"),
            ]
        )
        for title, (text, class_) in texts.items()
        if text
    ]
    return join(shown) if shown else None


def _handler(handler: ServingFunctions) -> Html | None:
    """Tell whose functions serve the model; nothing of one whose code was not imported."""
    whose = {
        "own": "the code's own",
        **{name: f"the toolkit's default, which {what}" for name, what in handler.defaults.items()},
    }
    facts = [
        (name, value_of(whose[key]))
        for name, kind in handler.functions.items()
        if (key := name if kind == "default" else kind) in whose
    ]
    if not facts:
        return None
    return join([element("h3", "Functions that serve the model"), named_values(facts)])


def _limits(evaluation: Evaluation) -> Html:
    limits = evaluation.limits
    return table(
        ["Number", "Measured", "Limit", "Setting", "Of limit"],
        [
            [each.name, number(each.value, each.unit), _limit(limits.get(each.limit), each),
             code_of(each.setting), _share(limits.get(each.limit), each)]
            for each in measured_numbers(evaluation)
        ],
        caption="Measured numbers beside their limits",
    )  # fmt: skip


def _limit(limit: float | None, measured: MeasuredNumber) -> str:
    if limit is None:
        return "none"
    return f"{'at least' if measured.is_a_least else 'at most'} {number(limit, measured.unit)}"


def _share(limit: float | None, measured: MeasuredNumber) -> str:
    """Set a measured number beside its limit; the verdict is the verification's own."""
    if measured.value is None or not limit:
        return ABSENT
    missed = measured.value < limit if measured.is_a_least else measured.value > limit
    side = "below" if measured.is_a_least else "above"
    return f"{100 * measured.value / limit:.0f} %{f', {side} the limit' if missed else ''}"


def _latencies(evaluation: Evaluation) -> Html | None:
    load = evaluation.load
    if load is None:
        return None
    limit = evaluation.limits.get(_MAX_LATENCY)
    facts = [
        ("Load", f"{number(load.offered_tps)} requests per second offered, for "
                 f"{number(load.duration_in_second, 's')}, by {load.workers} workers"),
        ("Requests", f"{load.request_count:,}, of which {load.error_count:,} failed"),
    ]  # fmt: skip
    percentiles = [(name, number(value, "ms")) for name, value in load.latencies.items()]
    return join(
        [
            element("h3", "Latency under load"),
            named_values(facts),
            element("div", named_values(percentiles), class_="tiles"),
            _histogram(load, limit) if load.histogram else None,
        ]
    )


def _histogram(load: Load, limit: float | None) -> Html:
    most = max(bucket.count for bucket in load.histogram) or 1
    marked = list(zip(load.histogram, _marks(load, limit), strict=True))
    while len(marked) > 1 and not (marked[-1][0].count or marked[-1][1]):
        marked.pop()
    rows = [
        [_upper(bucket), count_bar(bucket.count, most), f"{bucket.count:,}", marks]
        for bucket, marks in marked
    ]
    return table(
        ["Up to", "Requests", "Count", "Marks"],
        rows,
        caption="Histogram of latencies, and where percentiles and limit are",
        class_="histogram",
    )


def _upper(bucket: Bucket) -> str:
    upper = bucket.up_to_in_millisecond
    return "longer" if upper is None else number(upper, "ms")


def _marks(load: Load, limit: float | None) -> Iterator[str]:
    """Name what lies in each bucket: percentiles, the mean and the limit."""
    positions = dict(load.latencies)
    if limit is not None:
        positions["limit"] = limit
    lower = float("-inf")
    for bucket in load.histogram:
        upper = bucket.up_to_in_millisecond
        if upper is None:
            upper = float("inf")
        yield ", ".join(name for name, at in positions.items() if lower < at <= upper)
        lower = upper


def _told_once(payloads: Sequence[PayloadAnswer]) -> Iterator[str]:
    """Yield the problem of each payload; one that a payload before has, as that one's."""
    first: dict[str, str] = {}
    for payload in payloads:
        if not payload.problem:
            yield ABSENT
        elif payload.problem in first:
            yield f"as {first[payload.problem]}"
        else:
            first[payload.problem] = f"{payload.name} → {payload.accept or 'any'}"
            yield payload.problem


def _payloads(payloads: Sequence[PayloadAnswer]) -> Html:
    if not payloads:
        return element("p", "No sample payload was sent.")
    problems = _told_once(payloads)
    rows = [
        [
            value_of(payload.name),
            value_of(f"{payload.content_type} → {payload.accept or 'any'}"),
            badge("passed" if payload.ok else "failed"),
            ABSENT if payload.answer is None else code_of(payload.answer),
            number(payload.latency_in_millisecond, "ms"),
            ABSENT if payload.response_bytes is None else size(payload.response_bytes),
            value_of(problem),
        ]
        for payload, problem in zip(payloads, problems, strict=True)
    ]
    return table(
        ["Payload", "Content types", "Verdict", "Answer", "Latency", "Size", "Problem"],
        rows,
        caption="What the model answered to each sample payload",
    )
