"""Settings of the endpoints that serve approved versions, one in each region of the deployment."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator
from typing import Annotated, ClassVar, Final, Literal, Self, TypeAlias

from pydantic import AfterValidator, Field, ValidationInfo, field_validator, model_validator

from constructs_lib.configs.base import BasePipelineConfig
from constructs_lib.configs.types import InstanceType
from constructs_lib.fields.regions import ConfigRegion
from constructs_lib.fields.rules import TextRule, broken_rule, broken_rules, did_you_mean, shown
from constructs_lib.regions import RegionCode

LONGEST_WAIT_SECONDS: Final = 3600
"""Service model: TerminationWaitInSeconds, WaitIntervalInSeconds."""
LONGEST_ENDPOINT_NAME: Final = 63
"""Service model: EndpointName. A test compares these numbers with the installed botocore's."""
FEWEST_KEPT: Final = 2
"""What serves, and what a rollback returns to."""
MOST_KEPT: Final = 100

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
    bake_seconds: int = Field(
        300,
        ge=0,
        le=LONGEST_WAIT_SECONDS,
        description="How long a wave serves before it is looked at again and the next begins,"
        " seconds",
    )
    termination_wait_seconds: int = Field(
        120,
        ge=0,
        le=LONGEST_WAIT_SECONDS,
        description="How long the instances of the former version stay after the new one has taken"
        " over, seconds",
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
