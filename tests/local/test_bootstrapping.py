"""The CDK's own stack without the CDK CLI: made anew, made again, and refused."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from local import bootstrapping
from local.bootstrapping import BootstrapError, bootstrap
from local.emulator import ACCOUNT_ID, EmbeddedAws
from tests.local.toolkit_stack import toolkit_stack

OLDER = "ap-northeast-1"


@pytest.fixture(scope="module")
def aws() -> Iterator[EmbeddedAws]:
    """An AWS with a region that is bootstrapped."""
    with EmbeddedAws() as running:
        bootstrap(running.handle, [OLDER])
        yield running


def test_once_more_changes_what_has_changed_and_nothing_else(
    aws: EmbeddedAws, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    template = bootstrapping._TEMPLATE.read_text()
    before = toolkit_stack(aws, OLDER)

    bootstrap(aws.handle, [OLDER])
    assert toolkit_stack(aws, OLDER) == before

    newer = tmp_path / "template.yaml"
    newer.write_text(template.replace("Description: This stack", "Description: The stack", 1))
    monkeypatch.setattr(bootstrapping, "_TEMPLATE", newer)
    bootstrap(aws.handle, [OLDER])
    after = toolkit_stack(aws, OLDER)
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
