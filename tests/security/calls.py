"""The AWS calls that the steps of a compiled pipeline make, derived from its definition.

Sources: Amazon SageMaker Developer Guide, "How to use SageMaker AI execution roles" (CreateModel,
CreateProcessingJob, CreateTrainingJob: S3, ECR, CloudWatch, VPC and KMS) and "Define a pipeline";
AWS KMS Developer Guide, "How Amazon S3 uses AWS KMS"; Amazon S3 User Guide, "Required permissions
for Amazon S3 API operations" and "Multipart upload API and permissions"; Service Authorization
Reference for the resource types of each action.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from tests.security.deployment import ACCOUNT

_ELASTIC_INTERFACES = (
    "ec2:CreateNetworkInterface",
    "ec2:CreateNetworkInterfacePermission",
    "ec2:DeleteNetworkInterface",
    "ec2:DeleteNetworkInterfacePermission",
)
_NETWORK_LOOK_UPS = (
    "ec2:DescribeDhcpOptions",
    "ec2:DescribeNetworkInterfaces",
    "ec2:DescribeSecurityGroups",
    "ec2:DescribeSubnets",
    "ec2:DescribeVpcs",
)
_PULL = ("ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer")
_LOGS = ("logs:CreateLogStream", "logs:DescribeLogStreams", "logs:PutLogEvents")
EXECUTION_ID = "abcdefghijkl"


@dataclass(frozen=True, kw_only=True)
class Call:
    """A call that a role has to be allowed."""

    step: str
    action: str
    resource: str
    context: Mapping[str, str | list[str]]
    function: bool = False
    """Whether the function of a Lambda step makes it, and not the pipeline's execution role."""
    in_vpc: bool = False


