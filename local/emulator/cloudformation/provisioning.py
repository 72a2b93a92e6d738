"""Deploying and deleting stacks: order, replacement, clean-up and rollback."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, Final

from botocore.exceptions import BotoCoreError, ClientError

from constructs_lib.aws.resource_types import replacing_properties
from local.emulator.cloudformation.errors import (
    CloudFormationError,
    ProvisioningError,
    TemplateError,
)
from local.emulator.cloudformation.functions import Scope, condition_holds, resolve
from local.emulator.cloudformation.handlers import handler_of
from local.emulator.cloudformation.resources import (
    Context,
    Identity,
    Resource,
    is_missing,
    refuse_unapplied,
)
from local.emulator.cloudformation.schemas import check_properties
from local.emulator.cloudformation.stacks import Output, Stack
from local.emulator.cloudformation.templates import Template

_RETAINING_POLICIES: Final = {"Retain", "RetainExceptOnCreate"}


def deploy(
    stack: Stack,
    template: Template,
    parameters: Mapping[str, str],
    *,
    exports: Mapping[str, str],
    exports_in_use: Mapping[str, str],
) -> None:
    """Bring ``stack`` to ``template``, or back to where it was when a resource fails.

    The outcome is in ``stack.status``.

    Args:
        stack: The stack to change.
        template: What it shall be.
        parameters: Text of each parameter of the template.
        exports: Values by name that the other stacks of the region export.
        exports_in_use: Exports of this stack, with the name of a stack that imports each.
    """
    operation = "CREATE" if stack.status == "REVIEW_IN_PROGRESS" else "UPDATE"
    stack.set_status(f"{operation}_IN_PROGRESS", "User Initiated")
    deployment = _Deployment(stack, template)
    try:
        deployment.provision(new_scope(stack, template, parameters, exports))
        _check_exports(stack, deployment.outputs, exports, exports_in_use)
    except CloudFormationError as error:
        deployment.roll_back("UPDATE_ROLLBACK" if operation == "UPDATE" else "ROLLBACK", error)
        return
    deployment.keep()
    stack.parameters = parameters
    if operation == "UPDATE":
        stack.updated = datetime.now(UTC)
        stack.set_status("UPDATE_COMPLETE_CLEANUP_IN_PROGRESS")
        deployment.clean_up()
    stack.set_status(f"{operation}_COMPLETE")


def delete(stack: Stack) -> None:
    """Delete the stack's resources, dependants first; ``stack.status`` tells whether all went.

    What a resource that stays depends on stays, too.
    """
    stack.set_status("DELETE_IN_PROGRESS", "User Initiated")
    failed: list[str] = []
    needed: set[str] = set()
    for resource in reversed(list(stack.resources.values())):
        if resource.logical_id not in needed:
            try:
                _delete_resource(stack, resource)
            except ProvisioningError:
                failed.append(resource.logical_id)
            else:
                del stack.resources[resource.logical_id]
                continue
        needed |= stack.template.needed_by(resource.logical_id)
    if failed:
        names = ", ".join(failed)
        stack.set_status("DELETE_FAILED", f"The following resource(s) failed to delete: [{names}].")
        return
    stack.outputs, stack.imports = (), frozenset()
    stack.deleted = datetime.now(UTC)
    stack.set_status("DELETE_COMPLETE")


class _Deployment:
    """One create or update of a stack, with what is needed to take it back.

    While it runs, ``stack.resources`` holds what exists: the old resources until each is changed.
    """

    def __init__(self, stack: Stack, template: Template) -> None:
        self.outputs: tuple[Output, ...] = ()
        self._stack = stack
        self._template = template
        self._before = dict(stack.resources)
        self._after: dict[str, Resource] = {}
        self._imports: frozenset[str] = frozenset()
        self._undo: list[Callable[[], None]] = []

    def provision(self, scope: Scope) -> None:
        """Create, update or replace every resource, then resolve the outputs.

        Raises:
            CloudFormationError: The first failure; ``roll_back`` undoes what was done until then.
        """
        for logical_id in self._template.creation_order():
            if is_active(self._template.resources[logical_id], scope):
                resource = self._provision_resource(logical_id, scope)
                self._after[logical_id] = resource
                scope.add(logical_id, resource.physical_id, resource.identity.attributes)
        self.outputs = tuple(_outputs(self._template, scope))
        self._imports = frozenset(resolve(list(self._template.imports()), scope))

    def keep(self) -> None:
        """Make the result the state of the stack."""
        self._stack.template = self._template
        self._stack.resources = self._after
        self._stack.outputs = self.outputs
        self._stack.imports = self._imports

    def clean_up(self) -> None:
        """Delete what the update replaced or dropped; as in AWS, a failure is only an event."""
        for logical_id, resource in reversed(self._before.items()):
            successor = self._after.get(logical_id)
            if successor is None:
                outdated = resource
            elif successor.physical_id != resource.physical_id:
                policy = self._template.resources[logical_id].get("UpdateReplacePolicy")
                outdated = replace(resource, retained=policy in _RETAINING_POLICIES)
            else:
                continue
            try:
                _delete_resource(self._stack, outdated)
            except ProvisioningError:
                continue

    def roll_back(self, operation: str, cause: CloudFormationError) -> None:
        """Undo everything done so far, the latest first."""
        self._stack.set_status(f"{operation}_IN_PROGRESS", str(cause))
        problems = []
        for undo in reversed(self._undo):
            try:
                undo()
            except ProvisioningError as problem:
                problems.append(str(problem))
        outcome = "FAILED" if problems else "COMPLETE"
        self._stack.set_status(f"{operation}_{outcome}", "; ".join([str(cause), *problems]))

    def _provision_resource(self, logical_id: str, scope: Scope) -> Resource:
        definition = self._template.resources[logical_id]
        current = self._before.get(logical_id)
        wanted = Resource(
            logical_id=logical_id,
            type=definition["Type"],
            identity=Identity("", {}) if current is None else current.identity,
            properties=resolve(definition.get("Properties", {}), scope),
            retained=definition.get("DeletionPolicy") in _RETAINING_POLICIES,
        )
        if current is None:
            return self._create(wanted, definition.get("DeletionPolicy"))
        if current.type != wanted.type:
            raise TemplateError(
                f"Update of resource type is not permitted. The new template modifies resource "
                f"type of the following resources: [{logical_id}]"
            )
        if current.properties == wanted.properties:
            return wanted
        if replacing_properties(current.type, current.properties, wanted.properties):
            return self._replace(current, wanted)
        return self._update(current, wanted)

    def _create(self, wanted: Resource, deletion_policy: str | None) -> Resource:
        created = _create_resource(self._stack, wanted)

        def undo() -> None:
            retained = deletion_policy == "Retain"
            _delete_resource(self._stack, replace(created, retained=retained))
            del self._stack.resources[wanted.logical_id]

        self._undo.append(undo)
        return created

    def _replace(self, current: Resource, wanted: Resource) -> Resource:
        reason = "Requested update requires the creation of a new physical resource"
        self._stack.record(current, "UPDATE_IN_PROGRESS", reason)
        created = _create_resource(self._stack, wanted, "UPDATE")

        def undo() -> None:
            _delete_resource(self._stack, replace(created, retained=False))
            self._stack.resources[wanted.logical_id] = current

        self._undo.append(undo)
        return created

    def _update(self, current: Resource, wanted: Resource) -> Resource:
        def undo() -> None:
            _update_resource(self._stack, wanted, current)

        # A failed update may have changed something: it is undone like a finished one.
        return _update_resource(
            self._stack, current, wanted, on_start=lambda: self._undo.append(undo)
        )


def new_scope(
    stack: Stack, template: Template, parameters: Mapping[str, str], exports: Mapping[str, str]
) -> Scope:
    """Return the scope of a template before any resource exists.

    Raises:
        TemplateError: A parameter of the SSM parameter store that does not exist.
    """
    return Scope(
        references={
            "AWS::AccountId": stack.place.account_id,
            "AWS::NotificationARNs": [],
            "AWS::Partition": "aws",
            "AWS::Region": stack.place.region,
            "AWS::StackId": stack.stack_id,
            "AWS::StackName": stack.name,
            "AWS::URLSuffix": "amazonaws.com",
            **template.parameter_values(parameters, stack.place),
        },
        mappings=template.mappings,
        conditions=template.conditions,
        exports=exports,
    )


def is_active(definition: Mapping[str, Any], scope: Scope) -> bool:
    """Tell whether the condition of a resource or an output holds."""
    condition = definition.get("Condition")
    return condition is None or condition_holds(condition, scope)


def _outputs(template: Template, scope: Scope) -> Iterator[Output]:
    for key, definition in template.outputs.items():
        if is_active(definition, scope):
            export = definition.get("Export")
            yield Output(
                key=key,
                value=str(resolve(definition["Value"], scope)),
                description=definition.get("Description"),
                export_name=None if export is None else str(resolve(export["Name"], scope)),
            )


def _check_exports(
    stack: Stack,
    outputs: Iterable[Output],
    exports: Mapping[str, str],
    exports_in_use: Mapping[str, str],
) -> None:
    wanted = {o.export_name: o.value for o in outputs if o.export_name is not None}
    for name, importer in exports_in_use.items():
        if wanted.get(name) != stack.exports[name]:
            raise TemplateError(
                f"Export {name} cannot be updated or deleted as it is in use by {importer}"
            )
    for name in wanted.keys() & exports.keys():
        raise TemplateError(f"Export with name {name} is already exported by another stack")


def _create_resource(stack: Stack, wanted: Resource, operation: str = "CREATE") -> Resource:
    create = handler_of(wanted.type).create
    with _recorded(stack, wanted, operation):
        _check(wanted)
        identity = create(_context(stack, wanted), wanted.properties)
    return _completed(stack, replace(wanted, identity=identity), operation)


def _update_resource(
    stack: Stack,
    current: Resource,
    wanted: Resource,
    *,
    on_start: Callable[[], None] = lambda: None,
) -> Resource:
    update = handler_of(wanted.type).update
    with _recorded(stack, current, "UPDATE"):
        _check(wanted)
        if update is None:
            raise ProvisioningError(
                f"The embedded AWS cannot update {wanted.type} in place from "
                f"{json.dumps(current.properties)} to {json.dumps(wanted.properties)}"
            )
        on_start()
        identity = update(_context(stack, current), current, wanted.properties)
    return _completed(stack, replace(wanted, identity=identity), "UPDATE")


def _check(wanted: Resource) -> None:
    check_properties(wanted.type, wanted.properties)
    applied = handler_of(wanted.type).applied
    if applied is not None:
        refuse_unapplied(wanted.type, wanted.properties, applied)


def _completed(stack: Stack, resource: Resource, operation: str) -> Resource:
    stack.resources[resource.logical_id] = resource
    stack.record(resource, f"{operation}_COMPLETE")
    return resource


def _delete_resource(stack: Stack, resource: Resource) -> None:
    if resource.retained:
        stack.record(resource, "DELETE_SKIPPED")
        return
    with _recorded(stack, resource, "DELETE"):
        try:
            handler_of(resource.type).delete(_context(stack, resource), resource)
        except ClientError as error:
            if not is_missing(error):
                raise
    stack.record(resource, "DELETE_COMPLETE")


def _context(stack: Stack, resource: Resource) -> Context:
    return Context(stack.place, stack.name, stack.stack_id, resource.logical_id, resource.type)


@contextmanager
def _recorded(stack: Stack, resource: Resource, operation: str) -> Iterator[None]:
    """Record the start of an operation on a resource, and its failure as CloudFormation does."""
    stack.record(resource, f"{operation}_IN_PROGRESS")
    try:
        yield
    except (ClientError, BotoCoreError, ProvisioningError) as error:
        reason = _reason(error)
        stack.record(resource, f"{operation}_FAILED", reason)
        raise ProvisioningError(
            f"The following resource(s) failed to {operation.lower()}: "
            f"[{resource.logical_id}]: {reason}"
        ) from error


def _reason(error: Exception) -> str:
    if not isinstance(error, ClientError):
        return str(error)
    answer = error.response["Error"]
    return (
        f"Resource handler returned message: {answer['Message']!r} "
        f"(Operation: {error.operation_name}, Code: {answer['Code']})"
    )
