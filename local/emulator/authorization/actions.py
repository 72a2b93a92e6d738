"""Which IAM actions on which resources an operation needs.

Most operations need the action of their name on the resources that their parameters name; the
tables hold the others. Source: the service authorization reference, per service.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from local.emulator.authorization.encryption import message_key_uses
from local.emulator.authorization.operations import Operation
from local.emulator.authorization.resources import resources_of
from local.emulator.authorization.s3_actions import s3_uses
from local.emulator.authorization.uses import Use

_PREFIXES: Final = {
    "elbv2": "elasticloadbalancing",
    "sagemaker-runtime": "sagemaker",
    "stepfunctions": "states",
}
"""Prefixes of actions that are not botocore's name of the service."""
_ACTIONS: Final = {
    "lambda:Invoke": "lambda:InvokeFunction",
    "lambda:InvokeAsync": "lambda:InvokeFunction",
    "lambda:InvokeWithResponseStream": "lambda:InvokeFunction",
    "sns:PublishBatch": "sns:Publish",
    "sqs:ChangeMessageVisibilityBatch": "sqs:ChangeMessageVisibility",
    "sqs:DeleteMessageBatch": "sqs:DeleteMessage",
    "sqs:SendMessageBatch": "sqs:SendMessage",
}
"""Actions that are not named like their operation."""
_ROLE_PARAMETERS: Final = frozenset({"ExecutionRoleArn", "Role", "RoleARN", "RoleArn", "roleArn"})
_HAND_OVER: Final = ("Create", "Execute", "Put", "Register", "Update")
"""Operations that hand a role over to a service begin with one of these."""


def uses(operation: Operation) -> list[Use]:
    """List what an operation needs, in the order in which it is decided."""
    return list(_OF_SERVICE.get(operation.service, _named)(operation))


def _named(operation: Operation) -> Iterator[Use]:
    prefix = _PREFIXES.get(operation.service, operation.service)
    action = f"{prefix}:{operation.name}"
    action = _ACTIONS.get(action, action)
    for resource in resources_of(operation, action):
        yield Use(action, resource)
    yield from _passed_roles(operation, f"{prefix}.amazonaws.com")


def _passed_roles(operation: Operation, service: str) -> Iterator[Use]:
    """Ask for ``iam:PassRole`` of a caller that hands a role over to a service."""
    if operation.name.startswith(_HAND_OVER):
        for arn in dict.fromkeys(_roles_in(operation.parameters)):
            yield Use("iam:PassRole", arn, {"iam:PassedToService": service})


def _roles_in(value: Any) -> Iterator[str]:
    if isinstance(value, list):
        for item in value:
            yield from _roles_in(item)
    elif isinstance(value, Mapping):
        for name, member in value.items():
            if name in _ROLE_PARAMETERS and isinstance(member, str) and ":role/" in member:
                yield member
            else:
                yield from _roles_in(member)


def _sagemaker(operation: Operation) -> Iterator[Use]:
    """SageMaker asks for ``AddTags`` too on what a call creates with tags."""
    needed = list(_named(operation))
    yield from needed
    if operation.name.startswith("Create") and operation.parameters.get("Tags"):
        yield Use("sagemaker:AddTags", needed[0].resource)


def _messages(operation: Operation) -> Iterator[Use]:
    needed = list(_named(operation))
    yield from needed
    yield from message_key_uses(needed[0], operation.region)


def _scaling(operation: Operation) -> Iterator[Use]:
    """Ask for what Application Auto Scaling does to an endpoint and with its alarms, too.

    Source: "Permissions required for API actions on target services and CloudWatch" in the
    Application Auto Scaling user guide.
    """
    yield from _named(operation)
    if operation.parameters.get("ServiceNamespace") != "sagemaker":
        return
    place = f"{operation.region}:{operation.account}"
    endpoint = "/".join((operation.text("ResourceId") or "").split("/")[:2])
    resources = {
        "sagemaker": f"arn:aws:sagemaker:{place}:{endpoint}",
        "cloudwatch": f"arn:aws:cloudwatch:{place}:alarm:TargetTracking-{endpoint}",
    }
    for action in _OF_SCALING.get(operation.name, ()):
        yield Use(action, resources[action.partition(":")[0]])


def _trusted(operation: Operation) -> Iterator[Use]:
    """Ask for nothing where AWS STS answers everybody."""
    if operation.name != "GetCallerIdentity":
        yield from _named(operation)


_OF_SCALING: Final = {
    "DeleteScalingPolicy": ("cloudwatch:DeleteAlarms",),
    "DeregisterScalableTarget": ("cloudwatch:DeleteAlarms",),
    "PutScalingPolicy": ("cloudwatch:DescribeAlarms", "cloudwatch:PutMetricAlarm"),
    "RegisterScalableTarget": (
        "sagemaker:DescribeEndpoint",
        "sagemaker:UpdateEndpointWeightsAndCapacities",
    ),
}
_OF_SERVICE: Final[Mapping[str, Callable[[Operation], Iterator[Use]]]] = {
    "application-autoscaling": _scaling,
    "s3": s3_uses,
    "sagemaker": _sagemaker,
    "sns": _messages,
    "sqs": _messages,
    "sts": _trusted,
}