@dataclass(frozen=True)
class Pipeline:
    """A pipeline that is executed once with the defaults of its parameters."""

    definition: Mapping[str, Any]
    region: str
    role_arn: str
    key_arn: str
    encrypted_buckets: frozenset[str]
    model_uri: str
    registry_alias: str
    """Alias of the key of every other region's registry."""
    images: Mapping[str, str]
    """The image that is registered, by AWS region."""

    def calls(self) -> Iterator[Call]:
        """Derive the calls of every step."""
        for step in all_steps(self.definition["Steps"]):
            yield from self._step(step)

    def _step(self, step: Mapping[str, Any]) -> Iterator[Call]:
        kind, name = step["Type"], step["Name"]
        if kind in ("Condition", "Fail"):
            return  # SageMaker Pipelines decides these itself
        arguments = self.value(step["Arguments"])
        if kind in ("Processing", "Training"):
            yield from self._job(kind, name, arguments)
        elif kind == "Model":
            yield from self._model(name, arguments)
        elif kind == "RegisterModel":
            yield from self._registration(name, arguments)
        elif kind == "Lambda":
            function = step["FunctionArn"]
            yield self._call(name, "lambda:InvokeFunction", function)
            yield from self._function(name, arguments)
        else:
            raise AssertionError(f"The calls of a {kind} step are not derived")

    def _call(self, step: str, action: str, resource: str, **context: str) -> Call:
        return Call(step=step, action=action, resource=resource, context=context)

    def _arn(self, service: str, resource: str, region: str | None = None) -> str:
        return f"arn:aws:{service}:{region or self.region}:{ACCOUNT}:{resource}"

    def _created(self, kind: str, resource: str, name: str) -> Iterator[Call]:
        arn = self._arn("sagemaker", f"{resource}/pipelines-{EXECUTION_ID}-{name}-A1b2C3d4E5")
        verbs = ("Create", "Describe") if kind == "Model" else ("Create", "Describe", "Stop")
        for verb in verbs:
            yield self._call(name, f"sagemaker:{verb}{kind}", arn)
        yield self._call(name, "sagemaker:AddTags", arn)
        passed = {"iam:PassedToService": "sagemaker.amazonaws.com"}
        yield self._call(name, "iam:PassRole", self.role_arn, **passed)

    def _model(self, name: str, arguments: Mapping[str, Any]) -> Iterator[Call]:
        yield from self._created("Model", "model", name)
        container = arguments["PrimaryContainer"]
        yield from self._read(name, container["ModelDataUrl"], in_vpc=False)
        yield from self._pull(name, container["Image"])
        yield from self._network(name)

    def _job(self, kind: str, name: str, arguments: Mapping[str, Any]) -> Iterator[Call]:
        yield from self._created(f"{kind}Job", f"{kind.lower()}-job", name)
        specification = arguments.get("AppSpecification") or arguments["AlgorithmSpecification"]
        yield from self._pull(name, specification.get("ImageUri") or specification["TrainingImage"])
        yield from self._network(name)
        yield from self._logs(kind, name)
        for uri in _job_inputs(arguments):
            yield from self._read(name, uri, in_vpc=True)
        for uri in _job_outputs(arguments):
            yield from self._write(name, uri)
        grant = {"kms:GrantIsForAWSResource": "true"}
        yield self._call(name, "kms:CreateGrant", self.key_arn, **grant)
        yield self._call(name, "kms:DescribeKey", self.key_arn)

    def _logs(self, kind: str, name: str) -> Iterator[Call]:
        group = self._arn("logs", f"log-group:/aws/sagemaker/{kind}Jobs")
        yield self._call(name, "logs:CreateLogGroup", group)
        for action in _LOGS:
            is_group = action == "logs:DescribeLogStreams"
            resource = group if is_group else f"{group}:log-stream:job/algo-1"
            yield self._call(name, action, resource)
        namespace = {"cloudwatch:namespace": f"/aws/sagemaker/{kind}Jobs"}
        yield self._call(name, "cloudwatch:PutMetricData", "*", **namespace)

    def _network(self, name: str) -> Iterator[Call]:
        for action in _NETWORK_LOOK_UPS:
            yield self._call(name, action, "*")
        resources = ("network-interface/eni-1", "security-group/sg-1", "subnet/subnet-1")
        for action in _ELASTIC_INTERFACES:
            affected = resources if action == "ec2:CreateNetworkInterface" else resources[:1]
            for resource in affected:
                yield self._call(name, action, self._arn("ec2", resource))

    def _pull(self, name: str, image: str) -> Iterator[Call]:
        yield self._call(name, "ecr:GetAuthorizationToken", "*")
        for action in _PULL:
            yield self._call(name, action, _repository(image))

    def _registration(self, name: str, arguments: Mapping[str, Any]) -> Iterator[Call]:
        yield from self._register(name, self.region, arguments["ModelPackageGroupName"])
        container = arguments["InferenceSpecification"]["Containers"][0]
        for action in ("ecr:BatchGetImage", "ecr:DescribeImages"):
            yield self._call(name, action, _repository(container["Image"]))
        for uri in (container["ModelDataUrl"], arguments["SamplePayloadUrl"]):
            yield from self._read(name, uri, in_vpc=False)

    def _register(self, name: str, region: str, group: str) -> Iterator[Call]:
        package = self._arn("sagemaker", f"model-package/{group}/7", region)
        yield self._call(name, "sagemaker:CreateModelPackage", package)
        yield self._call(name, "sagemaker:DescribeModelPackage", package)
        yield self._call(name, "sagemaker:AddTags", package)
        if region == self.region:
            arn = self._arn("sagemaker", f"model-package-group/{group}")
            yield self._call(name, "sagemaker:DescribeModelPackageGroup", arn)

    def _read(self, name: str, uri: str, *, in_vpc: bool) -> Iterator[Call]:
        bucket, key = _location(uri)
        key = (
            key
            if key.endswith((".gz", ".json", ".py"))
            else f"{key.rstrip('/')}/part-0".lstrip("/")
        )
        reads = {
            "s3:GetObject": f"arn:aws:s3:::{bucket}/{key}",
            "s3:ListBucket": f"arn:aws:s3:::{bucket}",
        }
        for action, resource in reads.items():
            yield Call(
                step=name, action=action, resource=resource, context=_TLS | _OWN, in_vpc=in_vpc
            )
        if bucket in self.encrypted_buckets:
            yield self._call(name, "kms:Decrypt", self.key_arn, **self._via_s3())

    def _write(self, name: str, uri: str) -> Iterator[Call]:
        bucket, key = _location(uri)
        resource = f"arn:aws:s3:::{bucket}/{key.rstrip('/')}/output.bin"
        header = "s3:x-amz-server-side-encryption"
        encryption = {header: "aws:kms", f"{header}-aws-kms-key-id": self.key_arn}
        for action, context in (("s3:PutObject", encryption), ("s3:AbortMultipartUpload", {})):
            yield Call(
                step=name,
                action=action,
                resource=resource,
                context={**context, **_TLS, **_OWN},
                in_vpc=True,
            )
        for action in ("kms:GenerateDataKey", "kms:Decrypt"):  # a part needs the upload's data key
            yield self._call(name, action, self.key_arn, **self._via_s3())

    def _via_s3(self) -> dict[str, str]:
        return {"kms:ViaService": f"s3.{self.region}.amazonaws.com"}

    def _function(self, name: str, event: Mapping[str, Any]) -> Iterator[Call]:
        """Derive what the registration function does for a region from its event."""
        for call in self._function_calls(name, event):
            yield Call(
                step=call.step,
                action=call.action,
                resource=call.resource,
                context=call.context,
                function=True,
            )

    def _function_calls(self, name: str, event: Mapping[str, Any]) -> Iterator[Call]:
        region, group = event["aws_region"], event["model_package_group_name"]
        yield self._call(name, "sagemaker:ListModelPackages", "*")
        package = self._arn("sagemaker", f"model-package/{group}/7", region)
        yield self._call(name, "sagemaker:DescribeModelPackage", package)
        for uri in _uris(event):
            if event["action"] == "register":
                yield from self._read_copy(name, uri, region)
                continue
            yield from self._read(name, uri, in_vpc=False)
            bucket, key = _location(uri)
            if bucket != event["destination_bucket"]:
                yield from self._copy(name, f"s3://{event['destination_bucket']}/{key}", event)
        if event["action"] == "register":
            yield from self._register(name, region, group)
            for action in ("ecr:BatchGetImage", "ecr:DescribeImages"):
                yield self._call(name, action, _repository(self.images[region]))

    def _read_copy(self, name: str, uri: str, region: str) -> Iterator[Call]:
        """Read an object of a registry, or find that it is not there."""
        bucket, key = _location(uri)
        own = _TLS | _OWN
        yield self._call(name, "s3:GetObject", f"arn:aws:s3:::{bucket}/{key}", **own)
        yield self._call(name, "s3:ListBucket", f"arn:aws:s3:::{bucket}", **own)
        yield from self._use_registry_key(name, region, "kms:Decrypt")

    def _copy(self, name: str, uri: str, event: Mapping[str, Any]) -> Iterator[Call]:
        region, key_arn = event["aws_region"], event["kms_key_id"]
        yield from self._read_copy(name, uri, region)
        header = "s3:x-amz-server-side-encryption"
        encryption = {header: "aws:kms", f"{header}-aws-kms-key-id": key_arn}
        target = "arn:aws:s3:::" + uri.removeprefix("s3://")
        yield self._call(name, "s3:PutObject", target, **encryption, **_TLS, **_OWN)
        yield self._call(name, "s3:AbortMultipartUpload", target, **_TLS, **_OWN)
        for action in ("kms:GenerateDataKey", "kms:Decrypt"):
            yield from self._use_registry_key(name, region, action)

    def _use_registry_key(self, name: str, region: str, action: str) -> Iterator[Call]:
        key = self._arn("kms", self.key_arn.rpartition(":")[2], region)
        context: dict[str, str | list[str]] = {
            "kms:ViaService": f"s3.{region}.amazonaws.com",
            "kms:ResourceAliases": [self.registry_alias],
        }
        yield Call(step=name, action=action, resource=key, context=context)

    def value(self, node: Any) -> Any:
        """Resolve what an execution would: parameters, other steps' arguments, joins."""
        if isinstance(node, list):
            return [self.value(item) for item in node]
        if not isinstance(node, dict):
            return node
        if "Get" in node:
            return self._get(node["Get"])
        if "Std:Join" in node:
            join = node["Std:Join"]
            return join["On"].join(str(self.value(item)) for item in join["Values"])
        if "Std:JsonGet" in node:
            return "0" * 64
        return {name: self.value(member) for name, member in node.items()}

    def _get(self, path: str) -> Any:
        scope, _, rest = path.partition(".")
        if scope == "Parameters":
            defaults = {
                each["Name"]: each.get("DefaultValue", self.model_uri)
                for each in self.definition["Parameters"]
            }
            return defaults[rest]
        if scope == "Execution":
            return EXECUTION_ID
        name, _, member = rest.partition(".")
        step = next(s for s in all_steps(self.definition["Steps"]) if s["Name"] == name)
        if match := re.fullmatch(r"OutputParameters\['(.+)'\]", member):
            return self._output(step, match[1])
        return self.value(_member(step, member))

    def _output(self, step: Mapping[str, Any], name: str) -> str:
        """Name what a staging step has put in place: the same key, in the region's bucket."""
        event = self.value(step["Arguments"])
        if name not in event:
            return "none"
        return f"s3://{event['destination_bucket']}/{_location(event[name])[1]}"


