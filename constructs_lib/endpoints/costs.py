"""What endpoints cost: instances that run, whether somebody asks or not."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from constructs_lib.service_model.prices import HOURLY_USD, MONTH_HOURS


@dataclass(frozen=True, kw_only=True)
class EndpointCost:
    """What the endpoints of a pipeline cost a month, all regions together."""

    regions: int
    instance_type: str
    fewest: int
    """Instances in each region when nobody asks."""
    most: int
    """Instances in each region when autoscaling has started all that it may."""

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
