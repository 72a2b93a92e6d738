"""Which stacks and resources come and go, and which ones CloudFormation replaces.

What changes within a pipeline is told in its steps. Here is what a new setting or another name does
to everything else: model package groups, buckets, keys, roles, networks.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any, Final, TypeAlias

from constructs_lib.diff.changes import ResourceDiff, ResourceStatus, StackDiff, Status
from constructs_lib.language.canonical import canonical
from constructs_lib.language.expressions import find_objects
from constructs_lib.language.variables import variables_in

Template: TypeAlias = Mapping[str, Any]
Replacing: TypeAlias = Callable[[str, Mapping[str, Any], Mapping[str, Any]], Collection[str]]
"""Names the create-only properties that differ, of a type of resource, before and after."""

_METADATA: Final = "AWS::CDK::Metadata"
_PIPELINE: Final = "AWS::SageMaker::Pipeline"
_KEPT: Final = ("Retain", "RetainExceptOnCreate")


def compare_stacks(
    old: Mapping[str, Template], new: Mapping[str, Template], replacing: Replacing
) -> list[StackDiff]:
    """Compare templates by the name of their stack.

    Args:
        old: The earlier templates.
        new: The later ones.
        replacing: The rules of replacement.

    Returns:
        The stacks in which something comes, goes or is replaced.
    """
    importers = _importers(old)
    names = [*new, *(name for name in old if name not in new)]
    diffs = (_compare(name, old.get(name), new.get(name), replacing, importers) for name in names)
    return [diff for diff in diffs if diff.status != "unchanged"]


def _importers(templates: Mapping[str, Template]) -> dict[str, list[str]]:
    """Find the stacks that import an export, by its name."""
    found: dict[str, list[str]] = {}
    for stack, template in templates.items():
        for export in {
            each["Fn::ImportValue"]
            for _, each in find_objects(template.get("Resources") or {}, ())
            if isinstance(each.get("Fn::ImportValue"), str)
        }:
            found.setdefault(export, []).append(stack)
    return found


def _compare(
    name: str,
    old: Template | None,
    new: Template | None,
    replacing: Replacing,
    importers: Mapping[str, list[str]],
) -> StackDiff:
    if old is None or new is None:
        status: Status = "added" if old is None else "removed"
        return StackDiff(name=name, status=status, count=len(_resources(new or old or {})))
    before, after = (_without_pipelines(_resources(template)) for template in (old, new))
    users = _users(old.get("Outputs") or {}, before, importers)
    resources = tuple(_differences(before, after, replacing, users))
    return StackDiff(name=name, status="changed" if resources else "unchanged", resources=resources)


def _users(
    outputs: Mapping[str, Any], resources: Collection[str], importers: Mapping[str, list[str]]
) -> dict[str, list[str]]:
    """Find the stacks that import something of a resource, by its logical id."""
    found: dict[str, list[str]] = {}
    for output in outputs.values():
        stacks = importers.get(str(output.get("Export", {}).get("Name")), [])
        for logical_id in resources if stacks else ():
            if _with_new_ids(output["Value"], [logical_id]) != output["Value"]:
                found[logical_id] = sorted({*found.get(logical_id, []), *stacks})
    return found


def _resources(template: Template) -> dict[str, Any]:
    resources = template.get("Resources") or {}
    return {name: each for name, each in resources.items() if each["Type"] != _METADATA}


def _without_pipelines(resources: Mapping[str, Any]) -> dict[str, Any]:
    """Leave out what is told by its steps."""
    return {name: each for name, each in resources.items() if each["Type"] != _PIPELINE}


def _differences(
    old: Mapping[str, Any],
    new: Mapping[str, Any],
    replacing: Replacing,
    users: Mapping[str, list[str]],
) -> Iterator[ResourceDiff]:
    replaced = _replaced(old, new, replacing)
    for logical_id, resource in new.items():
        if logical_id not in old:
            yield _diff(logical_id, resource, "added")
        elif logical_id in replaced:
            paths = replaced[logical_id]
            consequence = _consequence(resource, old[logical_id], paths, users.get(logical_id, []))
            yield _diff(logical_id, resource, "replaced", consequence)
    for logical_id, resource in old.items():
        if logical_id not in new:
            kept = "stays in AWS, and the stack no longer manages it"
            consequence = kept if resource.get("DeletionPolicy") in _KEPT else "is deleted"
            yield _diff(logical_id, resource, "removed", consequence)


def _replaced(
    old: Mapping[str, Any], new: Mapping[str, Any], replacing: Replacing
) -> dict[str, list[str]]:
    """Find what is replaced, by logical id, and the properties that are the reason.

    A resource that is replaced has another id afterwards, so what refers to it in a create-only
    property is replaced as well: repeated until nothing is added.
    """
    found: dict[str, list[str]] = {}
    while True:
        again = {
            logical_id: paths
            for logical_id, resource in new.items()
            if logical_id in old
            and (paths := _replacing_paths(old[logical_id], resource, found, replacing))
        }
        if again.keys() == found.keys():
            return again
        found = again


def _replacing_paths(
    old: Any, new: Any, replaced: Collection[str], replacing: Replacing
) -> list[str]:
    if old["Type"] != new["Type"]:
        return ["Type"]
    before, after = old.get("Properties") or {}, new.get("Properties") or {}
    paths = replacing(new["Type"], before, _with_new_ids(after, replaced))
    return [path.replace("/*", "").replace("/", ".") for path in paths]


def _with_new_ids(value: Any, replaced: Collection[str]) -> Any:
    """Let what refers to a replaced resource differ from what it was."""
    match value:
        case {"Ref": str(name)} | {"Fn::GetAtt": [str(name), *_]} if name in replaced:
            return {"new": value}
        case {"Fn::GetAtt": str(path)} if path.partition(".")[0] in replaced:
            return {"new": value}
        case {"Fn::Sub": str(text) | [str(text), *_]} if any(
            name.partition(".")[0] in replaced for name in variables_in(text)
        ):
            return {"new": value}
        case dict():
            return {key: _with_new_ids(member, replaced) for key, member in value.items()}
        case list():
            return [_with_new_ids(item, replaced) for item in value]
    return value


def _consequence(resource: Any, old: Any, paths: list[str], users: list[str]) -> str:
    if paths == ["Type"]:
        return f"its type changes from {old['Type']}, which CloudFormation refuses"
    why = f"{', '.join(paths)} {'changes' if len(paths) == 1 else 'change'}"
    if users:
        return f"{why}: CloudFormation refuses that while {', '.join(users)} imports it"
    names = dict(_names(resource))
    if names and not names.keys() & set(paths):
        taken = ", ".join(names.values())
        return f"{why}: CloudFormation makes the new one first and fails, as {taken} is taken"
    fate = "stays in AWS" if old.get("UpdateReplacePolicy") in _KEPT else "is deleted"
    return f"{why}: a new one is made, the old one {fate}"


def _diff(
    logical_id: str, resource: Any, status: ResourceStatus, consequence: str | None = None
) -> ResourceDiff:
    return ResourceDiff(
        logical_id=logical_id,
        type=resource["Type"],
        name=next((name for _, name in _names(resource)), None),
        status=status,
        consequence=consequence,
    )


def _names(resource: Any) -> Iterator[tuple[str, str]]:
    """Find the property that names a resource: ``RoleName`` of a role, ``Name`` of a rule."""
    properties = resource.get("Properties") or {}
    for key in (f"{resource['Type'].rpartition('::')[2]}Name", "GroupName", "Name"):
        if key in properties:
            value = properties[key]
            yield key, value if isinstance(value, str) else _as_text(value)


def _as_text(value: Any) -> str:
    match value:
        case str():
            return value
        case {"Ref": str(name)}:
            return f"${{{name}}}"
        case {"Fn::Join": [str(separator), list(parts)]}:
            return separator.join(map(_as_text, parts))
        case {"Fn::Sub": str(text)}:
            return text
    return canonical(value)
