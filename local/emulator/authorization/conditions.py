"""The values of condition keys: of the caller, the network, the request and its resource.

Source: "AWS global condition context keys" in the IAM user guide; the keys of each service in the
service authorization reference.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from local.emulator.authorization.evaluator import ContextValue
from local.emulator.authorization.identities import CallerIdentity, Kind
from local.emulator.authorization.operations import Operation
from local.emulator.authorization.policies import key_aliases
from local.emulator.authorization.uses import Use

Context = dict[str, ContextValue]

_PRINCIPAL_TYPES: Final = {
    Kind.ADMINISTRATOR: "User",
    Kind.ROLE: "AssumedRole",
    Kind.USER: "User",
}
_MEMBERS: Final = {
    "application-autoscaling:scalable-dimension": ("ScalableDimension",),
    "application-autoscaling:service-namespace": ("ServiceNamespace",),
    "cloudformation:ChangeSetName": ("ChangeSetName",),
    "cloudformation:RoleArn": ("RoleARN",),
    "cloudwatch:namespace": ("Namespace",),
    "events:detail-type": ("DetailType",),
    "events:source": ("Source",),
    "kms:GrantOperations": ("Operations",),
    "kms:GranteePrincipal": ("GranteePrincipal",),
    "sagemaker:CustomerMetadataPropertiesToRemove": ("CustomerMetadataPropertiesToRemove",),
    "sagemaker:InstanceTypes": ("InstanceType",),
    "sagemaker:InterContainerTrafficEncryption": (
        "EnableInterContainerTrafficEncryption",
        "EnableNetworkTrafficEncryption",
    ),
    "sagemaker:MaxRuntimeInSeconds": ("MaxRuntimeInSeconds",),
    "sagemaker:ModelApprovalStatus": ("ModelApprovalStatus",),
    "sagemaker:ModelLifeCycle:Stage": ("Stage",),
    "sagemaker:ModelLifeCycle:StageStatus": ("StageStatus",),
    "sagemaker:NetworkIsolation": ("EnableNetworkIsolation",),
    "sagemaker:OutputKmsKeyArn": ("KmsKeyId",),
    "sagemaker:VolumeKmsKeyArn": ("VolumeKmsKeyId",),
    "sagemaker:VpcSecurityGroupIds": ("SecurityGroupIds",),
    "sagemaker:VpcSubnets": ("Subnets",),
    "sns:Endpoint": ("Endpoint",),
    "sns:Protocol": ("Protocol",),
    "sts:ExternalId": ("ExternalId",),
    "sts:RoleSessionName": ("RoleSessionName",),
}
"""Condition keys that hold members of a request, wherever in it, under these names."""


def context_of(
    identity: CallerIdentity, use: Use, operation: Operation | None, region: str
) -> Context:
    """Collect the keys that a call has, besides those of its network.

    Args:
        identity: Who calls.
        use: What it needs.
        operation: The call; None for what a service does within the embedded AWS.
        region: Where.
    """
    context: Context = {
        "aws:RequestedRegion": region,
        "aws:ResourceAccount": account_of(use.resource, identity.account),
        "aws:SecureTransport": "true",  # what AWS's endpoints are reached by; this one is local
        **_principal(identity),
        **identity.origin.context,
        **use.context,
    }
    if use.service == "s3":
        context["s3:ResourceAccount"] = identity.account
    if use.service == "kms":
        context["kms:CallerAccount"] = identity.account
        aliases = key_aliases(use.resource)
        if aliases:
            context["kms:ResourceAliases"] = aliases
    if use.via is not None:
        context["kms:ViaService"] = use.via
    elif operation is not None:
        context.update(_of_request(operation))
    return context


def account_of(arn: str, default: str) -> str:
    """Return the account of a resource; buckets do not name theirs: all are of the same one."""
    parts = arn.split(":")
    return parts[4] if len(parts) > 4 and parts[4].isdigit() else default


def _principal(identity: CallerIdentity) -> Context:
    if identity.kind is Kind.SERVICE:
        return {"aws:PrincipalIsAWSService": "true", "aws:PrincipalServiceName": identity.arn}
    return {
        "aws:PrincipalAccount": identity.account,
        "aws:PrincipalArn": identity.role_arn or identity.arn,
        "aws:PrincipalIsAWSService": "false",
        "aws:PrincipalType": _PRINCIPAL_TYPES[identity.kind],
        "aws:ViaAWSService": "false",
    }


def _of_request(operation: Operation) -> Context:
    context: Context = {}
    for key, names in _MEMBERS.items():
        values = [text for name in names for text in _texts(operation.parameters, name)]
        if values:
            context[key] = values
    metadata = operation.parameters.get("CustomerMetadataProperties")
    if isinstance(metadata, Mapping):
        prefix = "sagemaker:CustomerMetadataProperties/"
        context.update({f"{prefix}{key}": str(value) for key, value in metadata.items()})
    models = list(_texts(operation.parameters.get("ProductionVariants"), "ModelName"))
    if models:
        place = f"arn:aws:sagemaker:{operation.region}:{operation.account}:model/"
        context["sagemaker:ModelArn"] = [place + name for name in models]
    tags = dict(_tags(operation.parameters))
    if tags:
        context["aws:TagKeys"] = sorted(tags)
        context.update({f"aws:RequestTag/{key}": value for key, value in tags.items()})
    return context


def _texts(value: Any, name: str) -> Iterator[str]:
    """Find the values of every member of that name."""
    if isinstance(value, Mapping):
        for key, member in value.items():
            if key == name:
                yield from map(_text, member if isinstance(member, list) else [member])
            else:
                yield from _texts(member, name)
    elif isinstance(value, list):
        for item in value:
            yield from _texts(item, name)


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _tags(parameters: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    tags = parameters.get("Tags") or parameters.get("tags") or ()
    if isinstance(tags, Mapping):
        yield from ((str(key), str(value)) for key, value in tags.items())
        return
    for tag in tags:
        key, value = tag.get("Key", tag.get("TagKey")), tag.get("Value", tag.get("TagValue"))
        if key is not None:
            yield str(key), str(value)
