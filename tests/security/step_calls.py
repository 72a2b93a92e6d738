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

from tests.security.calls import (
    OWN,
    TLS,
    Call,
    Context,
    arn,
    location,
    network_calls,
    pull_calls,
    repository,
    via_s3,
)

_LOGS = ("logs:CreateLogStream", "logs:DescribeLogStreams", "logs:PutLogEvents")
EXECUTION_ID = "abcdefghijkl"


@dataclass(frozen=True, kw_only=True)
class PipelineExecution:
    """One execution of a pipeline."""

    name: str
    """Name of the pipeline."""
    definition: Mapping[str, Any]
    region: str
    role_arn: str
    key_arn: str
    """Key of the encrypted buckets."""
    encrypted_buckets: frozenset[str]
    parameters: Mapping[str, str]
    """The parameters that the execution is given."""

    @property
    def job_key_arn(self) -> str:
        """The key that the jobs use: the app's, unless the execution names another."""
        return str(self.value({"Get": "Parameters.KMS_ENCRYPTION_KEY_PARAM"}))

    @property
    def steps(self) -> list[Mapping[str, Any]]:
        """All steps, also those in the branches of conditions."""
        return list(all_steps(self.definition["Steps"]))

    def events(self) -> Iterator[tuple[str, str, Mapping[str, Any]]]:
        """List the invocations of functions: step, function and event."""
        for step in self.steps:
            if step["Type"] == "Lambda":
                yield step["Name"], step["FunctionArn"], self.value(step["Arguments"])

    def calls(self) -> Iterator[Call]:
        """Derive the calls of every step."""
        for step in self.steps:
            yield from self._step(step)

    def _step(self, step: Mapping[str, Any]) -> Iterator[Call]:
        kind, name = step["Type"], step["Name"]
        if kind in ("Condition", "Fail"):
            return  # SageMaker Pipelines decides these itself
        arguments = self.value(step["Arguments"])
        if kind in ("Processing", "Training"):
            yield from self._job(kind, name, arguments)
            yield from self._property_files(step)
        elif kind == "Model":
            yield from self._model(name, arguments)
        elif kind == "RegisterModel":
            yield from self._registration(name, arguments)
        elif kind == "Lambda":
            yield self._call(name, "lambda:InvokeFunction", step["FunctionArn"])
        else:
            raise AssertionError(f"The calls of a {kind} step are not derived")

    def _call(
        self,
        step: str,
        action: str,
        resource: str,
        context: Context | None = None,
        *,
        in_vpc: bool = False,
    ) -> Call:
        return Call(
            by=step,
            caller=self.role_arn,
            action=action,
            resource=resource,
            context=context or {},
            in_vpc=in_vpc,
        )

    def _arn(self, service: str, resource: str) -> str:
        return arn(service, resource, self.region)

    def _created(self, kind: str, resource: str, name: str) -> Iterator[Call]:
        created = self._arn("sagemaker", f"{resource}/pipelines-{EXECUTION_ID}-{name}-A1b2C3d4E5")
        verbs = ("Create", "Describe") if kind == "Model" else ("Create", "Describe", "Stop")
        for verb in verbs:
            yield self._call(name, f"sagemaker:{verb}{kind}", created)
        yield self._call(name, "sagemaker:AddTags", created)
        passed = {"iam:PassedToService": "sagemaker.amazonaws.com"}
        yield self._call(name, "iam:PassRole", self.role_arn, passed)

    def _model(self, name: str, arguments: Mapping[str, Any]) -> Iterator[Call]:
        yield from self._created("Model", "model", name)
        container = arguments["PrimaryContainer"]
        yield from self._read(name, container["ModelDataUrl"], in_vpc=False)
        yield from self._run(name, container["Image"])

    def _run(self, name: str, image: str) -> Iterator[Call]:
        """Run a container in the VPC."""
        for action, resource in (*pull_calls(image), *network_calls(self.region)):
            yield self._call(name, action, resource)

    def _job(self, kind: str, name: str, arguments: Mapping[str, Any]) -> Iterator[Call]:
        yield from self._created(f"{kind}Job", f"{kind.lower()}-job", name)
        specification = arguments.get("AppSpecification") or arguments["AlgorithmSpecification"]
        yield from self._run(name, specification.get("ImageUri") or specification["TrainingImage"])
        yield from self._logs(kind, name)
        for uri in _job_inputs(arguments):
            yield from self._read(name, uri, in_vpc=True)
        for uri in _job_outputs(arguments):
            yield from self._write(name, uri)
        grant = {"kms:GrantIsForAWSResource": "true"}
        yield self._call(name, "kms:CreateGrant", self.job_key_arn, grant)
        yield self._call(name, "kms:DescribeKey", self.job_key_arn)

    def _property_files(self, step: Mapping[str, Any]) -> Iterator[Call]:
        """SageMaker Pipelines reads these of a job's outputs itself."""
        for file in step.get("PropertyFiles", []):
            output = _member(step, f"ProcessingOutputConfig.Outputs['{file['OutputName']}']")
            uri = f"{self.value(output['S3Output']['S3Uri'])}/{file['FilePath']}"
            yield from self._read(step["Name"], uri, in_vpc=False)

    def _logs(self, kind: str, name: str) -> Iterator[Call]:
        group = self._arn("logs", f"log-group:/aws/sagemaker/{kind}Jobs")
        yield self._call(name, "logs:CreateLogGroup", group)
        for action in _LOGS:
            is_group = action == "logs:DescribeLogStreams"
            resource = f"{group}:*" if is_group else f"{group}:log-stream:job/algo-1"
            yield self._call(name, action, resource)
        namespace = {"cloudwatch:namespace": f"/aws/sagemaker/{kind}Jobs"}
        yield self._call(name, "cloudwatch:PutMetricData", "*", namespace)

    def _registration(self, name: str, arguments: Mapping[str, Any]) -> Iterator[Call]:
        group = arguments["ModelPackageGroupName"]
        package = self._arn("sagemaker", f"model-package/{group}/7")
        for action in ("CreateModelPackage", "DescribeModelPackage", "AddTags"):
            yield self._call(name, f"sagemaker:{action}", package)
        whole = self._arn("sagemaker", f"model-package-group/{group}")
        yield self._call(name, "sagemaker:DescribeModelPackageGroup", whole)
        container = arguments["InferenceSpecification"]["Containers"][0]
        for action in ("ecr:BatchGetImage", "ecr:DescribeImages"):
            yield self._call(name, action, repository(container["Image"]))
        for uri in (container["ModelDataUrl"], arguments["SamplePayloadUrl"]):
            yield from self._read(name, uri, in_vpc=False)

    def _read(self, name: str, uri: str, *, in_vpc: bool) -> Iterator[Call]:
        bucket, key = location(uri)
        keys = [key] if key and not key.endswith("/") else []
        if not key.endswith((".gz", ".json", ".py", ".zip")):  # may be the objects below it, too
            keys.append(f"{key.rstrip('/')}/part-0".lstrip("/"))
        for each in keys:
            resource = f"arn:aws:s3:::{bucket}/{each}"
            yield self._call(name, "s3:GetObject", resource, {**TLS, **OWN}, in_vpc=in_vpc)
        whole = f"arn:aws:s3:::{bucket}"
        yield self._call(name, "s3:ListBucket", whole, {**TLS, **OWN}, in_vpc=in_vpc)
        if bucket in self.encrypted_buckets:
            for key_arn in {self.key_arn, self.job_key_arn}:
                yield self._call(name, "kms:Decrypt", key_arn, via_s3(self.region))

    def _write(self, name: str, uri: str) -> Iterator[Call]:
        bucket, key = location(uri)
        resource = f"arn:aws:s3:::{bucket}/{key.rstrip('/')}/output.bin"
        header = "s3:x-amz-server-side-encryption"
        encryption = {header: "aws:kms", f"{header}-aws-kms-key-id": self.job_key_arn}
        for action, context in (("s3:PutObject", encryption), ("s3:AbortMultipartUpload", {})):
            yield self._call(name, action, resource, {**context, **TLS, **OWN}, in_vpc=True)
        for action in ("kms:GenerateDataKey", "kms:Decrypt"):  # a part needs the upload's data key
            yield self._call(name, action, self.job_key_arn, via_s3(self.region))
        # "How to use SageMaker AI execution roles", on the key of outputs.
        yield self._call(name, "kms:Encrypt", self.job_key_arn)

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
            return self.parameters.get(rest) or self._default(rest)
        if scope == "Execution":
            arn_of_it = f"pipeline/{self.name}/execution/{EXECUTION_ID}"
            is_arn = rest == "PipelineExecutionArn"
            return self._arn("sagemaker", arn_of_it) if is_arn else EXECUTION_ID
        name, _, member = rest.partition(".")
        step = next(each for each in self.steps if each["Name"] == name)
        if match := re.fullmatch(r"OutputParameters\['(.+)'\]", member):
            return self._output(step, match[1])
        if member == "ModelPackageArn":
            group = self.value(step["Arguments"])["ModelPackageGroupName"]
            return self._arn("sagemaker", f"model-package/{group}/7")
        return self.value(_member(step, member))

    def _default(self, name: str) -> Any:
        declared = {each["Name"]: each for each in self.definition["Parameters"]}
        return declared[name]["DefaultValue"]

    def _output(self, step: Mapping[str, Any], name: str) -> str:
        """Name what a staging step has put in place: the same key, in the region's bucket."""
        event = self.value(step["Arguments"])
        if name not in event:
            return "none"
        return f"s3://{event['destination_bucket']}/{location(event[name])[1]}"


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


def _job_inputs(arguments: Mapping[str, Any]) -> Iterator[str]:
    for each in arguments.get("ProcessingInputs", []):
        yield each["S3Input"]["S3Uri"]
    for channel in arguments.get("InputDataConfig", []):
        yield channel["DataSource"]["S3DataSource"]["S3Uri"]
    submitted = arguments.get("HyperParameters", {}).get("sagemaker_submit_directory", "")
    if submitted:
        yield submitted.strip('"')
    if "CheckpointConfig" in arguments:
        yield arguments["CheckpointConfig"]["S3Uri"].rstrip("/") + "/"


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
