"""A stack whose custom resource refuses to be deleted, by the real CDK CLI."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from local.cdk import CdkCli, CdkError
from local.emulator import EmbeddedAws
from tests.local.emulator.test_custom_resources import resources


def _app(folder: Path, account: str) -> str:
    """Write a cloud assembly of one stack; returns its folder."""
    folder.mkdir()
    template = {"Resources": resources(Refused=["Delete"])}
    (folder / "Guarded.template.json").write_text(json.dumps(template))
    artifact = {
        "type": "aws:cloudformation:stack",
        "environment": f"aws://{account}/us-east-1",
        "properties": {"templateFile": "Guarded.template.json"},
    }
    manifest = {"version": "36.0.0", "artifacts": {"Guarded": artifact}}
    (folder / "manifest.json").write_text(json.dumps(manifest))
    return str(folder)


def test_destroy_tells_the_reason_and_goes_on_once_it_is_gone(
    own_aws: EmbeddedAws, tmp_path: Path
) -> None:
    cdk = CdkCli(
        own_aws.environment(),
        log_file=tmp_path / "cdk.log",
        app_dir=tmp_path,
        app=_app(tmp_path / "app", own_aws.account_id),
    )
    cdk.deploy()

    with pytest.raises(CdkError) as error:
        cdk.destroy()

    assert "There is an endpoint: risk in eu-west-1." in str(error.value)
    (stack,) = own_aws.client("cloudformation").describe_stacks()["Stacks"]
    assert stack["StackStatus"] == "DELETE_FAILED"
    listed = own_aws.client("sqs").list_queues()["QueueUrls"]
    assert len(listed) == 1, "what it guards is still there"

    functions = own_aws.client("lambda")
    (function,) = functions.list_functions()["Functions"]
    functions.update_function_configuration(
        FunctionName=function["FunctionName"], Environment={"Variables": {"GONE": "yes"}}
    )
    cdk.destroy()
    assert own_aws.client("cloudformation").describe_stacks()["Stacks"] == []
