"""What verification measured, beside what it measured of the version before."""

from __future__ import annotations

from dataclasses import dataclass

from local.report.evaluation import Evaluation, find_evaluation
from local.report.formats import ABSENT, code_of, number, time_of
from local.report.html import Html, element, join
from local.report.tables import table
from local.runner.language.errors import ExecutionRecordError
from local.runner.records import Execution, read_execution


@dataclass(frozen=True)
class MeasuredNumber:
    """A number, and the limit that is set for it."""

    name: str
    value: float | None
    limit: str
    """Its name among the evaluation's limits."""
    setting: str
    """The field of the config that sets it."""
    unit: str = ""
    is_a_least: bool = False
    """Whether more is better."""


def measured_numbers(evaluation: Evaluation) -> list[MeasuredNumber]:
    """Return the numbers that limits are set for; what nobody measured has no value."""
    load, gate, memory = evaluation.load, evaluation.gate, evaluation.memory
    latency, errors, tps = "max_latency_in_millisecond", "max_acceptable_error_rate", "expected_tps"
    # Without a load the gate's numbers are zeros that nobody measured.
    return [
        MeasuredNumber(
            "Latency p99", gate.latency_p99_in_millisecond if load else None, latency, latency, "ms"
        ),
        MeasuredNumber("Error rate", gate.error_rate if load else None, errors, errors),
        MeasuredNumber(
            "Requests per second", gate.achieved_tps if load else None, tps, tps, is_a_least=True
        ),
        MeasuredNumber(
            "Peak memory",
            memory.peak_in_megabyte if memory else None,
            "container_memory_limit_in_megabyte",
            "container_memory_limit",
            "MB",
        ),
        MeasuredNumber(
            "Cold load",
            evaluation.cold_load_in_second,
            "startup_timeout_in_second",
            "container_startup_health_check_timeout",
            "s",
        ),
    ]


def show_comparison(execution: Execution, evaluation: Evaluation) -> Html | None:
    """Compare with the pipeline's last execution before that was verified, if one is recorded."""
    before = _before(execution)
    if before is None:
        return None
    earlier, other = before
    rows = [
        [then.name, number(then.value, then.unit), number(now.value, now.unit), _change(then, now)]
        for then, now in zip(measured_numbers(other), measured_numbers(evaluation), strict=True)
    ]
    return join(
        [
            element("h3", "Compared with the version before"),
            element(
                "p", "Execution ", code_of(earlier.id), ", started ", time_of(earlier.start_time),
                f": {other.verdict}.",
            ),
            table(["Number", "Before", "Now", "Change"], rows,
                  caption="Measured numbers of both versions"),
        ]
    )  # fmt: skip


def _change(before: MeasuredNumber, now: MeasuredNumber) -> str:
    if before.value is None or now.value is None:
        return ABSENT
    if before.value == now.value:
        return "none"
    if not before.value:
        return f"+{number(now.value, now.unit)}"
    return f"{100 * (now.value - before.value) / before.value:+.0f} %"


def _before(execution: Execution) -> tuple[Execution, Evaluation] | None:
    found = []
    for record in execution.folder.parent.glob("*/execution.json"):
        try:
            other = read_execution(record.parent)
        except ExecutionRecordError:
            continue  # a damaged record hides no other
        evaluation = find_evaluation(other.steps)
        is_earlier = other.start_time < execution.start_time
        if (
            other.pipeline_arn == execution.pipeline_arn
            and is_earlier
            and evaluation is not None
            and isinstance(evaluation[1], Evaluation)
        ):
            found.append((other, evaluation[1]))
    return max(found, key=lambda each: each[0].start_time, default=None)
