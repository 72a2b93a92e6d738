"""``release diff``, as it is typed."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError
from typer.testing import CliRunner, Result

from commands.author import diff as diff_command
from commands.program import app, main
from commands.terminal import names, places
from commands.terminal.aws import Aws, AwsCallError
from commands.terminal.exit_codes import ExitCode
from constructs_lib.diff.sources import app_of_commit
from local.emulator import EmbeddedAws
from tests.diff.app_repository import write_settings

Release = Callable[..., Result]


@pytest.fixture
def diff(repository: Path, monkeypatch: pytest.MonkeyPatch) -> Release:
    """Run the command in the repository."""
    monkeypatch.setattr(places, "ROOT", repository)
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    return lambda *arguments: CliRunner().invoke(app, ["diff", *arguments])


def test_the_last_commit_is_compared_with_the_files_as_they_are(diff: Release) -> None:
    result = diff()

    assert (result.exit_code, result.stderr) == (ExitCode.DONE, "")
    assert result.stdout.splitlines() == [
        "p: 1 step changed",
        "  ~ Stop  Fail",
        "        error message: b → c",
        "1 of 1 pipeline changed; 0 cached steps to run anew; nothing is replaced.",
    ]


def test_two_commits_are_compared_in_the_given_order(diff: Release) -> None:
    assert "error message: b → a" in diff("b", "a").stdout


def test_what_is_replaced_is_told(diff: Release, repository: Path) -> None:
    write_settings(repository, message="b", name="q", group="h")

    lines = diff("b").stdout.splitlines()

    assert lines[0] == "q: 1 change outside of steps, replaced"
    assert lines[-3:] == [
        "stack one: 1 resource replaced",
        "  ! SageMaker ModelPackageGroup h: replaced: ModelPackageGroupName changes: a new one is"
        " made, the old one is deleted",
        "1 of 1 pipeline changed; 0 cached steps to run anew; 1 pipeline and 1 other resource"
        " replaced.",
    ]


def test_without_the_rules_pipelines_are_compared_all_the_same(
    diff: Release, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(diff_command, "find_spec", lambda _: None)

    result = diff()

    assert "warning: whether resources other than pipelines are replaced is not" in result.stderr
    assert "error message: b → c" in result.stdout


def test_a_pull_request_gets_a_table(diff: Release) -> None:
    lines = diff("a", "b", "--markdown").stdout.splitlines()

    assert "### `p`: 1 step changed" in lines
    assert "| **Stop** | error message | `a` | `b` |" in lines


def test_json_is_one_document(diff: Release) -> None:
    document = json.loads(diff("a", "b", "--json").stdout)

    assert document["stacks"] == []
    (pipeline,) = document["pipelines"]
    assert (pipeline["name"], pipeline["summary"]) == ("p", "1 step changed")


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["a", "b"], ExitCode.DONE),
        (["a", "b", "--exit-code"], ExitCode.CHANGED),
        (["a", "a", "--exit-code"], ExitCode.DONE),
        (["nothing"], ExitCode.ERROR),
        (["a", "b", "--deployed"], ExitCode.USAGE),
        (["a", "--region", "us-east-1"], ExitCode.USAGE),
    ],
)
def test_the_exit_code_tells_what_happened(
    diff: Release, arguments: list[str], code: ExitCode
) -> None:
    assert diff(*arguments).exit_code == code


def test_a_commit_that_does_not_exist_is_one_message(
    diff: Release, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["release", "diff", "nothing"])

    with pytest.raises(SystemExit) as exit_:
        main()

    output = capsys.readouterr()
    assert (exit_.value.code, output.out) == (ExitCode.ERROR, "")
    assert output.err.startswith("error: There is no commit 'nothing'")
    assert "branches: main" in output.err


@pytest.fixture(scope="module")
def embedded() -> Iterator[EmbeddedAws]:
    with EmbeddedAws() as aws:
        yield aws


def _select(embedded: EmbeddedAws, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in embedded.environment().items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def deployed(
    embedded: EmbeddedAws,
    repository: Path,
    diff: Release,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Release]:
    """Run the command where the commit ``a`` is deployed."""
    (template,) = app_of_commit("a", repository).templates.values()
    cloudformation = embedded.client("cloudformation", "eu-west-1")
    soon: dict[str, Any] = {"WaiterConfig": {"Delay": 1}}  # not after half a minute
    cloudformation.create_stack(StackName="one", TemplateBody=json.dumps(template))
    cloudformation.get_waiter("stack_create_complete").wait(StackName="one", **soon)
    _select(embedded, monkeypatch)
    yield lambda *arguments: diff("--deployed", *arguments)
    cloudformation.delete_stack(StackName="one")
    cloudformation.get_waiter("stack_delete_complete").wait(StackName="one", **soon)


def test_what_is_deployed_is_compared_with_the_files(deployed: Release) -> None:
    result = deployed("--exit-code")

    assert (result.exit_code, result.stderr.splitlines()[1:]) == (ExitCode.CHANGED, [])
    assert "error message: a → c" in result.stdout
    assert "nothing is replaced" in result.stdout


def test_the_commit_that_is_deployed_makes_no_difference(deployed: Release) -> None:
    result = deployed("a", "--exit-code")

    assert (result.exit_code, result.stdout) == (ExitCode.DONE, "p: no changes\nNothing changes.\n")


def test_what_a_deployment_replaces_is_told(deployed: Release, repository: Path) -> None:
    write_settings(repository, message="a", group="h")

    assert "ModelPackageGroup h: replaced" in deployed().stdout


def test_a_deployed_pipeline_is_found_under_its_earlier_name(
    deployed: Release, repository: Path
) -> None:
    write_settings(repository, message="a", name="q")

    lines = deployed().stdout.splitlines()

    assert lines[0] == "q: 1 change outside of steps, replaced"
    assert "    name: p → q" in lines
    assert lines[-1].endswith("1 pipeline replaced.")


def test_what_is_not_deployed_is_new(
    diff: Release, embedded: EmbeddedAws, monkeypatch: pytest.MonkeyPatch
) -> None:
    _select(embedded, monkeypatch)

    assert diff("--deployed").stdout.splitlines() == [
        "p: added pipeline",
        "stack one: new, 2 resources",
        "1 of 1 pipeline changed; 0 cached steps to run anew; nothing is replaced.",
    ]


@pytest.fixture
def no_templates(monkeypatch: pytest.MonkeyPatch) -> None:
    """Refuse to tell templates."""

    def refuse(**_: object) -> object:
        error = {"Code": "AccessDenied", "Message": "not authorized: cloudformation:GetTemplate"}
        raise ClientError({"Error": error}, "GetTemplate")

    original = Aws.client

    def client(self: Aws, service: str, region: str | None = None) -> object:
        made = original(self, service, region)
        if service == "cloudformation":
            made.meta.events.register("before-call.cloudformation.GetTemplate", refuse)
        return made

    monkeypatch.setattr(Aws, "client", client)


@pytest.mark.usefixtures("no_templates")
def test_without_permission_for_templates_definitions_are_compared(deployed: Release) -> None:
    result = deployed()

    assert "warning: one is not compared: Cannot read the template" in result.stderr
    assert "error message: a → c" in result.stdout


@pytest.mark.usefixtures("no_templates")
def test_the_exit_code_does_not_say_what_could_not_be_compared(deployed: Release) -> None:
    error = deployed("a", "--exit-code").exception

    assert isinstance(error, AwsCallError)
    assert error.exit_code == ExitCode.AWS


@pytest.mark.parametrize("name", ["p", "p_model"])
def test_one_pipeline_is_told_of_alone_by_either_of_its_names(
    name: str, diff: Release, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = {"p_model": "p", "other_model": "q"}
    folders = names._Folders({folder: Path(folder) for folder in known})
    monkeypatch.setattr(names, "_folders", lambda: folders)
    monkeypatch.setattr(names, "_names", lambda *_: iter(known.items()))

    assert diff(name).stdout == diff().stdout
    assert "error message: a → b" in diff(name, "a", "b").stdout
    assert diff("other_model").stdout == "Nothing changes.\n"
    assert diff("q", "a", "b").stdout == "Nothing changes.\n"


def test_three_commits_are_too_many(diff: Release) -> None:
    result = diff("a", "b", "main")

    assert result.exit_code == ExitCode.USAGE
    assert "There is no pipeline 'a'" in " ".join(result.stderr.split())


def test_an_environment_is_the_one_that_is_compared(diff: Release, repository: Path) -> None:
    (repository / "app.py").write_text(
        (repository / "app.py")
        .read_text()
        .replace('settings["message"]', 'os.environ.get("CDK_CONTEXT_JSON")')
    )
    settings = {"environments": {"dev": {"account": "111122223333"}}}
    (repository / "cdk.json").write_text(json.dumps({"context": {"model-release": settings}}))

    assert '"environment": "dev"' in diff("--environment", "dev", "--json").stdout.replace("\\", "")
    assert "dev" not in diff("--json").stdout
