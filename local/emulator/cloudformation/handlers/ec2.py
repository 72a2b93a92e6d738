"""Amazon EC2: networks, endpoints, flow logs and security groups."""

from __future__ import annotations

from functools import partial
from typing import Any, Final

from local.emulator.cloudformation.errors import ProvisioningError
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


def _tag_specifications(kind: str, properties: Properties) -> list[dict[str, Any]]:
    tags = properties.get("Tags", [])
    return [{"ResourceType": kind, "Tags": tags}] if tags else []


def _update_tags(context: Context, current: Resource, properties: Properties) -> Identity:
    client, resource_ids = context.client("ec2"), [current.physical_id]
    removed = removed_tag_keys(current.properties, properties)
    if removed:
        client.delete_tags(Resources=resource_ids, Tags=[{"Key": key} for key in removed])
    if properties.get("Tags"):
        client.create_tags(Resources=resource_ids, Tags=properties["Tags"])
    return current.identity


_VPC_ATTRIBUTES: Final = ("EnableDnsSupport", "EnableDnsHostnames")


def _create_vpc(context: Context, properties: Properties) -> Identity:
    client = context.client("ec2")
    vpc = client.create_vpc(
        CidrBlock=properties["CidrBlock"],
        TagSpecifications=_tag_specifications("vpc", properties),
        **pick(properties, ("InstanceTenancy",)),
    )["Vpc"]
    vpc_id = vpc["VpcId"]
    _set_vpc_attributes(client, vpc_id, properties)
    filters = [{"Name": "vpc-id", "Values": [vpc_id]}]
    groups = client.describe_security_groups(Filters=filters)["SecurityGroups"]
    acls = client.describe_network_acls(Filters=filters)["NetworkAcls"]
    return Identity(
        vpc_id,
        {
            "CidrBlock": properties["CidrBlock"],
            "CidrBlockAssociations": [
                item["AssociationId"] for item in vpc["CidrBlockAssociationSet"]
            ],
            "DefaultNetworkAcl": acls[0]["NetworkAclId"],
            "DefaultSecurityGroup": groups[0]["GroupId"],
            "Ipv6CidrBlocks": [],
            "VpcId": vpc_id,
        },
    )


def _update_vpc(context: Context, current: Resource, properties: Properties) -> Identity:
    _set_vpc_attributes(context.client("ec2"), current.physical_id, properties)
    return _update_tags(context, current, properties)


def _delete_vpc(context: Context, current: Resource) -> None:
    context.client("ec2").delete_vpc(VpcId=current.physical_id)


def _set_vpc_attributes(client: Any, vpc_id: str, properties: Properties) -> None:
    for name in _VPC_ATTRIBUTES:
        if name in properties:
            value = {"Value": is_true(properties[name])}
            client.modify_vpc_attribute(VpcId=vpc_id, **{name: value})


def _create_subnet(context: Context, properties: Properties) -> Identity:
    client = context.client("ec2")
    subnet = client.create_subnet(
        TagSpecifications=_tag_specifications("subnet", properties),
        **pick(properties, ("AvailabilityZone", "CidrBlock", "VpcId")),
    )["Subnet"]
    _set_public_addresses(client, subnet["SubnetId"], properties)
    filters = [{"Name": "association.subnet-id", "Values": [subnet["SubnetId"]]}]
    acls = client.describe_network_acls(Filters=filters)["NetworkAcls"]
    associations = [item for acl in acls for item in acl["Associations"]]
    return Identity(
        subnet["SubnetId"],
        {
            **pick(subnet, ("AvailabilityZone", "AvailabilityZoneId", "CidrBlock", "VpcId")),
            "Ipv6CidrBlocks": [],
            "NetworkAclAssociationId": next(
                item["NetworkAclAssociationId"]
                for item in associations
                if item["SubnetId"] == subnet["SubnetId"]
            ),
            "SubnetId": subnet["SubnetId"],
        },
    )


def _update_subnet(context: Context, current: Resource, properties: Properties) -> Identity:
    _set_public_addresses(context.client("ec2"), current.physical_id, properties)
    return _update_tags(context, current, properties)


def _delete_subnet(context: Context, current: Resource) -> None:
    context.client("ec2").delete_subnet(SubnetId=current.physical_id)


def _set_public_addresses(client: Any, subnet_id: str, properties: Properties) -> None:
    wanted = is_true(properties.get("MapPublicIpOnLaunch", False))
    client.modify_subnet_attribute(SubnetId=subnet_id, MapPublicIpOnLaunch={"Value": wanted})


def _create_route_table(context: Context, properties: Properties) -> Identity:
    table = context.client("ec2").create_route_table(
        VpcId=properties["VpcId"], TagSpecifications=_tag_specifications("route-table", properties)
    )["RouteTable"]
    return Identity(table["RouteTableId"], {"RouteTableId": table["RouteTableId"]})


def _delete_route_table(context: Context, current: Resource) -> None:
    context.client("ec2").delete_route_table(RouteTableId=current.physical_id)


