"""The CDK's own stack without the CDK CLI: it is what the CLI makes."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml  # type: ignore[import-untyped]

from local import bootstrapping
from local.bootstrapping import BootstrapError, bootstrap
from local.cdk import CdkCli
from local.emulator import ACCOUNT_ID, EmbeddedAws

BY_CLI = "eu-west-1"
BY_CALLS = "us-west-2"
OLDER = "ap-northeast-1"
OF_A_MOMENT = {"CreationTime", "LastUpdatedTime", "LastUpdatedTimestamp", "StackId", "Timestamp"}


@pytest.fixture(scope="module")
def aws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedAws]:
    """An AWS with a region that the CLI has bootstrapped, and two others."""
    with EmbeddedAws() as running:
        log = tmp_path_factory.mktemp("cdk") / "log"
        CdkCli(running.environment(), log).bootstrap(ACCOUNT_ID, [BY_CLI])
        bootstrap(running.handle, [BY_CALLS, OLDER])
        yield running


def _is(aws: EmbeddedAws, region: str) -> dict[str, Any]:
    """Return all that there is to know of the stack, with one name for the region."""
    cloudformation = aws.client("cloudformation", region)
    name = {"StackName": "CDKToolkit"}
    stacks = cloudformation.describe_stacks(**name)["Stacks"]
    resources = cloudformation.describe_stack_resources(**name)["StackResources"]
    template = cloudformation.get_template(**name)["TemplateBody"]
    known: dict[str, Any] = {
        "stacks": stacks,
        "resources": sorted(resources, key=lambda each: str(each["LogicalResourceId"])),
        "template": yaml.safe_load(template) if isinstance(template, str) else template,
        "version": aws.client("ssm", region).get_parameter(Name="/cdk-bootstrap/hnb659fds/version")[
            "Parameter"
        ]["Value"],
    }
    text = json.dumps(_lasting(known), default=str).replace(region, "REGION")
    kept: dict[str, Any] = json.loads(re.sub('-[A-Z0-9]{12}(?=")', "-RANDOM", text))
    return kept


def _lasting(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _lasting(each) for key, each in value.items() if key not in OF_A_MOMENT}
    if isinstance(value, list):
        given = [_lasting(each) for each in value]
        is_parameters = bool(given) and all("ParameterKey" in str(each) for each in given)
        return sorted(given, key=str) if is_parameters else given
    return value


def test_the_stack_is_the_one_that_the_cli_makes(aws: EmbeddedAws) -> None:
    by_cli, by_calls = _is(aws, BY_CLI), _is(aws, BY_CALLS)

    assert by_calls == by_cli
    assert by_cli["stacks"][0]["StackStatus"] == "CREATE_COMPLETE"
    assert len(by_cli["resources"]) > 10


def test_the_cli_finds_nothing_to_change(aws: EmbeddedAws, tmp_path: Path) -> None:
    CdkCli(aws.environment(), tmp_path / "log").bootstrap(ACCOUNT_ID, [BY_CALLS])

    assert (
        f"Environment aws://{ACCOUNT_ID}/{BY_CALLS} bootstrapped (no changes)"
        in (tmp_path / "log").read_text()
    )


def test_once_more_changes_what_has_changed_and_nothing_else(
    aws: EmbeddedAws, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    template = bootstrapping._TEMPLATE.read_text()
    before = _is(aws, OLDER)

    bootstrap(aws.handle, [OLDER])
    assert _is(aws, OLDER) == before

    newer = tmp_path / "template.yaml"
    newer.write_text(template.replace("Description: This stack", "Description: The stack", 1))
    monkeypatch.setattr(bootstrapping, "_TEMPLATE", newer)
    bootstrap(aws.handle, [OLDER])
    after = _is(aws, OLDER)
    assert after["template"]["Description"].startswith("The stack")
    assert after["stacks"][0]["StackStatus"] == "UPDATE_COMPLETE"


def test_a_stack_that_fails_is_told_with_its_region_and_reason(
    aws: EmbeddedAws, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    region = "eu-central-1"
    taken = f"cdk-hnb659fds-assets-{ACCOUNT_ID}-{region}"
    aws.client("s3", region).create_bucket(
        Bucket=taken, CreateBucketConfiguration={"LocationConstraint": region}
    )

    with pytest.raises(BootstrapError, match=f"Cannot bootstrap {region}: .*StagingBucket"):
        bootstrap(aws.handle, [region])

    monkeypatch.setattr(bootstrapping, "_TEMPLATE", tmp_path / "nowhere")
    with pytest.raises(BootstrapError, match="make setup"):
        bootstrap(aws.handle, [region])
