"""Amazon CloudWatch: alarms, dashboards and log groups."""

from __future__ import annotations

from typing import Any, Final

from local.emulator.cloudformation.errors import ProvisioningError
from local.emulator.cloudformation.handlers.documents import (
    as_json,
    removed_tag_keys,
    tag_map,
)
from local.emulator.cloudformation.resources import Context, Handler, Identity, Properties, Resource


def _create_alarm(context: Context, properties: Properties) -> Identity:
    name = properties.get("AlarmName") or context.generated_name(255)
    return _put_alarm(context, name, properties)


def _update_alarm(context: Context, current: Resource, properties: Properties) -> Identity:
    return _put_alarm(context, current.physical_id, properties)


def _put_alarm(context: Context, name: str, properties: Properties) -> Identity:
    # The property names of the type are the argument names of the call.
    client = context.client("cloudwatch")
    client.put_metric_alarm(**{**properties, "AlarmName": name})
    return Identity(name, {"Arn": _alarms(client, name)[0]["AlarmArn"]})


def _delete_alarm(context: Context, current: Resource) -> None:
    context.client("cloudwatch").delete_alarms(AlarmNames=[current.physical_id])


def _alarms(client: Any, name: str) -> list[dict[str, Any]]:
    return list(client.describe_alarms(AlarmNames=[name])["MetricAlarms"])


def _create_dashboard(context: Context, properties: Properties) -> Identity:
    name = properties.get("DashboardName") or context.generated_name(255)
    _put_dashboard(context, name, properties)
    return Identity(name, {})


def _update_dashboard(context: Context, current: Resource, properties: Properties) -> Identity:
    _put_dashboard(context, current.physical_id, properties)
    return current.identity


def _delete_dashboard(context: Context, current: Resource) -> None:
    context.client("cloudwatch").delete_dashboards(DashboardNames=[current.physical_id])


def _put_dashboard(context: Context, name: str, properties: Properties) -> None:
    answer = context.client("cloudwatch").put_dashboard(
        DashboardName=name, DashboardBody=as_json(properties["DashboardBody"])
    )
    for message in answer.get("DashboardValidationMessages", []):
        raise ProvisioningError(message["Message"])


def _create_log_group(context: Context, properties: Properties) -> Identity:
    client = context.client("logs")
    name = properties.get("LogGroupName") or context.generated_name(512)
    client.create_log_group(
        logGroupName=name,
        tags=tag_map(properties),
        **({"kmsKeyId": properties["KmsKeyId"]} if "KmsKeyId" in properties else {}),
        **({"logGroupClass": properties["LogGroupClass"]} if "LogGroupClass" in properties else {}),
    )
    _set_retention(client, name, {}, properties)
    groups = client.describe_log_groups(logGroupNamePrefix=name)["logGroups"]
    arn = next(group["arn"] for group in groups if group["logGroupName"] == name)
    return Identity(name, {"Arn": f"{arn.removesuffix(':*')}:*"})


def _update_log_group(context: Context, current: Resource, properties: Properties) -> Identity:
    client, name, before = context.client("logs"), current.physical_id, current.properties
    _set_retention(client, name, before, properties)
    if properties.get("KmsKeyId") != before.get("KmsKeyId"):
        if "KmsKeyId" in properties:
            client.associate_kms_key(logGroupName=name, kmsKeyId=properties["KmsKeyId"])
        else:
            client.disassociate_kms_key(logGroupName=name)
    removed = removed_tag_keys(before, properties)
    if removed:
        client.untag_log_group(logGroupName=name, tags=removed)
    if properties.get("Tags"):
        client.tag_log_group(logGroupName=name, tags=tag_map(properties))
    return current.identity


def _delete_log_group(context: Context, current: Resource) -> None:
    context.client("logs").delete_log_group(logGroupName=current.physical_id)


def _set_retention(client: Any, name: str, before: Properties, after: Properties) -> None:
    if "RetentionInDays" in after:
        days = int(after["RetentionInDays"])
        client.put_retention_policy(logGroupName=name, retentionInDays=days)
    elif "RetentionInDays" in before:
        client.delete_retention_policy(logGroupName=name)


HANDLERS: Final = {
    "AWS::CloudWatch::Alarm": Handler(_create_alarm, _delete_alarm, _update_alarm),
    "AWS::CloudWatch::Dashboard": Handler(_create_dashboard, _delete_dashboard, _update_dashboard),
    "AWS::Logs::LogGroup": Handler(
        _create_log_group,
        _delete_log_group,
        _update_log_group,
        applied=frozenset({"KmsKeyId", "LogGroupClass", "LogGroupName", "RetentionInDays", "Tags"}),
    ),
}
