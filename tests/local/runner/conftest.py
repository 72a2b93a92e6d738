"""An embedded AWS, and short ways to deploy and run pipelines of hand-written steps."""

from __future__ import annotations

import io
import json
import textwrap
import uuid
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from constructs_lib.aws.handle import AccessKey
from local.emulator import EmbeddedAws
from local.runner import EmulatedAws, Execution, start_execution

ROLE_ARN = "arn:aws:iam::123456789012:role/execution"


@pytest.fixture(scope="session")
def server() -> Iterator[EmbeddedAws]:
    # A process of its own: other tests use moto in this one, which empties it. Nothing here has
    # policies: what those allow is another test's business.
    with EmbeddedAws(permissions=False) as embedded:
        yield embedded


@pytest.fixture(scope="session")
def aws(server: EmbeddedAws) -> EmulatedAws:
    return EmulatedAws.connect(server.environment())


@pytest.fixture(scope="session")
def administrator(server: EmbeddedAws) -> AccessKey:
    return server.key


@pytest.fixture
def one_identity(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let executions and jobs use the clients that a test has prepared, not those of a role."""
    monkeypatch.setattr(EmulatedAws, "as_role", lambda aws, _role_arn, **_session: aws)


@pytest.fixture
def bucket(aws: EmulatedAws) -> str:
    name = f"bucket-{uuid.uuid4().hex}"
    aws.s3.create_bucket(Bucket=name)
    return name


@pytest.fixture
def put(aws: EmulatedAws, bucket: str) -> Callable[[str, str | bytes], str]:
    """Write an object into the test's bucket and return its URI."""

    def put_object(key: str, content: str | bytes) -> str:
        body = content.encode() if isinstance(content, str) else content
        aws.s3.put_object(Bucket=bucket, Key=key, Body=body)
        return f"s3://{bucket}/{key}"

    return put_object


@pytest.fixture
def get(aws: EmulatedAws) -> Callable[[str], dict[str, Any]]:
    """Read an object: the response, with the content as ``Body``."""

    def get_object(uri: str) -> dict[str, Any]:
        bucket, _, key = uri.removeprefix("s3://").partition("/")
        response = aws.s3.get_object(Bucket=bucket, Key=key)
        return {**response, "Body": response["Body"].read()}

    return get_object


@pytest.fixture
def deploy(aws: EmulatedAws) -> Callable[..., str]:
    """Create a pipeline of steps and return its name."""

    def create(
        *steps: dict[str, Any],
        parameters: list[dict[str, Any]] | None = None,
        max_parallel: int | None = None,
    ) -> str:
        name = f"pipeline-{uuid.uuid4().hex}"
        definition = {"Version": "2020-12-01", "Parameters": parameters or [], "Steps": steps}
        options = (
            {"ParallelismConfiguration": {"MaxParallelExecutionSteps": max_parallel}}
            if max_parallel
            else {}
        )
        aws.sagemaker.create_pipeline(
            PipelineName=name,
            PipelineDefinition=json.dumps(definition),
            RoleArn=ROLE_ARN,
            ClientRequestToken=uuid.uuid4().hex,
            **options,
        )
        return name

    return create


@pytest.fixture
def execute(aws: EmulatedAws, tmp_path: Path) -> Callable[..., Execution]:
    """Run a pipeline with the test's own state folder, never sleeping."""

    def run(name: str, parameters: dict[str, str] | None = None, **options: Any) -> Execution:
        return start_execution(
            name,
            parameters or {},
            **{"aws": aws, "state_dir": tmp_path / "state", "sleep": lambda _: None, **options},
        )

    return run


@pytest.fixture
def processing_step(put: Callable[[str, str | bytes], str]) -> Callable[..., dict[str, Any]]:
    """A Processing step that runs a script, given as text."""

    def build(
        name: str,
        script: str,
        *,
        arguments: list[Any] | None = None,
        inputs: dict[str, Any] | None = None,
        outputs: dict[str, Any] | None = None,
        job: dict[str, Any] | None = None,
        **members: Any,
    ) -> dict[str, Any]:
        code = put(f"code/{uuid.uuid4().hex}.py", textwrap.dedent(script))
        folder = "/opt/ml/processing/input"
        sources = {"code": code, **(inputs or {})}
        specification = {
            "ImageUri": "image",
            "ContainerEntrypoint": ["python3", f"{folder}/code/{code.rpartition('/')[2]}"],
            **({"ContainerArguments": arguments} if arguments else {}),
        }
        return {
            "Name": name,
            "Type": "Processing",
            "Arguments": {
                "ProcessingResources": {
                    "ClusterConfig": {
                        "InstanceCount": 1,
                        "InstanceType": "ml.m5.large",
                        "VolumeSizeInGB": 30,
                    }
                },
                "AppSpecification": specification,
                "RoleArn": ROLE_ARN,
                "ProcessingInputs": [
                    {
                        "InputName": input_name,
                        "AppManaged": False,
                        "S3Input": {
                            "S3Uri": uri,
                            "LocalPath": f"{folder}/{input_name}",
                            "S3DataType": "S3Prefix",
                            "S3InputMode": "File",
                        },
                    }
                    for input_name, uri in sources.items()
                ],
                "ProcessingOutputConfig": {
                    "Outputs": [
                        {
                            "OutputName": output_name,
                            "AppManaged": False,
                            "S3Output": {
                                "S3Uri": uri,
                                "LocalPath": f"/opt/ml/processing/output/{output_name}",
                                "S3UploadMode": "EndOfJob",
                            },
                        }
                        for output_name, uri in (outputs or {}).items()
                    ]
                },
                **(job or {}),
            },
            **members,
        }

    return build


@pytest.fixture(scope="session")
def function_role_arn(server: EmbeddedAws) -> str:
    iam = server.client("iam")
    role = iam.create_role(RoleName="function", AssumeRolePolicyDocument="{}")
    return str(role["Role"]["Arn"])


@pytest.fixture
def lambda_step(
    aws: EmulatedAws,
    bucket: str,
    put: Callable[[str, str | bytes], str],
    function_role_arn: str,
) -> Callable[..., dict[str, Any]]:
    """A Lambda step with a deployed function, whose module is given as text."""
    client = aws.lambda_

    def build(
        name: str,
        code: str,
        arguments: dict[str, Any] | None = None,
        outputs: dict[str, str] | None = None,
        *,
        depends_on: list[str] | None = None,
        **configuration: Any,
    ) -> dict[str, Any]:
        archive = io.BytesIO()
        with zipfile.ZipFile(archive, "w") as package:
            package.writestr("index.py", textwrap.dedent(code))
        key = f"assets/{uuid.uuid4().hex}.zip"
        put(key, archive.getvalue())
        function = client.create_function(
            **{
                "FunctionName": f"function-{uuid.uuid4().hex}",
                "Role": function_role_arn,
                "Handler": "index.handler",
                "Runtime": "python3.11",
                "Code": {"S3Bucket": bucket, "S3Key": key},
                **configuration,
            }
        )
        return {
            "Name": name,
            "Type": "Lambda",
            "FunctionArn": function["FunctionArn"],
            "Arguments": arguments or {},
            "OutputParameters": [
                {"OutputName": output, "OutputType": type_}
                for output, type_ in (outputs or {}).items()
            ],
            "DependsOn": depends_on or [],
        }

    return build