def _associate_route_table(context: Context, properties: Properties) -> Identity:
    answer = context.client("ec2").associate_route_table(**properties)
    return Identity(answer["AssociationId"], {"Id": answer["AssociationId"]})


def _disassociate_route_table(context: Context, current: Resource) -> None:
    context.client("ec2").disassociate_route_table(AssociationId=current.physical_id)


_ENDPOINT_LISTS: Final = {
    "RouteTableIds": ("AddRouteTableIds", "RemoveRouteTableIds"),
    "SecurityGroupIds": ("AddSecurityGroupIds", "RemoveSecurityGroupIds"),
    "SubnetIds": ("AddSubnetIds", "RemoveSubnetIds"),
}
_FULL_ACCESS: Final = {
    "Version": "2008-10-17",
    "Statement": [{"Effect": "Allow", "Principal": "*", "Action": "*", "Resource": "*"}],
}
"""What EC2 gives an endpoint without a policy of its own."""
_ENDPOINT_CREATION: Final = ("ServiceName", "VpcEndpointType", "VpcId", *_ENDPOINT_LISTS)


def _create_endpoint(context: Context, properties: Properties) -> Identity:
    endpoint = context.client("ec2").create_vpc_endpoint(
        **{"VpcEndpointType": "Gateway", **pick(properties, _ENDPOINT_CREATION)},
        PolicyDocument=as_json(properties.get("PolicyDocument", _FULL_ACCESS)),
        PrivateDnsEnabled=is_true(properties.get("PrivateDnsEnabled", False)),
        TagSpecifications=_tag_specifications("vpc-endpoint", properties),
    )["VpcEndpoint"]
    names = (f"{entry['HostedZoneId']}:{entry['DnsName']}" for entry in endpoint["DnsEntries"])
    return Identity(
        endpoint["VpcEndpointId"],
        {
            "CreationTimestamp": endpoint["CreationTimestamp"].isoformat(),
            "DnsEntries": list(names),
            "Id": endpoint["VpcEndpointId"],
            "NetworkInterfaceIds": endpoint["NetworkInterfaceIds"],
        },
    )


def _update_endpoint(context: Context, current: Resource, properties: Properties) -> Identity:
    arguments: dict[str, Any] = {}
    for name, (adding, removing) in _ENDPOINT_LISTS.items():
        before, after = current.properties.get(name, []), properties.get(name, [])
        arguments[adding] = [item for item in after if item not in before]
        arguments[removing] = [item for item in before if item not in after]
    context.client("ec2").modify_vpc_endpoint(
        VpcEndpointId=current.physical_id,
        PolicyDocument=as_json(properties.get("PolicyDocument", _FULL_ACCESS)),
        PrivateDnsEnabled=is_true(properties.get("PrivateDnsEnabled", False)),
        **arguments,
    )
    return _update_tags(context, current, properties)


def _delete_endpoint(context: Context, current: Resource) -> None:
    context.client("ec2").delete_vpc_endpoints(VpcEndpointIds=[current.physical_id])


_FLOW_LOG_PROPERTIES: Final = (
    "DeliverLogsPermissionArn",
    "LogDestination",
    "LogDestinationType",
    "LogFormat",
    "LogGroupName",
    "MaxAggregationInterval",
    "ResourceType",
    "TrafficType",
)


def _create_flow_log(context: Context, properties: Properties) -> Identity:
    answer = context.client("ec2").create_flow_logs(
        ResourceIds=[properties["ResourceId"]],
        TagSpecifications=_tag_specifications("vpc-flow-log", properties),
        **pick(properties, _FLOW_LOG_PROPERTIES),
    )
    for failure in answer["Unsuccessful"]:
        raise ProvisioningError(failure["Error"]["Message"])
    (flow_log_id,) = answer["FlowLogIds"]
    return Identity(flow_log_id, {"Id": flow_log_id})


def _delete_flow_log(context: Context, current: Resource) -> None:
    context.client("ec2").delete_flow_logs(FlowLogIds=[current.physical_id])


