from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from local import processes
from local.runner import EmulatedAws, Execution, ExecutionStatus, StepStatus
from local.runner.jobs.containers import Container, StepRun
from local.runner.language.errors import UnsupportedStepError
from tests.waiting import QuickClock

Build = Callable[..., dict[str, Any]]
Deploy = Callable[..., str]
Execute = Callable[..., Execution]
Put = Callable[[str, str | bytes], str]
Get = Callable[[str], dict[str, Any]]

KMS_KEY_ARN = "arn:aws:kms:us-east-1:123456789012:key/00000000-0000-0000-0000-000000000000"


def test_a_script_reads_its_inputs_and_its_outputs_are_uploaded(
    processing_step: Build, deploy: Deploy, execute: Execute, put: Put, get: Get, bucket: str
) -> None:
    put("models/a/model.txt", "weights")
    put("models/a/deep/er.txt", "more")
    put("models/a-sibling.txt", "not below the prefix")
    step = processing_step(
        "Copy",
        """
        import os, pathlib, sys
        source, target = map(pathlib.Path, sys.argv[1:])
        names = sorted(str(p.relative_to(source)) for p in source.rglob("*") if p.is_file())
        (target / "sub").mkdir()
        (target / "names.txt").write_text(" ".join(names))
        (target / "sub" / "greeting.txt").write_text(os.environ["GREETING"])
        print("copied")
        """,
        arguments=["/opt/ml/processing/input/model", "/opt/ml/processing/output/copy"],
        inputs={"model": f"s3://{bucket}/models/a/"},
        outputs={"copy": f"s3://{bucket}/out"},
        job={"Environment": {"GREETING": "hello"}},
    )

    execution = execute(deploy(step))

    assert execution.status is ExecutionStatus.SUCCEEDED
    assert get(f"s3://{bucket}/out/names.txt")["Body"] == b"deep/er.txt model.txt"
    assert get(f"s3://{bucket}/out/sub/greeting.txt")["Body"] == b"hello"
    log = execution.step("Copy").log_path
    assert log is not None
    assert log.read_text() == "copied\n"


def test_a_script_that_ignores_its_arguments_writes_nothing_to_this_machine(
    processing_step: Build, deploy: Deploy, execute: Execute, tmp_path: Path
) -> None:
    outside = tmp_path / "opt" / "ml" / "processing" / "output"
    outside.mkdir(parents=True)
    step = processing_step(
        "Write",
        f"""
        open("here.txt", "w").close()
        open("{outside}/model.tar.gz", "w").close()
        """,
        job={"Environment": {"PYTHONPATH": "/opt/ml/processing/input/code"}},
    )

    execution = execute(deploy(step))

    reason = execution.failure_reason
    assert reason is not None
    assert "writes to its own folder only, at the paths that its arguments name" in reason
    assert list(outside.iterdir()) == []


def test_a_prefix_without_its_slash_brings_every_key_that_begins_with_it(
    processing_step: Build, deploy: Deploy, execute: Execute, put: Put, get: Get, bucket: str
) -> None:
    put("data/train/a.csv", "wanted")
    put("data/training-of-others/b.csv", "not wanted")
    put("data/test/c.csv", "begins otherwise")
    step = processing_step(
        "List",
        """
        import pathlib
        source = pathlib.Path("opt/ml/processing/input/data")
        names = sorted(str(p.relative_to(source)) for p in source.rglob("*") if p.is_file())
        pathlib.Path("opt/ml/processing/output/names/names.txt").write_text(" ".join(names))
        """,
        inputs={"data": f"s3://{bucket}/data/train"},
        outputs={"names": f"s3://{bucket}/names"},
    )

    assert execute(deploy(step)).status is ExecutionStatus.SUCCEEDED
    names = get(f"s3://{bucket}/names/names.txt")["Body"]
    assert names == b"a.csv training-of-others/b.csv"


def test_a_single_object_is_downloaded_under_its_own_name(
    processing_step: Build, deploy: Deploy, execute: Execute, put: Put
) -> None:
    step = processing_step(
        "Read",
        """
        import pathlib, sys
        assert pathlib.Path(sys.argv[1]).read_text() == "weights"
        """,
        arguments=["/opt/ml/processing/input/model/model.tar.gz"],
        inputs={"model": put("m/model.tar.gz", "weights")},
    )

    assert execute(deploy(step)).status is ExecutionStatus.SUCCEEDED


