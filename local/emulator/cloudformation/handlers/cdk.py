"""What the CDK brings along: SSM parameters, image repositories and its own metadata."""

from __future__ import annotations

from typing import Final

from local.emulator.cloudformation.handlers.documents import (
    as_json,
    is_true,
    pick,
    tag_map,
)
from local.emulator.cloudformation.resources import Context, Handler, Identity, Properties, Resource

_PARAMETER: Final = ("AllowedPattern", "DataType", "Description", "Policies", "Tier", "Type")


def _create_parameter(context: Context, properties: Properties) -> Identity:
    name = properties.get("Name") or context.generated_name()
    _put_parameter(context, name, properties, is_new=True)
    return Identity(name, {"Type": properties["Type"], "Value": properties["Value"]})


def _update_parameter(context: Context, current: Resource, properties: Properties) -> Identity:
    name = current.physical_id
    _put_parameter(context, name, properties, is_new=False)
    return Identity(name, {"Type": properties["Type"], "Value": properties["Value"]})


def _delete_parameter(context: Context, current: Resource) -> None:
    context.client("ssm").delete_parameter(Name=current.physical_id)


def _put_parameter(context: Context, name: str, properties: Properties, *, is_new: bool) -> None:
    context.client("ssm").put_parameter(
        Name=name,
        Value=str(properties["Value"]),
        Overwrite=not is_new,
        **pick(properties, _PARAMETER),
    )
    tags = [{"Key": key, "Value": value} for key, value in tag_map(properties).items()]
    if tags:
        context.client("ssm").add_tags_to_resource(
            ResourceType="Parameter", ResourceId=name, Tags=tags
        )


def _create_repository(context: Context, properties: Properties) -> Identity:
    name = properties.get("RepositoryName") or context.generated_name(256).lower()
    repository = context.client("ecr").create_repository(
        repositoryName=name, tags=properties.get("Tags", [])
    )["repository"]
    _configure_repository(context, name, properties)
    return Identity(
        name, {"Arn": repository["repositoryArn"], "RepositoryUri": repository["repositoryUri"]}
    )


def _update_repository(context: Context, current: Resource, properties: Properties) -> Identity:
    _configure_repository(context, current.physical_id, properties)
    return current.identity


def _delete_repository(context: Context, current: Resource) -> None:
    context.client("ecr").delete_repository(
        repositoryName=current.physical_id,
        force=is_true(current.properties.get("EmptyOnDelete", False)),
    )


def _configure_repository(context: Context, name: str, properties: Properties) -> None:
    client = context.client("ecr")
    client.put_image_tag_mutability(
        repositoryName=name,
        imageTagMutability=properties.get("ImageTagMutability", "MUTABLE"),
    )
    scanning = properties.get("ImageScanningConfiguration", {}).get("ScanOnPush", False)
    client.put_image_scanning_configuration(
        repositoryName=name, imageScanningConfiguration={"scanOnPush": is_true(scanning)}
    )
    if "LifecyclePolicy" in properties:
        text = properties["LifecyclePolicy"]["LifecyclePolicyText"]
        client.put_lifecycle_policy(repositoryName=name, lifecyclePolicyText=text)
    if "RepositoryPolicyText" in properties:
        text = as_json(properties["RepositoryPolicyText"])
        client.set_repository_policy(repositoryName=name, policyText=text)


def _create_metadata(context: Context, _properties: Properties) -> Identity:
    physical_id = context.generated_name()
    return Identity(physical_id, {"Id": physical_id})


def _update_metadata(_context: Context, current: Resource, _properties: Properties) -> Identity:
    return current.identity


def _delete_metadata(_context: Context, _current: Resource) -> None:
    """Metadata exists in the template only."""


HANDLERS: Final = {
    "AWS::CDK::Metadata": Handler(_create_metadata, _delete_metadata, _update_metadata),
    "AWS::ECR::Repository": Handler(
        _create_repository,
        _delete_repository,
        _update_repository,
        applied=frozenset(
            {
                "EmptyOnDelete",
                "ImageScanningConfiguration",
                "ImageTagMutability",
                "LifecyclePolicy",
                "RepositoryName",
                "RepositoryPolicyText",
                "Tags",
            }
        ),
    ),
    "AWS::SSM::Parameter": Handler(
        _create_parameter,
        _delete_parameter,
        _update_parameter,
        applied=frozenset({*_PARAMETER, "Name", "Tags", "Value"}),
    ),
}
