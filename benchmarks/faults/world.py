"""An embedded AWS with the resources of the stacks, and releases in it to inject faults into."""

from __future__ import annotations

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
from typing import Any, Self

from benchmarks.faults.deadlines import LONGEST_FUNCTION_SECONDS, deadline
from benchmarks.faults.definition import PIPELINE, CompiledRelease
from benchmarks.faults.invariants import Registry
from benchmarks.faults.proxy import FaultProxy
from constructs_lib import s3_layout
from constructs_lib.aws.handle import without_aws_variables
from constructs_lib.regions import EU, FE, NA, RegionCode
from local.emulator import EmbeddedAws
from local.runner import EmulatedAws
from local.runner.language.definition import PipelineDefinition

HOME = NA
REGIONS = (NA, EU, FE)
_ROOT = Path(__file__).parents[2]
_ARTIFACT_BYTES = 300_000
_LONGEST_INVOCATION_SECONDS = LONGEST_FUNCTION_SECONDS + 60


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
        """Run the function once; returns what its process tells.

        Raises:
            EOFError: The process has ended, or was ended because it told nothing.
        """
        if self._input is None or self._output is None:
            raise ValueError("The process has no pipes.")
        self._input.write(json.dumps(invocation) + "\n")
        self._input.flush()
        with deadline("the function", _LONGEST_INVOCATION_SECONDS, lambda _: self._process.kill()):
            line = self._output.readline()
        if not line:
            raise EOFError("The process that runs the function has told nothing.")
        answer: dict[str, Any] = json.loads(line)
        return answer

    def stop(self) -> None:
        """Stop it."""
        self._process.kill()
        self._process.communicate()


class World:
    """The embedded AWS with the regions, a fault proxy, and a process that runs the function."""

    def __init__(self) -> None:
        """Prepare; entering the context starts."""
        self.aws = EmbeddedAws()
        self.compiled = CompiledRelease.of_example()
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
            PipelineDefinition=self.compiled.body,
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

    def content(self, *, size: int = _ARTIFACT_BYTES, **measured: float) -> Content:
        """Make a model that no release of this world has had.

        Args:
            size: Of the artifact, in bytes.
            measured: What Verify has measured, where it is to be another number.
        """
        self._releases += 1
        name = f"group-{self._releases}"
        for code in REGIONS:
            self.aws.client("sagemaker", code.aws_region).create_model_package_group(
                ModelPackageGroupName=name
            )
        digest = hashlib.sha256(name.encode()).digest()
        artifact = (digest * (size // len(digest) + 1))[:size]
        return Content(name, artifact, self.compiled, measured)

    def registry(self, content: Content) -> Registry:
        """Return where a content is registered."""
        regions = {str(code): code.aws_region for code in REGIONS}
        return Registry(self.aws.client, content.group, regions)


@dataclass(frozen=True)
class Content:
    """A packaged model, and the model package group it belongs in."""

    group: str
    artifact: bytes
    compiled: CompiledRelease
    measured: Mapping[str, float] = field(default_factory=dict)

    @property
    def sha256(self) -> str:
        """The digest of the artifact."""
        return hashlib.sha256(self.artifact).hexdigest()

    @property
    def source_uri(self) -> str:
        """Where the artifact was that was packaged."""
        return f"s3://{bucket_of(HOME)}/{s3_layout.incoming_key(self.group, 'digest', 'm.tar.gz')}"

    @property
    def definition(self) -> PipelineDefinition:
        """The definition of a pipeline of the group's name, in the world's buckets."""
        variables = {"ArtifactBucketName": bucket_of(HOME), "EncryptionKeyArn": key_of(HOME)}
        for code in REGIONS:
            variables[f"RegistryBucketName{code}"] = bucket_of(code)
            variables[f"RegistryKeyArn{code}"] = key_of(code)
        return self.compiled.deployed(self.group, variables)

    def files(self) -> dict[str, bytes]:
        """Return what Package and Verify write, by the name that the steps give each."""
        return {
            "model_artifact_uri": self.artifact,
            "packaging_manifest_uri": json.dumps(self._manifest()).encode(),
            "evaluation_uri": json.dumps(self._evaluation()).encode(),
            "registration_request_uri": self.compiled.registration_request,
            "sample_payload_uri": self.compiled.sample_payload,
        }

    def results(self) -> dict[str, Any]:
        """Return what JsonGet reads, by file name."""
        return {s3_layout.MANIFEST: self._manifest(), s3_layout.EVALUATION: self._evaluation()}

    def _manifest(self) -> dict[str, Any]:
        return {
            "sha256": self.sha256,
            "crc32": f"{zlib.crc32(self.artifact):08x}",
            "size_bytes": len(self.artifact),
            "code_sha256": _CODE_SHA256,
        }

    def _evaluation(self) -> dict[str, Any]:
        numbers = {"latency_p99_in_millisecond": 12.3, "error_rate": 0.0, "achieved_tps": 20.0}
        return {
            "verdict": "passed",
            "summary": "p99 12.3 ms, 20.0 tps",
            "gate": {"errors": 0, **numbers, **self.measured},
            "artifact": {"sha256": self.sha256},
        }


FILE_NAMES = {
    "model_artifact_uri": s3_layout.MODEL,
    "packaging_manifest_uri": s3_layout.MANIFEST,
    "evaluation_uri": s3_layout.EVALUATION,
    "registration_request_uri": s3_layout.REGISTRATION_REQUEST,
    "sample_payload_uri": s3_layout.SAMPLE_PAYLOAD,
}
"""The names of what jobs write, by the names of the steps' arguments."""
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
