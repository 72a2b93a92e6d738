"""Life cycle and metadata of model packages, as strict as the service model."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from local.emulator import EmbeddedAws
from tests.local.emulator.policies import allow

STAGE = {"Stage": "Production", "StageStatus": "Serving", "StageDescription": "by endpoint-a"}


@pytest.fixture
def package(aws: EmbeddedAws) -> str:
    """The ARN of a model package with a life cycle."""
    client, group = aws.client("sagemaker"), f"group-{uuid.uuid4().hex[:8]}"
    client.create_model_package_group(ModelPackageGroupName=group)
    answer = client.create_model_package(
        ModelPackageGroupName=group,
        ModelLifeCycle={"Stage": "Development", "StageStatus": "New"},
        CustomerMetadataProperties={"kept": "1", "removed": "2"},
    )
    return str(answer["ModelPackageArn"])


@pytest.fixture
def client(aws: EmbeddedAws) -> Any:
    return aws.client("sagemaker")


def test_the_life_cycle_is_updated(client: Any, package: str) -> None:
    before = client.describe_model_package(ModelPackageName=package)["ModelLifeCycle"]

    client.update_model_package(ModelPackageArn=package, ModelLifeCycle=STAGE)

    assert before == {"Stage": "Development", "StageStatus": "New"}
    assert client.describe_model_package(ModelPackageName=package)["ModelLifeCycle"] == STAGE


def test_metadata_is_added_and_removed_by_name(client: Any, package: str) -> None:
    client.update_model_package(
        ModelPackageArn=package,
        CustomerMetadataProperties={
            "served_by": "endpoint-a",
            "served_since": "2026-11-28T12:00:00Z",
        },
        CustomerMetadataPropertiesToRemove=["removed"],
    )

    described = client.describe_model_package(ModelPackageName=package)
    assert described["CustomerMetadataProperties"] == {
        "kept": "1",
        "served_by": "endpoint-a",
        "served_since": "2026-11-28T12:00:00Z",
    }
    assert described["ModelLifeCycle"]["Stage"] == "Development"


@pytest.mark.parametrize(
    ("request_members", "message"),
    [
        (
            {"ModelLifeCycle": {"Stage": "with blank", "StageStatus": "x"}},
            "at 'modelLifeCycle.stage'",
        ),
        ({"CustomerMetadataProperties": {"reason": "it failed; so"}}, "regular expression pattern"),
        ({"CustomerMetadataProperties": {"reason": "x" * 257}}, "less than or equal to 256"),
        (
            {"CustomerMetadataProperties": {str(n): "x" for n in range(51)}},
            "less than or equal to 50",
        ),
        ({"CustomerMetadataProperties": {str(n): "x" for n in range(49)}}, "would have 51 entries"),
        ({"ModelApprovalStatus": "Perhaps"}, "Member must satisfy enum value set"),
    ],
)
def test_what_the_service_model_does_not_allow_is_refused(
    client: Any, package: str, request_members: dict[str, Any], message: str
) -> None:
    with pytest.raises(ClientError, match=message):
        client.update_model_package(ModelPackageArn=package, **request_members)

    described = client.describe_model_package(ModelPackageName=package)
    assert described["CustomerMetadataProperties"] == {"kept": "1", "removed": "2"}


def test_stages_and_metadata_are_conditions(
    package: str, create_role: Callable[..., str], client_as: Callable[..., Any]
) -> None:
    condition = {
        "StringEquals": {"sagemaker:ModelLifeCycle:Stage": "Production"},
        "StringLike": {"sagemaker:CustomerMetadataProperties/served_by": "endpoint-*"},
    }
    role = create_role(allow("sagemaker:UpdateModelPackage", package, Condition=condition))
    caller, metadata = client_as(role, "sagemaker"), {"served_by": "endpoint-a"}

    caller.update_model_package(
        ModelPackageArn=package, ModelLifeCycle=STAGE, CustomerMetadataProperties=metadata
    )

    with pytest.raises(
        ClientError, match="not authorized to perform: sagemaker:UpdateModelPackage"
    ):
        caller.update_model_package(
            ModelPackageArn=package,
            ModelLifeCycle={**STAGE, "Stage": "Retired"},
            CustomerMetadataProperties=metadata,
        )
