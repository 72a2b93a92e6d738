"""The commands that talk to AWS: the registry on an embedded AWS, executions on a stubbed one."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.stub import ANY, Stubber
from typer.testing import CliRunner, Result

from commands import places
from commands.aws import Aws, AwsCallError, UnknownNameError
from commands.exit_codes import ExitCode
from commands.table import app
from local.emulator import EmbeddedAws

NAME = "returns-risk"
ARN = f"arn:aws:sagemaker:us-east-1:123456789012:pipeline/{NAME}/execution/abc123"
STARTED = datetime(2026, 11, 2, 12, tzinfo=UTC)
DEFINITION = {
    "Version": "2020-12-01",
    "Parameters": [
        {"Name": "PIPELINE_EXECUTION_TEMP_DIR", "Type": "String", "DefaultValue": "s3://data/tmp"}
    ],
    "Steps": [
        {
            "Name": "Gate",
            "Type": "Condition",
            "Arguments": {
                "IfSteps": [
                    {
                        "Name": "Registration-EU",
                        "Type": "Lambda",
                        "Arguments": {
                            "aws_region": "eu-west-1",
                            "model_package_group_name": NAME,
                        },
                    }
                ],
                "ElseSteps": [],
            },
        },
        {
            "Name": "Registration-NA",
            "Type": "RegisterModel",
            "Arguments": {"ModelPackageGroupName": NAME},
        },
    ],
}


@pytest.fixture(scope="module")
def embedded() -> Iterator[EmbeddedAws]:
    """An embedded AWS with one pipeline that registered two versions in two regions."""
    with EmbeddedAws() as aws:
        aws.client("sagemaker").create_pipeline(
            PipelineName=NAME,
            PipelineDefinition=json.dumps(DEFINITION),
            RoleArn="arn:aws:iam::123456789012:role/pipeline",
            ClientRequestToken="x" * 32,
        )
        for region in ("us-east-1", "eu-west-1"):
            client = aws.client("sagemaker", region)
            client.create_model_package_group(ModelPackageGroupName=NAME)
            for digest in ("a" * 64, "b" * 64):
                client.create_model_package(
                    ModelPackageGroupName=NAME,
                    ModelApprovalStatus="PendingManualApproval",
                    CustomerMetadataProperties={"artifact_sha256": digest},
                )
        yield aws


@pytest.fixture
def release(embedded: EmbeddedAws, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    """Run a command against it."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", embedded.endpoint_url)
    return lambda *arguments: CliRunner().invoke(app, list(arguments))


def _packages(release: Callable[..., Result], *arguments: str) -> list[dict[str, Any]]:
    result = release("packages", NAME, "--json", *arguments)
    assert result.exit_code == ExitCode.DONE, result.output
    packages: list[dict[str, Any]] = json.loads(result.stdout)
    return packages


def test_packages_shows_every_region_newest_first(release: Callable[..., Result]) -> None:
    packages = _packages(release)

    assert [(each["region"], each["version"]) for each in packages] == [
        ("eu-west-1", 2),
        ("eu-west-1", 1),
        ("us-east-1", 2),
        ("us-east-1", 1),
    ]
    assert packages[0]["metadata"] == {"artifact_sha256": "b" * 64}


def test_packages_draws_a_table_that_says_which_aws(release: Callable[..., Result]) -> None:
    result = release("packages", NAME)

    assert "AWS: embedded, http://localhost:" in result.stderr
    assert "PendingManualApproval" in result.stdout
    assert "bbbbbbbbbbbb" in result.stdout


def test_compare_tells_what_differs(release: Callable[..., Result]) -> None:
    result = release("packages", NAME, "--compare", "1", "2", "--in-region", "us-east-1")

    assert f"artifact_sha256: {'a' * 64} -> {'b' * 64}" in result.stdout
    assert "eu-west-1" not in result.stdout


def test_approve_takes_the_newest_version_of_every_region(release: Callable[..., Result]) -> None:
    result = release("approve", NAME, "--yes", "--comment", "numbers are good")

    assert result.exit_code == ExitCode.DONE, result.output
    packages = {(each["region"], each["version"]): each for each in _packages(release)}
    newest = [packages[region, 2] for region in ("eu-west-1", "us-east-1")]
    assert {each["approval_status"] for each in newest} == {"Approved"}
    assert newest[0]["metadata"] == {"artifact_sha256": "b" * 64}
    assert packages["us-east-1", 1]["approval_status"] == "PendingManualApproval"


