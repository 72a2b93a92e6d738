"""The workflows and the roles of GitHub Actions: least privilege, pinned, and runnable."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml  # type: ignore[import-untyped]
from aws_cdk.assertions import Template

from app import build_app
from constructs_lib.settings import Settings, SettingsError
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

    assert len(granted) == 8
    for name, permissions in granted.items():
        assert permissions["contents"] == "read"
        assert permissions.keys() <= {"contents", "id-token"}, name
    assert "id-token" not in granted["pull-request.yml: test"]
    assert "id-token" not in granted["pull-request.yml: mutants"]
    assert "id-token" not in granted["pull-request.yml: pipelines"]


def test_actions_are_pinned_to_commits_of_named_versions() -> None:
    used = [
        line.split("uses: ")[1]
        for path in WORKFLOWS
        for line in path.read_text().splitlines()
        if "uses: " in line and "uses: ./" not in line
    ]

    assert len(used) == 7
    for action in used:
        assert re.fullmatch(r"[\w-]+/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", action), action
    assert len(set(used)) == 2


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


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A folder whose environment has a ``cdk`` that notes its arguments and ends as it is told."""
    programs = tmp_path / ".venv" / "bin"
    programs.mkdir(parents=True)
    (programs / "activate").write_text(f'PATH="{programs}:$PATH"')
    (programs / "cdk").write_text('#!/bin/sh\necho "cdk $*"\nexit "$CDK_EXIT"')
    (programs / "cdk").chmod(0o755)
    return tmp_path


@pytest.mark.parametrize("exit_code", [0, 1])
@pytest.mark.parametrize(
    ("workflow", "job", "command"),
    [
        ("pull-request.yml", "templates", "cdk diff"),
        ("deploy-environment.yml", "deploy", "cdk deploy"),
    ],
)
def test_a_job_fails_when_the_cdk_does(
    checkout: Path, workflow: str, job: str, command: str, exit_code: int
) -> None:
    document = _load(ROOT / ".github" / "workflows" / workflow)
    (script,) = [_run(step) for step in document["jobs"][job]["steps"] if "cdk" in _run(step)]
    assert document["defaults"]["run"]["shell"] == "bash"

    done = subprocess.run(
        # As GitHub starts "shell: bash".
        ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", script],
        cwd=checkout,
        env={
            "PATH": os.environ["PATH"],
            "CDK_EXIT": str(exit_code),
            "ENVIRONMENT": "dev",
            "GITHUB_STEP_SUMMARY": str(checkout / "summary.md"),
        },
        capture_output=True,
        text=True,
    )

    assert done.returncode == exit_code
    assert command in done.stdout
    assert "-c environment=dev" in done.stdout


def test_the_job_that_tells_of_pipelines_calls_a_command_that_exists() -> None:
    document = _load(ROOT / ".github" / "workflows" / "pull-request.yml")
    (script,) = [
        _run(step) for step in document["jobs"]["pipelines"]["steps"] if "cli.py" in _run(step)
    ]

    help_text = subprocess.run(
        [sys.executable, str(ROOT / "cli.py"), "diff", "--help"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert re.findall(r"--[\w-]+", script) == ["--markdown"]
    assert "--markdown" in help_text


def test_every_environment_that_is_deployed_is_defined_and_waits_for_the_one_before() -> None:
    jobs = _load(ROOT / ".github" / "workflows" / "deploy.yml")["jobs"]

    assert [job["with"]["environment"] for job in jobs.values()] == list(ENVIRONMENTS)
    assert [job.get("needs") for job in jobs.values()] == [None, *list(jobs)[:-1]]
    for job in jobs.values():
        assert (ROOT / job["uses"]).is_file()


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Template:
    return _template(tmp_path_factory.mktemp("cdk.out"), {"repository": "acme/models"})


def _template(out: Path, delivery: dict[str, Any]) -> Template:
    environments = {"dev": {"account": "111122223333", "delivery": delivery}}
    app, _ = build_app(
        str(out),
        {**cdk_context(environments=environments), "environment": "dev"},
        builtin_cloud_formation_validation=False,
    )
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


def test_subjects_hold_the_numbers_of_owner_and_repository_where_they_are_set(
    template: Template, tmp_path: Path
) -> None:
    delivery = {"repository": "acme/models", "owner_id": 1234567, "repository_id": 987654321}
    numbered = _template(tmp_path, delivery).to_json()

    expected = json.dumps(template.to_json()).replace(
        "repo:acme/models:", "repo:acme@1234567/models@987654321:"
    )
    assert numbered == json.loads(expected)
    assert expected.count("repo:acme@1234567/models@987654321:") == 2


@pytest.mark.parametrize(
    ("ids", "message"),
    [
        ({"owner_id": 1}, "owner_id and repository_id belong together.*repos/acme/models"),
        ({"repository_id": 1}, "owner_id and repository_id belong together"),
        ({"owner_id": 0, "repository_id": 1}, "delivery.owner_id: "),
        ({"owner_id": "acme", "repository_id": 1}, "delivery.owner_id: "),
    ],
)
def test_numbers_that_github_does_not_write_are_refused(ids: dict[str, Any], message: str) -> None:
    delivery = {"repository": "acme/models", **ids}

    with pytest.raises(SettingsError, match=message):
        Settings.from_context({"model-release": {"delivery": delivery}}.get)
