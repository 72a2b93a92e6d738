"""Models and endpoint configurations are kept as they were given, one per name."""

from __future__ import annotations

import uuid
from typing import Any

import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from local.emulator import EmbeddedAws
from tests.local.emulator.endpoints.conftest import IMAGE, MODEL, Served

VARIANT = {
    "VariantName": "AllTraffic",
    "InstanceType": "ml.g5.xlarge",
    "InitialInstanceCount": 2,
    "InferenceAmiVersion": "al2-ami-sagemaker-inference-gpu-3-1",
    "ContainerStartupHealthCheckTimeoutInSeconds": 900,
}
TAGS = [{"Key": "release:content", "Value": "0123"}]


@pytest.fixture
def model(served: Served) -> str:
    return served.model("")


def test_a_model_is_described_as_it_was_created(served: Served) -> None:
    name = f"model-{uuid.uuid4().hex[:8]}"
    container = {"Image": IMAGE, "ModelDataUrl": f"s3://{served.bucket}/x", "Environment": {}}
    arn = served.client.create_model(
        ModelName=name,
        ExecutionRoleArn=served.role,
        PrimaryContainer=container,
        EnableNetworkIsolation=True,
        Tags=TAGS,
    )["ModelArn"]

    described = served.client.describe_model(ModelName=name)

    assert described["PrimaryContainer"]["ModelDataUrl"] == container["ModelDataUrl"]
    assert described["EnableNetworkIsolation"] is True
    assert described["ExecutionRoleArn"] == served.role
    assert not {"Containers", "VpcConfig"} & set(described)
    assert served.client.list_tags(ResourceArn=arn)["Tags"] == TAGS


def test_a_configuration_is_described_as_it_was_created(served: Served, model: str) -> None:
    name = f"config-{uuid.uuid4().hex[:8]}"
    capture = {
        "EnableCapture": True,
        "InitialSamplingPercentage": 10,
        "DestinationS3Uri": f"s3://{served.bucket}/captured",
        "CaptureOptions": [{"CaptureMode": "Input"}],
    }
    variant = {**VARIANT, "ModelName": model}
    arn = served.client.create_endpoint_config(
        EndpointConfigName=name, ProductionVariants=[variant], DataCaptureConfig=capture, Tags=TAGS
    )["EndpointConfigArn"]

    described = served.client.describe_endpoint_config(EndpointConfigName=name)

    assert described["ProductionVariants"] == [{**variant, "InitialVariantWeight": 1.0}]
    assert described["DataCaptureConfig"] == capture
    assert described["EndpointConfigArn"] == arn
    assert served.client.list_tags(ResourceArn=arn)["Tags"] == TAGS
    found = served.client.list_endpoint_configs(NameContains=name)["EndpointConfigs"]
    assert [each["EndpointConfigName"] for each in found] == [name]


def test_a_name_is_given_once(served: Served, unchanged: Served) -> None:
    configuration = served.version("one")
    described = served.client.describe_endpoint_config(EndpointConfigName=configuration)
    [variant] = described["ProductionVariants"]

    with pytest.raises(ClientError, match="Cannot create already existing model "):
        served.client.create_model(
            ModelName=variant["ModelName"],
            ExecutionRoleArn=served.role,
            PrimaryContainer={"Image": IMAGE},
        )
    with pytest.raises(ClientError, match="already existing endpoint configuration "):
        served.client.create_endpoint_config(
            EndpointConfigName=configuration, ProductionVariants=[variant]
        )
    with pytest.raises(ClientError, match="Cannot create already existing endpoint "):
        unchanged.create(configuration)


@pytest.mark.parametrize(
    ("call", "what"),
    [
        ("describe_model", "model"),
        ("delete_model", "model"),
        ("describe_endpoint_config", "endpoint configuration"),
        ("delete_endpoint_config", "endpoint configuration"),
        ("describe_endpoint", "endpoint"),
        ("delete_endpoint", "endpoint"),
    ],
)
def test_what_is_not_there_cannot_be_found(aws: EmbeddedAws, call: str, what: str) -> None:
    parameter = "".join(word.capitalize() for word in call.split("_")[1:]) + "Name"

    with pytest.raises(ClientError, match=f'Could not find {what} "arn:aws:.*/none"') as raised:
        getattr(aws.client("sagemaker"), call)(**{parameter: "none"})

    assert raised.value.response["Error"]["Code"] == "ValidationException"


def test_an_endpoint_needs_its_configuration(served: Served, unchanged: Served) -> None:
    with pytest.raises(ClientError, match="Could not find endpoint configuration"):
        served.create("none")
    with pytest.raises(ClientError, match="Could not find endpoint configuration"):
        unchanged.update("none")


