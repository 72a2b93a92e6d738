"""cdk-nag's rule packs and cfn-lint on every stack: as it ships, with all it can be, everywhere."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from aws_cdk import App, Environment, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_s3 as s3

from constructs_lib.pipeline import MOST_INLINE_BYTES, SageMakerPipeline
from tests.security.conftest import ENVIRONMENTS, Synthesized
from tests.security.deployment import ACCOUNT
from tests.security.rule_packs import add_rule_packs

LINT_WARNINGS = {
    "W3010": "The zones are named so that synthesis looks nothing up in the account",
    "W3005": "CDK names a function's role both in a property and as a dependency",
}
"""Rules of cfn-lint that are left out, each with its reason."""


def test_the_security_rule_packs_find_nothing(any_synthesized: Synthesized) -> None:
    found = {
        report["pluginName"]: [
            (violation["ruleName"], violation["violatingConstructs"][0]["constructPath"])
            for violation in report["violations"]
        ]
        for report in any_synthesized.report["pluginReports"]
    }

    assert found == {"AwsSolutions": [], "NIST.800.53.R5": []}


def test_every_accepted_finding_has_a_reason(any_synthesized: Synthesized) -> None:
    accepted = any_synthesized.accepted_findings

    assert accepted
    assert [each.rule for each in accepted if len(each.reason.split()) < 4] == []


def test_the_rule_packs_look_at_every_stack(synthesized: dict[str, Synthesized]) -> None:
    stacks = {stack for each in synthesized.values() for stack in each.deployment.templates}

    kinds = {stack.removeprefix("model-release-") for stack in stacks}
    assert kinds == {
        "delivery",
        "network",
        "notifications",
        "notifications-eu",
        "notifications-fe",
        "pipeline-returns-risk",
        "registry-eu",
        "registry-fe",
        "registry-na",
        "serving-returns-risk",
        "storage",
    }


def test_every_environment_of_cdk_json_is_among_them() -> None:
    settings = json.loads((Path(__file__).parents[2] / "cdk.json").read_text())["context"]

    assert set(settings["model-release"]["environments"]) == set(ENVIRONMENTS)


@pytest.mark.parametrize("rule", ["AwsSolutions-S10", "NIST.800.53.R5-S3BucketSSLRequestsOnly"])
def test_a_finding_of_the_rule_packs_fails_the_synthesis(rule: str, tmp_path: Path) -> None:
    app = App(outdir=str(tmp_path), builtin_cloud_formation_validation=False)
    s3.Bucket(Stack(app, "Careless"), "Bucket")
    add_rule_packs(app)

    with pytest.raises(RuntimeError, match=rule):
        app.synth()


_CFN_LINT = """
import dataclasses, functools, gc, sys
gc.disable()
dataclasses.fields = functools.cache(dataclasses.fields)
from cfnlint.runner import main
sys.exit(main())
"""
"""Its command, without what takes a fourth of its time: it looks for garbage that there is none of,
and asks its classes for their fields half a million times."""


def _template_of_a_large_definition(folder: Path) -> Path:
    """Write the template of a pipeline whose definition is deployed from S3: none here is."""
    app = App(outdir=str(folder), builtin_cloud_formation_validation=False)
    stack = Stack(app, "Large", env=Environment(account=ACCOUNT, region="us-east-1"))
    SageMakerPipeline(
        stack,
        "Pipeline",
        pipeline_name="large",
        definition_body=json.dumps({"Large": "x" * MOST_INLINE_BYTES}),
        variables={},
        role=iam.Role.from_role_name(stack, "Role", "release"),
    )
    [template] = app.synth().stacks
    return Path(template.template_full_path)


def test_cfn_lint_finds_nothing(synthesized: dict[str, Synthesized], tmp_path: Path) -> None:
    # Account and environment are text to it: each template in one of each.
    of_an_environment = re.compile(rf"\d{{12}}|(?<=\"Value\": \")({'|'.join(ENVIRONMENTS)})(?=\")")
    different = {
        of_an_environment.sub("", path.read_text()): str(path)
        for paths in (
            *(each.template_files for each in synthesized.values()),
            [_template_of_a_large_definition(tmp_path)],
        )
        for path in paths
    }
    command = [sys.executable, "-c", _CFN_LINT, "--format", "json", "--ignore-checks"]
    done = subprocess.run(
        [*command, *LINT_WARNINGS, "--template", *different.values()],
        capture_output=True,
        text=True,
    )

    found = [(each["Rule"]["Id"], each["Message"]) for each in json.loads(done.stdout or "[]")]
    assert len(different) >= 20
    assert found == []
    assert done.returncode == 0, done.stderr
