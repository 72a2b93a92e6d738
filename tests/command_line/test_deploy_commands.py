"""The commands about endpoints, with a fake workflow and what moto has of endpoints."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from commands.program import app
from commands.serving.versions import NotApprovedError
from commands.terminal import places
from commands.terminal.aws import Aws, UnknownNameError
from commands.terminal.exit_codes import ExitCode
from constructs_lib.endpoints.workflow import NotServedError
from local.emulator import EmbeddedAws
from tests.command_line.registered_pipeline import DEFINITION
from tests.command_line.served_pipeline import FakeRuntime, FakeWorkflow, WithEndpoint
from tests.endpoints.histories import NAME, REGIONS, History, deployed, taken_back


@pytest.fixture(scope="module")
def registered() -> Iterator[EmbeddedAws]:
    """An embedded AWS with three versions in three regions.

    1 is rejected in one region, 2 approved in all, 3 in none.
    """
    with EmbeddedAws(permissions=False) as aws:
        aws.client("sagemaker").create_pipeline(
            PipelineName=NAME,
            PipelineDefinition=json.dumps(DEFINITION),
            RoleArn="arn:aws:iam::123456789012:role/pipeline",
            ClientRequestToken="x" * 32,
        )
        for region in REGIONS.values():
            client = aws.client("sagemaker", region)
            client.create_model_package_group(ModelPackageGroupName=NAME)
            for version in (1, 2, 3):
                client.create_model_package(
                    ModelPackageGroupName=NAME,
                    ModelApprovalStatus=_status(version, region),
                    CustomerMetadataProperties={"artifact_sha256": f"{version}" * 64},
                )
        yield aws


def _status(version: int, region: str) -> str:
    if version == 1:
        return "Rejected" if region == "us-west-2" else "Approved"
    return "Approved" if version == 2 else "PendingManualApproval"


@pytest.fixture
def workflow() -> FakeWorkflow:
    """The workflow's state machine."""
    return FakeWorkflow()


@pytest.fixture
def asked() -> list[dict[str, Any]]:
    """The requests that endpoints got."""
    return []


@pytest.fixture
def silent() -> set[str]:
    """AWS regions whose endpoints fail."""
    return set()


@pytest.fixture
def served() -> set[str]:
    """AWS regions with an endpoint."""
    return set()