def test_reject_takes_one_version_of_one_region(release: Callable[..., Result]) -> None:
    result = release("reject", NAME, "--version", "1", "--in-region", "eu-west-1", "--yes")

    assert result.exit_code == ExitCode.DONE, result.output
    statuses = {(each["region"], each["version"]): each for each in _packages(release)}
    assert statuses["eu-west-1", 1]["approval_status"] == "Rejected"
    assert statuses["us-east-1", 1]["approval_status"] == "PendingManualApproval"


def test_a_decision_that_is_not_confirmed_changes_nothing(release: Callable[..., Result]) -> None:
    before = _packages(release)

    assert release("reject", NAME).exit_code == ExitCode.ERROR
    assert _packages(release) == before


def test_an_unknown_version_names_the_known_ones(release: Callable[..., Result]) -> None:
    error = release("approve", NAME, "--version", "7", "--yes").exception

    assert isinstance(error, UnknownNameError)
    assert "There are: 1, 2." in str(error)


def test_an_unknown_pipeline_gets_a_suggestion(release: Callable[..., Result]) -> None:
    error = release("packages", "return-risk").exception

    assert isinstance(error, UnknownNameError)
    assert f"Did you mean '{NAME}'?" in str(error)


def test_a_profile_does_not_go_with_the_embedded_aws(release: Callable[..., Result]) -> None:
    result = release("packages", NAME, "--profile", "prod")

    assert result.exit_code == ExitCode.USAGE


