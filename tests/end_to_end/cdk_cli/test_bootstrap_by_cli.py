"""The CDK's own stack without the CDK CLI: it is what the CLI makes."""

from __future__ import annotations

from pathlib import Path

import pytest

from local.bootstrapping import bootstrap
from local.cdk import CdkCli
from local.emulator import ACCOUNT_ID, EmbeddedAws
from tests.local.toolkit_stack import toolkit_stack

BY_CLI = "eu-west-1"
BY_CALLS = "us-west-2"
BESIDE = "ap-northeast-1"


@pytest.fixture(scope="module")
def aws(own_aws: EmbeddedAws, tmp_path_factory: pytest.TempPathFactory) -> EmbeddedAws:
    """An AWS with a region that the CLI has bootstrapped, and two others."""
    log = tmp_path_factory.mktemp("cdk") / "log"
    CdkCli(own_aws.environment(), log).bootstrap(ACCOUNT_ID, [BY_CLI])
    bootstrap(own_aws.handle, [BY_CALLS, BESIDE])
    return own_aws


def test_the_stack_is_the_one_that_the_cli_makes(aws: EmbeddedAws) -> None:
    by_cli, by_calls = toolkit_stack(aws, BY_CLI), toolkit_stack(aws, BY_CALLS)

    assert by_calls == by_cli
    assert by_cli["stacks"][0]["StackStatus"] == "CREATE_COMPLETE"
    assert len(by_cli["resources"]) > 10


def test_the_cli_finds_nothing_to_change(aws: EmbeddedAws, tmp_path: Path) -> None:
    CdkCli(aws.environment(), tmp_path / "log").bootstrap(ACCOUNT_ID, [BY_CALLS])

    assert (
        f"Environment aws://{ACCOUNT_ID}/{BY_CALLS} bootstrapped (no changes)"
        in (tmp_path / "log").read_text()
    )