def test_a_configuration_needs_its_model(served: Served) -> None:
    with pytest.raises(ClientError, match="Could not find model"):
        served.configuration("", ModelName="none")


def test_a_configuration_may_be_deleted_while_it_serves(served: Served) -> None:
    configuration = served.version("one")
    served.create(configuration)

    served.client.delete_endpoint_config(EndpointConfigName=configuration)

    assert served.describe()["EndpointConfigName"] == configuration
    assert served.answer() == "one"


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"InstanceType": "ml.none"}, "Member must satisfy enum value set"),
        ({"VariantName": "-"}, "at 'productionVariants.1.member.variantName'"),
        ({"ContainerStartupHealthCheckTimeoutInSeconds": 3601}, "less than or equal to 3600"),
        ({"InstanceType": None, "ServerlessConfig": {}}, "Value null at .*memorySizeInMB"),
    ],
)
def test_what_the_service_model_does_not_allow_is_refused(
    served: Served, model: str, changed: dict[str, Any], message: str
) -> None:
    variant = {**VARIANT, "ModelName": model, **changed}
    given = {name: value for name, value in variant.items() if value is not None}
    unchecked = Config(parameter_validation=False)
    client = served.aws.handle.client("sagemaker", config=unchecked)

    with pytest.raises(ClientError, match=message) as raised:
        client.create_endpoint_config(EndpointConfigName="config", ProductionVariants=[given])

    assert raised.value.response["Error"]["Code"] == "ValidationException"


def test_a_model_of_a_package_is_served_only_once_that_is_approved(served: Served) -> None:
    client, group = served.client, f"group-{uuid.uuid4().hex[:8]}"
    client.create_model_package_group(ModelPackageGroupName=group)
    described = client.describe_model(ModelName=served.model(MODEL.format(answer="packaged")))
    container = described["PrimaryContainer"]
    package = client.create_model_package(
        ModelPackageGroupName=group,
        InferenceSpecification={
            "Containers": [
                {"Image": container["Image"], "ModelDataUrl": container["ModelDataUrl"]}
            ],
            "SupportedContentTypes": ["application/json"],
            "SupportedResponseMIMETypes": ["application/json"],
        },
        ModelApprovalStatus="PendingManualApproval",
    )["ModelPackageArn"]
    request = {
        "ModelName": group,
        "ExecutionRoleArn": served.role,
        "Containers": [{"ModelPackageName": package}],
    }

    with pytest.raises(ClientError, match="which is PendingManualApproval"):
        client.create_model(**request)
    client.update_model_package(ModelPackageArn=package, ModelApprovalStatus="Approved")
    client.create_model(**request)
    served.create(served.configuration("", ModelName=group))

    assert client.describe_model(ModelName=group)["Containers"] == request["Containers"]
    assert served.answer() == "packaged"


def test_lists_are_by_name_the_newest_first_and_page_by_page(served: Served) -> None:
    prefix = f"list-{uuid.uuid4().hex[:8]}"
    names = [f"{prefix}-{number}" for number in range(3)]
    for name in names:
        served.client.create_model(
            ModelName=name, ExecutionRoleArn=served.role, PrimaryContainer={"Image": IMAGE}
        )
        variant = {**VARIANT, "ModelName": name}
        served.client.create_endpoint_config(EndpointConfigName=name, ProductionVariants=[variant])

    for call, member, key in (
        (served.client.list_models, "Models", "ModelName"),
        (served.client.list_endpoint_configs, "EndpointConfigs", "EndpointConfigName"),
    ):
        first = call(NameContains=prefix, MaxResults=2)
        rest = call(NameContains=prefix, MaxResults=2, NextToken=first["NextToken"])
        by_name = call(NameContains=prefix, SortBy="Name", SortOrder="Ascending")[member]
        old = call(NameContains=prefix, CreationTimeBefore=first[member][1]["CreationTime"])[member]

        assert [each[key] for each in first[member]] == [names[2], names[1]]
        assert [each[key] for each in rest[member]] == [names[0]]
        assert "NextToken" not in rest
        assert [each[key] for each in by_name] == names
        assert [each[key] for each in old] == [names[0]]


def test_endpoints_are_listed_by_status(served: Served) -> None:
    served.create(served.version("one"))

    def listed(status: str) -> list[str]:
        found = served.client.list_endpoints(NameContains=served.name, StatusEquals=status)
        return [each["EndpointName"] for each in found["Endpoints"]]

    assert (listed("InService"), listed("Failed")) == ([served.name], [])
