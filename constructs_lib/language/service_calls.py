"""The calls that Amazon SageMaker makes for a step, and as which role: one table of facts.

The policies of roles, their proofs, and the runner on the embedded AWS read this table, so a call
that is missing here is missing everywhere, and one that is added is allowed, proven and decided.

Sources, by the text in ``source``: the Amazon SageMaker Developer Guide ("How to use SageMaker AI
execution roles", "Define a pipeline", "IAM Access Management" of Pipelines), the AWS KMS Developer
Guide and the Amazon S3 User Guide; "records" are CloudTrail records that others have published.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from fnmatch import fnmatchcase
from typing import Any, Final


class Caller(Enum):
    """As which role SageMaker makes a call.

    Source: "IAM Access Management" of Amazon SageMaker Pipelines: the pipeline's role creates and
    describes what the steps are about, passes their roles and reads for JsonGet; a step's own role
    gives its job what that needs.
    """

    PIPELINE = "the pipeline's role"
    JOB = "the role of the job or model"


class On(Enum):
    """What a call works on."""

    CREATED = "the job or model of the step"
    GROUP = "the model package group"
    PACKAGE = "the model package"
    ROLE = "the role that the job or model runs under"
    REGISTRY = "Amazon ECR, which knows no resource for it"
    IMAGE = "the repository of the container image"
    NETWORK = "the network, whose look-ups know no resource"
    NETWORK_INTERFACE = "the network interfaces of the containers"
    LOG_GROUP = "the log group of the kind of job"
    LOG_STREAM = "the log streams of the job"
    METRICS = "Amazon CloudWatch, which knows no resource for it"
    VOLUME_KEY = "the KMS key of the job's volume"
    INPUT = "the objects that the step reads"
    INPUT_BUCKET = "the buckets of those objects"
    INPUT_KEY = "the KMS keys of those objects, through Amazon S3"
    OUTPUT = "the objects that the step writes"
    OUTPUT_KEY = "the KMS key of those objects, through Amazon S3"
    OUTPUT_KEY_ITSELF = "the KMS key of those objects, by itself"
    PROPERTY_FILE = "the property files among the outputs of the step"
    PROPERTY_FILE_KEY = "the KMS keys of those files, through Amazon S3"
    FUNCTION = "the function of the step"


@dataclass(frozen=True)
class ServiceCall:
    """A call: its IAM action, as whom, on what, of which steps, and where that is said."""

    action: str
    by: Caller
    on: On
    step_types: tuple[str, ...]
    source: str


_ROLES: Final = "How to use SageMaker AI execution roles"
_PIPELINES: Final = "Define a pipeline"
_ACCESS: Final = "IAM Access Management"
_RECORDS: Final = "records of RegisterModel steps"
_KMS: Final = "How Amazon EBS uses AWS KMS"
_S3_KMS: Final = "How Amazon S3 uses AWS KMS"
_PARTS: Final = "Multipart upload API and permissions"

_JOBS: Final = ("Processing", "Training")
_CONTAINERS: Final = ("Model", *_JOBS)
_REGISTER: Final = ("RegisterModel",)


def _of_pipeline(
    source: str, on: On, step_types: tuple[str, ...], *actions: str
) -> tuple[ServiceCall, ...]:
    return tuple(ServiceCall(each, Caller.PIPELINE, on, step_types, source) for each in actions)


def _of_job(
    source: str, on: On, step_types: tuple[str, ...], *actions: str
) -> tuple[ServiceCall, ...]:
    return tuple(ServiceCall(each, Caller.JOB, on, step_types, source) for each in actions)


SERVICE_CALLS: Final = (
    # SageMaker Pipelines creates what the step is about, and looks how it goes.
    *_of_pipeline(
        _RECORDS, On.GROUP, _REGISTER, "sagemaker:CreateModelPackageGroup", "sagemaker:AddTags"
    ),
    *_of_pipeline(_ACCESS, On.ROLE, _CONTAINERS, "iam:PassRole"),
    *_of_pipeline(
        _ACCESS, On.CREATED, ("Model",), "sagemaker:CreateModel", "sagemaker:DescribeModel"
    ),
    *(
        ServiceCall(f"sagemaker:{verb}{kind}Job", Caller.PIPELINE, On.CREATED, (kind,), _ACCESS)
        for kind in _JOBS
        for verb in ("Create", "Describe", "Stop")
    ),
    *_of_pipeline(_PIPELINES, On.CREATED, _CONTAINERS, "sagemaker:AddTags"),
    *_of_pipeline(
        _PIPELINES,
        On.PACKAGE,
        _REGISTER,
        "sagemaker:CreateModelPackage",
        "sagemaker:DescribeModelPackage",
        "sagemaker:AddTags",
    ),
    *_of_pipeline(_PIPELINES, On.GROUP, _REGISTER, "sagemaker:DescribeModelPackageGroup"),
    *_of_pipeline(_PIPELINES, On.FUNCTION, ("Lambda",), "lambda:InvokeFunction"),
    # CreateModelPackage names no role: it looks at image and objects as its caller.
    *_of_pipeline(
        "CreateModelPackage", On.IMAGE, _REGISTER, "ecr:BatchGetImage", "ecr:DescribeImages"
    ),
    *_of_pipeline(_ROLES, On.INPUT_BUCKET, _REGISTER, "s3:ListBucket"),
    *_of_pipeline(_ROLES, On.INPUT, _REGISTER, "s3:GetObject"),
    *_of_pipeline(_S3_KMS, On.INPUT_KEY, _REGISTER, "kms:Decrypt"),
    # SageMaker gets the image, and a place in the network.
    *_of_job(_ROLES, On.REGISTRY, _CONTAINERS, "ecr:GetAuthorizationToken"),
    *_of_job(
        _ROLES,
        On.IMAGE,
        _CONTAINERS,
        "ecr:BatchCheckLayerAvailability",
        "ecr:BatchGetImage",
        "ecr:GetDownloadUrlForLayer",
    ),
    *_of_job(
        _ROLES,
        On.NETWORK,
        _CONTAINERS,
        "ec2:DescribeDhcpOptions",
        "ec2:DescribeNetworkInterfaces",
        "ec2:DescribeSecurityGroups",
        "ec2:DescribeSubnets",
        "ec2:DescribeVpcs",
    ),
    *_of_job(
        _ROLES,
        On.NETWORK_INTERFACE,
        _CONTAINERS,
        "ec2:CreateNetworkInterface",
        "ec2:CreateNetworkInterfacePermission",
        "ec2:DeleteNetworkInterface",
        "ec2:DeleteNetworkInterfacePermission",
    ),
    # Its agents move the data, and keep what the containers print.
    *_of_job(_KMS, On.VOLUME_KEY, _JOBS, "kms:CreateGrant", "kms:DescribeKey"),
    *_of_job(_ROLES, On.INPUT_BUCKET, _CONTAINERS, "s3:ListBucket"),
    *_of_job(_ROLES, On.INPUT, _CONTAINERS, "s3:GetObject"),
    *_of_job(_S3_KMS, On.INPUT_KEY, _CONTAINERS, "kms:Decrypt"),
    *_of_job(_ROLES, On.OUTPUT, _JOBS, "s3:PutObject"),
    *_of_job(_PARTS, On.OUTPUT, _JOBS, "s3:AbortMultipartUpload"),
    # A part needs the data key that its upload began with.
    *_of_job(_S3_KMS, On.OUTPUT_KEY, _JOBS, "kms:GenerateDataKey", "kms:Decrypt"),
    *_of_job(_ROLES, On.OUTPUT_KEY_ITSELF, _JOBS, "kms:Encrypt"),
    *_of_job(_ROLES, On.LOG_GROUP, _JOBS, "logs:CreateLogGroup", "logs:DescribeLogStreams"),
    *_of_job(_ROLES, On.LOG_STREAM, _JOBS, "logs:CreateLogStream", "logs:PutLogEvents"),
    *_of_job(_ROLES, On.METRICS, _JOBS, "cloudwatch:PutMetricData"),
    # Pipelines reads what JsonGet asks for.
    *_of_pipeline(_ACCESS, On.PROPERTY_FILE, ("Processing",), "s3:GetObject"),
    *_of_pipeline(_S3_KMS, On.PROPERTY_FILE_KEY, ("Processing",), "kms:Decrypt"),
)
"""In the order in which they are made. Condition and Fail steps call nothing."""

UNSCOPED_DOCUMENT: Final = (
    "How to use SageMaker AI execution roles, on CreateProcessingJob with a private VPC: with a"
    " resource filter or a condition on these actions, the validation of the job fails"
)


def service_calls(step_type: str) -> Iterator[ServiceCall]:
    """Return the calls of a type of step, in their order."""
    return (call for call in SERVICE_CALLS if step_type in call.step_types)


def actions(step_types: Iterable[str], *on: On, by: Caller | None = None) -> list[str]:
    """Return the IAM actions of some steps on some resources, sorted.

    Args:
        step_types: Types of steps, as in a definition.
        on: What the actions work on.
        by: As which role they are made; by default as any.
    """
    types = set(step_types)
    return sorted(
        {
            call.action
            for call in SERVICE_CALLS
            if call.on in on and by in (None, call.by) and not types.isdisjoint(call.step_types)
        }
    )


def scoped_network_actions(statements: Iterable[Mapping[str, Any]]) -> list[str]:
    """Return the actions on network interfaces that a role's statements allow with a scope only.

    CreateProcessingJob refuses such a role, and one without them, when the job is in a VPC: no
    evaluator of policies shows it, because the calls themselves would be allowed.

    Args:
        statements: All statements of the role's policies.
    """
    unscoped = [
        pattern.lower()
        for statement in statements
        if statement["Effect"] == "Allow"
        and not statement.get("Condition")
        and "*" in _listed(statement.get("Resource", ()))
        for pattern in _listed(statement.get("Action", ()))
    ]
    needed = actions(_JOBS, On.NETWORK_INTERFACE)
    return [
        action
        for action in needed
        if not any(fnmatchcase(action.lower(), each) for each in unscoped)
    ]


def _listed(value: Any) -> list[str]:
    return [value] if isinstance(value, str) else list(value)
