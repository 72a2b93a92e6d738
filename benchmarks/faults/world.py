"""An embedded AWS with the resources of the stacks, and releases in it to inject faults into."""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import subprocess
import sys
import uuid
import zlib
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import Any, Self

from benchmarks.faults.invariants import Registry
from benchmarks.faults.proxy import FaultProxy
from constructs_lib.aws.handle import without_aws_variables
from constructs_lib.regions import EU, NA, RegionCode
from constructs_lib.registration.file import registration_file
from constructs_lib.registration.request import RegistrationRequest
from local.emulator import EmbeddedAws
from local.runner import EmulatedAws

HOME = NA
REGIONS = (NA, EU)
PIPELINE = "returns-risk"
_ROOT = Path(__file__).parents[2]
_ARTIFACT_BYTES = 300_000


Faults = Mapping[str, Mapping[str, Any]]
"""What to do to the invocations of steps: rules of the proxy, or options of their process."""


@dataclass(frozen=True)
class Outcome:
    """What came of one invocation of the function."""

    step: str
    calls: tuple[str, ...] = ()
    outputs: dict[str, str] = field(default_factory=dict)
    error: str = ""
    killed: bool = False
    defect: bool = False
    faults: int = 0
    """How many were injected."""

    @property
    def succeeded(self) -> bool:
        """Whether the step did."""
        return bool(self.outputs)


class Functions:
    """A process that runs invocations of the function, one after the other."""

    def __init__(self) -> None:
        """Start it."""
        self._process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.faults.function_process"],
            cwd=_ROOT,
            # It keeps the credentials that it starts with, and each invocation brings others.
            env=without_aws_variables(os.environ),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._input, self._output = self._process.stdin, self._process.stdout

    def invoke(self, invocation: Mapping[str, Any]) -> dict[str, Any]:
        """Run the function once; returns what its process tells."""
        if self._input is None or self._output is None:
            raise ValueError("The process has no pipes.")
        self._input.write(json.dumps(invocation) + "\n")
        self._input.flush()
        answer: dict[str, Any] = json.loads(self._output.readline())
        return answer

    def stop(self) -> None:
        """Stop it."""
        self._process.kill()
        self._process.communicate()


