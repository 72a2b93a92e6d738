"""Settings of the endpoints that serve approved versions, one in each region of the deployment."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator
from typing import Annotated, ClassVar, Final, Literal, Self, TypeAlias

from pydantic import AfterValidator, Field, ValidationInfo, field_validator, model_validator

from constructs_lib.configs.base import BasePipelineConfig
from constructs_lib.configs.guardrails.shifts import (
    FEWEST_INSTANCES,
    LONGEST_ALARM_NAME,
    LONGEST_WAIT_SECONDS,
    MOST_ALARMS,
    PERCENTAGES,
    POLICY_CHARACTERS,
    Percentages,
    Shift,
    TrafficShift,
    has_guardrails,
)
from constructs_lib.configs.types import InstanceType
from constructs_lib.fields.regions import ConfigRegion
from constructs_lib.fields.rules import TextRule, broken_rule, broken_rules, did_you_mean, shown
from constructs_lib.regions import RegionCode

LONGEST_ENDPOINT_NAME: Final = 63
"""Service model: EndpointName. A test compares these numbers with the installed botocore's."""
FEWEST_KEPT: Final = 2
"""What serves, and what a rollback returns to."""
MOST_KEPT: Final = 100
MOST_TRAFFIC: Final = 600
"""Requests a minute that the function sends beside looking."""
LONGEST_ANSWER_MILLISECONDS: Final = 60_000
"""API reference, InvokeEndpoint: a container has 60 seconds to answer."""
_TERMINATION_WAIT_SECONDS: Final = 120

EndpointName = Annotated[
    str,
    TextRule(
        rf"(?=.{{1,{LONGEST_ENDPOINT_NAME}}}$)[a-zA-Z0-9](-*[a-zA-Z0-9])*",
        f"an endpoint's name: 1 to {LONGEST_ENDPOINT_NAME} letters, digits and hyphens, starting"
        " and ending with a letter or digit",
    ),
]
Wave: TypeAlias = Annotated[list[ConfigRegion], Field(min_length=1)]


def _check_waves(waves: list[list[RegionCode]]) -> list[list[RegionCode]]:
    counts = Counter(code for wave in waves for code in wave)
    if repeated := [code for code, count in counts.items() if count > 1]:
        raise broken_rule(
            f"names {', '.join(repeated)} more than once: a region is in one wave, once"
        )
    return waves


Waves = Annotated[list[Wave], Field(min_length=1), AfterValidator(_check_waves)]

AlarmName = Annotated[
    str,
    TextRule(
        rf"(?=.*\S)[{POLICY_CHARACTERS}]{{1,{LONGEST_ALARM_NAME}}}",
        f"the name of an alarm in Amazon CloudWatch: 1 to {LONGEST_ALARM_NAME} characters on one"
        " line, up to U+00FF, as policies of AWS IAM can name no others",
    ),
]


def _check_alarm_names(names: list[str]) -> list[str]:
    if repeated := [name for name, count in Counter(names).items() if count > 1]:
        raise broken_rule(f"names {', '.join(map(shown, repeated))} more than once")
    return names


AlarmNames = Annotated[
    list[AlarmName], Field(min_length=1, max_length=MOST_ALARMS), AfterValidator(_check_alarm_names)
]


