"""The workflows and the roles of GitHub Actions: least privilege, pinned, and runnable."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml  # type: ignore[import-untyped]
from aws_cdk import App
from aws_cdk.assertions import Template

from app import add_stacks
from stacks.settings import Settings, SettingsError
from tests.synth.conftest import ROOT, cdk_context

WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
ENVIRONMENTS = json.loads((ROOT / "cdk.json").read_text())["context"]["model-release"][
    "environments"
]


def _load(path: Path) -> dict[Any, Any]:
    document: dict[Any, Any] = yaml.safe_load(path.read_text())
    return document


def _jobs() -> Iterator[tuple[str, dict[str, Any]]]:
    for path in WORKFLOWS:
        for name, job in _load(path)["jobs"].items():
            yield f"{path.name}: {name}", job


def _steps() -> Iterator[dict[str, Any]]:
    for _, job in _jobs():
        yield from job.get("steps", [])


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_a_workflow_grants_nothing_by_itself(path: Path) -> None:
    document = _load(path)

    assert document["permissions"] == {}
    assert document[True]  # YAML 1.1 reads the key "on" as a boolean


def test_a_job_gets_at_most_the_code_and_a_token_for_aws() -> None:
    jobs = dict(_jobs())
    granted = {name: job["permissions"] for name, job in jobs.items()}

    assert len(granted) == 7
    for name, permissions in granted.items():
        assert permissions["contents"] == "read"
        assert permissions.keys() <= {"contents", "id-token"}, name
    assert "id-token" not in granted["pull-request.yml: test"]
    assert "id-token" not in granted["pull-request.yml: pipelines"]


def test_actions_are_pinned() -> None:
    used = [step["uses"] for step in _steps() if "uses" in step]

    assert used
    for action in used:
        assert re.fullmatch(r"[\w-]+/[\w-]+@(v\d+|[0-9a-f]{40})", action), action


def test_a_checkout_leaves_no_credentials_behind() -> None:
    checkouts = [step for step in _steps() if step.get("uses", "").startswith("actions/checkout@")]

    assert checkouts
    assert all(step["with"]["persist-credentials"] is False for step in checkouts)


def test_every_make_target_exists() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    called = {name for step in _steps() for name in re.findall(r"make ([a-z-]+)", _run(step))}

    assert {"setup", "check", "test"} <= called <= targets


def _run(step: dict[str, Any]) -> str:
    return str(step.get("run", ""))


def test_no_text_of_a_pull_request_reaches_a_shell() -> None:
    assert [step for step in _steps() if "${{" in _run(step)] == []


def test_every_environment_that_is_deployed_is_defined_and_waits_for_the_one_before() -> None:
    jobs = _load(ROOT / ".github" / "workflows" / "deploy.yml")["jobs"]

    assert [job["with"]["environment"] for job in jobs.values()] == list(ENVIRONMENTS)
    assert [job.get("needs") for job in jobs.values()] == [None, *list(jobs)[:-1]]
    for job in jobs.values():
        assert (ROOT / job["uses"]).is_file()


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Template:
    environments = {
        "dev": {"account": "111122223333", "delivery": {"repository": "acme/models"}},
    }
    app = App(
        outdir=str(tmp_path_factory.mktemp("cdk.out")),
        context={**cdk_context(environments=environments), "environment": "dev"},
        builtin_cloud_formation_validation=False,
    )
    add_stacks(app)
    return Template.from_json(app.synth().get_stack_by_name("model-release-delivery").template)


@pytest.mark.parametrize(
    ("role", "subject", "kinds"),
    [
        ("diff", "repo:acme/models:pull_request", {"lookup"}),
        ("deploy", "repo:acme/models:environment:dev", {"deploy", "file-publishing", "lookup"}),
    ],
)
def test_a_role_is_for_one_repository_and_for_bootstrap_roles_only(
    template: Template, role: str, subject: str, kinds: set[str]
) -> None:
    ((logical_id, found),) = template.find_resources(
        "AWS::IAM::Role", {"Properties": {"RoleName": f"model-release-github-{role}"}}
    ).items()
    (trust,) = found["Properties"]["AssumeRolePolicyDocument"]["Statement"]
    (policy,) = [
        each["Properties"]
        for each in template.find_resources("AWS::IAM::ManagedPolicy").values()
        if each["Properties"]["Roles"] == [{"Ref": logical_id}]
    ]
    (statement,) = policy["PolicyDocument"]["Statement"]

    assert trust["Action"] == "sts:AssumeRoleWithWebIdentity"
    assert trust["Condition"]["StringEquals"] == {
        "token.actions.githubusercontent.com:aud": "sts.amazonaws.com",
        "token.actions.githubusercontent.com:sub": subject,
    }
    assert statement["Action"] == "sts:AssumeRole"
    resources = statement["Resource"]
    names = [json.dumps(each) for each in resources]
    assert len(names) == 3 * len(kinds)
    assert {kind for kind in kinds for name in names if f"-{kind}-role-" in name} == kinds
    assert "*" not in "".join(names)


def test_delivery_needs_an_environment() -> None:
    given = {"delivery": {"repository": "acme/models"}}

    with pytest.raises(SettingsError, match="delivery is for an environment"):
        Settings.from_context({"model-release": given}.get)