def _member(step: Mapping[str, Any], path: str) -> Any:
    """Follow a property path; what only a run knows is an object in the step's own output."""
    if path.startswith("ModelArtifacts"):
        return f"{step['Arguments']['OutputDataConfig']['S3OutputPath']}/job/output/model.tar.gz"
    if path.endswith("JobArn"):
        return "arn"
    node: Any = step["Arguments"]
    for name, key in re.findall(r"\.?([A-Za-z0-9]+)|\['([^']+)'\]", path):
        node = (
            node[name]
            if name
            else next(
                each for each in node if key in (each.get("OutputName"), each.get("InputName"))
            )
        )
    return node


_TLS = {"aws:SecureTransport": "true"}
_OWN = {"aws:PrincipalAccount": ACCOUNT}


def _uris(event: Mapping[str, Any]) -> list[str]:
    """List the objects that the function opens; where a model came from is recorded only."""
    return [
        value
        for name, value in event.items()
        if str(value).startswith("s3://") and not name.startswith("source_")
    ]


def _location(uri: str) -> tuple[str, str]:
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    return bucket, key


def _repository(image: str) -> str:
    registry, _, name = image.partition("/")
    account, _, _, region, *_ = registry.split(".")
    return f"arn:aws:ecr:{region}:{account}:repository/{name.partition(':')[0]}"


