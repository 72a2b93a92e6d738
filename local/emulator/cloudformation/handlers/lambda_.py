"""AWS Lambda: functions and the permissions to invoke them."""

from __future__ import annotations

import io
import uuid
import zipfile
from typing import Any, Final

from local.emulator.cloudformation.errors import ProvisioningError
from local.emulator.cloudformation.handlers.documents import (
    is_true,
    pick,
    removed_tag_keys,
    tag_map,
)
from local.emulator.cloudformation.resources import Context, Handler, Identity, Properties, Resource

_CONFIGURATION: Final = (
    "DeadLetterConfig",
    "Description",
    "Environment",
    "EphemeralStorage",
    "Handler",
    "KmsKeyArn",
    "Layers",
    "LoggingConfig",
    "MemorySize",
    "Role",
    "Runtime",
    "Timeout",
    "TracingConfig",
    "VpcConfig",
)


def _create_function(context: Context, properties: Properties) -> Identity:
    client = context.client("lambda")
    name = properties.get("FunctionName") or context.generated_name(64)
    arn = client.create_function(
        FunctionName=name,
        Code=_code(properties["Code"]),
        Tags=tag_map(properties),
        **pick(properties, ("Architectures",)),
        **_configuration(properties),
    )["FunctionArn"]
    _set_concurrency(client, name, {}, properties)
    return Identity(name, {"Arn": arn})


def _update_function(context: Context, current: Resource, properties: Properties) -> Identity:
    client, name, before = context.client("lambda"), current.physical_id, current.properties
    if any(before.get(key) != properties.get(key) for key in ("Architectures", "Code")):
        client.update_function_code(
            FunctionName=name, **_code(properties["Code"]), **pick(properties, ("Architectures",))
        )
    client.update_function_configuration(FunctionName=name, **_configuration(properties))
    _set_concurrency(client, name, before, properties)
    arn = current.identity.attributes["Arn"]
    removed = removed_tag_keys(before, properties)
    if removed:
        client.untag_resource(Resource=arn, TagKeys=removed)
    tags = tag_map(properties)
    if tags:
        client.tag_resource(Resource=arn, Tags=tags)
    return current.identity


def _delete_function(context: Context, current: Resource) -> None:
    context.client("lambda").delete_function(FunctionName=current.physical_id)


def _configuration(properties: Properties) -> dict[str, Any]:
    configuration = pick(properties, _CONFIGURATION)
    for name in ("MemorySize", "Timeout"):
        if name in configuration:
            configuration[name] = int(configuration[name])
    if "VpcConfig" in configuration:
        network = pick(configuration["VpcConfig"], ("SecurityGroupIds", "SubnetIds"))
        allows_ipv6 = is_true(configuration["VpcConfig"].get("Ipv6AllowedForDualStack", False))
        configuration["VpcConfig"] = {**network, "Ipv6AllowedForDualStack": allows_ipv6}
    return configuration


def _code(code: Properties) -> dict[str, Any]:
    if "ZipFile" in code:
        return {"ZipFile": _inline_archive(code["ZipFile"])}
    if "ImageUri" in code:
        raise ProvisioningError("The embedded AWS runs no container images: use a zip archive")
    return pick(code, ("S3Bucket", "S3Key", "S3ObjectVersion"))


def _inline_archive(source: str) -> bytes:
    # Inline code is one Python module of that name; the handler says "index.<function>".
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("index.py", source)
    return buffer.getvalue()


def _set_concurrency(client: Any, name: str, before: Properties, after: Properties) -> None:
    key = "ReservedConcurrentExecutions"
    if key in after:
        client.put_function_concurrency(FunctionName=name, **{key: int(after[key])})
    elif key in before:
        client.delete_function_concurrency(FunctionName=name)


_PERMISSION: Final = (
    "Action",
    "EventSourceToken",
    "FunctionName",
    "FunctionUrlAuthType",
    "Principal",
    "PrincipalOrgID",
    "SourceAccount",
    "SourceArn",
)


def _add_permission(context: Context, properties: Properties) -> Identity:
    statement_id = f"{context.stack_name}-{context.logical_id}-{uuid.uuid4().hex[:12]}"
    context.client("lambda").add_permission(
        StatementId=statement_id, **pick(properties, _PERMISSION)
    )
    return Identity(statement_id, {"Id": statement_id})


def _remove_permission(context: Context, current: Resource) -> None:
    context.client("lambda").remove_permission(
        FunctionName=current.properties["FunctionName"], StatementId=current.physical_id
    )


HANDLERS: Final = {
    "AWS::Lambda::Function": Handler(
        _create_function,
        _delete_function,
        _update_function,
        applied=frozenset(
            {
                *_CONFIGURATION,
                "Architectures",
                "Code",
                "FunctionName",
                "ReservedConcurrentExecutions",
                "Tags",
            }
        ),
    ),
    "AWS::Lambda::Permission": Handler(
        _add_permission, _remove_permission, applied=frozenset(_PERMISSION)
    ),
}
