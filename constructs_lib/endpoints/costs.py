"""What endpoints cost: instances that run, whether somebody asks or not."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from constructs_lib.service_model.prices import HOURLY_USD, MONTH_HOURS

START_MINUTES: Final = 8
"""About what instances take until a container of AWS serves on them."""


@dataclass(frozen=True, kw_only=True)
class UpdateCost:
    """What a deployment runs beside the instances that there are anyway, in a region."""

    minutes: int
    """About how long."""
    instances: int
    """How many more."""

    @classmethod
    def of(cls, settings: Mapping[str, Any]) -> UpdateCost:
        """Read the settings of a pipeline's deployments; older ones shift at once, unwatched."""
        count = int(settings["instance_count"])
        shift = settings.get("shift") or {"type": "ALL_AT_ONCE", "wait_seconds": 0}
        kind, percentage = shift["type"], shift.get("percentage") or 100
        parts = 2 if kind == "CANARY" else math.ceil(100 / percentage)
        baking = parts * int(shift["wait_seconds"])
        if kind == "ROLLING":
            batch = math.ceil(count * percentage / 100)
            minutes = math.ceil(count / batch) * START_MINUTES + baking / 60
            return cls(minutes=round(minutes), instances=batch)
        seconds = baking + int(settings.get("termination_wait_seconds", 0))
        return cls(minutes=round(START_MINUTES + seconds / 60), instances=count)


@dataclass(frozen=True, kw_only=True)
class EndpointCost:
    """What the endpoints of a pipeline cost a month, all regions together."""

    regions: int
    instance_type: str
    fewest: int
    """Instances in each region when nobody asks."""
    most: int
    """Instances in each region when autoscaling has started all that it may."""
    update: UpdateCost

    @classmethod
    def of(cls, settings: Mapping[str, Any]) -> EndpointCost:
        """Read the settings of a pipeline's deployments."""
        count = int(settings["instance_count"])
        scaling = settings.get("autoscaling") or {}
        return cls(
            regions=sum(len(wave) for wave in settings["waves"]),
            instance_type=str(settings["instance_type"]),
            fewest=int(scaling.get("min_capacity", count)),
            most=int(scaling.get("max_capacity", count)),
            update=UpdateCost.of(settings),
        )

    @property
    def instances(self) -> str:
        """How many of what run where: ``1 to 4 ml.m5.large in each of 3 regions``."""
        count = str(self.fewest) if self.fewest == self.most else f"{self.fewest} to {self.most}"
        where = "1 region" if self.regions == 1 else f"each of {self.regions} regions"
        return f"{count} {self.instance_type} in {where}"

    @property
    def monthly(self) -> str:
        """US dollars a month, in words; says so when the price is not known here."""
        hourly = HOURLY_USD.get(self.instance_type)
        if hourly is None:
            return f"unknown: look up the hourly price of {self.instance_type}"
        low, high = (
            hourly * MONTH_HOURS * self.regions * each for each in (self.fewest, self.most)
        )
        amount = f"{low:,.2f}" if low == high else f"{low:,.2f} to {high:,.2f}"
        return f"{amount} USD (at us-east-1's list price)"

    @property
    def per_deployment(self) -> str:
        """US dollars for the instances that run beside the others while a version takes over."""
        update, hourly = self.update, HOURLY_USD.get(self.instance_type)
        how_long = f"{update.instances} more for about {update.minutes} minutes in each region"
        if hourly is None:
            return f"unknown; {how_long}"
        usd = hourly * self.regions * update.instances * update.minutes / 60
        return f"{usd:,.2f} USD ({how_long})"
