"""A repository with an app of one small pipeline, which synthesizes in no time."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

APP = """
import json, os, pathlib
settings = json.loads(pathlib.Path("settings.json").read_text())
assert "AWS_ACCESS_KEY_ID" not in os.environ
assert json.loads(os.environ["CDK_CONTEXT_JSON"])["ignore-unpatched-containers"] is True
stop = {"Name": "Stop", "Type": "Fail", "Arguments": {"ErrorMessage": settings["message"]}}
definition = {"Version": "2020-12-01", "Steps": [stop]}
resources = {
    "Pipeline": {
        "Type": "AWS::SageMaker::Pipeline",
        "Properties": {
            "PipelineName": settings["name"],
            "PipelineDefinition": {
                "PipelineDefinitionBody": {"Fn::Sub": [json.dumps(definition), {"ScriptKey": "a"}]}
            },
            "RoleArn": "arn:aws:iam::123456789012:role/pipeline",
        },
    },
    "Group": {
        "Type": "AWS::SageMaker::ModelPackageGroup",
        "Properties": {"ModelPackageGroupName": settings["group"]},
    },
}
stack = {
    "type": "aws:cloudformation:stack",
    "environment": "aws://unknown-account/eu-west-1",
    "properties": {"templateFile": "one.template.json"},
}
output = pathlib.Path(os.environ["CDK_OUTDIR"])
(output / "one.template.json").write_text(json.dumps({"Resources": resources}))
(output / "manifest.json").write_text(json.dumps({"artifacts": {"one": stack}}))
"""


def git(folder: Path, *arguments: str) -> None:
    """Run git as somebody."""
    who = ["-c", "user.name=t", "-c", "user.email=t@example.com", "-c", "commit.gpgsign=false"]
    subprocess.run(["git", "-C", str(folder), *who, *arguments], check=True, capture_output=True)


def write_settings(folder: Path, **values: str) -> None:
    """Set ``message``, and by choice ``name`` and ``group``."""
    settings = {"name": "p", "group": "g", **values}
    (folder / "settings.json").write_text(json.dumps(settings))


def create_repository(folder: Path) -> Path:
    """Make an app whose commit ``a`` says "a", whose commit ``b`` says "b", and whose files "c"."""
    git(folder, "init", "--quiet", "--initial-branch=main")
    (folder / "app.py").write_text(APP)
    (folder / "cdk.json").write_text('{"context": {"model-release": {"home_region": "eu-west-1"}}}')
    for message in ("a", "b"):
        write_settings(folder, message=message)
        git(folder, "add", ".")
        git(folder, "commit", "--quiet", "--message", message)
        git(folder, "tag", message)
    write_settings(folder, message="c")
    return folder
