"""What documents calculate of regions: the example's, and any other app's."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from constructs_lib.configs import PipelineConfigs
from constructs_lib.regions import RegionNames
from constructs_lib.settings import Settings
from docs import deployment_policy, used_regions
from docs.costs import main as print_costs
from docs.costs import tables
from docs.deployment import DOCUMENT, blocks, document
from docs.deployment import main as print_deployment
from docs.used_regions import EXAMPLE, UsedRegions
from tests.example_pipeline import copy_example

SETTINGS = Settings(home_region="eu-central-1", regions={"AP": "ap-southeast-2"})


@pytest.fixture
def another(tmp_path: Path) -> UsedRegions:
    """Home is elsewhere, and registers nothing."""
    path = copy_example(tmp_path / "model")
    document = json.loads(path.read_text())
    document["configuration"]["shared"]["registration_regions"] = ["AP", "NA", "eu-west-2"]
    path.write_text(json.dumps(document))
    configs = PipelineConfigs.load(path, region_names=RegionNames(SETTINGS.regions))
    return UsedRegions.of(SETTINGS, [configs])


def test_the_document_is_current() -> None:
    text = DOCUMENT.read_text()

    assert document(text) == text, "run: make docs"
    assert text.count("<!-- regions:") == len(blocks(EXAMPLE))


def test_costs_are_of_the_regions_that_are_used(another: UsedRegions) -> None:
    found = tables(another)

    assert "| KMS keys | 4 keys " in found["idle"]
    assert "| copies to the other regions | 3 regions " in found["release"]
    assert "| functions, a minute each | 6 calls " in found["release"]
    assert " | 4 objects " in found["release"]


def test_stacks_quotas_and_bootstraps_are_of_the_regions_that_are_used(
    another: UsedRegions,
) -> None:
    found = blocks(another)

    assert (
        "cdk bootstrap aws://ACCOUNT/eu-central-1 aws://ACCOUNT/us-east-1"
        " aws://ACCOUNT/ap-southeast-2 aws://ACCOUNT/eu-west-2" in found["bootstrap"]
    )
    assert "| `model-release-storage` | home, `eu-central-1` |" in found["stacks"]
    for name, region in (("na", "us-east-1"), ("ap", "ap-southeast-2"), ("eu-west-2",) * 2):
        assert (
            f"| `model-release-registry-{name}` | `{region}` | model package groups, key"
            in (found["stacks"])
        )
        assert f"| `model-release-notifications-{name}` | `{region}` |" in found["stacks"]
    assert "3 per execution: one per registration region" in found["quotas"]
    assert "8: 2 per region" in found["quotas"]


def test_programs_print_what_is_of_this_app(
    another: UsedRegions, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(used_regions.UsedRegions, "of_this_app", lambda: another)

    print_costs(["--app"])
    print_deployment(["--app"])

    printed = capsys.readouterr().out
    assert all(table in printed for table in tables(another).values())
    assert all(block in printed for block in blocks(another).values())


def test_stacks_and_policies_have_the_name_of_the_app(another: UsedRegions) -> None:
    named = replace(another, app_name="own-name")

    assert "| `own-name-registry-na` |" in blocks(named)["stacks"]
    policies = json.dumps(deployment_policy.policies(app_name=named.app_name))
    assert "arn:aws:s3:::own-name-*" in policies
    assert "model-release" not in policies
