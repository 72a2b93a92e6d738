"""The load test in AWS: its step, its function and what they may do."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from aws_cdk import App, Environment, Stack
from aws_cdk import aws_kms as kms
from aws_cdk.assertions import Template

from constructs_lib.configs import PipelineConfigs
from constructs_lib.definition import registration_requests
from constructs_lib.infrastructure.iam.released_artifacts import ReleasedArtifacts
from constructs_lib.infrastructure.load_test import EndpointNetwork, LoadTestFunction
from constructs_lib.infrastructure.log_groups import LogOptions
from constructs_lib.regions import NA
from constructs_lib.steps.load_test import create_load_test_step
from constructs_lib.steps.sdk import offline, offline_session
from tests.example_pipeline import CONFIG
from tests.security.rule_packs import add_rule_packs

KEY = "arn:aws:kms:us-east-1:123456789012:key/0123abcd"
OTHER_KEY = "arn:aws:kms:us-east-1:123456789012:key/4567cdef"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cdk.out")


@pytest.fixture(scope="module")
def template(folder: Path) -> Template:
    configs = PipelineConfigs.load(CONFIG)
    request = registration_requests(configs)[NA]
    app = App(outdir=str(folder), builtin_cloud_formation_validation=False)
    add_rule_packs(app)
    stack = Stack(
        app, "model-release-test", env=Environment(account="123456789012", region="us-east-1")
    )
    LoadTestFunction(
        stack,
        "LoadTest",
        request=request,
        network=EndpointNetwork(subnet_ids=["subnet-1", "subnet-2"], security_group_id="sg-1"),
        artifacts=ReleasedArtifacts(
            bucket_arn="arn:aws:s3:::artifacts", key_arn=KEY, additional_key_arns=[OTHER_KEY]
        ),
        log_options=LogOptions(
            encryption_key=kms.Key.from_key_arn(stack, "Key", KEY), retention_days=90
        ),
    )
    return Template.from_json(app.synth().get_stack_by_name("model-release-test").template)


def _statements(template: Template, role: str) -> dict[str, dict[str, Any]]:
    (policy,) = [
        each["Properties"]["PolicyDocument"]["Statement"]
        for each in template.find_resources("AWS::IAM::ManagedPolicy").values()
        if each["Properties"]["Roles"][0]["Ref"].startswith(role)
    ]
    return {statement["Sid"]: statement for statement in policy}


def test_the_function_is_given_the_request_that_was_checked(template: Template) -> None:
    (function,) = template.find_resources("AWS::Lambda::Function").values()
    variables = function["Properties"]["Environment"]["Variables"]

    assert json.loads(variables["LOAD_TEST_REQUEST"])["JobType"] == "Advanced"
    assert sorted(variables) == [
        "DEAD_LETTERS_ARN",
        "JOB_NAME_PREFIX",
        "JOB_ROLE_ARN",
        "LOAD_TEST_REQUEST",
        "SCHEDULE_GROUP",
        "SCHEDULE_ROLE_ARN",
        "SECURITY_GROUP_ID",
        "SUBNET_IDS",
        "VOLUME_KEY_ARN",
    ]


def test_the_function_tests_and_changes_its_own_versions_only(template: Template) -> None:
    statements = _statements(template, "LoadTestRole")

    assert "inference-recommendations-job/returns-risk-*" in str(statements["Test"]["Resource"])
    assert "model-package/returns-risk/*" in str(statements["ReadVersions"]["Resource"])
    assert statements["PassJobRole"]["Condition"] == {
        "StringEquals": {"iam:PassedToService": "sagemaker.amazonaws.com"}
    }
    assert [name for name, each in statements.items() if each["Resource"] == "*"] == []


def test_the_schedules_role_may_only_call_the_function(template: Template) -> None:
    statements = _statements(template, "LoadTestScheduleRole")

    assert {name: each["Action"] for name, each in statements.items()} == {
        "LookAgain": "lambda:InvokeFunction",
        "KeepDeadLetters": "sqs:SendMessage",
    }


def test_the_jobs_role_writes_no_data(template: Template) -> None:
    statements = _statements(template, "LoadTestJobRole")
    actions = json.dumps([each["Action"] for each in statements.values()])

    assert "s3:Put" not in actions
    assert sorted(name for name, each in statements.items() if each["Resource"] == "*") == [
        "AttachToNetwork",
        "FindNetwork",
        "LogIn",
        "Measure",
    ]


def test_the_jobs_role_may_attach_endpoints_as_inference_recommender_asks(
    template: Template,
) -> None:
    statements = _statements(template, "LoadTestJobRole")

    assert "ec2:DescribeVpcEndpoints" in statements["FindNetwork"]["Action"]
    assert "ec2:ModifyNetworkInterfaceAttribute" in statements["AttachToNetwork"]["Action"]


def test_the_jobs_role_reads_what_executions_encrypt_with_another_key(template: Template) -> None:
    keys = _statements(template, "LoadTestJobRole")["DecryptRelease"]["Resource"]

    assert OTHER_KEY in keys


def test_the_security_rule_packs_find_nothing(template: Template, folder: Path) -> None:
    reports = json.loads((folder / "validation-report.json").read_text())["pluginReports"]

    assert template
    assert [report["violations"] for report in reports] == [[], []]


def test_the_step_starts_the_test_of_the_version_just_registered() -> None:
    arn = "arn:aws:sagemaker:us-east-1:123456789012:model-package/returns-risk/1"
    outputs = {"model_package_arn": arn}
    registration = SimpleNamespace(properties=SimpleNamespace(Outputs=outputs))
    with offline():
        context = SimpleNamespace(session=offline_session("us-east-1"))
        step = create_load_test_step(
            cast("Any", registration),
            function_arn="arn:aws:lambda:us-east-1:123456789012:function:load-test",
            context=cast("Any", context),
        ).to_request()

    assert step["Name"] == "LoadTest"
    assert step["Arguments"] == {"action": "start", "model_package_arn": arn}
    assert [each["OutputName"] for each in step["OutputParameters"]] == [
        "load_test_job",
        "load_test_status",
        "load_test_failure",
    ]
