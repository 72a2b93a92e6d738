"""Rules of fields that hold regions, or names of regions."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Final

from pydantic import AfterValidator
from pydantic_core import CoreSchema, core_schema

from constructs_lib.fields.rules import TextRule, did_you_mean, shown
from constructs_lib.regions import EARLIER_NAMES, RegionCode, RegionNames
from constructs_lib.regions.tables import (
    PARTITION,
    home_regions,
    partition_of,
    sagemaker_regions,
)

if TYPE_CHECKING:
    from pydantic import GetCoreSchemaHandler, ValidationInfo

REGION_NAMES: Final = "region_names"
"""Key of the names in the context of a validation; without it there are the earlier system's."""
REGION_PATTERN: Final = r"[a-z]{2,}(-[a-z]+)+-\d+"
"""What AWS regions look like; which there are, the tables tell."""
_NAME: Final = "[A-Z][A-Z0-9]{0,19}"
"""A name becomes part of the names of steps (64 characters), stacks (128) and variables: long
enough for a word, and short enough for all of them."""
_EXAMPLE: Final = "ap-southeast-2"


class UnknownRegionError(ValueError):
    """Nothing can be released in a region of that name; the message tells what there is."""


def known_region(text: str, names: RegionNames) -> RegionCode:
    """Read a region, given by its name or as AWS calls it.

    Raises:
        UnknownRegionError: There is none, or one of another partition.
    """
    if code := names.named(text):
        return code
    if text in names.regions.values() or text in sagemaker_regions():
        return names.of(text)
    if problem := _other_partition(text):
        raise UnknownRegionError(problem)
    known = [*names.regions, *sagemaker_regions()]
    raise UnknownRegionError(
        f"is no region: allowed are the names {', '.join(names.regions)}, and the AWS regions with"
        f" Amazon SageMaker AI, such as {_EXAMPLE}{did_you_mean(text, known)}"
    )


def names_in(info: ValidationInfo) -> RegionNames:
    """Return the names of regions that a validation knows."""
    names: RegionNames = (info.context or {}).get(REGION_NAMES, RegionNames())
    return names


def _other_partition(text: str) -> str | None:
    partition = partition_of(text)
    if partition in (None, PARTITION):
        return None
    return (
        f"is of the partition {partition}: the app is for regions of the partition {PARTITION},"
        " because nobody could try it in another"
    )


def _check_home_region(text: str) -> str:
    # The SDK's and botocore's tables are read for others than the three only.
    if _check_region(text) not in EARLIER_NAMES.values() and text not in home_regions():
        raise UnknownRegionError(
            "has no container of scikit-learn, in which models are packaged, as far as the"
            " installed SageMaker SDK knows: choose another home region; models can be registered"
            f" in {text} all the same"
        )
    return text


def _check_region(text: str) -> str:
    if text in EARLIER_NAMES.values() or text in sagemaker_regions():
        return text
    if region := EARLIER_NAMES.get(text):
        raise UnknownRegionError(f"takes the AWS region, not its name: use {shown(region)}")
    raise UnknownRegionError(
        _other_partition(text)
        or "is no AWS region with Amazon SageMaker AI, such as eu-central-1"
        + did_you_mean(text, sagemaker_regions())
    )


def _check_own_names(given: Mapping[str, str]) -> Mapping[str, str]:
    names = dict(EARLIER_NAMES)
    for name, region in given.items():
        if not re.fullmatch(_NAME, name):
            raise ValueError(
                f"gives the name {shown(name)}: a name is 1 to 20 capital letters and digits, a"
                " letter first"
            )
        if name in EARLIER_NAMES:
            raise ValueError(
                f"cannot give {name} to a region: every app calls {EARLIER_NAMES[name]} so"
            )
        try:
            _check_region(region)
        except UnknownRegionError as error:
            raise ValueError(f"names {shown(region)} {name}, which {error}") from error
        other = next((each for each, of in names.items() if of == region), None)
        if other is not None:
            raise ValueError(f"names {region} {name}, which is called {other} already")
        names[name] = region
    return given


@dataclass(frozen=True)
class RegionField:
    """Reads a field's text as a region that the names in the context may name."""

    def __get_pydantic_core_schema__(
        self, source: object, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        """Check the text after it is one."""
        return core_schema.with_info_after_validator_function(self._read, core_schema.str_schema())

    def _read(self, text: str, info: ValidationInfo) -> RegionCode:
        return known_region(text, names_in(info))


ConfigRegion = Annotated[
    RegionCode,
    RegionField(),
    TextRule(
        f"({_NAME}|{REGION_PATTERN})",
        f'a region by its name, such as "NA", or as AWS calls it, such as "{_EXAMPLE}"',
    ),
]
"""A region in a pipeline's config."""
HomeRegion = Annotated[str, AfterValidator(_check_home_region)]
OwnRegionNames = Annotated[dict[str, str], AfterValidator(_check_own_names)]