def test_the_container_gets_its_configuration_and_only_its_own_environment(
    processing_step: Build,
    deploy: Deploy,
    execute: Execute,
    get: Get,
    bucket: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("SECRET_OF_THE_DEVELOPER", "x")
    step = processing_step(
        "Look",
        """
        import json, os, pathlib, sys
        config, target = map(pathlib.Path, sys.argv[1:])
        pathlib.Path(target, "seen.json").write_text(json.dumps({
            "job": json.loads((config / "processingjobconfig.json").read_text()),
            "resources": json.loads((config / "resourceconfig.json").read_text()),
            "environment": dict(os.environ),
        }))
        """,
        arguments=["/opt/ml/config", "/opt/ml/processing/output/seen"],
        outputs={"seen": f"s3://{bucket}/out"},
        job={"Environment": {"DATA": "/opt/ml/processing/input/data"}},
    )

    execute(deploy(step))

    seen = json.loads(get(f"s3://{bucket}/out/seen.json")["Body"])
    assert seen["job"]["ProcessingJobArn"].endswith(seen["job"]["ProcessingJobName"])
    assert seen["resources"]["hosts"] == ["algo-1"]
    assert seen["environment"]["AWS_REGION"] == "us-east-1"
    assert "AWS_ENDPOINT_URL" in seen["environment"]
    assert seen["environment"]["DATA"].endswith("/opt/ml/processing/input/data")
    assert seen["environment"]["DATA"] != "/opt/ml/processing/input/data"
    assert "SECRET_OF_THE_DEVELOPER" not in seen["environment"]


def test_a_network_isolated_job_cannot_reach_aws(
    processing_step: Build, deploy: Deploy, execute: Execute
) -> None:
    step = processing_step(
        "Isolated",
        "import os; assert not {'AWS_ENDPOINT_URL', 'AWS_ACCESS_KEY_ID'} & set(os.environ)",
        job={"NetworkConfig": {"EnableNetworkIsolation": True}},
    )

    assert execute(deploy(step)).status is ExecutionStatus.SUCCEEDED


def test_outputs_are_encrypted_with_the_jobs_key(
    processing_step: Build, deploy: Deploy, execute: Execute, get: Get, bucket: str
) -> None:
    step = processing_step(
        "Write",
        "import sys; open(sys.argv[1] + '/a', 'w').close()",
        arguments=["/opt/ml/processing/output/a"],
        outputs={"a": f"s3://{bucket}/out"},
    )
    step["Arguments"]["ProcessingOutputConfig"]["KmsKeyId"] = KMS_KEY_ARN

    execute(deploy(step))

    response = get(f"s3://{bucket}/out/a")
    assert response["ServerSideEncryption"] == "aws:kms"
    assert response["SSEKMSKeyId"] == KMS_KEY_ARN


def test_outputs_and_property_files_reach_later_steps(
    processing_step: Build, deploy: Deploy, execute: Execute, get: Get, bucket: str
) -> None:
    first = processing_step(
        "First",
        """
        import sys
        open(sys.argv[1] + "/report.json", "w").write('{"metrics": {"auc": 0.75}}')
        """,
        arguments=["/opt/ml/processing/output/report"],
        outputs={
            "report": {
                "Std:Join": {
                    "On": "/",
                    "Values": [f"s3://{bucket}", {"Get": "Execution.PipelineExecutionId"}],
                }
            }
        },
        PropertyFiles=[
            {"PropertyFileName": "Report", "OutputName": "report", "FilePath": "report.json"}
        ],
    )
    output = {"Get": "Steps.First.ProcessingOutputConfig.Outputs['report'].S3Output.S3Uri"}
    auc = {"PropertyFile": {"Get": "Steps.First.PropertyFiles.Report"}, "Path": "metrics.auc"}
    second = processing_step(
        "Second",
        """
        import os, sys
        assert os.path.exists(sys.argv[1] + "/report.json")
        assert sys.argv[2] == "0.75", sys.argv
        """,
        arguments=[
            "/opt/ml/processing/input/report",
            {"Std:Join": {"Values": [{"Std:JsonGet": auc}]}},
        ],
        inputs={"report": output},
    )

    execution = execute(deploy(second, first))

    assert execution.status is ExecutionStatus.SUCCEEDED, execution.failure_reason
    assert get(f"s3://{bucket}/{execution.id}/report.json")["Body"]


def test_a_property_file_that_the_script_did_not_write_fails_the_step_that_reads_it(
    processing_step: Build, deploy: Deploy, execute: Execute, bucket: str
) -> None:
    files = [{"PropertyFileName": "R", "OutputName": "out", "FilePath": "absent.json"}]
    first = processing_step("First", "", outputs={"out": f"s3://{bucket}/o"}, PropertyFiles=files)
    get = {"PropertyFile": {"Get": "Steps.First.PropertyFiles.R"}, "Path": "x"}
    second = processing_step("Second", "", arguments=[{"Std:JsonGet": get}])

    execution = execute(deploy(first, second))

    assert execution.step("First").status is StepStatus.SUCCEEDED
    reason = execution.step("Second").reason
    assert reason is not None
    assert "Step 'Second' refers to 'Steps.First.PropertyFiles.R'" in reason


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        (
            """
            import sys
            print("on stdout")
            print("bad model", file=sys.stderr)
            sys.exit(3)
            """,
            "AlgorithmError: bad model, exit code: 3",
        ),
        (
            """
            import os, sys
            os.makedirs(sys.argv[1], exist_ok=True)
            open(sys.argv[1] + "/message", "w").write("unsafe archive")
            sys.exit("last line of stderr")
            """,
            "AlgorithmError: unsafe archive, exit code: 1",
        ),
        (
            "import sys; sys.exit(f'no model in {sys.argv[1]}')",
            "AlgorithmError: no model in /opt/ml/output, exit code: 1",
        ),
        (
            "raise SystemExit(7)",
            "AlgorithmError: the script wrote no error, exit code: 7",
        ),
    ],
)
def test_a_failed_scripts_explanation_is_the_reason(
    processing_step: Build, deploy: Deploy, execute: Execute, script: str, reason: str
) -> None:
    step = processing_step("Check", script, arguments=["/opt/ml/output"])

    execution = execute(deploy(step))

    assert execution.status is ExecutionStatus.FAILED
    assert execution.step("Check").reason == reason
    assert execution.failure_reason is not None
    assert f"Step 'Check' failed: {reason}" in execution.failure_reason
    assert str(execution.step("Check").log_path) in execution.failure_reason


