"""The same slow model, verified as ``enforce``, ``warn`` and ``off``, on one embedded AWS.

What is only warned of is load-tested, too.
"""

from __future__ import annotations

import io
import json
import re
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft7Validator
from rich.console import Console

from constructs_lib.aws.handle import AwsHandle
from constructs_lib.registration.measured_numbers import MEASURED
from local.bootstrapping import bootstrap
from local.emulator import EmbeddedAws
from local.emulator.sagemaker.load_tests import NOT_TESTED
from local.release import release
from local.runner import Execution, ExecutionStatus, StepStatus
from tests.end_to_end.deployment import ROOT, Deployment
from tests.example_pipeline import copy_example
from tests.registration.test_model_card import SCHEMA

REGIONS = {"NA": "us-east-1", "EU": "eu-west-1"}
SLOW = {
    "max_latency_in_millisecond": 100,
    "expected_tps": 5,
    "verification_load_seconds": 1,
    "sample_requests_dir": "samples",
}
SAMPLES = {
    "two.csv": '29.46,4.1,18,0,1297,damaged,"the box was broken, want a refund"\n' * 2,
    "two.expected.json": '[{"legacy-score": 0.001989}, {"legacy-score": 0.5}]',
}
PIPELINES: dict[str, dict[str, Any]] = {
    "slow-enforce": {**SLOW, "verification": "enforce"},
    "slow-warn": {**SLOW, "verification": "warn", "load_test_in_aws": True},
    "slow-off": {**SLOW, "verification": "off"},
}
SLEEP = "\n\n_predict_fn = predict_fn\n\n\ndef predict_fn(data, model):\n    import time\n\n"
SLEEP += "    time.sleep(0.12)\n    return _predict_fn(data, model)\n"


@dataclass(frozen=True)
class Verified:
    """The deployed pipelines, each executed once with the example's model."""

    aws: AwsHandle
    folder: Path
    executions: dict[str, Execution]

    def packages(self, pipeline: str) -> list[dict[str, Any]]:
        """Describe what is registered, in every region."""
        found = []
        for region in REGIONS.values():
            client = self.aws.client("sagemaker", region)
            listed = client.list_model_packages(ModelPackageGroupName=pipeline)
            for each in listed["ModelPackageSummaryList"]:
                arn = each["ModelPackageArn"]
                found.append(client.describe_model_package(ModelPackageName=arn))
        return found

    def evaluation(self, pipeline: str) -> dict[str, Any]:
        """Read what was measured."""
        outputs = self.executions[pipeline].step("Verify").property_files
        evaluation: dict[str, Any] = outputs["Evaluation"]
        return evaluation


def _write_pipeline(folder: Path, name: str, payload: dict[str, Any]) -> None:
    path = copy_example(folder / name, "model")
    document = json.loads(path.read_text())
    document["configuration"]["shared"] |= {
        "pipeline_name": name,
        "registration_regions": list(REGIONS),
    }
    document["configuration"]["specific"]["Payload"] |= payload
    path.write_text(json.dumps(document))
    (folder / name / "samples").mkdir()
    for file, text in SAMPLES.items():
        (folder / name / "samples" / file).write_text(text)
    code = folder / name / "inference" / "inference.py"
    code.write_text(code.read_text() + SLEEP)


@pytest.fixture(scope="module")
def verified(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Verified]:
    """Deploy the pipelines with one command, and execute each."""
    folder = tmp_path_factory.mktemp("verification")
    for name, payload in PIPELINES.items():
        _write_pipeline(folder / "pipelines", name, payload)
    console = Console(file=io.StringIO())
    with EmbeddedAws(log_file=folder / "emulator.log") as server:
        aws = server.handle
        deployment = Deployment(aws, folder, console)
        bootstrap(deployment.aws, list(REGIONS.values()))
        deployment.deploy()
        executions = {
            name: release(
                name,
                deployment.put_model(f"incoming/{name}/model.tar.gz"),
                aws=aws,
                state_dir=folder / "executions",
                console=console,
            )
            for name in PIPELINES
        }
        yield Verified(aws, folder, executions)


def test_enforced_limits_keep_a_slow_model_out_of_every_region(verified: Verified) -> None:
    execution = verified.executions["slow-enforce"]
    measured = verified.evaluation("slow-enforce")["gate"]["latency_p99_in_millisecond"]

    assert execution.status is ExecutionStatus.FAILED
    assert verified.packages("slow-enforce") == []
    for code in REGIONS:
        assert execution.step(f"Registration-{code}").status is StepStatus.NOT_EXECUTED
    assert measured > 100
    reason = execution.step("VerificationFailed").reason
    assert reason is not None
    assert f"latency p99 {measured} ms is above max_latency_in_millisecond 100" in reason
    assert re.search(r"All of it: s3://\S+/tmp/slow-enforce/\S+/Verify/evaluation\.json", reason)
    assert reason in str(execution.failure_reason)


def test_a_warning_registers_a_slow_model_with_its_numbers(verified: Verified) -> None:
    packages = verified.packages("slow-warn")
    gate = verified.evaluation("slow-warn")["gate"]

    assert verified.executions["slow-warn"].status is ExecutionStatus.SUCCEEDED
    assert len(packages) == 2
    for package in packages:
        metadata = package["CustomerMetadataProperties"]
        assert (metadata["verification"], metadata["verification_verdict"]) == ("warn", "failed")
        for name in ("latency_p99_in_millisecond", "error_rate", "achieved_tps"):
            assert float(metadata[name]) == gate[name]
        statistics = package["ModelMetrics"]["ModelQuality"]["Statistics"]
        assert statistics["S3Uri"].endswith("/evaluation.json")
        (evaluation,) = _card(package)["evaluation_details"]
        assert evaluation["metadata"]["verdict"] == "failed"
        assert "is above max_latency_in_millisecond 100" in evaluation["evaluation_observation"]


