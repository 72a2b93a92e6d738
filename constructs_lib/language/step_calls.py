"""The calls that SageMaker makes for one step whose arguments are known: actions on resources.

:mod:`service_calls` says which calls; here is what they work on, read from the arguments.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from constructs_lib.language.service_calls import On, service_calls

_SAMPLE_NETWORK: Final = ("network-interface/eni-0", "security-group/sg-0", "subnet/subnet-0")
"""EC2 makes the names of interfaces: a policy cannot name them, so any will do."""


@dataclass(frozen=True)
class NeededCall:
    """A call that the step's role has to be allowed."""

    action: str
    resource: str
    on: On
    context: Mapping[str, str] = field(default_factory=dict)
    """Values of condition keys that this call has."""


@dataclass(frozen=True, kw_only=True)
class StepCalls:
    """The calls of one step.

    ``name`` is the generated name of the job or model; ``arguments`` are resolved.
    """

    step_type: str
    name: str
    arguments: Mapping[str, Any]
    region: str
    account: str
    role_arn: str
    """The role that the step's job or model runs under; a registration's is the pipeline's."""
    function_arn: str = ""

    def calls(self) -> Iterator[NeededCall]:
        """Derive the calls, in the order in which they are made.

        Those on the keys of inputs are left out: the arguments do not tell them.
        """
        for call in service_calls(self.step_type):
            for resource in self.resources(call.on, call.action):
                yield NeededCall(call.action, resource, call.on, self._context(call.action))

    def resources(self, on: On, action: str) -> list[str]:
        """Name what an action works on, as ARNs."""
        match on:
            case On.ROLE:
                return [self.role_arn]
            case On.FUNCTION:
                return [self.function_arn]
            case On.REGISTRY | On.NETWORK | On.METRICS:
                return ["*"]
            case On.IMAGE:
                return [repository_arn(image) for image in self._images()]
            case On.NETWORK_INTERFACE:
                affected = _SAMPLE_NETWORK if action.endswith(":CreateNetworkInterface") else ()
                return [self._arn("ec2", each) for each in affected or _SAMPLE_NETWORK[:1]]
            case On.VOLUME_KEY | On.OUTPUT_KEY | On.OUTPUT_KEY_ITSELF:
                return self._keys(on)
            case On.INPUT | On.INPUT_BUCKET | On.OUTPUT:
                return self._objects(on)
            case On.INPUT_KEY:
                return []
        return self._own(on)

    def _own(self, on: On) -> list[str]:
        """Name what SageMaker and its logs call after the step."""
        group = self.arguments.get("ModelPackageGroupName")
        kind = self.step_type
        suffix = "" if kind == "Model" else "-job"
        logs = f"log-group:/aws/sagemaker/{kind}Jobs"
        named = {
            On.CREATED: ("sagemaker", f"{kind.lower()}{suffix}/{self.name}"),
            On.GROUP: ("sagemaker", f"model-package-group/{group}"),
            On.PACKAGE: ("sagemaker", f"model-package/{group}/1"),
            On.LOG_GROUP: ("logs", logs),
            On.LOG_STREAM: ("logs", f"{logs}:log-stream:{self.name}/algo-1"),
        }
        return [self._arn(*named[on])]

    def _arn(self, service: str, resource: str) -> str:
        return f"arn:aws:{service}:{self.region}:{self.account}:{resource}"

    def _context(self, action: str) -> dict[str, str]:
        contexts = {
            "iam:PassRole": {"iam:PassedToService": "sagemaker.amazonaws.com"},
            "kms:CreateGrant": {"kms:GrantIsForAWSResource": "true"},
            "cloudwatch:PutMetricData": {
                "cloudwatch:namespace": f"/aws/sagemaker/{self.step_type}Jobs"
            },
        }
        return contexts.get(action, {})

    def _images(self) -> Iterator[str]:
        arguments = self.arguments
        specification = arguments.get("AppSpecification", arguments.get("AlgorithmSpecification"))
        for container in (specification or {}, *self._containers()):
            names = ("ImageUri", "TrainingImage", "Image")
            yield from (container[name] for name in names if container.get(name))

    def _containers(self) -> Iterator[Mapping[str, Any]]:
        specification = self.arguments.get("InferenceSpecification", {})
        primary = self.arguments.get("PrimaryContainer")
        yield from (primary,) if primary else ()
        yield from (*self.arguments.get("Containers", ()), *specification.get("Containers", ()))

    def _keys(self, on: On) -> list[str]:
        arguments = self.arguments
        cluster = arguments.get("ProcessingResources", {}).get("ClusterConfig", {})
        output = arguments.get("ProcessingOutputConfig", arguments.get("OutputDataConfig", {}))
        volume = arguments.get("ResourceConfig", cluster)
        key = volume.get("VolumeKmsKeyId") if on is On.VOLUME_KEY else output.get("KmsKeyId")
        return [key] if key else []

    def _objects(self, on: On) -> list[str]:
        uris = self.outputs() if on is On.OUTPUT else self.inputs()
        locations = [uri.removeprefix("s3://") for uri in dict.fromkeys(uris)]
        if on is On.INPUT_BUCKET:
            names = [location.partition("/")[0] for location in locations]
        elif on is On.OUTPUT:
            names = [f"{location.rstrip('/')}/output" for location in locations]
        else:
            names = [f"{each}part-0" if each.endswith("/") else each for each in locations]
        return [f"arn:aws:s3:::{name}" for name in dict.fromkeys(names)]

    def inputs(self) -> Iterator[str]:
        """Return the S3 URIs that the step reads: objects, and prefixes that end in ``/``."""
        for each in self.arguments.get("ProcessingInputs", ()):
            yield each["S3Input"]["S3Uri"]
        for channel in self.arguments.get("InputDataConfig", ()):
            yield channel["DataSource"]["S3DataSource"]["S3Uri"]
        submitted = self.arguments.get("HyperParameters", {}).get("sagemaker_submit_directory")
        if submitted:
            yield submitted.strip('"')
        if "CheckpointConfig" in self.arguments:
            yield self.arguments["CheckpointConfig"]["S3Uri"].rstrip("/") + "/"
        for container in self._containers():
            source = container.get("ModelDataSource", {}).get("S3DataSource", {})
            uri = container.get("ModelDataUrl") or source.get("S3Uri")
            yield from (uri,) if uri else ()
        if self.arguments.get("SamplePayloadUrl"):
            yield self.arguments["SamplePayloadUrl"]

    def outputs(self) -> Iterator[str]:
        """Return the S3 URIs below which the step writes."""
        for each in self.arguments.get("ProcessingOutputConfig", {}).get("Outputs", ()):
            yield each["S3Output"]["S3Uri"]
        if "OutputDataConfig" in self.arguments:
            yield self.arguments["OutputDataConfig"]["S3OutputPath"]
        if "CheckpointConfig" in self.arguments:
            yield self.arguments["CheckpointConfig"]["S3Uri"]


def repository_arn(image: str) -> str:
    """Return the ARN of the Amazon ECR repository of an image.

    Args:
        image: ``<account>.dkr.ecr.<region>.<domain>/<repository>:<tag>``; of any other, ``*``.
    """
    registry, _, repository = image.partition("/")
    parts = registry.split(".")
    if not repository or len(parts) < 5 or parts[1:3] != ["dkr", "ecr"]:
        return "*"
    name = repository.partition("@")[0].partition(":")[0]
    return f"arn:aws:ecr:{parts[3]}:{parts[0]}:repository/{name}"
