"""The names of regions, and what the libraries' tables tell of the regions."""

from __future__ import annotations

import copy
import json
import pickle
import re
import subprocess
import sys

import botocore.session
import pytest

from constructs_lib.fields.regions import UnknownRegionError, known_region
from constructs_lib.regions import EARLIER_NAMES, EU, NA, RegionCode, RegionNames
from constructs_lib.regions.prefix_lists import S3_PREFIX_LISTS
from constructs_lib.regions.tables import sagemaker_regions
from tests.example_pipeline import ROOT

NAMES = RegionNames({"AP": "ap-southeast-2"})


@pytest.mark.parametrize(
    "copied", [copy.copy, copy.deepcopy, lambda x: pickle.loads(pickle.dumps(x))]
)
def test_a_copied_code_is_the_same_text_and_knows_its_region(copied) -> None:  # type: ignore[no-untyped-def]
    code = copied(RegionCode("AP", "ap-southeast-2"))

    assert (code, code.aws_region, type(code)) == ("AP", "ap-southeast-2", RegionCode)
    assert json.dumps({code: [code]}) == '{"AP": ["AP"]}'


def test_a_region_is_called_by_its_name_and_else_by_itself() -> None:
    assert [NAMES.of(each).shown for each in ("eu-west-1", "ap-southeast-2", "eu-central-1")] == [
        "EU (eu-west-1)",
        "AP (ap-southeast-2)",
        "eu-central-1",
    ]


def test_codes_are_ordered_as_the_names_are_and_then_by_region() -> None:
    given = [NAMES.of(each) for each in ("us-west-1", "ap-southeast-2", "eu-west-1", "ap-south-1")]

    assert NAMES.ordered([*given, NA, NA, EU]) == ["NA", "EU", "AP", "ap-south-1", "us-west-1"]


@pytest.mark.parametrize(
    ("text", "code", "region"),
    [
        ("NA", "NA", "us-east-1"),
        ("us-east-1", "NA", "us-east-1"),
        ("AP", "AP", "ap-southeast-2"),
        ("ap-southeast-2", "AP", "ap-southeast-2"),
        ("eu-central-1", "eu-central-1", "eu-central-1"),
    ],
)
def test_regions_are_read_by_name_or_as_aws_calls_them(text: str, code: str, region: str) -> None:
    found = known_region(text, NAMES)

    assert (found, found.aws_region) == (code, region)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("APP", 'names NA, EU, FE, AP, and .*; did you mean "AP"\\?'),
        ("eu-centrl-1", 'did you mean "eu-central-1"\\?'),
        ("", "is no region"),
        ("cn-northwest-1", "partition aws-cn: .*because nobody could try it"),
        ("us-gov-east-1", "partition aws-us-gov: .*because nobody could try it"),
        ("us-iso-east-1", "partition aws-iso: "),
    ],
)
def test_what_is_no_region_is_refused_with_what_there_is(text: str, message: str) -> None:
    with pytest.raises(UnknownRegionError, match=message):
        known_region(text, NAMES)


def test_the_regions_are_those_that_botocore_has_for_sagemaker() -> None:
    found = botocore.session.get_session().get_available_regions("sagemaker", "aws")

    assert list(sagemaker_regions()) == sorted(found)
    assert set(EARLIER_NAMES.values()) < set(found)


def test_prefix_lists_are_of_regions_that_there_are() -> None:
    assert set(S3_PREFIX_LISTS) < set(sagemaker_regions())
    assert all(re.fullmatch("pl-[0-9a-f]{8}", each) for each in S3_PREFIX_LISTS.values())


def test_settings_with_a_region_that_has_a_name_need_no_tables() -> None:
    code = (
        "import sys; from constructs_lib.settings import Settings;"
        " Settings(home_region='us-east-1');"
        " sys.exit('botocore' in sys.modules)"
    )

    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0