class EndpointConfig(BasePipelineConfig):
    """The endpoints that serve an approved version, and how a new version takes over.

    Without this section a pipeline registers versions, and nothing serves them.
    """

    STEP_KEY: ClassVar[str] = "Endpoint"

    endpoint_name: EndpointName | None = Field(
        None, description="Name of the endpoint in each region, by default the pipeline's"
    )
    waves: Waves | None = Field(
        None,
        description="Regions that a new version is deployed to, wave after wave: those of one wave"
        " side by side, the next wave once all of them serve. By default the first registration"
        " region alone, then all others. A region that is in no wave has no endpoint",
    )
    instance_type: InstanceType | None = Field(
        None,
        description="Instance type of the endpoints, by default inference_instance_type; it has to"
        " run the same image",
    )
    instance_count: int = Field(
        1, ge=1, description="Instances of each endpoint; with autoscaling the fewest"
    )
    max_instance_count: int | None = Field(
        None,
        ge=1,
        description="Most instances that autoscaling starts; without it there is none. Goes with"
        " invocations_per_instance",
    )
    invocations_per_instance: int | None = Field(
        None,
        ge=1,
        description="Requests per instance and minute that autoscaling aims at. Goes with"
        " max_instance_count",
    )
    shift: Shift | None = Field(
        None,
        description="How traffic comes to the instances of a new version: canary gives them a part"
        " of it, then all; linear equal parts, one after the other; all_at_once all of it. These"
        " three start as many instances as there are beside them. rolling replaces instances batch"
        " by batch, where there are no more of them. By default canary, or all_at_once where"
        f" instance_count is below {FEWEST_INSTANCES}",
    )
    shift_percentage: int | None = Field(
        None,
        ge=min(each.least for each in PERCENTAGES.values()),
        le=max(each.most for each in PERCENTAGES.values()),
        description="Size of a part or of a batch, percent of the instances, at least one instance:"
        + ";".join(
            f" {kind} {each.least} to {each.most}, by default {each.default}"
            for kind, each in PERCENTAGES.items()
        ),
    )
    bake_seconds: int = Field(
        300,
        ge=0,
        le=LONGEST_WAIT_SECONDS,
        description="How long the alarms are watched after each part of the traffic, the last one"
        " too, before anything goes on, seconds. A wave is looked at again before the next begins",
    )
    max_latency_in_millisecond: int | None = Field(
        None,
        ge=1,
        le=LONGEST_ANSWER_MILLISECONDS,
        description="Latency of the model that its slowest 1 % of requests may have, milliseconds;"
        " above it an alarm takes the version back. By default that of Payload;"
        f" {LONGEST_ANSWER_MILLISECONDS}, which no answer takes longer than, makes no alarm",
    )
    max_acceptable_error_rate: float | None = Field(
        None,
        ge=0,
        le=1,
        description="Share of requests that the model may fail (5XX), 0 to 1; above it an alarm"
        " takes the version back. By default that of Payload; 1 makes no alarm",
    )
    alarm_names: AlarmNames | None = Field(
        None,
        description="Own alarms on metrics in Amazon CloudWatch, there in each region of the waves,"
        f" that take a new version back too; with those above at most {MOST_ALARMS}",
    )
    bake_traffic: int = Field(
        0,
        ge=0,
        le=MOST_TRAFFIC,
        description="Sample requests a minute that are sent while a version bakes, beside what"
        " others send; 0 sends none",
    )
    termination_wait_seconds: int = Field(
        _TERMINATION_WAIT_SECONDS,
        ge=0,
        le=LONGEST_WAIT_SECONDS,
        description="How long the instances of the former version stay after the new one has taken"
        " over, seconds; rolling has no such wait",
    )
    data_capture_percentage: int = Field(
        0,
        ge=0,
        le=100,
        description="Share of requests that are kept with their answers in the region's bucket,"
        " percent; 0 keeps none. They can hold personal data",
    )
    deploy_on: Literal["command", "approval"] = Field(
        "command",
        description="What starts a deployment: release deploy, or the approval of a version in"
        " every region of the waves",
    )
    kept_versions: int = Field(
        3,
        ge=FEWEST_KEPT,
        le=MOST_KEPT,
        description="Versions whose models and endpoint configurations are kept in each region, the"
        " one that serves among them; a rollback returns to one of them",
    )

    def waves_of(self, registration_regions: tuple[RegionCode, ...]) -> list[list[RegionCode]]:
        """Return the waves, which are made of the registration regions where none are given."""
        if self.waves is not None:
            return self.waves
        first, *others = registration_regions
        return [[first], others] if others else [[first]]

    def traffic_shift(self, instance_type: str, *, is_watched: bool) -> TrafficShift:
        """Return how traffic comes to a new version, where nothing else is given by default.

        Args:
            instance_type: That of the endpoints.
            is_watched: Whether there are alarms.
        """
        is_divisible = self.instance_count >= FEWEST_INSTANCES and has_guardrails(instance_type)
        kind: Shift = self.shift or ("canary" if is_divisible else "all_at_once")
        if kind != "all_at_once":
            percentage = self.shift_percentage or PERCENTAGES[kind].default
            return TrafficShift(kind, percentage, self.bake_seconds)
        bakes = is_watched and has_guardrails(instance_type)
        return TrafficShift(kind, None, self.bake_seconds if bakes else 0)

    @field_validator("max_instance_count")
    @classmethod
    def _most_are_not_fewer(cls, value: int | None, info: ValidationInfo) -> int | None:
        fewest = info.data.get("instance_count")
        if value is not None and fewest is not None and value < fewest:
            raise broken_rule(
                f"max_instance_count ({value}) must not be below instance_count ({fewest})",
                "instance_count",
            )
        return value

    @model_validator(mode="after")
    def _autoscaling_is_whole(self) -> Self:
        pair = ("max_instance_count", "invocations_per_instance")
        given = [name for name in pair if getattr(self, name) is not None]
        if len(given) == 1:
            (missing,) = set(pair) - set(given)
            message = f"is required beside {given[0]}: autoscaling takes both, or none"
            raise broken_rules(type(self).__name__, [((missing,), None, message)])
        return self

    @model_validator(mode="after")
    def _shift_is_possible(self) -> Self:
        wrong = [((name,), getattr(self, name), message) for name, message in self._wrong_shift()]
        if wrong:
            raise broken_rules(type(self).__name__, wrong)
        return self

    def _wrong_shift(self) -> Iterator[tuple[str, str]]:
        """Yield each field that the service refuses or ignores beside the others, and why."""
        is_single = self.instance_count < FEWEST_INSTANCES
        kind = self.shift or ("all_at_once" if is_single else "canary")
        given = self.shift_percentage
        if is_single and kind in PERCENTAGES:
            yield (
                "shift",
                f"takes an instance_count of at least {FEWEST_INSTANCES}, not"
                f" {self.instance_count}: a part of the traffic is that of an instance or more, and"
                ' of half of them at most. Raise instance_count, or set "all_at_once"',
            )
        elif given is not None and kind not in PERCENTAGES:
            because = "" if self.shift else f", which is how {self.instance_count} instance shifts"
            yield (
                "shift_percentage",
                f"is of {', '.join(PERCENTAGES)}, not of {kind}{because}: leave it out",
            )
        elif given is not None and not _is_within(given, PERCENTAGES[kind]):
            bounds = PERCENTAGES[kind]
            yield "shift_percentage", f"is {bounds.least} to {bounds.most} for {kind}"
        if self.shift == "rolling" and self.termination_wait_seconds not in (
            0,
            _TERMINATION_WAIT_SECONDS,
        ):
            yield (
                "termination_wait_seconds",
                "is of blue/green updates: rolling ends the former instances batch by batch, each"
                " after bake_seconds. Leave it out",
            )


def _is_within(value: int, bounds: Percentages) -> bool:
    return bounds.least <= value <= bounds.most


def unregistered(
    waves: list[list[RegionCode]], registered: Collection[RegionCode]
) -> Iterator[tuple[tuple[int, int], str]]:
    """Yield each region of the waves in which nothing is registered: its place, and what is wrong.

    Args:
        waves: As a file gives them.
        registered: The registration regions.
    """
    for number, wave in enumerate(waves):
        for place, code in enumerate(wave):
            if code not in registered:
                yield (
                    (number, place),
                    f"{shown(str(code))} is no registration region, so there is no version to serve"
                    f" there: registered is in {', '.join(registered)}"
                    f"{did_you_mean(code, registered)}",
                )