class World:
    """The embedded AWS with two regions, a fault proxy, and a process that runs the function."""

    def __init__(self) -> None:
        """Prepare; entering the context starts."""
        self.aws = EmbeddedAws()
        self._resources = ExitStack()
        self._releases = 0

    def __enter__(self) -> Self:
        """Start everything and make the buckets."""
        with ExitStack() as resources:
            resources.enter_context(self.aws)
            self._fill()
            self.proxy = resources.enter_context(FaultProxy(self.aws.endpoint_url))
            self.functions = self.more_functions(resources)
            self._resources = resources.pop_all()
        return self

    def __exit__(self, *_error: object) -> None:
        """Stop."""
        self._resources.close()

    def more_functions(self, resources: ExitStack | None = None) -> Functions:
        """Start another process, for invocations at the same time."""
        functions = Functions()
        (resources or self._resources).callback(functions.stop)
        return functions

    def _fill(self) -> None:
        for code in REGIONS:
            self.aws.client("s3", code.aws_region).create_bucket(
                Bucket=bucket_of(code), **_location(code)
            )
        self.aws.client("sagemaker").create_pipeline(
            PipelineName=PIPELINE,
            PipelineDefinition=json.dumps({"Version": "2020-12-01", "Steps": [{"Name": "None"}]}),
            RoleArn="arn:aws:iam::123456789012:role/execution",
            ClientRequestToken=uuid.uuid4().hex,
        )

    @cached_property
    def runner_aws(self) -> EmulatedAws:
        """The clients of the local runner."""
        return EmulatedAws.connect(self.aws.environment())

    def invoke(
        self, step: str, event: Mapping[str, str], functions: Functions, **options: Any
    ) -> Outcome:
        """Run the function once; ``options`` are rules, or those of the process that runs it."""
        self.proxy.inject(options.pop("rules", ()))
        endpoint = self.proxy.url if self.proxy.rules else self.aws.endpoint_url
        environment = {**self.aws.environment(), "AWS_ENDPOINT_URL": endpoint}
        answer = functions.invoke({"event": event, "environment": environment, **options})
        faults = self.proxy.fired() if self.proxy.rules else int(answer["killed"])
        return Outcome(step, **{**answer, "calls": tuple(answer["calls"])}, faults=faults)

    def content(self, *, size: int = _ARTIFACT_BYTES) -> Content:
        """Make a model that no release of this world has had."""
        self._releases += 1
        name = f"group-{self._releases}"
        for code in REGIONS:
            self.aws.client("sagemaker", code.aws_region).create_model_package_group(
                ModelPackageGroupName=name
            )
        digest = hashlib.sha256(name.encode()).digest()
        return Content(name, (digest * (size // len(digest) + 1))[:size])

    def registry(self, content: Content) -> Registry:
        """Return where a content is registered."""
        regions = {str(code): code.aws_region for code in REGIONS}
        return Registry(self.aws.client, content.group, regions)


@dataclass(frozen=True)
class Content:
    """A packaged model, and the model package group it belongs in."""

    group: str
    artifact: bytes

    @property
    def sha256(self) -> str:
        """The digest of the artifact."""
        return hashlib.sha256(self.artifact).hexdigest()

    def files(self) -> dict[str, bytes]:
        """Return what Package and Verify write, by the name that the steps give each."""
        requests = [_request(code, self.group) for code in REGIONS]
        return {
            "model_artifact_uri": self.artifact,
            "packaging_manifest_uri": json.dumps(_manifest(self.artifact)).encode(),
            "evaluation_uri": json.dumps(_evaluation(self.sha256)).encode(),
            "registration_request_uri": registration_file(requests),
            "sample_payload_uri": gzip.compress(b"1,2\n", mtime=0),
        }

    def registration_folder(self) -> str:
        """Return the key of the folder of the last two, which ends in their digest."""
        files = self.files()
        content = files["sample_payload_uri"] + files["registration_request_uri"]
        return f"{self.group}/registration/{hashlib.sha256(content).hexdigest()[:16]}"


FILE_NAMES = {
    "model_artifact_uri": "Package/model/model.tar.gz",
    "packaging_manifest_uri": "Package/manifest.json",
    "evaluation_uri": "Verify/evaluation.json",
    "registration_request_uri": "Package/files/registration.json",
    "sample_payload_uri": "Package/files/payload.tar.gz",
}
"""Where jobs write, below the temporary folder of an execution."""
_CODE_SHA256 = "cd" * 32


def bucket_of(code: RegionCode) -> str:
    """Return the bucket of a region's releases."""
    return "artifacts" if code is HOME else f"registry-{code.aws_region}"


def key_of(code: RegionCode) -> str:
    """Return the KMS key of a region's releases."""
    return f"arn:aws:kms:{code.aws_region}:123456789012:alias/returns-risk"


def _location(code: RegionCode) -> dict[str, Any]:
    if code is HOME:
        return {}
    return {"CreateBucketConfiguration": {"LocationConstraint": code.aws_region}}


class FunctionRelease:
    """One execution of the part of the pipeline that the function is in.

    It decides as the definition does: nothing is registered unless every Stage step succeeded.
    ``deployed`` executes the definition itself.
    """

    def __init__(
        self, world: World, content: Content, functions: Functions | None = None, **changes: str
    ) -> None:
        """Start an execution, whose Package and Verify steps have been.

        Args:
            world: Where.
            content: What is released.
            functions: The process that runs the function; by default the world's first.
            changes: Of the events.
        """
        self.world = world
        self._functions = functions or world.functions
        self.content = content
        response = world.aws.client("sagemaker").start_pipeline_execution(PipelineName=PIPELINE)
        self.arn: str = response["PipelineExecutionArn"]
        self.outcomes: list[Outcome] = []
        self._changes = changes
        self._put_files()

    def _put_files(self) -> None:
        for name, content in self.content.files().items():
            self.write(name, content)

    def write(self, name: str, content: bytes) -> None:
        """Write a file as its job does."""
        self.world.aws.client("s3").put_object(
            Bucket=bucket_of(HOME), Key=self._key(name), Body=content
        )

    def _key(self, name: str) -> str:
        return f"tmp/{self.content.group}/{self._execution_id}/{FILE_NAMES[name]}"

    @property
    def _execution_id(self) -> str:
        return self.arn.rpartition("/")[2]

    def run(self, faults: Faults = MappingProxyType({})) -> list[Outcome]:
        """Run all steps and end the execution; returns what came of the invocations."""
        staged = {code: self.stage(code, faults) for code in REGIONS}
        if all(outcome.succeeded for outcome in staged.values()):
            for code in REGIONS:
                self.register(code, staged[code].outputs, faults)
        self.end()
        return self.outcomes

    def retry(self) -> None:
        """Let the execution, which has failed, go on as SageMaker's retry does."""
        self.world.aws.client("sagemaker").retry_pipeline_execution(
            PipelineExecutionArn=self.arn, ClientRequestToken=uuid.uuid4().hex
        )
        self.outcomes.clear()

    def end(self) -> None:
        """End the execution, as the service does whatever happened."""
        status = "Succeeded" if all(each.succeeded for each in self.outcomes) else "Failed"
        if not self.world.runner_aws.end_execution(self.arn, status):
            raise ConnectionError("The embedded AWS does not end executions.")

    def stage(self, code: RegionCode, faults: Faults = MappingProxyType({})) -> Outcome:
        """Run the Stage step of a region."""
        home = bucket_of(HOME)
        event = {
            **self._shared(code),
            "action": "stage",
            "destination_bucket": bucket_of(code),
            "kms_key_id": key_of(code),
            "registration_folder": self.content.registration_folder(),
            "verification": "enforce",
            "verdict": "passed",
            **{name: f"s3://{home}/{self._key(name)}" for name in FILE_NAMES},
        }
        return self._invoke(f"Stage-{code}", event, faults)

    def register(
        self, code: RegionCode, staged: Mapping[str, str], faults: Faults = MappingProxyType({})
    ) -> Outcome:
        """Run the Registration step of a region."""
        return self._invoke(f"Registration-{code}", self._registration(code, staged), faults)

    def _invoke(self, step: str, event: Mapping[str, str], faults: Faults) -> Outcome:
        changed = {**event, **self._changes}
        outcome = self.world.invoke(step, changed, self._functions, **faults.get(step, {}))
        self.outcomes.append(outcome)
        return outcome

    def _shared(self, code: RegionCode) -> dict[str, str]:
        return {
            "region_code": str(code),
            "aws_region": code.aws_region,
            "artifact_sha256": self.content.sha256,
            "code_sha256": _CODE_SHA256,
            "model_package_group_name": self.content.group,
            "pipeline_execution_arn": self.arn,
            "register_again": "no",
            "release_folder": (
                f"s3://{bucket_of(HOME)}/{self.content.group}/releases/{self._execution_id}"
            ),
        }

    def _registration(self, code: RegionCode, staged: Mapping[str, str]) -> dict[str, str]:
        uris = {name: staged[name] for name in FILE_NAMES}
        return {
            **self._shared(code),
            **uris,
            "action": "register",
            "model_approval_status": "PendingManualApproval",
            "source_model_artifact_uri": "s3://artifacts/incoming/model.tar.gz",
        }


def _manifest(artifact: bytes) -> dict[str, Any]:
    return {
        "sha256": hashlib.sha256(artifact).hexdigest(),
        "crc32": f"{zlib.crc32(artifact):08x}",
        "size_bytes": len(artifact),
        "code_sha256": _CODE_SHA256,
    }


def _evaluation(sha256: str) -> dict[str, Any]:
    numbers = {"latency_p99_in_millisecond": 12.3, "error_rate": 0.0, "achieved_tps": 20.0}
    return {
        "verdict": "passed",
        "summary": "p99 12.3 ms, 20.0 tps",
        "gate": {"errors": 0, **numbers},
        "artifact": {"sha256": sha256},
    }


def _request(code: RegionCode, group: str) -> RegistrationRequest:
    region = code.aws_region
    return RegistrationRequest.model_validate(
        {
            "region_code": code,
            "aws_region": region,
            "pipeline_name": PIPELINE,
            "pipeline_version": "1.0.0",
            "model_package_group_name": group,
            "description": "Scores return requests for abuse",
            "model_owner": "returns-risk-ml",
            "model_domain": "ReturnsAndRefunds",
            "model_objective": "ReturnAbuseRisk",
            "content_types": ["text/csv"],
            "response_types": ["application/json"],
            "input_variables": [("order_amount", "NUMERIC")],
            "output_variables": [("legacy-score", "NUMERIC")],
            "image_uri": f"763104351884.dkr.ecr.{region}.amazonaws.com/pytorch-inference:2.1.0",
            "framework_version": "2.1.0",
            "environment": {"SAGEMAKER_PROGRAM": "inference.py"},
            "inference_instance_types": ["ml.m5.large"],
            "verification": "enforce",
            "load_test": {
                "expected_tps": 20,
                "max_latency_in_millisecond": 200,
                "max_acceptable_error_rate": 0.01,
            },
        }
    )
