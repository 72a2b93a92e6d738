"""What endpoints cost: instances that run, whether somebody asks or not."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

HOURLY_USD: Final = {
    "ml.t2.medium": Decimal("0.056"),
    "ml.m5.large": Decimal("0.115"),
    "ml.m5.xlarge": Decimal("0.23"),
    "ml.m5.2xlarge": Decimal("0.461"),
    "ml.m5.4xlarge": Decimal("0.922"),
    "ml.c5.large": Decimal("0.102"),
    "ml.c5.xlarge": Decimal("0.204"),
    "ml.c5.2xlarge": Decimal("0.408"),
    "ml.g4dn.xlarge": Decimal("0.736"),
    "ml.g5.xlarge": Decimal("1.408"),
    "ml.g5.2xlarge": Decimal("1.515"),
}
"""List prices of real-time inference in us-east-1, US dollars an hour, as published in 2026.

Source: AWS's price page "Amazon SageMaker AI". Other regions' differ, mostly upwards.
"""
MONTH_HOURS: Final = 730


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
