"""The CloudFormation API: requests in, answers out, over moto's protocol layer."""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final
from urllib.parse import urlsplit

from botocore.exceptions import ClientError
from moto.core.exceptions import ServiceException
from moto.core.responses import ActionResult, BaseResponse, EmptyResult

from local.emulator.cloudformation.answers import (
    describe_change_set,
    describe_event,
    describe_resource,
    describe_stack,
)
from local.emulator.cloudformation.changes import changes
from local.emulator.cloudformation.errors import TemplateError
from local.emulator.cloudformation.provisioning import delete, deploy
from local.emulator.cloudformation.resources import Place
from local.emulator.cloudformation.stacks import ChangeSet, Region, Stack
from local.emulator.cloudformation.templates import Template

_NO_CHANGES: Final = (
    "The submitted information didn't contain changes. "
    "Submit different information to create a change set."
)
_UPDATABLE: Final = {"CREATE_COMPLETE", "UPDATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE"}


class ServiceError(ServiceException):  # type: ignore[misc]  # moto is not type-checked
    """An error answer: code and message.

    A class of its own: moto takes the package of ``ServiceException`` for a service's name.
    """


_REGIONS: Final[defaultdict[tuple[str, str], Region]] = defaultdict(Region)


class CloudFormation(BaseResponse):  # type: ignore[misc]  # moto is not type-checked
    """The actions of the service; each method is one, named as moto's dispatcher wants it."""

    endpoint_url = ""
    """Where the services answer; set once the server has its port."""

    def __init__(self) -> None:
        """Ask moto to parse requests by the service's own model."""
        super().__init__(service_name="cloudformation")
        self.automated_parameter_parsing = True

    # Change sets

    def create_change_set(self) -> ActionResult:
        """Refuse the template, or propose its deployment."""
        if self._find_change_set() is not None:
            raise ServiceError("AlreadyExistsException", "A change set of this name already exists")
        stack_name, kind = self._text("StackName"), self._get_param("ChangeSetType", "UPDATE")
        stack = self._region.find(stack_name)
        if kind == "CREATE" and stack is not None and stack.status != "REVIEW_IN_PROGRESS":
            raise _error(f"Stack [{stack_name}] already exists and cannot be created again")
        if kind == "UPDATE":
            stack = self._updatable_stack(stack_name)
        template = self._template(stack)
        parameters = self._parameters(stack, template)
        if stack is None:
            stack = self._new_stack(stack_name)
        change_set = self._propose(stack, template, parameters)
        self._region.change_sets[change_set.arn] = change_set
        return ActionResult({"Id": change_set.arn, "StackId": stack.stack_id})

    def describe_change_set(self) -> ActionResult:
        """Answer what a change set would do."""
        return ActionResult(describe_change_set(self._change_set()))

    def delete_change_set(self) -> ActionResult:
        """Forget a change set; one that does not exist is deleted already."""
        change_set = self._find_change_set()
        if change_set is not None:
            del self._region.change_sets[change_set.arn]
        return EmptyResult()

    def execute_change_set(self) -> ActionResult:
        """Deploy a change set; answered when the deployment has ended, well or not."""
        change_set = self._change_set()
        if change_set.execution_status != "AVAILABLE":
            raise ServiceError(
                "InvalidChangeSetStatus",
                f"ChangeSet [{change_set.arn}] cannot be executed in its current status of "
                f"[{change_set.status}]",
            )
        change_set.execution_status = "EXECUTE_IN_PROGRESS"
        stack = change_set.stack
        stack.tags, stack.role_arn = change_set.tags, change_set.role_arn
        self._deploy(stack, change_set.template, change_set.parameters)
        for other in list(self._region.change_sets.values()):
            if other.stack is stack:
                del self._region.change_sets[other.arn]
        return EmptyResult()

    def list_change_sets(self) -> ActionResult:
        """Answer the change sets of a stack."""
        stack = self._stack()
        change_sets = self._region.change_sets.values()
        summaries = [describe_change_set(item) for item in change_sets if item.stack is stack]
        return ActionResult({"Summaries": summaries})

    # Stacks

    def create_stack(self) -> ActionResult:
        """Create a stack without a change set."""
        name = self._text("StackName")
        if self._region.find(name) is not None:
            raise ServiceError("AlreadyExistsException", f"Stack [{name}] already exists")
        template = self._template(None)
        parameters = self._parameters(None, template)
        stack = self._new_stack(name)
        stack.tags, stack.role_arn = self._tags(), self._get_param("RoleARN")
        stack.is_protected = bool(self._get_bool_param("EnableTerminationProtection"))
        self._deploy(stack, template, parameters)
        return ActionResult({"StackId": stack.stack_id})

    def update_stack(self) -> ActionResult:
        """Update a stack without a change set."""
        stack = self._updatable_stack(self._text("StackName"))
        template = self._template(stack)
        parameters = self._parameters(stack, template)
        tags = self._tags() or stack.tags
        if _is_same(stack, template, parameters, tags):
            raise _error("No updates are to be performed.")
        stack.tags = tags
        self._deploy(stack, template, parameters)
        return ActionResult({"StackId": stack.stack_id})

    def delete_stack(self) -> ActionResult:
        """Delete a stack; a stack that does not exist is deleted already."""
        stack = self._region.find(self._text("StackName"))
        if stack is None or stack.deleted is not None:
            return EmptyResult()
        if stack.is_protected:
            raise _error(
                f"Stack [{stack.name}] cannot be deleted while TerminationProtection is enabled"
            )
        for export, importer in self._region.exports_in_use(stack).items():
            reason = f"Export {export} cannot be deleted as it is in use by {importer}"
            stack.set_status("DELETE_FAILED", reason)
            return EmptyResult()
        delete(stack)
        return EmptyResult()

    def update_termination_protection(self) -> ActionResult:
        """Protect a stack from deletion, or no longer."""
        stack = self._stack()
        stack.is_protected = bool(self._get_bool_param("EnableTerminationProtection"))
        return ActionResult({"StackId": stack.stack_id})

    def describe_stacks(self) -> ActionResult:
        """Answer one stack, or all that exist."""
        name = self._get_param("StackName")
        stacks = list(self._region.existing()) if name is None else [self._stack()]
        return ActionResult({"Stacks": [describe_stack(stack) for stack in stacks]})

    def list_stacks(self) -> ActionResult:
        """Answer all stacks in the given statuses, deleted ones too."""
        statuses = self._get_param("StackStatusFilter", [])
        stacks = self._region.stacks.values()
        wanted = [stack for stack in stacks if not statuses or stack.status in statuses]
        return ActionResult({"StackSummaries": [describe_stack(stack) for stack in wanted]})

    def describe_stack_events(self) -> ActionResult:
        """Answer the history of a stack, the latest first."""
        stack = self._stack()
        events = [describe_event(stack, event) for event in reversed(stack.events)]
        return ActionResult({"StackEvents": events})

    def describe_stack_resources(self) -> ActionResult:
        """Answer the resources of a stack, or one of them."""
        wanted = self._get_param("LogicalResourceId")
        stack = self._stack()
        logical_ids = list(stack.resources) if wanted is None else [wanted]
        return ActionResult(
            {"StackResources": [self._resource(stack, logical_id) for logical_id in logical_ids]}
        )

    def describe_stack_resource(self) -> ActionResult:
        """Answer one resource of a stack."""
        resource = self._resource(self._stack(), self._text("LogicalResourceId"))
        return ActionResult({"StackResourceDetail": resource})

    def list_stack_resources(self) -> ActionResult:
        """Answer the resources of a stack, in short."""
        stack = self._stack()
        resources = [describe_resource(stack, item) for item in stack.resources.values()]
        return ActionResult({"StackResourceSummaries": resources})

    def get_template(self) -> ActionResult:
        """Answer the template a stack was last deployed with."""
        return ActionResult(
            {"TemplateBody": self._stack().template.body, "StagesAvailable": ["Original"]}
        )

    def get_template_summary(self) -> ActionResult:
        """Answer the parameters and resource types of a template or of a stack's template."""
        name = self._get_param("StackName")
        template = self._template(None) if name is None else self._stack().template
        parameters = [
            {
                "DefaultValue": definition.get("Default"),
                "Description": definition.get("Description"),
                "ParameterKey": key,
                "ParameterType": definition.get("Type"),
            }
            for key, definition in template.parameters.items()
        ]
        types = sorted({definition["Type"] for definition in template.resources.values()})
        return ActionResult({"Parameters": parameters, "ResourceTypes": types})

    def list_exports(self) -> ActionResult:
        """Answer the exports of the region."""
        exports = [
            {"ExportingStackId": stack.stack_id, "Name": name, "Value": value}
            for stack in self._region.existing()
            for name, value in stack.exports.items()
        ]
        return ActionResult({"Exports": exports})

    # What the actions share

    @property
    def _place(self) -> Place:
        return Place(self.current_account, self.region, self.endpoint_url)

    @property
    def _region(self) -> Region:
        return _REGIONS[self.current_account, self.region]

    def _text(self, name: str) -> str:
        return str(self._get_param(name))

    def _stack(self) -> Stack:
        name = self._text("StackName")
        stack = self._region.find(name)
        if stack is None:
            raise _error(f"Stack with id {name} does not exist")
        return stack

    def _resource(self, stack: Stack, logical_id: str) -> dict[str, Any]:
        if logical_id not in stack.resources:
            raise _error(f"Resource {logical_id} does not exist for stack {stack.name}")
        return describe_resource(stack, stack.resources[logical_id])

    def _updatable_stack(self, name: str) -> Stack:
        stack = self._region.find(name)
        if stack is None or stack.deleted is not None:
            raise _error(f"Stack [{name}] does not exist")
        if stack.status not in _UPDATABLE:
            raise _error(
                f"Stack:{stack.stack_id} is in {stack.status} state and can not be updated."
            )
        return stack

    def _new_stack(self, name: str) -> Stack:
        arn = f"arn:aws:cloudformation:{self.region}:{self.current_account}:stack/{name}"
        stack = Stack(name, f"{arn}/{uuid.uuid4()}", self._place)
        self._region.stacks[stack.stack_id] = stack
        return stack

    def _change_set(self) -> ChangeSet:
        change_set = self._find_change_set()
        if change_set is None:
            name = self._text("ChangeSetName")
            raise ServiceError("ChangeSetNotFound", f"ChangeSet [{name}] does not exist")
        return change_set

    def _find_change_set(self) -> ChangeSet | None:
        # The CDK CLI gives every change set the same name: only stack and name together are one.
        name, stack_name = self._text("ChangeSetName"), self._get_param("StackName")
        for change_set in self._region.change_sets.values():
            stack = change_set.stack
            if name == change_set.arn or (
                name == change_set.name and stack_name in (stack.name, stack.stack_id)
            ):
                return change_set
        return None

    def _template(self, stack: Stack | None) -> Template:
        if stack is not None and self._get_bool_param("UsePreviousTemplate"):
            return stack.template
        body, url = self._get_param("TemplateBody"), self._get_param("TemplateURL")
        if body is None and url is None:
            raise _error("Either Template URL or Template Body must be specified.")
        with _refusing():
            return Template.parse(body if url is None else _fetch(url, self._place))

    def _parameters(self, stack: Stack | None, template: Template) -> dict[str, str]:
        previous = {} if stack is None else stack.parameters
        given = {}
        for item in self._get_param("Parameters", []):
            key = item["ParameterKey"]
            if not item.get("UsePreviousValue"):
                given[key] = item["ParameterValue"]
            elif key in previous:
                given[key] = previous[key]
        with _refusing():
            texts = template.parameter_texts(given)
            template.parameter_values(texts, self._place)
        return texts

    def _tags(self) -> dict[str, str]:
        return {tag["Key"]: tag["Value"] for tag in self._get_param("Tags", [])}

    def _propose(
        self, stack: Stack, template: Template, parameters: Mapping[str, str]
    ) -> ChangeSet:
        name, tags = self._text("ChangeSetName"), self._tags()
        arn = f"arn:aws:cloudformation:{self.region}:{self.current_account}:changeSet/{name}"
        change_set = ChangeSet(
            name=name,
            arn=f"{arn}/{uuid.uuid4()}",
            stack=stack,
            template=template,
            parameters=parameters,
            tags=tags,
            description=self._get_param("Description"),
            role_arn=self._get_param("RoleARN"),
            changes=tuple(
                changes(stack, template, parameters, self._region.exports_of_others(stack))
            ),
        )
        if _is_same(stack, template, parameters, tags):
            change_set.status, change_set.status_reason = "FAILED", _NO_CHANGES
            change_set.execution_status = "UNAVAILABLE"
        return change_set

    def _deploy(self, stack: Stack, template: Template, parameters: Mapping[str, str]) -> None:
        deploy(
            stack,
            template,
            parameters,
            exports=self._region.exports_of_others(stack),
            exports_in_use=self._region.exports_in_use(stack),
        )


def _error(message: str) -> ServiceError:
    return ServiceError("ValidationError", message)


@contextmanager
def _refusing() -> Iterator[None]:
    try:
        yield
    except TemplateError as error:
        raise _error(str(error)) from error


def _fetch(url: str, place: Place) -> str:
    bucket, key = urlsplit(url).path.lstrip("/").split("/", 1)
    try:
        answer = place.client("s3").get_object(Bucket=bucket, Key=key)
    except ClientError as error:
        raise TemplateError(f"S3 error: cannot read template {url}: {error}") from error
    return str(answer["Body"].read().decode())


def _is_same(
    stack: Stack, template: Template, parameters: Mapping[str, str], tags: Mapping[str, str]
) -> bool:
    return (template.sections, parameters, tags) == (
        stack.template.sections,
        stack.parameters,
        stack.tags,
    )
