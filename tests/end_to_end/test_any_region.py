"""What ``make demo`` does, and the commands after it, in regions that have no names.

Home registers nothing itself. Each test is a command in a copy of the app, on one embedded AWS.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import pytest

from local.emulator import ACCOUNT_ID, EmbeddedAws
from local.rollback.inbox import Inbox
from tests.example_pipeline import MODEL, ROOT
from tests.synth.app_copy import copy_app, run

HOME: Final = "eu-central-1"
REGIONS: Final = ("ap-southeast-2", "us-east-1")
NAME: Final = "returns-risk"

Command = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="module")
def app_copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The app with another home and other registration regions."""
    folder = copy_app(tmp_path_factory.mktemp("app") / "app")
    (folder / "node_modules").symlink_to(ROOT / "node_modules")
    cdk_json = json.loads((folder / "cdk.json").read_text())
    cdk_json["context"]["model-release"] = {
        "home_region": HOME,
        "notifications": {"emails": ["my-team@example.com"]},
    }
    (folder / "cdk.json").write_text(json.dumps(cdk_json))
    config = folder / "pipelines" / "returns_risk" / "config.json"
    document = json.loads(config.read_text())
    document["configuration"]["shared"] |= {
        "region": "ap-southeast-2",
        "registration_regions": ["us-east-1", "ap-southeast-2"],
    }
    document["configuration"]["specific"]["Payload"]["verification_load_seconds"] = 1
    config.write_text(json.dumps(document))
    return folder


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedAws]:
    log = tmp_path_factory.mktemp("emulator") / "emulator.log"
    with EmbeddedAws(log_file=log) as server:
        yield server


@pytest.fixture(scope="module")
def command(app_copy: Path, server: EmbeddedAws) -> Command:
    """Run a command of the app's."""
    return lambda *words: run(app_copy, "cli.py", *words, environment=server.environment())


def _answer(result: subprocess.CompletedProcess[str]) -> Any:
    assert result.returncode == 0, result.stderr + result.stdout
    return json.loads(result.stdout)


def _versions(server: EmbeddedAws, region: str) -> list[dict[str, Any]]:
    client = server.client("sagemaker", region)
    listed = client.list_model_packages(ModelPackageGroupName=NAME)["ModelPackageSummaryList"]
    return [
        client.describe_model_package(ModelPackageName=each["ModelPackageArn"]) for each in listed
    ]


def test_the_app_is_deployed_to_its_regions(command: Command, server: EmbeddedAws) -> None:
    _answer(command("deploy-local", "--json"))

    stacks = {
        region: sorted(
            each["StackName"]
            for each in server.client("cloudformation", region).describe_stacks()["Stacks"]
            if each["StackName"] != "CDKToolkit"
        )
        for region in (HOME, *REGIONS)
    }
    assert stacks == {
        HOME: [
            "model-release-network",
            "model-release-notifications",
            "model-release-pipeline-returns-risk",
            "model-release-serving-returns-risk",
            "model-release-storage",
        ],
        "ap-southeast-2": [
            "model-release-notifications-ap-southeast-2",
            "model-release-registry-ap-southeast-2",
        ],
        "us-east-1": ["model-release-notifications-na", "model-release-registry-na"],
    }


def test_a_model_is_released_from_home_in_the_other_regions(
    command: Command, server: EmbeddedAws
) -> None:
    _answer(command("run", NAME, "--model", str(MODEL), "--json"))

    for region in REGIONS:
        (package,) = _versions(server, region)
        (container,) = package["InferenceSpecification"]["Containers"]
        assert f".ecr.{region}.amazonaws.com/" in container["Image"]
        assert container["Environment"]["AWS_REGION"] == region
        assert container["ModelDataUrl"].startswith(
            f"s3://model-release-registry-{ACCOUNT_ID}-{region}/{NAME}/releases/"
        )


def test_the_versions_of_all_regions_are_listed_by_region_or_by_name(command: Command) -> None:
    versions = _answer(command("packages", NAME, "--local", "--json"))
    named = _answer(command("packages", NAME, "--in-region", "NA", "--local", "--json"))

    assert [each["region"] for each in versions] == list(REGIONS)
    assert [each["region"] for each in named] == ["us-east-1"]
    told = [each["metadata"]["model_registration_region"] for each in versions]
    assert told == ["ap-southeast-2", "NA"]
    assert all(f":{HOME}:" in each["metadata"]["pipeline_execution_arn"] for each in versions)


def test_the_same_content_is_registered_once_in_each_region(
    command: Command, server: EmbeddedAws
) -> None:
    _answer(command("run", NAME, "--model", str(MODEL), "--json"))

    assert [len(_versions(server, region)) for region in REGIONS] == [1, 1]


def test_a_version_is_approved_in_a_region_without_a_name_and_home_tells_of_it(
    command: Command, server: EmbeddedAws
) -> None:
    topic = f"arn:aws:sns:{HOME}:{ACCOUNT_ID}:model-release-notifications"
    inbox = Inbox.subscribe(server.handle, topic)
    region = "ap-southeast-2"

    _answer(command("approve", NAME, "--in-region", region, "--yes", "--local", "--json"))

    server.house.settle()
    (mail,) = inbox.read()
    assert f"arn:aws:sagemaker:{region}:{ACCOUNT_ID}:model-package/{NAME}/1" in mail.text
    (approved,), (other,) = (_versions(server, each) for each in REGIONS)
    assert approved["ModelApprovalStatus"] == "Approved"
    assert other["ModelApprovalStatus"] == "PendingManualApproval"


def test_steps_of_execution_documents_are_found_by_name_and_by_region(
    command: Command, app_copy: Path
) -> None:
    names = ("Registration-NA", "ModelRegistration-ap-southeast-2", "Registration_ap-southeast-2")
    steps = {name: {"STEP_TYPE": "MODEL_REGISTRATION", "STEP_CONFIG": {}} for name in names}
    document = app_copy / "execution.json"
    document.write_text(
        json.dumps({"PIPELINE_STEP_CONFIGS": steps, "PIPELINE_ADDITIONAL_PARAMS": {}})
    )

    _answer(command("execution-document", document.name, "--pipeline", NAME, "--local", "--json"))

    filled = json.loads(document.read_text())["PIPELINE_STEP_CONFIGS"]
    assert [filled[name]["STEP_CONFIG"]["source_model_region"] for name in names] == [
        "us-east-1",
        "ap-southeast-2",
        "ap-southeast-2",
    ]


def test_the_doctor_finds_every_region_bootstrapped(command: Command) -> None:
    result = command("doctor", "--local", "--json")

    checks = {each["name"]: each["state"] for each in json.loads(result.stdout)}
    assert [checks[f"bootstrap of {region}"] for region in (HOME, *REGIONS)] == ["ok"] * 3


def test_the_demo_goes_through_in_these_regions(app_copy: Path) -> None:
    answer = _answer(run(app_copy, "cli.py", "demo", "--json"))

    assert answer["status"] == "Succeeded"
    assert {each["step"]: each["region"] for each in answer["packages"]} == dict(
        zip(("Registration-ap-southeast-2", "Registration-NA"), REGIONS, strict=True)
    )
