"""The AWS calls that the steps of a compiled pipeline make, derived from its definition.

Which calls each type of step makes is the table of ``constructs_lib.language.service_calls``, with
the document of each. Here is what only a whole deployment tells: values of parameters, the keys of
buckets, and the conditions that a call meets.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from constructs_lib.language.service_calls import Caller, On, service_calls
from constructs_lib.language.step_calls import NeededCall, StepCalls
from tests.security.calls import OWN, TLS, Call, arn, location, via_s3
from tests.security.deployment import ACCOUNT

EXECUTION_ID = "abcdefghijkl"


@dataclass(frozen=True, kw_only=True)
class PipelineExecution:
    """One execution of a pipeline."""

    name: str
    """Name of the pipeline."""
    definition: Mapping[str, Any]
    region: str
    role_arn: str
    """The pipeline's own role."""
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
        if step["Type"] in ("Condition", "Fail"):
            return  # SageMaker Pipelines decides these itself
        arguments = self.value(step["Arguments"])
        derived = StepCalls(
            step_type=step["Type"],
            name=f"pipelines-{EXECUTION_ID}-{step['Name']}-A1b2C3d4E5",
            arguments=arguments,
            region=self.region,
            account=ACCOUNT,
            role_arn=arguments.get("RoleArn", arguments.get("ExecutionRoleArn", "")),
            function_arn=step.get("FunctionArn", ""),
            property_files=step.get("PropertyFiles", []),
        )
        needed = list(derived.calls())
        assert needed, f"The calls of a {step['Type']} step are not derived"
        in_vpc = step["Type"] in ("Processing", "Training")
        for each in needed:
            yield self._made(step["Name"], each, derived.role_arn, in_vpc=in_vpc)
        yield from self._decryptions(step["Name"], derived)

    def _caller(self, by: Caller, job_role_arn: str) -> str:
        return self.role_arn if by is Caller.PIPELINE else job_role_arn

    def _made(self, name: str, needed: NeededCall, job_role_arn: str, *, in_vpc: bool) -> Call:
        context = {
            key: value if isinstance(value, str) else list(value)
            for key, value in needed.context.items()
        }
        if needed.action.startswith("s3:"):
            context |= {**TLS, **OWN}
        if needed.action == "s3:PutObject":
            context |= self._encryption()
        if needed.on is On.OUTPUT_KEY:
            context |= via_s3(self.region)
        return Call(
            by=name,
            caller=self._caller(needed.by, job_role_arn),
            action=needed.action,
            resource=needed.resource,
            context=context,
            in_vpc=in_vpc and needed.on in (On.INPUT, On.INPUT_BUCKET, On.OUTPUT),
        )

    def _encryption(self) -> dict[str, str | list[str]]:
        header = "s3:x-amz-server-side-encryption"
        return {header: "aws:kms", f"{header}-aws-kms-key-id": self.job_key_arn}

    def _decryptions(self, name: str, step: StepCalls) -> Iterator[Call]:
        """The use of the keys of what is read for a step, which its arguments do not tell."""
        encrypted = any(location(uri)[0] in self.encrypted_buckets for uri in step.inputs())
        keys = {
            On.INPUT_KEY: sorted({self.key_arn, self.job_key_arn}) if encrypted else [],
            On.PROPERTY_FILE_KEY: [self.job_key_arn] if step.property_files else [],
        }
        for call in service_calls(step.step_type):
            for key_arn in keys.get(call.on, ()):
                yield Call(
                    by=name,
                    caller=self._caller(call.by, step.role_arn),
                    action=call.action,
                    resource=key_arn,
                    context=via_s3(self.region),
                )

    def _arn(self, service: str, resource: str) -> str:
        return arn(service, resource, self.region)

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
        return self.value(_member(step, member))

    def _default(self, name: str) -> Any:
        declared = {each["Name"]: each for each in self.definition["Parameters"]}
        return declared[name]["DefaultValue"]

    def _output(self, step: Mapping[str, Any], name: str) -> str:
        """Name what a staging step has put in place: the same key, in the region's bucket."""
        event = self.value(step["Arguments"])
        if name == "model_package_arn":
            group = event["model_package_group_name"]
            return self._arn("sagemaker", f"model-package/{group}/7")
        return staged(event).get(name, "none")


def staged(event: Mapping[str, Any]) -> dict[str, str]:
    """Name what a staging step puts in place, by its outputs."""
    folders = {name: location(event["release_folder"])[1] for name in _RELEASED}
    folders |= dict.fromkeys(_REGISTERED_WITH, event["registration_folder"])
    return {
        name: f"s3://{event['destination_bucket']}/{folder}/{event[name].rpartition('/')[2]}"
        for name, folder in folders.items()
        if name in event
    }


_RELEASED = ("model_artifact_uri", "packaging_manifest_uri", "evaluation_uri")
_REGISTERED_WITH = ("registration_request_uri", "sample_payload_uri")


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


def all_steps(steps: Iterable[Mapping[str, Any]]) -> Iterator[Mapping[str, Any]]:
    """List steps, also those in the branches of conditions."""
    for step in steps:
        yield step
        for branch in ("IfSteps", "ElseSteps"):
            yield from all_steps(step.get("Arguments", {}).get(branch, []))
