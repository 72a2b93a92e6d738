"""Amazon EventBridge Scheduler: schedules, which are kept but never start anything, and groups."""

from __future__ import annotations

from typing import Any, Final

from local.emulator.cloudformation.handlers.documents import pick, removed_tag_keys
from local.emulator.cloudformation.resources import Context, Handler, Identity, Properties, Resource

_SCHEDULE: Final = (
    "Description",
    "EndDate",
    "FlexibleTimeWindow",
    "GroupName",
    "KmsKeyArn",
    "ScheduleExpression",
    "ScheduleExpressionTimezone",
    "StartDate",
    "State",
    "Target",
)
_RETRY_NUMBERS: Final = ("MaximumEventAgeInSeconds", "MaximumRetryAttempts")


def _create_schedule(context: Context, properties: Properties) -> Identity:
    name = properties.get("Name") or context.generated_name(64)
    arn = context.client("scheduler").create_schedule(Name=name, **_arguments(properties))
    return Identity(name, {"Arn": arn["ScheduleArn"]})


def _update_schedule(context: Context, current: Resource, properties: Properties) -> Identity:
    context.client("scheduler").update_schedule(Name=current.physical_id, **_arguments(properties))
    return current.identity


def _delete_schedule(context: Context, current: Resource) -> None:
    context.client("scheduler").delete_schedule(
        Name=current.physical_id, **pick(current.properties, ("GroupName",))
    )


def _arguments(properties: Properties) -> dict[str, Any]:
    arguments = pick(properties, _SCHEDULE)
    target = dict(arguments["Target"])
    if "RetryPolicy" in target:
        target["RetryPolicy"] = {
            name: int(value) for name, value in pick(target["RetryPolicy"], _RETRY_NUMBERS).items()
        }
    return {**arguments, "Target": target}


def _create_group(context: Context, properties: Properties) -> Identity:
    name = properties.get("Name") or context.generated_name(64)
    arn = context.client("scheduler").create_schedule_group(
        Name=name, Tags=properties.get("Tags", [])
    )["ScheduleGroupArn"]
    return Identity(name, {"Arn": arn})


def _update_group(context: Context, current: Resource, properties: Properties) -> Identity:
    client, arn = context.client("scheduler"), current.identity.attributes["Arn"]
    if removed := removed_tag_keys(current.properties, properties):
        client.untag_resource(ResourceArn=arn, TagKeys=removed)
    if properties.get("Tags"):
        client.tag_resource(ResourceArn=arn, Tags=properties["Tags"])
    return current.identity


def _delete_group(context: Context, current: Resource) -> None:
    context.client("scheduler").delete_schedule_group(Name=current.physical_id)


HANDLERS: Final = {
    "AWS::Scheduler::Schedule": Handler(
        _create_schedule,
        _delete_schedule,
        _update_schedule,
        applied=frozenset({*_SCHEDULE, "Name"}),
    ),
    "AWS::Scheduler::ScheduleGroup": Handler(
        _create_group, _delete_group, _update_group, applied=frozenset({"Name", "Tags"})
    ),
}
