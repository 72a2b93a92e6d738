"""A deployment of the app to an embedded AWS, and what a test does with it."""

from __future__ import annotations

import io
import json
import sys
import tarfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rich.console import Console

from constructs_lib.aws.handle import AwsHandle
from local.cdk import CdkCli
from local.deployment import stack_output
from local.release import release
from local.runner import EmulatedAws, Execution, retry_execution, start_execution
from local.runner.records import OnEvent
from tests.example_pipeline import MODEL

ROOT = Path(__file__).parents[2]
REGIONS = ("us-east-1", "eu-west-1", "us-west-2")


@dataclass(frozen=True)
class Deployment:
    """The deployed app, and what a test does with it."""

    aws: AwsHandle
    folder: Path
    console: Console
    settings: Mapping[str, Any] = field(default_factory=dict)
    """Of the app, beside the copy of the pipelines."""

    @property
    def config(self) -> Path:
        """The config of the deployed pipeline: a copy that tests may change."""
        return self.folder / "pipelines" / "returns_risk" / "config.json"

    def cdk(self, action: Callable[[CdkCli], None]) -> str:
        """Run the CDK CLI; returns what it printed."""
        lines: list[str] = []
        cli = CdkCli(
            self.aws.environment,
            log_file=self.folder / "cdk.log",
            app=f"{sys.executable} {ROOT / 'app.py'}",
            output=self.folder / "cdk.out",
            on_line=lines.append,
        )
        action(cli)
        return "\n".join(lines)

    @property
    def context(self) -> dict[str, str]:
        """The app's settings, with the copy of the pipelines."""
        settings = {**self.settings, "pipelines_dir": str(self.folder / "pipelines")}
        return {"model-release": json.dumps(settings)}

    def deploy(self) -> str:
        """Deploy all stacks."""
        return self.cdk(lambda cli: cli.deploy(context=self.context))

    def physical_ids(self) -> dict[tuple[str, str], str]:
        """Name every deployed resource, by its stack and logical id."""
        clients = [self.aws.client("cloudformation", region) for region in REGIONS]
        return {
            (each["StackId"], each["LogicalResourceId"]): each["PhysicalResourceId"]
            for client in clients
            for stack in client.describe_stacks()["Stacks"]
            for each in client.describe_stack_resources(StackName=stack["StackId"])[
                "StackResources"
            ]
        }

    def put_model(self, key: str, content: bytes | None = None) -> str:
        """Upload a model artifact, by default the example's; returns its S3 URI."""
        stacks = self.aws.client("cloudformation")
        bucket = stack_output(stacks, "model-release-storage", "ArtifactBucketName")
        body = MODEL.read_bytes() if content is None else content
        self.aws.client("s3").put_object(Bucket=bucket, Key=key, Body=body)
        return f"s3://{bucket}/{key}"

    def release(self, model: str, **parameters: str) -> Execution:
        """Execute the deployed pipeline."""
        return release(
            "returns-risk",
            model,
            aws=self.aws,
            state_dir=self.folder / "executions",
            console=self.console,
            parameters=parameters,
        )

    def start(self, model: str, on_event: OnEvent) -> Execution:
        """Execute the deployed pipeline, telling of every change."""
        return start_execution(
            "returns-risk", {"ModelS3Uri": model}, **self._runner, on_event=on_event
        )

    def retry(self, arn: str) -> Execution:
        """Retry an execution that has failed or was stopped."""
        return retry_execution(arn, **self._runner)

    @property
    def _runner(self) -> dict[str, Any]:
        aws = EmulatedAws.connect(self.aws.environment)
        return {"aws": aws, "state_dir": self.folder / "executions"}

    def roles(self) -> tuple[str, str]:
        """Name the role of the pipeline and that of its jobs."""
        pipeline = self.aws.client("sagemaker").describe_pipeline(PipelineName="returns-risk")
        steps = json.loads(pipeline["PipelineDefinition"])["Steps"]
        model = next(each for each in steps if each["Type"] == "Model")
        return pipeline["RoleArn"], model["Arguments"]["ExecutionRoleArn"]

    @contextmanager
    def changed_statement(
        self, sid: str, change: Callable[[dict[str, Any]], None]
    ) -> Iterator[None]:
        """Change a statement of the pipeline's role, or of its jobs', for a while."""
        iam = self.aws.client("iam")
        for role_arn in self.roles():
            name = role_arn.rpartition("/")[2]
            (attached,) = iam.list_attached_role_policies(RoleName=name)["AttachedPolicies"]
            policy = {"PolicyArn": attached["PolicyArn"]}
            before = iam.get_policy(**policy)["Policy"]["DefaultVersionId"]
            version = iam.get_policy_version(**policy, VersionId=before)["PolicyVersion"]
            document = version["Document"]
            found = [each for each in document["Statement"] if each["Sid"] == sid]
            if found:
                break
        (statement,) = found
        change(statement)
        text = json.dumps(document)
        made = iam.create_policy_version(**policy, PolicyDocument=text, SetAsDefault=True)
        try:
            yield
        finally:
            iam.set_default_policy_version(**policy, VersionId=before)
            iam.delete_policy_version(**policy, VersionId=made["PolicyVersion"]["VersionId"])

    def packages(self, region: str) -> list[dict[str, Any]]:
        """Describe the registered versions of a region, the oldest first."""
        client = self.aws.client("sagemaker", region)
        listed = client.list_model_packages(ModelPackageGroupName="returns-risk")
        arns = [each["ModelPackageArn"] for each in listed["ModelPackageSummaryList"]]
        described = [client.describe_model_package(ModelPackageName=arn) for arn in arns]
        return sorted(described, key=lambda each: int(each["ModelPackageVersion"]))


def example_with_another_scaling() -> bytes:
    """Return the example's model as one that answers a little higher or lower."""
    content = io.BytesIO()
    with tarfile.open(MODEL) as source, tarfile.open(fileobj=content, mode="w:gz") as target:
        for member in source:
            file = source.extractfile(member)
            body = file.read() if file else b""
            if member.name.endswith("model.json"):
                model = json.loads(body)
                model["scaling"]["order_amount"][0] += 1
                body = json.dumps(model).encode()
                member.size = len(body)
            target.addfile(member, io.BytesIO(body) if file else None)
    return content.getvalue()


def example_with_another_file(name: str = "another.txt") -> bytes:
    """Return the example's model with one more file in it, which is another content."""
    content = io.BytesIO()
    with tarfile.open(MODEL) as source, tarfile.open(fileobj=content, mode="w:gz") as target:
        for member in source:
            target.addfile(member, source.extractfile(member))
        target.addfile(tarfile.TarInfo(name))
    return content.getvalue()
