"""Amazon SageMaker: pipelines and model package groups."""

from __future__ import annotations

from typing import Any, Final

from local.emulator.cloudformation.handlers.documents import (
    pick,
    removed_tag_keys,
)
from local.emulator.cloudformation.resources import Context, Handler, Identity, Properties, Resource

_PIPELINE_ARGUMENTS: Final = (
    "ParallelismConfiguration",
    "PipelineDescription",
    "PipelineDisplayName",
    "PipelineName",
    "RoleArn",
)


def _create_pipeline(context: Context, properties: Properties) -> Identity:
    context.client("sagemaker").create_pipeline(
        **_pipeline_arguments(context, properties), Tags=properties.get("Tags", [])
    )
    return Identity(properties["PipelineName"], {})


def _update_pipeline(context: Context, current: Resource, properties: Properties) -> Identity:
    client = context.client("sagemaker")
    client.update_pipeline(**_pipeline_arguments(context, properties))
    arn = client.describe_pipeline(PipelineName=current.physical_id)["PipelineArn"]
    _set_tags(client, arn, current.properties, properties)
    return current.identity


def _delete_pipeline(context: Context, current: Resource) -> None:
    context.client("sagemaker").delete_pipeline(PipelineName=current.physical_id)


def _pipeline_arguments(context: Context, properties: Properties) -> dict[str, Any]:
    definition = properties["PipelineDefinition"]
    body = (
        definition["PipelineDefinitionBody"]
        if "PipelineDefinitionBody" in definition
        else _stored_definition(context, definition["PipelineDefinitionS3Location"])
    )
    return {**pick(properties, _PIPELINE_ARGUMENTS), "PipelineDefinition": body}


def _stored_definition(context: Context, location: Properties) -> str:
    version = {"VersionId": location["Version"]} if "Version" in location else {}
    answer = context.client("s3").get_object(**pick(location, ("Bucket", "Key")), **version)
    return str(answer["Body"].read().decode())


def _create_group(context: Context, properties: Properties) -> Identity:
    arn = context.client("sagemaker").create_model_package_group(**properties)[
        "ModelPackageGroupArn"
    ]
    return Identity(arn, {"ModelPackageGroupArn": arn, "ModelPackageGroupStatus": "Completed"})


def _update_group(context: Context, current: Resource, properties: Properties) -> Identity:
    client = context.client("sagemaker")
    _set_tags(client, current.physical_id, current.properties, properties)
    return current.identity


def _delete_group(context: Context, current: Resource) -> None:
    context.client("sagemaker").delete_model_package_group(
        ModelPackageGroupName=current.properties["ModelPackageGroupName"]
    )


def _set_tags(client: Any, arn: str, before: Properties, after: Properties) -> None:
    removed = removed_tag_keys(before, after)
    if removed:
        client.delete_tags(ResourceArn=arn, TagKeys=removed)
    if after.get("Tags"):
        client.add_tags(ResourceArn=arn, Tags=after["Tags"])


HANDLERS: Final = {
    "AWS::SageMaker::ModelPackageGroup": Handler(
        _create_group,
        _delete_group,
        _update_group,
        applied=frozenset({"ModelPackageGroupDescription", "ModelPackageGroupName", "Tags"}),
    ),
    "AWS::SageMaker::Pipeline": Handler(_create_pipeline, _delete_pipeline, _update_pipeline),
}
