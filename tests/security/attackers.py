"""Who may want to harm a release, what each of them controls, and how far that reaches.

An attacker acts with the credentials that what they control gets: those of a role, or none, where
the container is isolated from the network. What is left to somebody without credentials is what
SageMaker writes for the container, where the definition says. Whoever controls the start of an
execution chooses its parameters, and so what the pipeline's roles are asked for.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from tests.security.calls import NEW, OWN, TLS, Call, Context
from tests.security.deployment import ACCOUNT
from tests.security.proof import Proof
from tests.security.step_calls import PipelineExecution

_PASS: Context = {"iam:PassedToService": "sagemaker.amazonaws.com"}
_APPROVED: Context = {"sagemaker:ModelApprovalStatus": "Approved"}
_OUTSIDE: Context = {
    "sagemaker:NetworkIsolation": "false",
    "sagemaker:VpcSecurityGroupIds": [],
    "sagemaker:VpcSubnets": [],
}
_S3: Context = {**TLS, **OWN}

HOSTILE: Final[dict[str, tuple[str, str, Context]]] = {
    "register a version as approved": (
        "sagemaker:CreateModelPackage",
        "{sagemaker}:model-package/returns-risk/1",
        _APPROVED,
    ),
    "approve a version": (
        "sagemaker:UpdateModelPackage",
        "{sagemaker}:model-package/returns-risk/1",
        _APPROVED,
    ),
    "have the function register": ("lambda:InvokeFunction", "{function}", {}),
    "pass the pipeline's role to a job": ("iam:PassRole", "{execution_role}", _PASS),
    "pass the jobs' role to a job": ("iam:PassRole", "{job_role}", _PASS),
    "start a job outside of the network": (
        "sagemaker:CreateProcessingJob",
        "{sagemaker}:processing-job/pipelines-x-Package-y",
        _OUTSIDE,
    ),
    "replace the pipeline": ("sagemaker:UpdatePipeline", "{pipeline}", {}),
    "read what another pipeline is given": (
        "s3:GetObject",
        "{bucket}/incoming/another-pipeline/model.tar.gz",
        _S3,
    ),
    "list everything in the bucket": ("s3:ListBucket", "{bucket}", {**_S3, "s3:prefix": ""}),
    "write what another execution releases": (
        "s3:PutObject",
        "{bucket}/returns-risk/releases/another/model.tar.gz",
        {**_S3, **NEW},
    ),
    "claim content for another execution": (
        "s3:PutObject",
        "{bucket}/returns-risk/releases/claims/returns-risk/digest/1",
        {**_S3, **NEW},
    ),
}
"""Calls that would harm a release: action, resource and context, by what they are to do."""


@dataclass(frozen=True)
class Attacker:
    """Somebody who controls a part of a release."""

    controls: str
    acts_as: str
    deployment: str
    """The name of the deployment in which there is that part."""
    role: str = ""
    """What the logical id of the role begins with whose credentials they get; empty: none."""
    steps: tuple[str, ...] = ()
    """The isolated steps in whose containers those without credentials act."""
    reaches: str = ""
    """What is left to them, because the part is for it."""


_OWN: Final = "A version of the model that they control, which waits for approval"
_STARTS: Final = "the function that starts executions"
_VERIFIED: Final = ("Package", "Verify")
ATTACKERS: Final = (
    Attacker("the model file", "Verify's container", "shipped", steps=_VERIFIED, reaches=_OWN),
    Attacker("the inference code", "Verify's container", "shipped", steps=_VERIFIED, reaches=_OWN),
    Attacker(
        "the config",
        "the pipeline's jobs",
        "exposed",
        "JobRole",
        reaches="The data that it names: the deployment's diff of policies shows it",
    ),
    Attacker(
        "the upload prefix",
        _STARTS,
        "operated",
        "UploadTriggerStartRelease",
        reaches=f"Executions with their model. {_OWN}",
    ),
    Attacker(
        "an event",
        _STARTS,
        "operated",
        "UploadTriggerStartRelease",
        reaches="Executions with an object that was uploaded for this pipeline",
    ),
    Attacker(
        "the start parameters",
        "the pipeline, by its definition",
        "shipped",
        reaches=f"What the next table does not refuse. {_OWN}",
    ),
    Attacker(
        "the training container",
        "Train's container",
        "extended",
        steps=("Train",),
        reaches=f"The folders of output and checkpoints. {_OWN}",
    ),
    Attacker(
        "the training container, with `enable_network_isolation` off",
        "the pipeline's jobs",
        "exposed",
        "JobRole",
        reaches=f"What this pipeline's jobs read and write. {_OWN}",
    ),
    Attacker(
        "the inference code, with `load_test_in_aws` on",
        "the load test",
        "exposed",
        "LoadTestJobRole",
        reaches="Endpoints of the account, which it may create, call and delete",
    ),
    Attacker(
        "the code of a served version, if it got the credentials that its isolation keeps from it",
        "the endpoint's container",
        "operated",
        "ServingRole",
        reaches="This pipeline's releases in that region, to read; what the endpoint is asked",
    ),
    Attacker(
        "the input of a deployment",
        "the function that deploys",
        "operated",
        "DeploymentRole",
        reaches="An approved version of this pipeline serves, or none",
    ),
    Attacker(
        "the workflow's definition",
        "the workflow of deployments",
        "operated",
        "WorkflowRole",
        reaches="The function that deploys, with an input of their own",
    ),
)


def hostile_calls(proof: Proof, attacker: Attacker) -> dict[str, Call]:
    """Make the hostile calls of an attacker with credentials, by what they are to do."""
    if not attacker.role:
        return {}
    functions = proof.deployment.of_type("AWS::Lambda::Function")
    names = {
        "bucket": proof.artifact_bucket.arn,
        "execution_role": proof.execution_role.arn,
        "function": next(
            each.arn for each in functions if each.logical_id.startswith("Registration")
        ),
        "job_role": proof.job_role.arn,
        "pipeline": proof.pipeline.arn,
        "sagemaker": f"arn:aws:sagemaker:{proof.home}:{ACCOUNT}",
    }
    caller = next(each.arn for each in proof.roles if each.logical_id.startswith(attacker.role))
    return {
        name: Call(
            by=attacker.controls,
            caller=caller,
            action=action,
            resource=resource.format(**names),
            context=context,
        )
        for name, (action, resource, context) in HOSTILE.items()
    }


def allowed_calls(proof: Proof, attacker: Attacker) -> list[str]:
    """Name the hostile calls that an attacker is allowed."""
    calls = hostile_calls(proof, attacker)
    answers = proof.allowed(list(calls.values()))
    return [name for name, allowed in zip(calls, answers, strict=True) if allowed]


def isolated_steps(proof: Proof) -> list[str]:
    """Name the steps whose containers have neither network nor credentials."""
    arguments = {
        step["Name"]: step["Arguments"]
        for step in proof.executions[0].steps
        if step["Type"] in ("Processing", "Training")
    }
    return [
        name
        for name, each in arguments.items()
        if each.get("NetworkConfig", each).get("EnableNetworkIsolation") is True
    ]


PARAMETERS: Final[Mapping[str, tuple[str, str]]] = {
    "another pipeline's model": (
        "ModelS3Uri",
        "s3://{bucket}/incoming/another-pipeline/model.tar.gz",
    ),
    "a model in another bucket": ("ModelS3Uri", "s3://another-bucket/model.tar.gz"),
    "outputs to another bucket": ("PIPELINE_EXECUTION_TEMP_DIR", "s3://another-bucket/tmp"),
    "outputs over another pipeline's": (
        "PIPELINE_EXECUTION_TEMP_DIR",
        "s3://{bucket}/another-pipeline/releases",
    ),
    "outputs among releases": (
        "PIPELINE_EXECUTION_TEMP_DIR",
        "s3://{bucket}/returns-risk/releases",
    ),
    "another key": (
        "KMS_ENCRYPTION_KEY_PARAM",
        f"arn:aws:kms:us-east-1:{ACCOUNT}:key/99999999-2222-3333-4444-555555555555",
    ),
    "another subnet": ("VPC_SUBNET", "subnet-0123456789abcdef0"),
    "another security group": ("SECURITY_GROUP_ID", "sg-0123456789abcdef0"),
    "a version that is approved": ("ModelApprovalStatus", "Approved"),
}
"""Parameter and value of a start, by what whoever starts an execution wants."""


@dataclass(frozen=True)
class Refusal:
    """Where an execution with a hostile parameter ends."""

    wish: str
    parameter: str
    step: str
    action: str


def refusals(proof: Proof) -> Iterator[Refusal]:
    """Follow executions with hostile parameters to the first call that is refused.

    Raises:
        AssertionError: One of them is refused nothing.
    """
    execution = proof.executions[0]
    bucket = proof.artifact_bucket.arn.removeprefix("arn:aws:s3:::")
    for wish, (parameter, value) in PARAMETERS.items():
        hostile = _started_with(execution, parameter, value.format(bucket=bucket))
        calls = [*hostile.calls(), *_functions(proof, hostile)]
        refused = next((call for call in calls if not all(proof.allowed([call]))), None)
        assert refused is not None, f"Nothing refuses {wish}: {parameter}={value}"
        yield Refusal(wish, parameter, refused.by, refused.action)


def _started_with(execution: PipelineExecution, name: str, value: str) -> PipelineExecution:
    parameters: dict[str, Any] = {**execution.parameters, name: value}
    return dataclasses.replace(execution, parameters=parameters)


def _functions(proof: Proof, execution: PipelineExecution) -> Iterator[Call]:
    for step, arn, event in execution.events():
        if proof.deployment.by_arn[arn].properties["Handler"] == "register_model.handler":
            yield from proof.registration_calls(execution, step, arn, event)
