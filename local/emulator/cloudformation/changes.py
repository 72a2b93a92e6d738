"""What a deployment would change: the answer of DescribeChangeSet, property by property.

The CDK CLI's ``diff`` hides what no change set mentions, because a text that differs may resolve to
what is deployed already. So properties are compared resolved.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from constructs_lib.aws.resource_types import replacing_properties
from local.emulator.cloudformation.errors import TemplateError
from local.emulator.cloudformation.functions import Scope, resolve
from local.emulator.cloudformation.provisioning import is_active, new_scope
from local.emulator.cloudformation.resources import Resource
from local.emulator.cloudformation.stacks import Stack
from local.emulator.cloudformation.templates import Template

_NOT_KNOWN_YET: Final = object()
"""What a property is that refers to a resource which does not exist yet."""


def changes(
    stack: Stack, template: Template, parameters: Mapping[str, str], exports: Mapping[str, str]
) -> Iterator[dict[str, Any]]:
    """Yield each resource that bringing ``stack`` to ``template`` would change.

    Args:
        stack: The stack as it is.
        template: What it shall be.
        parameters: Text of each parameter of the template.
        exports: Values by name that the other stacks of the region export.
    """
    scope = new_scope(stack, template, parameters, exports)
    for resource in stack.resources.values():
        scope.add(resource.logical_id, resource.physical_id, resource.identity.attributes)
    wanted = {key: each for key, each in template.resources.items() if is_active(each, scope)}
    for logical_id, definition in wanted.items():
        current = stack.resources.get(logical_id)
        if current is None:
            yield _change("Add", logical_id, definition["Type"])
            continue
        details = list(_details(current, definition.get("Properties", {}), scope))
        before = stack.template.resources.get(logical_id, {})
        if details or _without_properties(before) != _without_properties(definition):
            yield _change("Modify", logical_id, definition["Type"], details)
    for logical_id, resource in stack.resources.items():
        if logical_id not in wanted:
            yield _change("Remove", logical_id, resource.type)


def _change(
    action: str, logical_id: str, resource_type: str, details: list[dict[str, Any]] | None = None
) -> dict[str, Any]:
    change: dict[str, Any] = {
        "Action": action,
        "LogicalResourceId": logical_id,
        "ResourceType": resource_type,
        "Details": details or [],
    }
    if action == "Modify":
        replaced = any(
            each["Target"]["RequiresRecreation"] == "Always" for each in change["Details"]
        )
        change["Replacement"] = "True" if replaced else "False"
    return {"Type": "Resource", "ResourceChange": change}


def _details(
    current: Resource, wanted: Mapping[str, Any], scope: Scope
) -> Iterator[dict[str, Any]]:
    for name in sorted(current.properties.keys() | wanted.keys()):
        before, after = current.properties.get(name), _resolved(wanted.get(name), scope)
        if before == after:
            continue
        replaces = replacing_properties(current.type, {name: before}, {name: after})
        yield {
            "Target": {
                "Attribute": "Properties",
                "Name": name,
                "RequiresRecreation": "Always" if replaces else "Never",
            },
            "Evaluation": "Dynamic" if after is _NOT_KNOWN_YET else "Static",
            "ChangeSource": "DirectModification",
        }


def _resolved(value: Any, scope: Scope) -> Any:
    try:
        # Within a list, because a value that is left out leaves no trace in one.
        return next(iter(resolve([value], scope)), None)
    except TemplateError:
        return _NOT_KNOWN_YET


def _without_properties(definition: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in definition.items() if key != "Properties"}
