"""How the API describes stacks, resources, events and change sets."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from local.emulator.cloudformation.resources import Resource
from local.emulator.cloudformation.stacks import ChangeSet, Event, Output, Stack


def describe_stack(stack: Stack) -> dict[str, Any]:
    """Return a ``Stack`` of DescribeStacks."""
    return {
        "CreationTime": stack.created,
        "DeletionTime": stack.deleted,
        "Description": stack.template.description,
        "DisableRollback": False,
        "EnableTerminationProtection": stack.is_protected,
        "LastUpdatedTime": stack.updated,
        "NotificationARNs": [],
        "Outputs": [_describe_output(output) for output in stack.outputs],
        "Parameters": _pairs(stack.parameters, "Parameter"),
        "RoleARN": stack.role_arn,
        "StackId": stack.stack_id,
        "StackName": stack.name,
        "StackStatus": stack.status,
        "StackStatusReason": stack.status_reason,
        "Tags": _pairs(stack.tags, ""),
    }


def describe_resource(stack: Stack, resource: Resource) -> dict[str, Any]:
    """Return a ``StackResource``, with the members of a summary and of a detail."""
    history = (event for event in reversed(stack.events) if event.logical_id == resource.logical_id)
    last = next(history)
    return {
        "LastUpdatedTimestamp": last.time,
        "LogicalResourceId": resource.logical_id,
        "PhysicalResourceId": resource.physical_id,
        "ResourceStatus": last.status,
        "ResourceStatusReason": last.reason,
        "ResourceType": resource.type,
        "StackId": stack.stack_id,
        "StackName": stack.name,
        "Timestamp": last.time,
    }


def describe_event(stack: Stack, event: Event) -> dict[str, Any]:
    """Return a ``StackEvent``."""
    return {
        "EventId": event.event_id,
        "LogicalResourceId": event.logical_id,
        "PhysicalResourceId": event.physical_id,
        "ResourceStatus": event.status,
        "ResourceStatusReason": event.reason,
        "ResourceType": event.resource_type,
        "StackId": stack.stack_id,
        "StackName": stack.name,
        "Timestamp": event.time,
    }


def describe_change_set(change_set: ChangeSet) -> dict[str, Any]:
    """Return the answer of DescribeChangeSet."""
    return {
        "ChangeSetId": change_set.arn,
        "ChangeSetName": change_set.name,
        "Changes": list(change_set.changes),
        "CreationTime": change_set.created,
        "Description": change_set.description,
        "ExecutionStatus": change_set.execution_status,
        "Parameters": _pairs(change_set.parameters, "Parameter"),
        "StackId": change_set.stack.stack_id,
        "StackName": change_set.stack.name,
        "Status": change_set.status,
        "StatusReason": change_set.status_reason,
        "Tags": _pairs(change_set.tags, ""),
    }


def _describe_output(output: Output) -> dict[str, Any]:
    return {
        "Description": output.description,
        "ExportName": output.export_name,
        "OutputKey": output.key,
        "OutputValue": output.value,
    }


def _pairs(values: Mapping[str, str], prefix: str) -> list[dict[str, str]]:
    return [{f"{prefix}Key": key, f"{prefix}Value": value} for key, value in values.items()]