_RULES_IN_GROUP: Final = {"SecurityGroupEgress": "egress", "SecurityGroupIngress": "ingress"}
_ALLOW_ALL: Final = {"IpProtocol": "-1", "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}


def _create_security_group(context: Context, properties: Properties) -> Identity:
    client = context.client("ec2")
    group_id = client.create_security_group(
        GroupName=properties.get("GroupName") or context.generated_name(255),
        Description=properties["GroupDescription"],
        TagSpecifications=_tag_specifications("security-group", properties),
        **pick(properties, ("VpcId",)),
    )["GroupId"]
    with undone_on_failure(lambda: client.delete_security_group(GroupId=group_id)):
        if properties.get("SecurityGroupEgress"):
            # EC2 adds a rule that allows all egress; CloudFormation removes it for declared rules.
            client.revoke_security_group_egress(GroupId=group_id, IpPermissions=[_ALLOW_ALL])
        _set_rules(client, group_id, {}, properties)
    return Identity(
        group_id,
        {"GroupId": group_id, "Id": group_id, "VpcId": properties.get("VpcId", "")},
    )


def _update_security_group(context: Context, current: Resource, properties: Properties) -> Identity:
    client, group_id, before = context.client("ec2"), current.physical_id, current.properties
    had_rules = bool(before.get("SecurityGroupEgress"))
    has_rules = bool(properties.get("SecurityGroupEgress"))
    if has_rules and not had_rules:
        client.revoke_security_group_egress(GroupId=group_id, IpPermissions=[_ALLOW_ALL])
    _set_rules(client, group_id, before, properties)
    if had_rules and not has_rules:
        client.authorize_security_group_egress(GroupId=group_id, IpPermissions=[_ALLOW_ALL])
    return _update_tags(context, current, properties)


def _delete_security_group(context: Context, current: Resource) -> None:
    context.client("ec2").delete_security_group(GroupId=current.physical_id)


def _set_rules(client: Any, group_id: str, before: Properties, after: Properties) -> None:
    for name, direction in _RULES_IN_GROUP.items():
        old, new = before.get(name, []), after.get(name, [])
        revoke = getattr(client, f"revoke_security_group_{direction}")
        for rule in old:
            if rule not in new:
                revoke(GroupId=group_id, IpPermissions=[_permission(rule)])
        authorize = getattr(client, f"authorize_security_group_{direction}")
        for rule in new:
            if rule not in old:
                authorize(GroupId=group_id, IpPermissions=[_permission(rule)])


def _permission(rule: Properties) -> dict[str, Any]:
    """Translate a rule of a template, in or outside its group, to EC2's form."""
    permission: dict[str, Any] = {"IpProtocol": str(rule["IpProtocol"])}
    for port in ("FromPort", "ToPort"):
        if port in rule:
            permission[port] = int(rule[port])
    described = pick(rule, ("Description",))
    peers = {
        "CidrIp": ("IpRanges", "CidrIp"),
        "CidrIpv6": ("Ipv6Ranges", "CidrIpv6"),
        "DestinationPrefixListId": ("PrefixListIds", "PrefixListId"),
        "DestinationSecurityGroupId": ("UserIdGroupPairs", "GroupId"),
        "SourcePrefixListId": ("PrefixListIds", "PrefixListId"),
        "SourceSecurityGroupId": ("UserIdGroupPairs", "GroupId"),
    }
    for name, (section, key) in peers.items():
        if name in rule:
            permission[section] = [{key: rule[name], **described}]
    return permission


def _create_rule(direction: str, context: Context, properties: Properties) -> Identity:
    authorize = getattr(context.client("ec2"), f"authorize_security_group_{direction}")
    answer = authorize(GroupId=properties["GroupId"], IpPermissions=[_permission(properties)])
    rule_id = answer["SecurityGroupRules"][0]["SecurityGroupRuleId"]
    return Identity(rule_id, {"Id": rule_id})


def _update_rule(
    direction: str, context: Context, current: Resource, properties: Properties
) -> Identity:
    # Only the description of a rule changes in place.
    client = context.client("ec2")
    update = getattr(client, f"update_security_group_rule_descriptions_{direction}")
    update(GroupId=properties["GroupId"], IpPermissions=[_permission(properties)])
    return current.identity


def _delete_rule(direction: str, context: Context, current: Resource) -> None:
    revoke = getattr(context.client("ec2"), f"revoke_security_group_{direction}")
    revoke(GroupId=current.properties["GroupId"], IpPermissions=[_permission(current.properties)])


def _rule_handler(direction: str) -> Handler:
    return Handler(
        partial(_create_rule, direction),
        partial(_delete_rule, direction),
        partial(_update_rule, direction),
    )


HANDLERS: Final = {
    "AWS::EC2::FlowLog": Handler(
        _create_flow_log,
        _delete_flow_log,
        _update_tags,
        applied=frozenset({*_FLOW_LOG_PROPERTIES, "ResourceId", "Tags"}),
    ),
    "AWS::EC2::RouteTable": Handler(_create_route_table, _delete_route_table, _update_tags),
    "AWS::EC2::SecurityGroup": Handler(
        _create_security_group, _delete_security_group, _update_security_group
    ),
    "AWS::EC2::SecurityGroupEgress": _rule_handler("egress"),
    "AWS::EC2::SecurityGroupIngress": _rule_handler("ingress"),
    "AWS::EC2::Subnet": Handler(
        _create_subnet,
        _delete_subnet,
        _update_subnet,
        applied=frozenset(
            {"AvailabilityZone", "CidrBlock", "MapPublicIpOnLaunch", "Tags", "VpcId"}
        ),
    ),
    "AWS::EC2::SubnetRouteTableAssociation": Handler(
        _associate_route_table, _disassociate_route_table
    ),
    "AWS::EC2::VPC": Handler(
        _create_vpc,
        _delete_vpc,
        _update_vpc,
        applied=frozenset({"CidrBlock", "InstanceTenancy", "Tags", *_VPC_ATTRIBUTES}),
    ),
    "AWS::EC2::VPCEndpoint": Handler(
        _create_endpoint,
        _delete_endpoint,
        _update_endpoint,
        applied=frozenset({*_ENDPOINT_CREATION, "PolicyDocument", "PrivateDnsEnabled", "Tags"}),
    ),
}