def test_status_reads_the_record_of_a_local_execution(
    release: Callable[..., Result], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(places, "STATE", tmp_path)
    _write_record(tmp_path / "executions" / "abc123")

    result = release("status", NAME, "--json")

    state = json.loads(result.stdout)
    assert result.exit_code == ExitCode.ERROR  # it failed
    assert state["status"] == "Failed"
    assert state["steps"][0]["duration_in_second"] == 2.5
    assert "exit code 1" in state["steps"][0]["reason"]
    table = release("status", NAME, "--watch").stdout
    assert "Package" in table
    assert "2.5 s" in table


def test_logs_prints_the_file_of_a_local_execution(
    release: Callable[..., Result], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(places, "STATE", tmp_path)
    _write_record(tmp_path / "executions" / "abc123")

    assert release("logs", NAME, "Package").stdout == "it broke\n"
    error = release("logs", NAME, "Packge").exception
    assert "Did you mean 'Package'?" in str(error)


def test_status_without_a_local_execution_says_how_to_start_one(
    release: Callable[..., Result], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(places, "STATE", tmp_path)

    assert f"release run {NAME}" in str(release("status", NAME).exception)


def _write_record(folder: Path) -> None:
    (folder / "logs").mkdir(parents=True)
    (folder / "logs" / "Package.log").write_text("it broke\n")
    document = {
        "PipelineExecutionArn": ARN,
        "PipelineArn": ARN.partition("/execution")[0],
        "PipelineCreationTime": STARTED.isoformat(),
        "PipelineExecutionStatus": "Failed",
        "PipelineParameters": {},
        "StartTime": STARTED.isoformat(),
        "EndTime": (STARTED + timedelta(seconds=3)).isoformat(),
        "Steps": [
            {
                "StepName": "Package",
                "StepType": "Processing",
                "StepStatus": "Failed",
                "StartTime": STARTED.isoformat(),
                "EndTime": (STARTED + timedelta(seconds=2.5)).isoformat(),
                "Reason": "exit code 1",
                "Log": "logs/Package.log",
            }
        ],
    }
    (folder / "execution.json").write_text(json.dumps(document))


@pytest.fixture
def stubs(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, Stubber]]:
    """The real AWS's clients, each with the answers that a test gives."""
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    session = boto3.Session("key", "secret", region_name="us-east-1")
    stubs = {name: Stubber(session.client(name)) for name in ("sagemaker", "logs", "s3")}
    monkeypatch.setattr(Aws, "client", lambda _self, service, _region=None: stubs[service].client)
    for stub in stubs.values():
        stub.activate()
    yield stubs
    for stub in stubs.values():
        stub.assert_no_pending_responses()


def _expect_pipeline(stub: Stubber) -> None:
    answer = {"PipelineDefinition": json.dumps(DEFINITION)}
    stub.add_response("describe_pipeline", answer, {"PipelineName": NAME})


def _expect_newest_execution(stub: Stubber) -> None:
    summaries = {"PipelineExecutionSummaries": [{"PipelineExecutionArn": ARN}]}
    stub.add_response("list_pipeline_executions", summaries, None)


def _expect_state(stub: Stubber, status: str) -> None:
    job = "arn:aws:sagemaker:us-east-1:123456789012:processing-job/pipelines-abc-Package"
    description = {
        "PipelineExecutionStatus": status,
        "CreationTime": STARTED,
        "LastModifiedTime": STARTED + timedelta(seconds=60),
    }
    step = {
        "StepName": "Package",
        "StepStatus": status,
        "StartTime": STARTED,
        "EndTime": STARTED + timedelta(seconds=42),
        "Metadata": {"ProcessingJob": {"Arn": job}},
    }
    stub.add_response("describe_pipeline_execution", description, {"PipelineExecutionArn": ARN})
    stub.add_response("list_pipeline_execution_steps", {"PipelineExecutionSteps": [step]}, None)


def test_status_of_a_real_execution_links_the_log(stubs: dict[str, Stubber]) -> None:
    _expect_pipeline(stubs["sagemaker"])
    _expect_newest_execution(stubs["sagemaker"])
    _expect_state(stubs["sagemaker"], "Succeeded")

    result = CliRunner().invoke(app, ["status", NAME, "--json"])

    assert result.exit_code == ExitCode.DONE, result.output
    assert "AWS: real, us-east-1" in result.stderr
    (step,) = json.loads(result.stdout)["steps"]
    assert step["duration_in_second"] == 42
    assert "log-group/$252Faws$252Fsagemaker$252FProcessingJobs" in step["log"]


def test_logs_reads_the_streams_of_the_steps_job(stubs: dict[str, Stubber]) -> None:
    _expect_pipeline(stubs["sagemaker"])
    _expect_newest_execution(stubs["sagemaker"])
    _expect_state(stubs["sagemaker"], "Succeeded")
    stubs["logs"].add_response(
        "filter_log_events",
        {"events": [{"message": "packaged 3 files\n"}]},
        {
            "logGroupName": "/aws/sagemaker/ProcessingJobs",
            "logStreamNamePrefix": "pipelines-abc-Package/",
        },
    )

    assert CliRunner().invoke(app, ["logs", NAME, "Package"]).stdout == "packaged 3 files\n"


def test_start_uploads_a_file_under_its_content_and_waits(
    stubs: dict[str, Stubber], tmp_path: Path
) -> None:
    model = tmp_path / "model.tar.gz"
    model.write_bytes(b"model")
    key = "incoming/returns-risk/9372c470eeadd5ec/model.tar.gz"
    _expect_pipeline(stubs["sagemaker"])
    stubs["s3"].add_response(
        "put_object",
        {},
        {"Bucket": "data", "Key": key, "Body": ANY, "ChecksumAlgorithm": ANY},
    )
    stubs["sagemaker"].add_response(
        "start_pipeline_execution",
        {"PipelineExecutionArn": ARN},
        {
            "PipelineName": NAME,
            "PipelineParameters": [{"Name": "ModelS3Uri", "Value": f"s3://data/{key}"}],
        },
    )
    _expect_state(stubs["sagemaker"], "Failed")

    result = CliRunner().invoke(app, ["start", NAME, "--model", str(model), "--wait"])

    assert result.exit_code == ExitCode.ERROR, result.output
    assert f"Started {ARN}" in result.stdout
    assert "Failed" in result.stdout


@pytest.mark.parametrize(
    ("code", "fix"),
    [
        ("ExpiredTokenException", "log in again"),
        ("AccessDeniedException", "another --profile"),
        ("ThrottlingException", "wait a minute"),
    ],
)
def test_what_aws_refuses_is_one_message_with_a_fix(
    stubs: dict[str, Stubber], code: str, fix: str
) -> None:
    stubs["sagemaker"].add_client_error("describe_pipeline", code, "no")

    error = CliRunner().invoke(app, ["packages", NAME]).exception

    assert isinstance(error, AwsCallError)
    assert error.exit_code == ExitCode.AWS
    assert fix in str(error)
