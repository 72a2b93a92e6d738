"""Puts calls and policies together: which request meets which policies."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cached_property
from typing import Any

from tests.security.calls import Call
from tests.security.deployment import ACCOUNT, Deployment, Resource
from tests.security.evaluator import Request, evaluate
from tests.security.function_calls import (
    LoadTestCalls,
    NotifyCalls,
    RegistrationCalls,
    StartReleaseCalls,
    runtime_calls,
)
from tests.security.policies import (
    ADMINISTRATOR,
    EVERYTHING,
    STRANGER,
    AttachedPolicy,
    Policies,
    listed,
)
from tests.security.service_calls import ServiceCalls
from tests.security.serving_calls import GuardCalls, StartDeploymentCalls, WorkflowCalls
from tests.security.step_calls import PipelineExecution

PIPELINE_STACK = "model-release-pipeline-returns-risk"
REGISTRY_ALIAS = "alias/model-release-registry"
ADDITIONAL_KEY = f"arn:aws:kms:us-east-1:{ACCOUNT}:key/22222222-2222-3333-4444-555555555555"
ADDITIONAL_PREFIX = "s3://team-scratch/release/"
ADDITIONAL_SUBNET = "subnet-0aaaaaaaaaaaaaaaa"
ADDITIONAL_GROUP = "sg-0aaaaaaaaaaaaaaaa"

_LEFT_TO_IAM = {
    "Version": "2012-10-17",
    "Statement": [
        {
            "Effect": "Allow",
            "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:root"},
            "Action": "kms:*",
            "Resource": "*",
        }
    ],
}
"""The policy of a key that is not the app's."""