@pytest.fixture
def run(
    registered: EmbeddedAws,
    served: set[str],
    workflow: FakeWorkflow,
    asked: list[dict[str, Any]],
    silent: set[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Callable[..., Result]:
    """Run a command against them."""
    for name, value in registered.environment().items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(places, "STATE", tmp_path)
    made = Aws.client

    def client(aws: Aws, service: str, region: str | None = None) -> Any:
        if service == "stepfunctions":
            return workflow
        if service == "sagemaker-runtime":
            return FakeRuntime(region or aws.home_region, asked, silent)
        found = made(aws, service, region)
        if service == "sagemaker":
            return WithEndpoint(found, is_there=(region or aws.home_region) in served)
        return found

    monkeypatch.setattr(Aws, "client", client)
    return lambda *arguments: CliRunner().invoke(app, list(arguments))


@pytest.fixture
def serving(registered: EmbeddedAws, served: set[str]) -> Iterator[None]:
    """Version 2 answers in two regions, as recorded in one of them; the third has no endpoint."""
    recorded = {"eu-west-1": "config-2", "us-east-1": "config-1"}
    content = {"artifact_sha256": "2" * 64}
    for region, config in recorded.items():
        since = {"served_with": config, "served_since": "2026-11-02T12:00:00Z"}
        _note(registered, region, {**content, **since})
        served.add(region)
    yield
    for region in recorded:
        _note(registered, region, content)


def _note(aws: EmbeddedAws, region: str, metadata: dict[str, str]) -> None:
    """Write the metadata of version 2."""
    aws.client("sagemaker", region).update_model_package(
        ModelPackageArn=f"arn:aws:sagemaker:{region}:123456789012:model-package/{NAME}/2",
        CustomerMetadataProperties=metadata,
    )


def _words(result: Result) -> str:
    return " ".join((str(result.exception or "") + " " + result.output).split())


def test_deploy_starts_the_workflow_and_tells_how_it_goes(
    run: Callable[..., Result], workflow: FakeWorkflow, tmp_path: Path
) -> None:
    workflow.next = deployed()

    result = run("deploy", "returns-risk")

    assert result.exit_code == ExitCode.DONE, result.output
    (started,) = workflow.started
    assert started["stateMachineArn"].endswith(":stateMachine:returns-risk-deployment")
    assert started["name"].startswith("deploy-")
    requested_by = started["input"].pop("requested_by")
    assert requested_by.startswith("arn:aws:")
    assert started["input"] == {
        "schema_version": 1,
        "action": "deploy",
        "version": 2,  # 3 is newer, but nobody has approved it
        "content": None,
        "wait_for_approval": False,
        "overwrite": False,
    }
    assert "Wave 2 of 2: NA, FE" in result.stdout
    assert "Deployed: version 2" in result.stdout
    page = tmp_path / "deployments" / "deploy-1a2b3c" / "report.html"
    assert page.read_text().startswith("<!DOCTYPE html>")
    assert f"Deployment report: {page}" in result.stdout


def test_a_deployment_that_is_taken_back_exits_with_1(
    run: Callable[..., Result], workflow: FakeWorkflow
) -> None:
    workflow.next = taken_back()

    result = run("deploy", "returns-risk", "--version", "2", "--overwrite")

    assert result.exit_code == ExitCode.ERROR
    assert workflow.started[0]["input"]["overwrite"] is True
    assert "error: us-east-1: there is no capacity. Every region serves" in result.stderr
    assert "returns-risk: endpoint returns-risk" in result.stdout


def test_a_reason_that_was_read_is_not_told_again(
    run: Callable[..., Result], workflow: FakeWorkflow, monkeypatch: pytest.MonkeyPatch
) -> None:
    history = History(action="rollback", version=None)
    history.fail("resolve", None, "No version was good before.")
    workflow.next = history.give_up("No version was good before.")

    apart = run("rollback", "returns-risk")
    monkeypatch.setattr("commands.serving.started.in_one_place", lambda: True)
    together = run("rollback", "returns-risk")

    assert "error: No version was good before." in apart.stderr
    assert "No version was good before." in together.stdout
    assert "error" not in together.stderr
    assert together.exit_code == apart.exit_code == ExitCode.ERROR


def test_one_document_tells_of_a_deployment(
    run: Callable[..., Result], workflow: FakeWorkflow, tmp_path: Path, serving: None
) -> None:
    workflow.next = deployed()

    result = run("deploy", "returns-risk", "--json")

    document = json.loads(result.stdout)
    assert (document["pipeline"], document["result"]) == ("returns-risk", "deployed")
    assert [each["region_code"] for each in document["regions"]] == ["EU", "NA", "FE"]
    assert document["report"].endswith("deploy-1a2b3c/report.html")


def test_a_deployment_that_is_only_started_says_how_to_follow_it(
    run: Callable[..., Result], workflow: FakeWorkflow
) -> None:
    workflow.running = ["arn:aws:states:us-east-1:1:execution:returns-risk-deployment:deploy-0"]

    result = run("deploy", "returns-risk", "--no-wait")

    assert result.exit_code == ExitCode.DONE
    assert "Follow it: release endpoints returns-risk --watch" in result.stdout
    assert "Another one runs, which comes first: deploy-0" in result.stderr
    document = json.loads(run("deploy", "returns-risk", "--no-wait", "--json").stdout)
    assert set(document) == {"pipeline", "arn"}


def test_ctrl_c_leaves_the_deployment_and_says_so(
    run: Callable[..., Result], workflow: FakeWorkflow, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("commands.serving.started.follow", interrupted)

    result = run("deploy", "returns-risk")

    assert result.exit_code == ExitCode.INTERRUPTED
    assert "The deployment goes on by itself." in result.stderr
    assert "Follow it: release endpoints returns-risk --watch" in result.stdout
    assert len(workflow.started) == 1


@pytest.mark.parametrize(
    ("arguments", "error", "told"),
    [
        (
            ["deploy", "--version", "1"],
            NotApprovedError,
            "Version 1 of returns-risk is rejected in us-west-2, and a rejected version never"
            " serves. See the others: release packages returns-risk.",
        ),
        (
            ["rollback", "--to", "1"],
            NotApprovedError,
            "Version 1 of returns-risk is rejected in us-west-2",
        ),
        (
            ["deploy", "--version", "3"],
            NotApprovedError,
            "Version 3 of returns-risk is not approved in us-east-1: release approve returns-risk"
            " --version 3.",
        ),
        (
            ["deploy", "--version", "9"],
            UnknownNameError,
            "Nothing is registered as version 9. There are: 1, 2, 3.",
        ),
    ],
)
def test_what_may_not_serve_is_refused_before_anything_starts(
    run: Callable[..., Result],
    workflow: FakeWorkflow,
    arguments: list[str],
    error: type[Exception],
    told: str,
) -> None:
    command, *options = arguments

    result = run(command, "returns-risk", *options)

    assert isinstance(result.exception, error)
    assert told in _words(result)
    assert workflow.started == []


def test_a_version_whose_content_a_region_lacks_is_refused(
    run: Callable[..., Result], workflow: FakeWorkflow, registered: EmbeddedAws
) -> None:
    for digest, fails in (("f" * 64, True), ("2" * 64, False)):
        _note(registered, "us-west-2", {"artifact_sha256": digest})
        result = run("deploy", "returns-risk", "--version", "2", "--no-wait")
        assert isinstance(result.exception, NotApprovedError) is fails
    assert len(workflow.started) == 1


def test_nothing_approved_tells_what_there_is(
    run: Callable[..., Result], registered: EmbeddedAws
) -> None:
    sagemaker = registered.client("sagemaker", "us-east-1")
    arns = [f"arn:aws:sagemaker:us-east-1:123456789012:model-package/{NAME}/{n}" for n in (1, 2)]
    metadata = {arn: sagemaker.describe_model_package(ModelPackageName=arn) for arn in arns}
    for status in ("Rejected", "Approved"):
        for arn in arns:
            sagemaker.update_model_package(
                ModelPackageArn=arn,
                ModelApprovalStatus=status,
                CustomerMetadataProperties=metadata[arn]["CustomerMetadataProperties"],
            )
        result = run("deploy", "returns-risk", "--no-wait")
        if status == "Rejected":
            told = "is approved in us-east-1. There are: 3 (PendingManualApproval), 2 (Rejected),"
            assert told in _words(result)
            assert "release approve returns-risk" in _words(result)


@pytest.mark.parametrize("command", ["deploy", "rollback", "undeploy", "endpoints"])
def test_a_pipeline_without_a_workflow_says_what_is_missing(
    run: Callable[..., Result], workflow: FakeWorkflow, command: str
) -> None:
    workflow.is_deployed = False

    result = run(command, "returns-risk")

    assert isinstance(result.exception, NotServedError)
    assert "Nothing serves returns-risk in us-east-1" in _words(result)
    assert "release deploy-local" in _words(result)


def _serve(own_app: Path, folder: Path, monkeypatch: pytest.MonkeyPatch, deploy_on: str) -> None:
    """Let the commands read an app whose example has a section Endpoint."""
    shutil.copytree(own_app / "pipelines", folder / "pipelines")
    shutil.copy(own_app / "cdk.json", folder)
    config = folder / "pipelines" / "returns_risk" / "config.json"
    document = json.loads(config.read_text())
    document["metadata"]["config_types"]["Endpoint"] = "EndpointConfig"
    document["configuration"]["specific"]["Endpoint"] = {"deploy_on": deploy_on}
    config.write_text(json.dumps(document))
    monkeypatch.setattr(places, "ROOT", folder)


def test_a_section_that_is_not_deployed_is_told_apart(
    run: Callable[..., Result],
    workflow: FakeWorkflow,
    own_app: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    workflow.is_deployed = False
    _serve(own_app, tmp_path, monkeypatch, "command")

    result = run("deploy", "returns-risk")

    assert "has a section Endpoint, which is not deployed. Deploy it: release" in _words(result)


def test_approve_says_when_the_deployment_starts_by_itself(
    run: Callable[..., Result], own_app: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _serve(own_app, tmp_path, monkeypatch, "approval")

    result = run("approve", "returns-risk", "--version", "2", "--yes")

    assert "starts by itself once it is approved in EU, NA, FE" in _words(result)


def test_rollback_leaves_the_choice_to_the_workflow(
    run: Callable[..., Result], workflow: FakeWorkflow
) -> None:
    assert run("rollback", "returns-risk", "--no-wait").exit_code == ExitCode.DONE
    assert run("rollback", "returns-risk", "--to", "2", "--no-wait").exit_code == ExitCode.DONE

    inputs = [each["input"] for each in workflow.started]
    assert [(each["action"], each["version"]) for each in inputs] == [
        ("rollback", None),
        ("rollback", 2),
    ]


def test_undeploy_asks_and_names_what_goes(
    run: Callable[..., Result], workflow: FakeWorkflow, serving: None
) -> None:
    refused = run("undeploy", "returns-risk")

    assert refused.exit_code == ExitCode.ERROR
    assert "NA  endpoint returns-risk, InService, serves version 2" in refused.stderr
    assert "Delete these 2 endpoints?" in refused.stderr
    assert workflow.started == []
    assert run("undeploy", "returns-risk", "--yes", "--no-wait").exit_code == ExitCode.DONE
    assert workflow.started[0]["input"]["action"] == "undeploy"


def test_undeploy_of_nothing_starts_nothing(
    run: Callable[..., Result], workflow: FakeWorkflow
) -> None:
    result = run("undeploy", "returns-risk")

    assert result.exit_code == ExitCode.DONE
    assert "no endpoint in any region" in result.stdout
    assert workflow.started == []


def test_endpoints_shows_who_serves_what_and_what_is_odd(
    run: Callable[..., Result], serving: None
) -> None:
    result = run("endpoints")

    lines = [line.rstrip() for line in result.stdout.splitlines()]
    assert max(map(len, lines)) <= 80
    told = " ".join(result.stdout.split())
    assert "returns-risk: endpoint returns-risk" in told
    assert "InService 2 11-02 12:00" in told
    assert "NA: not as it was deployed." in told
    assert "release deploy returns-risk --overwrite" in told
    assert "EU: not as it was deployed" not in told
    assert "FE: serves something else than the others, or nothing" in told


def test_endpoints_as_json(run: Callable[..., Result], serving: None) -> None:
    states = json.loads(run("endpoints", "returns-risk", "--json", "--watch").stdout)

    eu, na, fe = states
    assert (eu["version"], eu["content"], eu["status"]) == (2, "2" * 64, "InService")
    assert (eu["since"], eu["endpoint_config_name"]) == ("2026-11-02T12:00:00Z", "config-2")
    assert (eu["wave"], na["wave"], eu["instance_type"]) == (1, 2, "ml.m5.large")
    assert [each["changed_by_hand"] for each in states] == [False, True, False]
    assert [each["differs"] for each in states] == [False, False, True]
    assert (fe["status"], fe["version"]) == ("none", None)


def test_invoke_asks_each_region(
    run: Callable[..., Result],
    asked: list[dict[str, Any]],
    silent: set[str],
    serving: None,
    tmp_path: Path,
) -> None:
    request = tmp_path / "request.json"
    request.write_text("[1]")
    silent.add("us-east-1")

    result = run("invoke", "returns-risk", str(request))

    assert result.exit_code == ExitCode.ERROR  # two of three did not answer
    assert [(each["region"], each["ContentType"]) for each in asked] == [
        ("eu-west-1", "application/json"),
        ("us-east-1", "application/json"),
    ]
    assert asked[0]["Body"] == b"[1]"
    assert "eu-west-1  version 2" in result.stdout
    assert "\n  [0.5]\n" in result.stdout
    assert "NA: Cannot ask the endpoint returns-risk" in result.stderr
    assert "FE: no endpoint returns-risk: release deploy returns-risk" in result.stderr


def test_invoke_asks_one_region_and_prints_one_document(
    run: Callable[..., Result], asked: list[dict[str, Any]], serving: None, tmp_path: Path
) -> None:
    request = tmp_path / "request"
    request.write_bytes(b"\x93NUMPY")
    options = ["--content-type", "application/x-npy", "--accept", "application/x-npy", "--json"]

    result = run("invoke", "returns-risk", str(request), "--region", "eu", *options)

    (answer,) = json.loads(result.stdout)
    assert result.exit_code == ExitCode.DONE
    assert (answer["region_code"], answer["version"]) == ("EU", 2)
    assert answer["body_base64"] == "//4="
    assert asked[0]["Accept"] == "application/x-npy"


@pytest.mark.parametrize(
    ("name", "content", "options", "told"),
    [
        ("none.json", None, [], "Cannot read the request"),
        ("empty.json", b"", [], "is empty: it has to hold one request"),
        ("odd.bin", b"1", [], "does not tell what it holds: add --content-type"),
        ("long.json", b"1" * 6291457, [], "has 6,291,457 bytes, and an endpoint takes at most"),
        ("good.json", b"1", ["--region", "US"], "has no endpoint in 'US'. There are: EU, FE, NA."),
    ],
)
def test_a_request_that_cannot_be_sent_is_told(
    run: Callable[..., Result],
    asked: list[dict[str, Any]],
    tmp_path: Path,
    name: str,
    content: bytes | None,
    options: list[str],
    told: str,
) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content)

    result = run("invoke", "returns-risk", str(tmp_path / name), *options)

    assert told in _words(result)
    assert result.exit_code == ExitCode.ERROR
    assert asked == []


def test_approve_names_the_deployment(run: Callable[..., Result]) -> None:
    result = run("approve", "returns-risk", "--version", "2", "--yes", "--local")

    assert "release deploy returns-risk --local\n" in result.stderr
    assert "create-model" not in result.stderr
