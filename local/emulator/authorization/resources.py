"""The resources that an operation names, as ARNs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Final

from local.emulator.authorization.operations import Operation
from local.emulator.authorization.policies import key_arn
from local.emulator.authorization.reference import ResourceType, resource_types
from local.emulator.sagemaker.lineage import artifact_digest

_PARAMETERS: Final = {
    "Alias": ("AliasName",),
    "GroupName": ("GroupName", "ScheduleGroup"),
    "InferenceRecommendationsJobName": ("JobName",),
    "RoleNameWithPath": ("RoleName",),
    "RuleName": ("Name", "Rule"),
    "ScheduleName": ("Name",),
    "StateMachineName": ("name",),
    "TopicName": ("Name",),
}
"""Parameters that hold a variable of an ARN under another name."""
_DEFAULTS: Final = {"EventBusName": "default", "GroupName": "default"}


def resources_of(operation: Operation, action: str) -> list[str]:
    """Name the resources that an operation works on; ``*`` where its parameters name none."""
    special = _SPECIAL.get(action) or _SPECIAL.get(f"{action.partition(':')[0]}:*")
    found = special(operation) if special and resource_types(action) else ()
    return list(dict.fromkeys(found or _by_format(operation, action))) or ["*"]


def _by_format(operation: Operation, action: str) -> Iterator[str]:
    for kind in resource_types(action):
        arn = _given(operation, kind) or _written(operation, kind)
        if arn is not None:
            yield arn


def _given(operation: Operation, kind: ResourceType) -> str | None:
    values = (value for value in operation.parameters.values() if isinstance(value, str))
    return next((each for each in values if each.startswith("arn:") and kind.matches(each)), None)


def _written(operation: Operation, kind: ResourceType) -> str | None:
    values = {}
    for name in kind.variables:
        value = _value(operation, name)
        if value is None:
            return None
        values[name] = value
    return kind.arn(operation.region, operation.account, values) if values else None


def _value(operation: Operation, variable: str) -> str | None:
    for name in (variable, variable[0].lower() + variable[1:], *_PARAMETERS.get(variable, ())):
        text = operation.text(name)
        if text is not None and not text.startswith("arn:"):
            return text
    return _DEFAULTS.get(variable)


def _arn(operation: Operation, service: str, resource: str) -> str:
    if resource.startswith("arn:"):
        return resource
    return f"arn:aws:{service}:{operation.region}:{operation.account}:{resource}"


def _associated(operation: Operation) -> Iterable[str]:
    """Name both ends of an association of lineage."""
    return [end for name in ("SourceArn", "DestinationArn") if (end := operation.text(name))]


def _artifact(operation: Operation) -> Iterable[str]:
    """Name an artifact of lineage that is to be made: after its source."""
    source = str((operation.parameters.get("Source") or {}).get("SourceUri"))
    return [_arn(operation, "sagemaker", f"artifact/{artifact_digest(source)}")]


def _buses(operation: Operation) -> Iterable[str]:
    entries = operation.parameters.get("Entries") or ()
    names = [str(entry.get("EventBusName") or "default") for entry in entries]
    return [
        name if name.startswith("arn:") else _arn(operation, "events", f"event-bus/{name}")
        for name in names
    ]


def _function(operation: Operation) -> Iterable[str]:
    """Name a function that is given by its name, its partial or its whole ARN."""
    name = operation.text("FunctionName") or operation.text("Resource")
    if name is None:
        return []
    return [_arn(operation, "lambda", f"function:{name.rpartition(':function:')[2]}")]


def _key(operation: Operation) -> Iterable[str]:
    key = operation.text("KeyId") or operation.text("TargetKeyId")
    alias = operation.text("AliasName")
    return [
        *([key_arn(key, operation.region, operation.account)] if key else ()),
        *([_arn(operation, "kms", alias)] if alias else ()),
    ]


def _package(operation: Operation) -> Iterable[str]:
    """Name the next version of a group, whose number is not known yet, or a single package."""
    name = operation.text("ModelPackageName")
    group = (operation.text("ModelPackageGroupName") or "").rpartition("/")[2]
    return [_arn(operation, "sagemaker", f"model-package/{name or f'{group}/1'}")]


def _parameter(operation: Operation) -> Iterable[str]:
    names = operation.parameters.get("Names") or [operation.text("Name") or "*"]
    return [_arn(operation, "ssm", f"parameter/{name.lstrip('/')}") for name in names]


def _queue(operation: Operation) -> Iterable[str]:
    name = operation.text("QueueName") or (operation.text("QueueUrl") or "").rpartition("/")[2]
    return [_arn(operation, "sqs", name)] if name else []


def _alarms(operation: Operation) -> Iterable[str]:
    names = operation.parameters.get("AlarmNames") or ()
    return [_arn(operation, "cloudwatch", f"alarm:{name}") for name in names]


def _stack(operation: Operation) -> Iterable[str]:
    name = operation.text("StackName")
    if name is None:
        return []
    return [
        name if name.startswith("arn:") else _arn(operation, "cloudformation", f"stack/{name}/*")
    ]


_SPECIAL: Final[Mapping[str, Callable[[Operation], Iterable[str]]]] = {
    "cloudformation:*": _stack,
    "cloudwatch:DeleteAlarms": _alarms,
    "cloudwatch:DescribeAlarms": _alarms,
    "events:PutEvents": _buses,
    "kms:*": _key,
    "lambda:*": _function,
    "sagemaker:AddAssociation": _associated,
    "sagemaker:CreateArtifact": _artifact,
    "sagemaker:CreateModelPackage": _package,
    "sqs:*": _queue,
    "ssm:GetParameter": _parameter,
    "ssm:GetParameters": _parameter,
    "ssm:PutParameter": _parameter,
}
"""Actions, or all those of a service, whose resources no format of an ARN tells."""
