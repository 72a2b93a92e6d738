"""AWS IAM: roles, inline policies and managed policies."""

from __future__ import annotations

from typing import Any, Final

from local.emulator.cloudformation.handlers.documents import (
    as_json,
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


def _create_role(context: Context, properties: Properties) -> Identity:
    client = context.client("iam")
    name = properties.get("RoleName") or context.generated_name(64)
    arguments = pick(
        properties, ("Description", "MaxSessionDuration", "Path", "PermissionsBoundary", "Tags")
    )
    role = client.create_role(
        RoleName=name,
        AssumeRolePolicyDocument=as_json(properties["AssumeRolePolicyDocument"]),
        **arguments,
    )["Role"]
    with undone_on_failure(lambda: _remove_role(client, name)):
        _set_role_policies(client, name, {}, properties)
    return Identity(name, {"Arn": role["Arn"], "RoleId": role["RoleId"]})


def _update_role(context: Context, current: Resource, properties: Properties) -> Identity:
    client, name, before = context.client("iam"), current.physical_id, current.properties
    client.update_assume_role_policy(
        RoleName=name, PolicyDocument=as_json(properties["AssumeRolePolicyDocument"])
    )
    client.update_role(
        RoleName=name,
        Description=properties.get("Description", ""),
        MaxSessionDuration=int(properties.get("MaxSessionDuration", 3600)),
    )
    if "PermissionsBoundary" in properties:
        client.put_role_permissions_boundary(
            RoleName=name, PermissionsBoundary=properties["PermissionsBoundary"]
        )
    elif "PermissionsBoundary" in before:
        client.delete_role_permissions_boundary(RoleName=name)
    _set_role_policies(client, name, before, properties)
    client.untag_role(RoleName=name, TagKeys=removed_tag_keys(before, properties))
    client.tag_role(RoleName=name, Tags=properties.get("Tags", []))
    return current.identity


def _delete_role(context: Context, current: Resource) -> None:
    client = context.client("iam")
    _set_role_policies(client, current.physical_id, current.properties, {})
    client.delete_role(RoleName=current.physical_id)


def _remove_role(client: Any, role: str) -> None:
    for attached in client.list_attached_role_policies(RoleName=role)["AttachedPolicies"]:
        client.detach_role_policy(RoleName=role, PolicyArn=attached["PolicyArn"])
    for name in client.list_role_policies(RoleName=role)["PolicyNames"]:
        client.delete_role_policy(RoleName=role, PolicyName=name)
    client.delete_role(RoleName=role)


def _set_role_policies(client: Any, role: str, before: Properties, after: Properties) -> None:
    inline = {policy["PolicyName"]: policy for policy in after.get("Policies", [])}
    for policy in before.get("Policies", []):
        if policy["PolicyName"] not in inline:
            client.delete_role_policy(RoleName=role, PolicyName=policy["PolicyName"])
    for name, policy in inline.items():
        document = as_json(policy["PolicyDocument"])
        client.put_role_policy(RoleName=role, PolicyName=name, PolicyDocument=document)
    managed, attached = after.get("ManagedPolicyArns", []), before.get("ManagedPolicyArns", [])
    for arn in attached:
        if arn not in managed:
            client.detach_role_policy(RoleName=role, PolicyArn=arn)
    for arn in managed:
        client.attach_role_policy(RoleName=role, PolicyArn=arn)


def _create_policy(context: Context, properties: Properties) -> Identity:
    _put_inline_policy(context, properties)
    physical_id = context.generated_name()
    return Identity(physical_id, {"Id": physical_id})


def _update_policy(context: Context, current: Resource, properties: Properties) -> Identity:
    _put_inline_policy(context, properties)
    before = current.properties
    renamed = before["PolicyName"] != properties["PolicyName"]
    for role in before.get("Roles", []):
        if renamed or role not in properties.get("Roles", []):
            _delete_inline_policy(context, role, before["PolicyName"])
    return current.identity


def _delete_policy(context: Context, current: Resource) -> None:
    for role in current.properties.get("Roles", []):
        _delete_inline_policy(context, role, current.properties["PolicyName"])


def _put_inline_policy(context: Context, properties: Properties) -> None:
    document = as_json(properties["PolicyDocument"])
    for role in properties.get("Roles", []):
        context.client("iam").put_role_policy(
            RoleName=role, PolicyName=properties["PolicyName"], PolicyDocument=document
        )


def _delete_inline_policy(context: Context, role: str, policy: str) -> None:
    context.client("iam").delete_role_policy(RoleName=role, PolicyName=policy)


def _create_managed_policy(context: Context, properties: Properties) -> Identity:
    client = context.client("iam")
    policy = client.create_policy(
        PolicyName=properties.get("ManagedPolicyName") or context.generated_name(128),
        PolicyDocument=as_json(properties["PolicyDocument"]),
        **pick(properties, ("Description", "Path")),
    )["Policy"]
    with undone_on_failure(lambda: client.delete_policy(PolicyArn=policy["Arn"])):
        _set_policy_roles(client, policy["Arn"], {}, properties)
    return Identity(policy["Arn"], {"PolicyArn": policy["Arn"], "PolicyId": policy["PolicyId"]})


def _update_managed_policy(context: Context, current: Resource, properties: Properties) -> Identity:
    client, arn = context.client("iam"), current.physical_id
    # IAM keeps at most five versions of a policy.
    _delete_old_versions(client, arn)
    client.create_policy_version(
        PolicyArn=arn, PolicyDocument=as_json(properties["PolicyDocument"]), SetAsDefault=True
    )
    _set_policy_roles(client, arn, current.properties, properties)
    return current.identity


def _delete_managed_policy(context: Context, current: Resource) -> None:
    client, arn = context.client("iam"), current.physical_id
    _set_policy_roles(client, arn, current.properties, {})
    _delete_old_versions(client, arn)
    client.delete_policy(PolicyArn=arn)


def _delete_old_versions(client: Any, arn: str) -> None:
    for version in client.list_policy_versions(PolicyArn=arn)["Versions"]:
        if not version["IsDefaultVersion"]:
            client.delete_policy_version(PolicyArn=arn, VersionId=version["VersionId"])


def _set_policy_roles(client: Any, arn: str, before: Properties, after: Properties) -> None:
    wanted, attached = after.get("Roles", []), before.get("Roles", [])
    for role in attached:
        if role not in wanted:
            client.detach_role_policy(RoleName=role, PolicyArn=arn)
    for role in wanted:
        if role not in attached:
            client.attach_role_policy(RoleName=role, PolicyArn=arn)


def _create_oidc_provider(context: Context, properties: Properties) -> Identity:
    arn = context.client("iam").create_open_id_connect_provider(
        Url=properties["Url"],
        ClientIDList=properties.get("ClientIdList", []),
        **pick(properties, ("Tags", "ThumbprintList")),
    )["OpenIDConnectProviderArn"]
    return Identity(arn, {"Arn": arn})


def _delete_oidc_provider(context: Context, current: Resource) -> None:
    context.client("iam").delete_open_id_connect_provider(
        OpenIDConnectProviderArn=current.physical_id
    )


def _update_oidc_provider(context: Context, current: Resource, properties: Properties) -> Identity:
    client, arn, before = context.client("iam"), current.physical_id, current.properties
    wanted, present = set(properties.get("ClientIdList", [])), set(before.get("ClientIdList", []))
    provider = {"OpenIDConnectProviderArn": arn}
    for client_id in present - wanted:
        client.remove_client_id_from_open_id_connect_provider(**provider, ClientID=client_id)
    for client_id in wanted - present:
        client.add_client_id_to_open_id_connect_provider(**provider, ClientID=client_id)
    if properties.get("ThumbprintList"):
        client.update_open_id_connect_provider_thumbprint(
            **provider, ThumbprintList=properties["ThumbprintList"]
        )
    client.untag_open_id_connect_provider(**provider, TagKeys=removed_tag_keys(before, properties))
    client.tag_open_id_connect_provider(**provider, Tags=properties.get("Tags", []))
    return current.identity


HANDLERS: Final = {
    "AWS::IAM::ManagedPolicy": Handler(
        _create_managed_policy,
        _delete_managed_policy,
        _update_managed_policy,
        applied=frozenset({"Description", "ManagedPolicyName", "Path", "PolicyDocument", "Roles"}),
    ),
    "AWS::IAM::OIDCProvider": Handler(
        _create_oidc_provider,
        _delete_oidc_provider,
        _update_oidc_provider,
        applied=frozenset({"ClientIdList", "Tags", "ThumbprintList", "Url"}),
    ),
    "AWS::IAM::Policy": Handler(
        _create_policy,
        _delete_policy,
        _update_policy,
        applied=frozenset({"PolicyDocument", "PolicyName", "Roles"}),
    ),
    "AWS::IAM::Role": Handler(
        _create_role,
        _delete_role,
        _update_role,
        applied=frozenset(
            {
                "AssumeRolePolicyDocument",
                "Description",
                "ManagedPolicyArns",
                "MaxSessionDuration",
                "Path",
                "PermissionsBoundary",
                "Policies",
                "RoleName",
                "Tags",
            }
        ),
    ),
}
