"""AWS Step Functions: state machines."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from local.emulator.cloudformation.handlers.documents import is_true, removed_tag_keys
from local.emulator.cloudformation.resources import Context, Handler, Identity, Properties, Resource

_APPLIED: Final = frozenset(
    {
        "DefinitionString",
        "LoggingConfiguration",
        "RoleArn",
        "StateMachineName",
        "StateMachineType",
        "Tags",
        "TracingConfiguration",
    }
)


def _create(context: Context, properties: Properties) -> Identity:
    name = properties.get("StateMachineName") or context.generated_name(80)
    arn = context.client("stepfunctions").create_state_machine(
        name=name,
        type=properties.get("StateMachineType", "STANDARD"),
        tags=_tags(properties),
        **_arguments(properties),
    )["stateMachineArn"]
    return Identity(arn, {"Arn": arn, "Name": name})


def _update(context: Context, current: Resource, properties: Properties) -> Identity:
    client, arn = context.client("stepfunctions"), current.physical_id
    client.update_state_machine(stateMachineArn=arn, **_arguments(properties))
    if removed := removed_tag_keys(current.properties, properties):
        client.untag_resource(resourceArn=arn, tagKeys=removed)
    if properties.get("Tags"):
        client.tag_resource(resourceArn=arn, tags=_tags(properties))
    return current.identity


def _delete(context: Context, current: Resource) -> None:
    context.client("stepfunctions").delete_state_machine(stateMachineArn=current.physical_id)


def _arguments(properties: Properties) -> dict[str, Any]:
    arguments: dict[str, Any] = {
        "definition": properties["DefinitionString"],
        "roleArn": properties["RoleArn"],
    }
    if "LoggingConfiguration" in properties:
        arguments["loggingConfiguration"] = _logging(properties["LoggingConfiguration"])
    if "TracingConfiguration" in properties:
        tracing = properties["TracingConfiguration"]
        arguments["tracingConfiguration"] = {"enabled": is_true(tracing.get("Enabled", False))}
    return arguments


def _logging(given: Mapping[str, Any]) -> dict[str, Any]:
    groups = [each["CloudWatchLogsLogGroup"] for each in given.get("Destinations", ())]
    return {
        "level": given.get("Level", "OFF"),
        "includeExecutionData": is_true(given.get("IncludeExecutionData", False)),
        "destinations": [
            {"cloudWatchLogsLogGroup": {"logGroupArn": group["LogGroupArn"]}} for group in groups
        ],
    }


def _tags(properties: Properties) -> list[dict[str, str]]:
    return [{"key": tag["Key"], "value": tag["Value"]} for tag in properties.get("Tags", ())]


HANDLERS: Final = {
    "AWS::StepFunctions::StateMachine": Handler(_create, _delete, _update, applied=_APPLIED),
}
