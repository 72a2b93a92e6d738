"""Regions: AWS regions, and the names that configs and people give to some of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final, Self

EARLIER_NAMES: Final[Mapping[str, str]] = {
    "NA": "us-east-1",
    "EU": "eu-west-1",
    "FE": "us-west-2",
}
"""The names of the earlier system, which every app has, with the AWS regions they stand for."""

DEFAULT_HOME_REGION: Final = "us-east-1"
"""Where models are created and trained whatever region they are registered in."""


class RegionCode(str):
    """What a region is called here: by its name, or as AWS calls it where it has none.

    A text, because names of steps, stacks and documents are made of it: equal codes are equal
    texts. It knows the AWS region besides.
    """

    __slots__ = ("aws_region",)

    aws_region: str
    """The AWS region, for example ``us-east-1``."""

    def __new__(cls, code: str, aws_region: str) -> Self:
        """Call an AWS region by a code."""
        made = super().__new__(cls, code)
        made.aws_region = aws_region
        return made

    def __reduce__(self) -> tuple[type[Self], tuple[str, str]]:
        """Let copies and pickled codes know their AWS region."""
        return type(self), (str(self), self.aws_region)

    @property
    def shown(self) -> str:
        """The code with its region, for people: ``EU (eu-west-1)``."""
        return f"{self} ({self.aws_region})" if self != self.aws_region else str(self)


NA: Final = RegionCode("NA", EARLIER_NAMES["NA"])
EU: Final = RegionCode("EU", EARLIER_NAMES["EU"])
FE: Final = RegionCode("FE", EARLIER_NAMES["FE"])


@dataclass(frozen=True)
class RegionNames:
    """The names that an app has for regions: those of the earlier system, and its own.

    names = RegionNames({"AP": "ap-southeast-2"})
    names.of("ap-southeast-2")    # "AP"
    """

    own: Mapping[str, str] = field(default_factory=dict)
    """AWS regions by the names that the app's settings add."""

    @property
    def regions(self) -> dict[str, str]:
        """AWS regions by all names, those of the earlier system first."""
        return {**EARLIER_NAMES, **self.own}

    @property
    def codes(self) -> list[RegionCode]:
        """The regions that have names, in the order of the names."""
        return [RegionCode(name, region) for name, region in self.regions.items()]

    def named(self, name: str) -> RegionCode | None:
        """Return the region of a name, None where nothing has it."""
        region = self.regions.get(name)
        return None if region is None else RegionCode(name, region)

    def of(self, aws_region: str) -> RegionCode:
        """Call an AWS region by its name, or by itself where it has none."""
        names = {region: name for name, region in self.regions.items()}
        return RegionCode(names.get(aws_region, aws_region), aws_region)

    def ordered(self, codes: Iterable[RegionCode]) -> list[RegionCode]:
        """Order different codes: those with names as the names are, then the others by region."""
        names = list(self.regions)
        return sorted(
            set(codes), key=lambda code: (names.index(code) if code in names else len(names), code)
        )
