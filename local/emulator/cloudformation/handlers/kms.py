"""AWS KMS: keys and aliases."""

from __future__ import annotations

from typing import Any, Final

from local.emulator.cloudformation.handlers.documents import (
    as_json,
    is_true,
    pick,
    removed_tag_keys,
)
from local.emulator.cloudformation.resources import (
    Context,
    Handler,
    Identity,
    Properties,
    Resource,
    undone_on_failure,
)

_CREATION_PROPERTIES: Final = ("Description", "KeySpec", "KeyUsage", "MultiRegion", "Origin")
_DEFAULT_PENDING_DAYS: Final = 30


def _create_key(context: Context, properties: Properties) -> Identity:
    arguments = pick(properties, _CREATION_PROPERTIES)
    if "KeyPolicy" in properties:
        arguments["Policy"] = as_json(properties["KeyPolicy"])
    client = context.client("kms")
    metadata = client.create_key(**arguments, Tags=_kms_tags(properties))["KeyMetadata"]
    key_id = metadata["KeyId"]
    with undone_on_failure(lambda: client.schedule_key_deletion(KeyId=key_id)):
        _set_rotation(client, key_id, {}, properties)
        _set_enabled(client, key_id, {}, properties)
    return Identity(key_id, {"Arn": metadata["Arn"], "KeyId": key_id})


def _update_key(context: Context, current: Resource, properties: Properties) -> Identity:
    client, key_id, before = context.client("kms"), current.physical_id, current.properties
    client.update_key_description(KeyId=key_id, Description=properties.get("Description", ""))
    if "KeyPolicy" in properties:
        policy = as_json(properties["KeyPolicy"])
        client.put_key_policy(KeyId=key_id, PolicyName="default", Policy=policy)
    _set_rotation(client, key_id, before, properties)
    _set_enabled(client, key_id, before, properties)
    client.untag_resource(KeyId=key_id, TagKeys=removed_tag_keys(before, properties))
    client.tag_resource(KeyId=key_id, Tags=_kms_tags(properties))
    return current.identity


def _delete_key(context: Context, current: Resource) -> None:
    days = int(current.properties.get("PendingWindowInDays", _DEFAULT_PENDING_DAYS))
    context.client("kms").schedule_key_deletion(KeyId=current.physical_id, PendingWindowInDays=days)


def _set_rotation(client: Any, key_id: str, before: Properties, after: Properties) -> None:
    wanted = is_true(after.get("EnableKeyRotation"))
    if wanted == is_true(before.get("EnableKeyRotation")):
        return
    (client.enable_key_rotation if wanted else client.disable_key_rotation)(KeyId=key_id)


def _set_enabled(client: Any, key_id: str, before: Properties, after: Properties) -> None:
    wanted = is_true(after.get("Enabled", True))
    if wanted == is_true(before.get("Enabled", True)):
        return
    (client.enable_key if wanted else client.disable_key)(KeyId=key_id)


def _kms_tags(properties: Properties) -> list[dict[str, str]]:
    return [{"TagKey": tag["Key"], "TagValue": tag["Value"]} for tag in properties.get("Tags", [])]


def _create_alias(context: Context, properties: Properties) -> Identity:
    context.client("kms").create_alias(**properties)
    return Identity(properties["AliasName"], {})


def _update_alias(context: Context, current: Resource, properties: Properties) -> Identity:
    context.client("kms").update_alias(**properties)
    return current.identity


def _delete_alias(context: Context, current: Resource) -> None:
    context.client("kms").delete_alias(AliasName=current.physical_id)


HANDLERS: Final = {
    "AWS::KMS::Alias": Handler(_create_alias, _delete_alias, _update_alias),
    "AWS::KMS::Key": Handler(
        _create_key,
        _delete_key,
        _update_key,
        applied=frozenset(
            {
                *_CREATION_PROPERTIES,
                "EnableKeyRotation",
                "Enabled",
                "KeyPolicy",
                "PendingWindowInDays",
                "Tags",
            }
        ),
    ),
}
