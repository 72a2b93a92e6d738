"""The commands that talk to AWS: the registry on an embedded AWS, executions on a stubbed one."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from botocore.stub import ANY, Stubber
from typer.testing import CliRunner, Result

from commands.program import app
from commands.registry.registry import refuse_unknown
from commands.terminal import places
from commands.terminal.asking import NoAnswerError
from commands.terminal.aws import Aws, AwsCallError, UnknownNameError
from commands.terminal.exit_codes import ExitCode
from local.emulator import EmbeddedAws
from tests.command_line.registered_pipeline import (
    ARN,
    DEFINITION,
    EVALUATION,
    NAME,
    STARTED,
    VERSIONS,
    write_record,
)


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
    assert packages[0]["metadata"] == VERSIONS[1]


def test_packages_tells_what_was_measured(release: Callable[..., Result]) -> None:
    newest, first = _packages(release, "--in-region", "eu-west-1")

    assert newest["measured"] == {
        "latency_p50_in_millisecond": 3.25,
        "latency_p99_in_millisecond": 12.5,
        "error_rate": 0.001,
        "achieved_tps": 20.0,
    }
    assert first["measured"] == {"latency_p99_in_millisecond": 10.0, "achieved_tps": 20.0}


def test_an_evaluation_that_cannot_be_read_costs_only_its_number(
    release: Callable[..., Result], embedded: EmbeddedAws
) -> None:
    embedded.client("s3").delete_object(Bucket="registry", Key="2/evaluation.json")
    try:
        result = release("packages", NAME)
    finally:
        body = json.dumps(EVALUATION)
        embedded.client("s3").put_object(Bucket="registry", Key="2/evaluation.json", Body=body)

    assert result.exit_code == ExitCode.DONE
    assert "warning: a p50 is missing: Cannot read s3://registry/2/evaluation.json" in result.stderr
    assert re.search(r"Pending .* - +12\.5 +0\.10% +20\.0 +bbbbbbbb", result.stdout)


def test_packages_draws_a_table_that_says_which_aws(release: Callable[..., Result]) -> None:
    result = release("packages", NAME)

    assert "AWS: embedded, http://localhost:" in result.stderr
    header, _, *rows = result.stdout.splitlines()
    assert header.split()[:3] == ["region", "ver", "approval"]
    assert [row.split()[0] for row in rows] == ["eu-west-1", "1", "us-east-1", "1"]
    assert max(map(len, rows)) <= 80
    assert re.search(r"3\.2 +12\.5 +0\.10% +20\.0 +bbbbbbbb$", rows[0])


def test_compare_puts_two_versions_side_by_side(release: Callable[..., Result]) -> None:
    result = release("packages", NAME, "--compare", "1", "2", "--in-region", "us-east-1")

    assert result.stdout.startswith("us-east-1\n")
    assert re.search(r"^p99 ms +10\.0 +12\.5 +\+25% *$", result.stdout, re.MULTILINE)
    assert re.search(r"^tps +20\.0 +20\.0 *$", result.stdout, re.MULTILINE)
    assert re.search("^sha256 +a+ +b+ *$", result.stdout, re.MULTILINE)
    assert re.search("^git_commit +c{24} +c{24}-dirty *$", result.stdout, re.MULTILINE)


def test_a_version_is_not_compared_with_itself(release: Callable[..., Result]) -> None:
    result = release("packages", NAME, "--compare", "1", "1")

    told = " ".join(re.sub("[│╭╮╰╯─]", "", result.stderr).split())
    assert result.exit_code == 2
    assert "both versions are 1: give two different ones, the older first" in told


def test_compare_tells_regions_that_agree_once(release: Callable[..., Result]) -> None:
    result = release("packages", NAME, "--compare", "1", "2")

    assert result.stdout.startswith("eu-west-1, us-east-1\n")
    assert result.stdout.count("p99 ms") == 1


def test_approve_takes_the_newest_version_of_every_region(release: Callable[..., Result]) -> None:
    result = release("approve", NAME, "--yes", "--comment", "numbers are good")

    assert result.exit_code == ExitCode.DONE, result.output
    packages = {(each["region"], each["version"]): each for each in _packages(release)}
    newest = [packages[region, 2] for region in ("eu-west-1", "us-east-1")]
    assert {each["approval_status"] for each in newest} == {"Approved"}
    assert newest[0]["metadata"] == VERSIONS[1]
    assert packages["us-east-1", 1]["approval_status"] == "PendingManualApproval"


def test_a_region_that_refuses_leaves_the_others_told(
    release: Callable[..., Result], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse_home(aws: Any, package: Any, status: str, comment: str | None) -> None:
        if package.region == "us-east-1":
            raise AwsCallError("Cannot update it: AccessDenied")

    monkeypatch.setattr("commands.aws.packages.set_approval", refuse_home)

    result = release("approve", NAME, "--comment", "reviewed", "--yes")

    assert isinstance(result.exception, AwsCallError)
    assert result.stdout == "Approved: eu-west-1 2\n"


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


def test_a_version_that_has_the_status_already_stays_as_it_is(
    release: Callable[..., Result], monkeypatch: pytest.MonkeyPatch
) -> None:
    one = ("reject", NAME, "--version", "1", "--in-region", "EU")
    assert release(*one, "--yes").exit_code == ExitCode.DONE
    updates: list[str] = []
    monkeypatch.setattr(
        "commands.aws.packages.set_approval", lambda _aws, package, *_: updates.append(package.arn)
    )

    again = release(*one)
    commented = release(*one, "--comment", "Too slow", "--yes")

    assert again.exit_code == ExitCode.DONE, again.output
    assert f"eu-west-1  {NAME} version 1: Rejected already\nNothing to change.\n" in again.stderr
    assert commented.exit_code == ExitCode.DONE
    assert len(updates) == 1


def test_a_decision_that_nobody_answers_says_how_to_go_on(release: Callable[..., Result]) -> None:
    error = release("approve", NAME, "--version", "2", "--comment", "fine").exception

    assert isinstance(error, NoAnswerError)
    assert "add --yes" in str(error)


def test_a_region_to_register_in_is_not_that_of_the_pipeline(
    release: Callable[..., Result],
) -> None:
    elsewhere = release("approve", NAME, "--region", "eu-west-1").exception
    unknown = release("approve", NAME, "--in-region", "XX")

    assert isinstance(elsewhere, UnknownNameError)
    assert "give --in-region eu-west-1 instead" in str(elsewhere)
    assert unknown.exit_code == ExitCode.USAGE


def test_an_unknown_version_names_the_known_ones(release: Callable[..., Result]) -> None:
    error = release("approve", NAME, "--version", "7", "--yes").exception

    assert isinstance(error, UnknownNameError)
    assert "There are: 1, 2." in str(error)


def test_a_thousand_known_versions_are_one_span() -> None:
    with pytest.raises(UnknownNameError, match=r"There are: 1 to 998, 1000, 1001\."):
        refuse_unknown({1002}, {*range(1, 999), 1000, 1001})


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
    write_record(tmp_path / "executions" / "abc123")

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
    write_record(tmp_path / "executions" / "abc123")

    assert release("logs", NAME, "Package").stdout == "it broke\n"
    error = release("logs", NAME, "Packge").exception
    assert "Did you mean 'Package'?" in str(error)


def test_status_without_a_local_execution_says_how_to_start_one(
    release: Callable[..., Result], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(places, "STATE", tmp_path)

    assert f"release run {NAME}" in str(release("status", NAME).exception)


def _expect_pipeline(stub: Stubber, definition: dict[str, Any] = DEFINITION) -> None:
    answer = {"PipelineDefinition": json.dumps(definition)}
    stub.add_response("describe_pipeline", answer, {"PipelineName": NAME})


def _expect_newest_execution(stub: Stubber) -> None:
    summaries = {"PipelineExecutionSummaries": [{"PipelineExecutionArn": ARN}]}
    stub.add_response("list_pipeline_executions", summaries, None)


def _expect_state(
    stub: Stubber,
    status: str,
    metadata: dict[str, Any] | None = None,
    *,
    definition: dict[str, Any] | None = None,
) -> None:
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
        "Metadata": metadata or {"ProcessingJob": {"Arn": job}},
    }
    stub.add_response("describe_pipeline_execution", description, {"PipelineExecutionArn": ARN})
    stub.add_response("list_pipeline_execution_steps", {"PipelineExecutionSteps": [step]}, None)
    if definition is None:
        stub.add_client_error("describe_pipeline_definition_for_execution", "AccessDeniedException")
        return
    stub.add_response(
        "describe_pipeline_definition_for_execution",
        {"PipelineDefinition": json.dumps(definition)},
        {"PipelineExecutionArn": ARN},
    )


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


def test_the_log_of_a_function_is_in_the_group_that_the_stack_made(
    stubs: dict[str, Stubber],
) -> None:
    function = "arn:aws:lambda:us-east-1:123456789012:function:stack-Registration-AbC"
    _expect_pipeline(stubs["sagemaker"])
    _expect_newest_execution(stubs["sagemaker"])
    _expect_state(stubs["sagemaker"], "Succeeded", {"Lambda": {"Arn": function}})
    stubs["lambda"].add_response(
        "get_function_configuration",
        {"LoggingConfig": {"LogGroup": "stack-RegistrationLogs-XyZ"}},
        {"FunctionName": function},
    )

    result = CliRunner().invoke(app, ["status", NAME, "--json"])

    (step,) = json.loads(result.stdout)["steps"]
    assert step["log_group"] == "stack-RegistrationLogs-XyZ"


def test_another_execution_gets_a_suggestion(stubs: dict[str, Stubber]) -> None:
    _expect_pipeline(stubs["sagemaker"])
    _expect_newest_execution(stubs["sagemaker"])

    error = CliRunner().invoke(app, ["status", NAME, "abc12"]).exception

    assert isinstance(error, UnknownNameError)
    assert "Did you mean 'abc123'?" in str(error)


def test_steps_that_did_not_start_are_in_their_place(stubs: dict[str, Stubber]) -> None:
    definition = {"Steps": [{"Name": "Train"}, {"Name": "Package"}, {"Name": "Verify"}]}
    _expect_pipeline(stubs["sagemaker"])
    _expect_newest_execution(stubs["sagemaker"])
    _expect_state(stubs["sagemaker"], "Succeeded", definition=definition)

    steps = json.loads(CliRunner().invoke(app, ["status", NAME, "--json"]).stdout)["steps"]

    assert [(step["name"], step["status"]) for step in steps] == [
        ("Train", "NotExecuted"),
        ("Package", "Succeeded"),
        ("Verify", "NotExecuted"),
    ]


def test_the_link_to_a_log_stays_on_one_line(stubs: dict[str, Stubber]) -> None:
    _expect_pipeline(stubs["sagemaker"])
    _expect_newest_execution(stubs["sagemaker"])
    _expect_state(stubs["sagemaker"], "Succeeded")

    lines = CliRunner().invoke(app, ["status", NAME]).stdout.splitlines()

    assert "Execution abc123 of returns-risk: Succeeded, 1 min 0 s" in lines
    assert re.fullmatch(r"Package  https://\S+pipelines-abc-Package\S+", lines[-1])


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


def test_start_uploads_a_file_under_its_content_tells_the_commit_and_waits(
    stubs: dict[str, Stubber], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    definition = json.loads(json.dumps(DEFINITION))
    definition["Parameters"].append(
        {"Name": "GitCommit", "Type": "String", "DefaultValue": "unknown"}
    )
    monkeypatch.setattr("commands.terminal.git_commit.commit_of", lambda _: "4f1c-dirty")
    model = tmp_path / "model.tar.gz"
    model.write_bytes(b"model")
    key = "incoming/returns-risk/9372c470eeadd5ec-model.tar.gz"
    _expect_pipeline(stubs["sagemaker"], definition)
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
            "PipelineParameters": [
                {"Name": "GitCommit", "Value": "4f1c-dirty"},
                {"Name": "ModelS3Uri", "Value": f"s3://data/{key}"},
            ],
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


@pytest.mark.usefixtures("own_session")
@pytest.mark.parametrize(
    ("variable", "told"),
    [
        ("AWS_ENDPOINT_URL_SAGEMAKER", True),
        ("AWS_ENDPOINT_URL_S3", False),  # of another service than the command asks
    ],
)
def test_a_service_at_another_endpoint_is_told_whatever_the_first_line_says(
    variable: str, told: bool, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv(variable, "http://localhost:9")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")

    client = Aws("us-east-1", endpoint_url=None).client("sagemaker")
    again = Aws("us-east-1", endpoint_url=None).client("sagemaker")

    assert client.meta.endpoint_url == again.meta.endpoint_url
    assert capsys.readouterr().err.count("sagemaker is not that of AWS") == int(told)


def test_who_serves_a_model_is_told_how_to_get_what_was_approved(
    release: Callable[..., Result],
) -> None:
    approved = release("approve", NAME, "--version", "1", "--in-region", "eu-west-1", "--yes")
    rejected = release("reject", NAME, "--version", "1", "--in-region", "eu-west-1", "--yes")

    arn = f"arn:aws:sagemaker:eu-west-1:123456789012:model-package/{NAME}/1"
    assert "--region eu-west-1 --model-name NAME" in approved.stderr
    assert f"--containers ModelPackageName={arn}" in approved.stderr
    assert "create-model" not in rejected.output
