"""A share of what an endpoint is asked and answers is kept in Amazon S3, by its model's role."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable
from typing import Any

import pytest

from tests.local.emulator.endpoints.conftest import MODEL, SAGEMAKER, Served, permissions
from tests.local.emulator.policies import allow

BOTH = [{"CaptureMode": "Input"}, {"CaptureMode": "Output"}]


@pytest.fixture
def configuration(served: Served, create_role: Callable[..., str]) -> Callable[..., str]:
    """Create a configuration that captures; returns its name."""
    writes = allow("s3:PutObject", f"arn:aws:s3:::{served.bucket}/captured/*")
    writer = create_role(*permissions(served.bucket), writes, trusts=SAGEMAKER)

    def create(percentage: int, *, may_write: bool = True, **members: Any) -> str:
        name = f"config-{uuid.uuid4().hex[:8]}"
        model = served.model(MODEL.format(answer="one"), role=writer if may_write else None)
        served.client.create_endpoint_config(
            EndpointConfigName=name,
            ProductionVariants=[
                {
                    "VariantName": "AllTraffic",
                    "ModelName": model,
                    "InstanceType": "ml.c6i.large",
                    "InitialInstanceCount": 1,
                }
            ],
            DataCaptureConfig={
                "EnableCapture": True,
                "InitialSamplingPercentage": percentage,
                "DestinationS3Uri": f"s3://{served.bucket}/captured",
                "CaptureOptions": BOTH,
                **members,
            },
        )
        return name

    return create


def captured(served: Served) -> list[tuple[str, dict[str, Any]]]:
    served.aws.house.settle()
    s3 = served.aws.client("s3")
    listed = s3.list_objects_v2(Bucket=served.bucket, Prefix="captured/").get("Contents", ())
    bodies = [
        (each["Key"], s3.get_object(Bucket=served.bucket, Key=each["Key"])) for each in listed
    ]
    return [(key, json.loads(body["Body"].read())) for key, body in bodies]


def test_requests_and_answers_are_captured(
    served: Served, configuration: Callable[..., str]
) -> None:
    described = served.create(configuration(100))

    served.invoke({"x": 1}, InferenceId="mine")

    assert described["DataCaptureConfig"]["CaptureStatus"] == "Started"
    [(key, line)] = captured(served)
    assert key.startswith(f"captured/{served.name}/AllTraffic/2")
    assert key.endswith(".jsonl")
    assert line["eventMetadata"]["inferenceId"] == "mine"
    sides = line["captureData"]
    assert sides["endpointInput"] == {
        "observedContentType": "application/json",
        "mode": "INPUT",
        "data": '{"x": 1}',
        "encoding": "JSON",
    }
    assert json.loads(sides["endpointOutput"]["data"]) == {"model": "one", "doubled": 2}


def test_a_share_is_captured(served: Served, configuration: Callable[..., str]) -> None:
    served.create(configuration(25, CaptureOptions=[{"CaptureMode": "Output"}]))

    for _ in range(8):
        served.answer()

    lines = [line for _, line in captured(served)]
    assert [list(line["captureData"]) for line in lines] == [["endpointOutput"]] * 2


def test_what_the_role_may_not_write_is_lost(
    served: Served, configuration: Callable[..., str]
) -> None:
    served.create(configuration(100, may_write=False))

    assert served.answer() == "one"
    assert captured(served) == []


def test_what_is_captured_is_retained_unless_it_is_excluded(
    served: Served, configuration: Callable[..., str]
) -> None:
    served.create(configuration(100))
    plain = served.version("two")

    retained = served.update(plain, RetainAllVariantProperties=True)
    excluded = served.update(
        plain,
        RetainAllVariantProperties=True,
        ExcludeRetainedVariantProperties=[{"VariantPropertyType": "DataCaptureConfig"}],
    )

    assert retained["DataCaptureConfig"]["CurrentSamplingPercentage"] == 100
    assert "DataCaptureConfig" not in excluded