def test_a_failed_jobs_folder_stays_and_its_outputs_are_not_uploaded(
    processing_step: Build, deploy: Deploy, execute: Execute, aws: EmulatedAws, bucket: str
) -> None:
    script = "import sys; open(sys.argv[1] + '/half', 'w').close(); sys.exit(1)"
    step = processing_step(
        "Half",
        script,
        arguments=["/opt/ml/processing/output/o"],
        outputs={"o": f"s3://{bucket}/out"},
    )

    execution = execute(deploy(step))

    assert (execution.folder / "jobs/Half-1/opt/ml/processing/output/o/half").exists()
    assert aws.s3.list_objects_v2(Bucket=bucket, Prefix="out")["KeyCount"] == 0


def test_a_job_that_runs_too_long_is_killed_with_what_it_started(
    processing_step: Build, deploy: Deploy, execute: Execute, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(processes, "time", QuickClock())
    # The grandchild keeps stderr open: waiting for it would take a minute.
    step = processing_step(
        "Slow",
        """
        import subprocess, time
        subprocess.Popen(["sleep", "60"])
        time.sleep(60)
        """,
        job={"StoppingCondition": {"MaxRuntimeInSeconds": 1}},
    )

    execution = execute(deploy(step))

    seconds = execution.step("Slow").duration_seconds
    assert execution.step("Slow").reason == (
        "MaxRuntimeExceeded: the job was stopped after MaxRuntimeInSeconds (1 s)."
    )
    assert seconds is not None
    assert seconds < 60


def test_an_input_that_does_not_exist_fails_the_step(
    processing_step: Build, deploy: Deploy, execute: Execute, bucket: str
) -> None:
    step = processing_step("Read", "", inputs={"model": f"s3://{bucket}/absent/"})

    reason = execute(deploy(step)).step("Read").reason

    assert reason is not None
    assert f'No S3 objects found under S3 URL "s3://{bucket}/absent/"' in reason


def test_an_output_that_cannot_be_uploaded_fails_the_step(
    processing_step: Build, deploy: Deploy, execute: Execute
) -> None:
    step = processing_step(
        "Write",
        "import sys; open(sys.argv[1] + '/a', 'w').close()",
        arguments=["/opt/ml/processing/output/a"],
        outputs={"a": "s3://bucket-that-does-not-exist/out"},
    )

    reason = execute(deploy(step)).step("Write").reason

    assert reason is not None
    assert reason.startswith("ClientError: NoSuchBucket")


def test_the_job_is_known_to_the_emulated_api(
    processing_step: Build, deploy: Deploy, execute: Execute, aws: EmulatedAws
) -> None:
    execution = execute(deploy(processing_step("A_Job", "")))

    properties = execution.step("A_Job").properties
    name = properties["ProcessingJobName"]
    assert name.startswith(f"pipelines-{execution.id}-A-Job-")
    assert len(name) <= 63
    assert properties["ProcessingJobStatus"] == "Completed"
    job = aws.sagemaker.describe_processing_job(ProcessingJobName=name)
    assert job["ProcessingJobArn"] == properties["ProcessingJobArn"]


def test_arguments_that_the_service_refuses_fail_the_step(
    processing_step: Build, deploy: Deploy, execute: Execute
) -> None:
    reason = execute(deploy(processing_step("A", "", job={"Nonsense": 1}))).step("A").reason

    assert reason is not None
    assert 'Unknown parameter in input: "Nonsense"' in reason


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"AppSpecification": {"ImageUri": "i"}}, "entry point None"),
        (
            {"AppSpecification": {"ImageUri": "i", "ContainerEntrypoint": ["/bin/bash", "run.sh"]}},
            "which needs its container image",
        ),
        (
            {
                "ProcessingInputs": [
                    {"InputName": "x", "S3Input": {"S3DataType": "S3Prefix", "S3InputMode": "Pipe"}}
                ]
            },
            "Input 'x' of processing step 'A'",
        ),
    ],
)
def test_jobs_that_need_a_real_container_are_refused_before_anything_runs(
    processing_step: Build,
    deploy: Deploy,
    execute: Execute,
    tmp_path: Path,
    change: dict[str, Any],
    message: str,
) -> None:
    with pytest.raises(UnsupportedStepError, match=message):
        execute(deploy(processing_step("A", "", job=change)))

    assert not (tmp_path / "state").exists()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {
                "ProcessingResources": {
                    "ClusterConfig": {
                        "InstanceCount": 2,
                        "InstanceType": "ml.m5.large",
                        "VolumeSizeInGB": 30,
                    }
                }
            },
            "InstanceCount is 2",
        ),
        (
            {
                "ProcessingOutputConfig": {
                    "Outputs": [
                        {
                            "OutputName": "o",
                            "S3Output": {
                                "S3Uri": "s3://b/o",
                                "LocalPath": "/etc",
                                "S3UploadMode": "EndOfJob",
                            },
                        }
                    ]
                }
            },
            "LocalPath is '/etc'",
        ),
        (
            {
                "ProcessingOutputConfig": {
                    "Outputs": [
                        {
                            "OutputName": "o",
                            "S3Output": {
                                "S3Uri": "s3://b/o",
                                "LocalPath": "/opt/ml/processing/" + "../" * 30 + "tmp/x",
                                "S3UploadMode": "EndOfJob",
                            },
                        }
                    ]
                }
            },
            "leads out of its folder",
        ),
    ],
)
def test_jobs_that_cannot_be_run_faithfully_fail(
    processing_step: Build, deploy: Deploy, execute: Execute, change: dict[str, Any], message: str
) -> None:
    reason = execute(deploy(processing_step("A", "", job=change))).step("A").reason

    assert reason is not None
    assert message in reason


@pytest.mark.parametrize(
    ("text", "relocated"),
    [
        ("/opt/ml/processing/x", "{root}/opt/ml/processing/x"),
        ("--model=/opt/ml/model", "--model={root}/opt/ml/model"),
        ("/opt/ml/a:/opt/ml/b", "{root}/opt/ml/a:{root}/opt/ml/b"),
        ("s3://bucket/opt/ml/x", "s3://bucket/opt/ml/x"),
        ("/srv/opt/ml/x", "/srv/opt/ml/x"),
        ("/opt/mlx", "/opt/mlx"),
    ],
)
def test_only_paths_of_the_container_are_relocated(
    tmp_path: Path, text: str, relocated: str
) -> None:
    run = StepRun.__new__(StepRun)
    object.__setattr__(run, "folder", tmp_path)

    assert Container(run).relocate(text) == relocated.format(root=tmp_path.resolve())
