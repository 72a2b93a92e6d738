"""The calls that SageMaker makes for one step whose arguments are known: actions on resources.

:mod:`service_calls` says which calls; here is what they work on, read from the arguments.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from constructs_lib.language.service_calls import Caller, On, service_calls

_SAMPLE_NETWORK: Final = ("network-interface/eni-0", "security-group/sg-0", "subnet/subnet-0")
"""EC2 makes the names of interfaces: a policy cannot name them, so any will do."""

Context = Mapping[str, str | Sequence[str]]
"""Values of condition keys."""


@dataclass(frozen=True)
class NeededCall:
    """A call that a role has to be allowed: the pipeline's, or that of the step's job or model."""

    action: str
    resource: str
    by: Caller
    on: On
    context: Context = field(default_factory=dict)
    """Values of condition keys that this call has."""


@dataclass(frozen=True, kw_only=True)
class StepCalls:
    """The calls of one step.

    ``name`` is the generated name of the job or model; ``arguments`` are resolved;
    ``property_files`` are those of the step's definition.
    """

    step_type: str
    name: str
    arguments: Mapping[str, Any]
    region: str
    account: str
    role_arn: str
    """The role that the step's job or model runs under; empty for a step without one."""
    function_arn: str = ""
    property_files: Sequence[Mapping[str, str]] = ()

    def calls(self) -> Iterator[NeededCall]:
        """Derive the calls, in the order in which they are made.

        Those on the keys of inputs are left out: the arguments do not tell them.
        """
        for call in service_calls(self.step_type):
            for resource, context in self._targets(call.on, call.action):
                yield NeededCall(call.action, resource, call.by, call.on, context)

    def _targets(self, on: On, action: str) -> Iterator[tuple[str, Context]]:
        """Name what an action works on, with the values of the condition keys of each."""
        if on is On.INPUT_BUCKET:
            for bucket, _, key in (_location(uri) for uri in dict.fromkeys(self.inputs())):
                yield f"arn:aws:s3:::{bucket}", {"s3:prefix": key}
            return
        context = self._context(action)
        for resource in self.resources(on, action):
            yield resource, context

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
            case On.INPUT | On.OUTPUT | On.PROPERTY_FILE:
                return self._objects(on)
            case On.INPUT_KEY | On.PROPERTY_FILE_KEY:
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

    def _context(self, action: str) -> Context:
        created = {"Model": "sagemaker:CreateModel"}.get(
            self.step_type, f"sagemaker:Create{self.step_type}Job"
        )
        status = self.arguments.get("ModelApprovalStatus", "PendingManualApproval")
        contexts: dict[str, Context] = {
            created: self._place(),
            "sagemaker:CreateModelPackage": {"sagemaker:ModelApprovalStatus": status},
            "iam:PassRole": {"iam:PassedToService": "sagemaker.amazonaws.com"},
            "kms:CreateGrant": {"kms:GrantIsForAWSResource": "true"},
            "cloudwatch:PutMetricData": {
                "cloudwatch:namespace": f"/aws/sagemaker/{self.step_type}Jobs"
            },
        }
        return contexts.get(action, {})

    def _place(self) -> Context:
        """Tell where the job or model runs, as the condition keys of its creation do."""
        network = self.arguments.get("NetworkConfig", self.arguments)
        vpc = network.get("VpcConfig", {})
        isolated = bool(network.get("EnableNetworkIsolation"))
        return {
            "sagemaker:NetworkIsolation": str(isolated).lower(),
            "sagemaker:VpcSecurityGroupIds": vpc.get("SecurityGroupIds", ()),
            "sagemaker:VpcSubnets": vpc.get("Subnets", ()),
        }

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
        if on is On.OUTPUT:
            names = [f"{uri.rstrip('/')}/output" for uri in self.outputs()]
        elif on is On.PROPERTY_FILE:
            names = list(self.read_property_files())
        else:
            names = [f"{uri}part-0" if uri.endswith("/") else uri for uri in self.inputs()]
        return [f"arn:aws:s3:::{''.join(_location(name))}" for name in dict.fromkeys(names)]

    def inputs(self) -> Iterator[str]:
        """Return the S3 URIs that the step reads: objects, and prefixes that end in ``/``."""
        for each in self.arguments.get("ProcessingInputs", ()):
            yield each["S3Input"]["S3Uri"]
        for channel in self.arguments.get("InputDataConfig", ()):
            yield channel["DataSource"]["S3DataSource"]["S3Uri"]
        submitted = self.arguments.get("HyperParameters", {}).get("sagemaker_submit_directory", "")
        if submitted.strip('"').startswith("s3://"):
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

    def read_property_files(self) -> Iterator[str]:
        """Return the S3 URIs of the property files, which SageMaker Pipelines reads itself."""
        outputs = {
            each["OutputName"]: each["S3Output"]["S3Uri"].rstrip("/")
            for each in self.arguments.get("ProcessingOutputConfig", {}).get("Outputs", ())
        }
        for file in self.property_files:
            yield f"{outputs[file['OutputName']]}/{file['FilePath']}"


def _location(uri: str) -> tuple[str, str, str]:
    """Split an S3 URI into bucket, ``/`` and key."""
    return uri.removeprefix("s3://").partition("/")


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