def _job_inputs(arguments: Mapping[str, Any]) -> Iterator[str]:
    for each in arguments.get("ProcessingInputs", []):
        yield each["S3Input"]["S3Uri"]
    for channel in arguments.get("InputDataConfig", []):
        yield channel["DataSource"]["S3DataSource"]["S3Uri"]
    submitted = arguments.get("HyperParameters", {}).get("sagemaker_submit_directory", "")
    if submitted:
        yield submitted.strip('"')
    if "CheckpointConfig" in arguments:
        yield arguments["CheckpointConfig"]["S3Uri"]


def _job_outputs(arguments: Mapping[str, Any]) -> Iterator[str]:
    for each in arguments.get("ProcessingOutputConfig", {}).get("Outputs", []):
        yield each["S3Output"]["S3Uri"]
    if "OutputDataConfig" in arguments:
        yield arguments["OutputDataConfig"]["S3OutputPath"]
    if "CheckpointConfig" in arguments:
        yield arguments["CheckpointConfig"]["S3Uri"]


def all_steps(steps: Iterable[Mapping[str, Any]]) -> Iterator[Mapping[str, Any]]:
    """List steps, also those in the branches of conditions."""
    for step in steps:
        yield step
        for branch in ("IfSteps", "ElseSteps"):
            yield from all_steps(step.get("Arguments", {}).get(branch, []))