def test_own_requests_are_answered_and_travel_with_the_version(verified: Verified) -> None:
    evaluation = verified.evaluation("slow-warn")
    home, elsewhere = verified.packages("slow-warn")

    (finding,) = (each for each in evaluation["findings"] if "expected" in each["code"])
    assert "two.csv (text/csv to text/csv) is answered with legacy-score" in finding["message"]
    assert "in record 2; expected is 0.5, tolerance" in finding["message"]
    for package, region in ((home, "us-east-1"), (elsewhere, "eu-west-1")):
        bucket, _, key = package["SamplePayloadUrl"].removeprefix("s3://").partition("/")
        body = verified.aws.client("s3", region).get_object(Bucket=bucket, Key=key)["Body"].read()
        with tarfile.open(fileobj=io.BytesIO(body)) as tar:
            assert tar.getnames() == [
                "payload_application_json_1.json",
                "payload_text_csv_0.csv",
                "two.csv",
            ]


def test_without_verification_a_model_is_registered_without_numbers(verified: Verified) -> None:
    execution = verified.executions["slow-off"]
    packages = verified.packages("slow-off")

    assert execution.status is ExecutionStatus.SUCCEEDED
    assert "Verify" not in [step.name for step in execution.steps]
    assert len(packages) == 2
    for package in packages:
        assert package["CustomerMetadataProperties"]["verification"] == "off"
        assert "verification_verdict" not in package["CustomerMetadataProperties"]
        assert "ModelQuality" not in package.get("ModelMetrics", {})
        assert "evaluation_details" not in _card(package)


def test_a_load_test_that_only_aws_can_run_says_so_and_fails_nothing(verified: Verified) -> None:
    execution = verified.executions["slow-warn"]
    package, elsewhere = verified.packages("slow-warn")

    assert execution.failure_reason is None
    outputs = execution.step("LoadTest").properties["OutputParameters"]
    assert outputs["load_test_status"] == "STOPPED"
    assert outputs["load_test_failure"] == NOT_TESTED
    metadata = package["CustomerMetadataProperties"]
    assert metadata["load_test_job"] == outputs["load_test_job"]
    assert metadata["load_test_failure"] == NOT_TESTED
    assert metadata["verification_verdict"] == "failed"
    assert "load_test_job" not in elsewhere["CustomerMetadataProperties"]


def test_an_execution_document_tells_what_was_measured(verified: Verified, tmp_path: Path) -> None:
    document = tmp_path / "document.json"
    steps = {f"Registration-{code}": {"STEP_TYPE": "X"} for code in REGIONS}
    document.write_text(json.dumps({"PIPELINE_STEP_CONFIGS": steps}))

    result = subprocess.run(
        [
            *(sys.executable, "cli.py", "execution-document", str(document)),
            *("--pipeline", "slow-warn", "--measured"),
        ],
        cwd=ROOT,
        env=verified.aws.environment,
        capture_output=True,
        text=True,
    )

    assert result.returncode == 0, result.stderr
    filled = json.loads(document.read_text())["PIPELINE_STEP_CONFIGS"]
    for code, package in zip(REGIONS, verified.packages("slow-warn"), strict=True):
        config = filled[f"Registration-{code}"]["STEP_CONFIG"]
        measured = config[MEASURED]
        assert config["load_testing_info_map"]["max_latency_in_millisecond"] == 100
        assert measured["model_package_arn"] == package["ModelPackageArn"]
        assert measured["verification_verdict"] == "failed"
        gate = verified.evaluation("slow-warn")["gate"]
        for name in ("latency_p99_in_millisecond", "error_rate", "achieved_tps"):
            assert measured[name] == gate[name]


def test_every_model_card_is_one_that_the_registry_takes(verified: Verified) -> None:
    packages = [each for name in PIPELINES for each in verified.packages(name)]

    assert len(packages) == 4
    for package in packages:
        content = package["ModelCard"]["ModelCardContent"]
        card, metadata = json.loads(content), package["CustomerMetadataProperties"]
        Draft7Validator(SCHEMA).validate(card)
        assert len(content) <= 100_000
        (container,) = package["InferenceSpecification"]["Containers"]
        assert card["model_overview"]["model_artifact"] == [container["ModelDataUrl"]]
        assert card["intended_uses"] == {
            "purpose_of_model": "Releases the model that scores return requests for abuse",
            "intended_uses": "ReturnAbuseRisk",
        }
        assert card["business_details"]["business_stakeholders"] == "returns-risk-ml"
        assert card["business_details"]["line_of_business"] == "ReturnsAndRefunds"
        details = card["additional_information"]["custom_details"]
        assert ["order_amount", "NUMERIC"] in json.loads(details["input_variables_1"])
        assert json.loads(details["output_variables_1"]) == [["legacy-score", "NUMERIC"]]
        assert details["source_model_artifact"].endswith("/model.tar.gz")
        assert "/incoming/" in details["source_model_artifact"]
        for name in ("artifact_sha256", "code_sha256"):
            assert re.fullmatch("[0-9a-f]{64}", details[name])
            assert details[name] == metadata[name]
        assert details["pipeline_execution"] == metadata["pipeline_execution_arn"]


def _card(package: dict[str, Any]) -> dict[str, Any]:
    card: dict[str, Any] = json.loads(package["ModelCard"]["ModelCardContent"])
    return card
