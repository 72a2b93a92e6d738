"""Models whose answers tell which one answered, behind endpoints of their own."""

from __future__ import annotations

import io
import json
import tarfile
import textwrap
import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pytest

from local.emulator import EmbeddedAws
from tests.local.emulator.policies import Statement, allow
from tests.local.emulator.queues import Queue
from tests.waiting import wait_until

IMAGE = "763104351884.dkr.ecr.us-east-1.amazonaws.com/pytorch-inference:2.6.0-cpu-py312"
MODEL = """
    import json

    def model_fn(model_dir):
        return {answer!r}

    def input_fn(data, content_type):
        return json.loads(data)

    def predict_fn(data, model):
        return {{"model": model, "doubled": 2 * data["x"]}}

    def output_fn(prediction, accept):
        return json.dumps(prediction), "application/json"
"""
CHANGING = ("Creating", "Updating", "RollingBack", "Deleting")
SAGEMAKER = {"Service": "sagemaker.amazonaws.com"}


def archive(files: Mapping[str, str]) -> bytes:
    """Pack files as a model's archive."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as packed:
        for name, text in files.items():
            content = textwrap.dedent(text).encode()
            member = tarfile.TarInfo(name)
            member.size = len(content)
            packed.addfile(member, io.BytesIO(content))
    return buffer.getvalue()


@dataclass(frozen=True)
class Served:
    """An endpoint of a test: ``name``, and what it may be made of."""

    aws: EmbeddedAws
    name: str
    bucket: str
    role: str

    @property
    def client(self) -> Any:
        return self.aws.client("sagemaker")

    @property
    def arn(self) -> str:
        return f"arn:aws:sagemaker:us-east-1:{self.aws.account_id}:endpoint/{self.name}"

    def model(
        self,
        code: str,
        *,
        role: str | None = None,
        is_isolated: bool = True,
        **container: Any,
    ) -> str:
        """Upload an archive with inference code, and create its model; returns its name."""
        name = f"model-{uuid.uuid4().hex[:8]}"
        content = archive({"code/inference.py": code})
        self.aws.client("s3").put_object(Bucket=self.bucket, Key=name, Body=content)
        self.client.create_model(
            ModelName=name,
            ExecutionRoleArn=role or self.role,
            EnableNetworkIsolation=is_isolated,
            PrimaryContainer={
                "Image": IMAGE,
                "ModelDataUrl": f"s3://{self.bucket}/{name}",
                **container,
            },
        )
        return name

    def configuration(self, code: str, **variant: Any) -> str:
        """Create the configuration of a new model; returns its name."""
        model = variant.pop("ModelName", None) or self.model(code)
        name = f"config-{uuid.uuid4().hex[:8]}"
        given = {
            "VariantName": "AllTraffic",
            "ModelName": model,
            "InstanceType": "ml.c6i.large",
            "InitialInstanceCount": 1,
            **variant,
        }
        self.client.create_endpoint_config(EndpointConfigName=name, ProductionVariants=[given])
        return name

    def version(self, answer: str, **variant: Any) -> str:
        """Create the configuration of a model that answers with a text; returns its name."""
        return self.configuration(MODEL.format(answer=answer), **variant)

    def create(self, configuration: str) -> dict[str, Any]:
        """Create the endpoint, and wait until it is in service or has failed."""
        self.client.create_endpoint(EndpointName=self.name, EndpointConfigName=configuration)
        return self.settled()

    def update(self, configuration: str, **options: Any) -> dict[str, Any]:
        """Update the endpoint, and wait until that has ended."""
        self.begin_update(configuration, **options)
        return self.settled()

    def begin_update(self, configuration: str, **options: Any) -> None:
        """Begin to update the endpoint."""
        self.client.update_endpoint(
            EndpointName=self.name, EndpointConfigName=configuration, **options
        )

    def describe(self) -> dict[str, Any]:
        """Describe the endpoint."""
        described = dict(self.client.describe_endpoint(EndpointName=self.name))
        del described["ResponseMetadata"]
        return described

    @property
    def configured(self) -> str:
        """The configuration that serves."""
        return str(self.describe()["EndpointConfigName"])

    def settled(self) -> dict[str, Any]:
        """Describe the endpoint once nothing changes any longer."""
        described: dict[str, Any] = {}

        def is_settled() -> bool:
            described.clear()
            described.update(self.describe())
            return described["EndpointStatus"] not in CHANGING

        wait_until(is_settled)
        return described

    def invoke(self, body: Any, **options: Any) -> dict[str, Any]:
        """Invoke the endpoint; returns the answer as the client has it."""
        given = {"ContentType": "application/json", **options}
        return dict(
            self.aws.client("sagemaker-runtime").invoke_endpoint(
                EndpointName=self.name, Body=json.dumps(body).encode(), **given
            )
        )

    def answer(self) -> str:
        """Tell which model answers."""
        return str(json.loads(self.invoke({"x": 1})["Body"].read())["model"])

    def delete(self) -> None:
        """Delete the endpoint, and wait until it is gone."""
        self.client.delete_endpoint(EndpointName=self.name)
        wait_until(lambda: not self.client.list_endpoints(NameContains=self.name)["Endpoints"])

    def events(self, kind: str) -> Callable[[], list[dict[str, Any]]]:
        """Listen to events of a kind; returns what tells their details, in any order."""
        events, name = self.aws.client("events"), self.name
        queue = Queue.create(self.aws, name, sender="events.amazonaws.com")
        pattern = {
            "source": ["aws.sagemaker"],
            "detail-type": [kind],
            "detail": {"EndpointName": [name]},
        }
        events.put_rule(Name=name, EventPattern=json.dumps(pattern))
        events.put_targets(Rule=name, Targets=[{"Id": "queue", "Arn": queue.arn}])
        return lambda: [event["detail"] for event in queue.bodies()]


def permissions(bucket: str) -> list[Statement]:
    """What the execution role of a model needs."""
    return [
        allow("s3:GetObject", f"arn:aws:s3:::{bucket}/*"),
        allow("ecr:GetAuthorizationToken", "*"),
        allow(
            ["ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"],
            "arn:aws:ecr:us-east-1:763104351884:repository/*",
        ),
        allow(["logs:CreateLogGroup", "logs:CreateLogStream", "logs:PutLogEvents"], "*"),
        allow("cloudwatch:DescribeAlarms", "*"),
    ]


def _endpoint(aws: EmbeddedAws, bucket: str, create_role: Callable[..., str]) -> Served:
    role = create_role(*permissions(bucket), trusts=SAGEMAKER)
    return Served(aws, f"endpoint-{uuid.uuid4().hex[:8]}", bucket, role)


@pytest.fixture
def served(aws: EmbeddedAws, bucket: str, create_role: Callable[..., str]) -> Iterator[Served]:
    """An endpoint that is not created yet, and is gone after the test."""
    endpoint = _endpoint(aws, bucket, create_role)
    yield endpoint
    if endpoint.client.list_endpoints(NameContains=endpoint.name)["Endpoints"]:
        endpoint.settled()
        endpoint.delete()


@pytest.fixture(scope="session")
def in_service(aws: EmbeddedAws, create_role: Callable[..., str]) -> Iterator[Served]:
    """An endpoint that answers with "one", for the next fixture."""
    bucket = f"bucket-{uuid.uuid4().hex[:12]}"
    aws.client("s3").create_bucket(Bucket=bucket)
    endpoint = _endpoint(aws, bucket, create_role)
    endpoint.create(endpoint.version("one"))
    yield endpoint
    endpoint.delete()


@pytest.fixture
def unchanged(in_service: Served) -> Iterator[Served]:
    """An endpoint that answers with "one", for tests that leave it as it is."""
    before = in_service.describe()
    yield in_service
    assert in_service.describe() == before, "a test has changed what others share"
    assert in_service.answer() == "one"