@dataclass(frozen=True)
class Proof:
    """The calls that a deployment needs, and the policies that decide about them."""

    deployment: Deployment
    overriding: bool = False
    """Whether executions are given a key, a temporary directory and a network of their own, too."""

    @cached_property
    def policies(self) -> Policies:
        """The policies of the deployment."""
        return Policies(self.deployment)

    @cached_property
    def execution_role(self) -> Resource:
        """The role of the pipeline itself."""
        return self._one("AWS::IAM::Role", PIPELINE_STACK, "ExecutionRole")

    @cached_property
    def job_role(self) -> Resource:
        """The role of the steps' jobs and models."""
        return self._one("AWS::IAM::Role", PIPELINE_STACK, "JobRole")

    @cached_property
    def pipeline(self) -> Resource:
        """The pipeline."""
        return self._one("AWS::SageMaker::Pipeline", PIPELINE_STACK, "Pipeline")

    @cached_property
    def artifact_bucket(self) -> Resource:
        """The home region's bucket of artifacts."""
        return self._one("AWS::S3::Bucket", "model-release-storage", "ArtifactBucket7")

    @cached_property
    def key(self) -> Resource:
        """The home region's key."""
        return self._one("AWS::KMS::Key", "model-release-storage", "EncryptionKey")

    @cached_property
    def roles(self) -> list[Resource]:
        """Every role."""
        return list(self.deployment.of_type("AWS::IAM::Role"))

    def _one(self, kind: str, stack: str, name: str) -> Resource:
        found = self.deployment.of_type(kind, stack)
        (resource,) = (each for each in found if each.logical_id.startswith(name))
        return resource

    @cached_property
    def home(self) -> str:
        """The home region."""
        return self.deployment.regions[PIPELINE_STACK]

    @cached_property
    def executions(self) -> list[PipelineExecution]:
        """An execution with the defaults, and where allowed one that overrides them."""
        bucket = self.artifact_bucket.arn.removeprefix("arn:aws:s3:::")
        model = {"ModelS3Uri": f"s3://{bucket}/incoming/returns-risk/model.tar.gz"}
        overridden = {
            "ModelS3Uri": f"{ADDITIONAL_PREFIX}model.tar.gz",
            "KMS_ENCRYPTION_KEY_PARAM": ADDITIONAL_KEY,
            "PIPELINE_EXECUTION_TEMP_DIR": f"{ADDITIONAL_PREFIX}tmp",
            "SECURITY_GROUP_ID": ADDITIONAL_GROUP,
            "VPC_SUBNET": ADDITIONAL_SUBNET,
        }
        return [
            PipelineExecution(
                name=self.pipeline.properties["PipelineName"],
                definition=self.deployment.definition(PIPELINE_STACK),
                region=self.home,
                role_arn=self.execution_role.arn,
                key_arn=self.key.arn,
                encrypted_buckets=frozenset({bucket}),
                parameters=parameters,
            )
            for parameters in ([model, overridden] if self.overriding else [model])
        ]

    @cached_property
    def calls(self) -> list[Call]:
        """What has to be allowed."""
        return [
            *(call for execution in self.executions for call in execution.calls()),
            *(call for execution in self.executions for call in self._invoked(execution)),
            *self._event_functions(),
            *self._serving(),
            *runtime_calls(self.deployment),
            *ServiceCalls(self.deployment).calls(),
        ]

    def _invoked(self, execution: PipelineExecution) -> Iterator[Call]:
        for step, arn, event in execution.events():
            function = self.deployment.by_arn[arn]
            handler = function.properties["Handler"]
            if handler == "register_model.handler":
                yield from self.registration_calls(execution, step, arn, event)
            elif handler == "load_test.handler":
                yield from LoadTestCalls(
                    **self.common(function, step),
                    job_key_arn=execution.job_key_arn,
                    image=self.images[self.home],
                    artifact_uris=self._released(execution),
                ).calls(event)
            else:
                raise AssertionError(f"The calls of {handler} are not derived")

    def registration_calls(
        self, execution: PipelineExecution, step: str, function_arn: str, event: Mapping[str, Any]
    ) -> Iterator[Call]:
        """Derive what the function of a Stage or Registration step calls."""
        return RegistrationCalls(
            **self.common(self.deployment.by_arn[function_arn], step),
            registry_alias=REGISTRY_ALIAS,
            job_key_arn=execution.job_key_arn,
            images=self.images,
        ).calls(event)

    def common(self, function: Resource, by: str) -> dict[str, Any]:
        """Return what the calls of every function depend on."""
        return {
            "function": function,
            "by": by,
            "region": self.home,
            "key_arn": self.key.arn,
        }

    def _released(self, execution: PipelineExecution) -> tuple[str, ...]:
        """Name what is registered at home."""
        arguments = next(
            event for step, _, event in execution.events() if step == "Registration-NA"
        )
        return arguments["model_artifact_uri"], arguments["sample_payload_uri"]

    @cached_property
    def images(self) -> dict[str, str]:
        """The image that is registered, by AWS region."""
        (model,) = (each for each in self.executions[0].steps if each["Type"] == "Model")
        image = model["Arguments"]["PrimaryContainer"]["Image"]
        regions = set(self.deployment.regions.values())
        return {region: image.replace(self.home, region) for region in regions}

    def _serving(self) -> Iterator[Call]:
        for machine in self.deployment.of_type("AWS::StepFunctions::StateMachine"):
            calls = WorkflowCalls(
                machine=machine,
                region=self.home,
                key_arn=self.key.arn,
                other_key_arns=[ADDITIONAL_KEY] if self.overriding else [],
                registry_alias=REGISTRY_ALIAS,
                images=self.images,
                functions=self.deployment.by_arn,
            )
            yield from calls.calls()
        for guard in self.deployment.of_type("Custom::Endpoints"):
            function = self.deployment.by_arn[guard.properties["ServiceToken"]]
            yield from GuardCalls(**self.common(function, guard.logical_id)).calls(guard.properties)

    def _event_functions(self) -> Iterator[Call]:
        kinds: dict[str, type[StartReleaseCalls | NotifyCalls | StartDeploymentCalls]] = {
            "start_release.handler": StartReleaseCalls,
            "notify.handler": NotifyCalls,
            "start_deployment.handler": StartDeploymentCalls,
        }
        for rule in self.deployment.of_type("AWS::Events::Rule"):
            for target in rule.properties["Targets"]:
                function = self.deployment.by_arn.get(target["Arn"])
                if function is not None:
                    derive = kinds[function.properties["Handler"]]
                    yield from derive(**self.common(function, rule.logical_id)).calls(
                        rule.properties["EventPattern"]
                    )

    def deciding(self, call: Call) -> list[AttachedPolicy]:
        """Find the policies that decide about a call."""
        found = [
            self.policies.identity(call.caller),
            self.policies.resource(call.action, call.resource),
            self.policies.endpoint(call.action) if call.in_vpc else None,
        ]
        return [policy for policy in found if policy is not None]

    def request(self, call: Call, changed: AttachedPolicy | None = None) -> Request:
        """Add the policies that decide about a call.

        Args:
            call: The call.
            changed: A policy instead of the one of the same resource.
        """
        documents: dict[str, Any] = {}
        for policy in self.deciding(call):
            used = changed if changed is not None and changed.key == policy.key else policy
            member = {"role": "identity_policies", "endpoint": "endpoint_policy"}.get(
                policy.kind, "resource_policy"
            )
            documents[member] = [used.document] if policy.kind == "role" else used.document
        if call.action.startswith("kms:") and "resource_policy" not in documents:
            documents["resource_policy"] = _LEFT_TO_IAM
        if call.caller in (ADMINISTRATOR, STRANGER):
            documents["identity_policies"] = [EVERYTHING]
        return Request(
            name=call.by,
            principal=call.caller,
            action=call.action,
            resource=call.resource,
            account=call.account,
            context=dict(call.context),
            **documents,
        )

    def allowed(self, calls: Sequence[Call], changed: AttachedPolicy | None = None) -> list[bool]:
        """Tell which calls are allowed."""
        return evaluate([self.request(call, changed) for call in calls])

    def concerned(self, policy: AttachedPolicy, statement: dict[str, Any]) -> list[Call]:
        """Find the needed calls that a statement may allow."""
        patterns = listed(statement, "Action")
        calls = self._by_policy.get(policy.key, [])
        actions = {
            action
            for action in {call.action for call in calls}
            if any(fnmatchcase(action, pattern) for pattern in patterns)
        }
        return [call for call in calls if call.action in actions]

    @cached_property
    def _by_policy(self) -> dict[tuple[str, str], list[Call]]:
        found: dict[tuple[str, str], list[Call]] = {}
        for call in self.calls:
            for policy in self.deciding(call):
                found.setdefault(policy.key, []).append(call)
        return found
