"""What an update of an endpoint cannot be, told before anything is deployed.

Serverless endpoints and several variants, which SageMaker shifts no traffic of either, no config
can ask for: an endpoint has instances, and one variant.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from constructs_lib.configs.endpoint import LONGEST_ANSWER_MILLISECONDS, EndpointConfig
from constructs_lib.configs.guardrails.shifts import (
    LATE_METRICS_SECONDS,
    LONGEST_UPDATE_SECONDS,
    MOST_ALARMS,
    PERCENTAGES,
    STARTING_INSTANCES_SECONDS,
    TRIPPING_SECONDS,
    TrafficShift,
    has_guardrails,
)
from constructs_lib.configs.model import PytorchModelCreationConfig
from constructs_lib.configs.registration import PayloadConfig


@dataclass(frozen=True, kw_only=True)
class Guardrails:
    """How a new version takes over, all defaults of other sections filled in."""

    shift: TrafficShift
    latency_milliseconds: int | None
    """Above it an alarm takes a version back; None: there is no such alarm."""
    error_rate: float | None
    """The same of the share of failed requests."""
    alarm_names: tuple[str, ...]
    """Own alarms."""
    start_seconds: int
    """What new instances may take until they serve."""
    termination_seconds: int
    """How long the former instances stay."""

    @classmethod
    def of(
        cls, endpoint: EndpointConfig, model: PytorchModelCreationConfig, payload: PayloadConfig
    ) -> Guardrails:
        """Read the sections that say it."""
        latency, rate = endpoint.max_latency_in_millisecond, endpoint.max_acceptable_error_rate
        latency = payload.max_latency_in_millisecond if latency is None else latency
        rate = payload.max_acceptable_error_rate if rate is None else rate
        has_latency, has_rate = latency < LONGEST_ANSWER_MILLISECONDS, rate < 1
        start_seconds = (
            STARTING_INSTANCES_SECONDS
            + model.data_download_timeout
            + model.container_startup_health_check_timeout
        )
        return cls(
            shift=endpoint.traffic_shift(
                endpoint.instance_type or model.inference_instance_type,
                is_watched=has_latency or has_rate or bool(endpoint.alarm_names),
            ),
            latency_milliseconds=latency if has_latency else None,
            error_rate=rate if has_rate else None,
            alarm_names=tuple(endpoint.alarm_names or ()),
            start_seconds=start_seconds,
            termination_seconds=endpoint.termination_wait_seconds,
        )

    @property
    def own_alarms(self) -> int:
        """How many alarms a deployment makes."""
        return sum(each is not None for each in (self.latency_milliseconds, self.error_rate))

    @property
    def timeout_seconds(self) -> int:
        """How long an update may take."""
        return self.shift.timeout_seconds(
            start_seconds=self.start_seconds, termination_seconds=self.termination_seconds
        )


def wrong_updates(
    endpoint: EndpointConfig, model: PytorchModelCreationConfig, payload: PayloadConfig
) -> Iterator[tuple[str, str]]:
    """Yield each field that SageMaker refuses or ignores beside other sections, and why."""
    guardrails = Guardrails.of(endpoint, model, payload)
    yield from _ignored(endpoint, endpoint.instance_type or model.inference_instance_type)
    given = len(guardrails.alarm_names)
    if given + guardrails.own_alarms > MOST_ALARMS:
        yield (
            "alarm_names",
            f"are {given}: with the {guardrails.own_alarms} that a deployment makes more than the"
            f" {MOST_ALARMS} that SageMaker watches. Leave some out",
        )
    shift = guardrails.shift
    seconds = shift.update_seconds(
        start_seconds=guardrails.start_seconds, termination_seconds=guardrails.termination_seconds
    )
    if seconds > LONGEST_UPDATE_SECONDS:
        yield (
            "bake_seconds",
            f"comes {shift.parts} times, as shift is {shift.kind} by {shift.percentage} %: with the"
            f" start of instances and termination_wait_seconds that makes {seconds} s, and"
            f" SageMaker allows {LONGEST_UPDATE_SECONDS} s. Shorten it, or raise shift_percentage",
        )


def hasty_bake(
    endpoint: EndpointConfig, model: PytorchModelCreationConfig, payload: PayloadConfig
) -> str | None:
    """Say that bake_seconds is over before an alarm can have tripped; None: it is not.

    Own alarms have periods of their own, which no config tells.
    """
    enough = TRIPPING_SECONDS + LATE_METRICS_SECONDS
    if endpoint.bake_seconds >= enough or not Guardrails.of(endpoint, model, payload).own_alarms:
        return None
    return (
        f"is over before an alarm can trip: that takes {TRIPPING_SECONDS} s above its limit, and up"
        f" to {LATE_METRICS_SECONDS} s more until its metrics are there; {enough} is enough"
    )


def _ignored(endpoint: EndpointConfig, instance_type: str) -> Iterator[tuple[str, str]]:
    if has_guardrails(instance_type):
        return
    reason = (
        f"SageMaker updates {instance_type} all at once, whatever is asked, and no alarm ends that"
    )
    if endpoint.shift in PERCENTAGES:
        yield "shift", f"is ignored: {reason}. Leave it out, or choose another instance type"
    if endpoint.alarm_names:
        yield "alarm_names", f"are ignored: {reason}. Leave them out"
