"""Application Auto Scaling of endpoints: the calls, and who may make them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.local.emulator.endpoints.conftest import Served
from tests.local.emulator.policies import Statement, allow

POLICY = {
    "TargetValue": 70.0,
    "PredefinedMetricSpecification": {
        "PredefinedMetricType": "SageMakerVariantInvocationsPerInstance"
    },
}
SCALED = "arn:aws:application-autoscaling:us-east-1:123456789012:scalable-target/*"
OF_SAGEMAKER = {
    "StringEquals": {
        "application-autoscaling:service-namespace": "sagemaker",
        "application-autoscaling:scalable-dimension": "sagemaker:variant:DesiredInstanceCount",
    }
}


def _target(resource_id: str) -> dict[str, str]:
    return {
        "ServiceNamespace": "sagemaker",
        "ResourceId": resource_id,
        "ScalableDimension": "sagemaker:variant:DesiredInstanceCount",
    }


@pytest.fixture
def target(served: Served) -> dict[str, str]:
    """The variant of an endpoint that is in service."""
    served.create(served.version("one"))
    return _target(f"endpoint/{served.name}/variant/AllTraffic")


def test_an_endpoint_is_registered_with_a_policy_and_deregistered(
    served: Served, target: dict[str, str]
) -> None:
    client = served.aws.client("application-autoscaling")

    client.register_scalable_target(**target, MinCapacity=1, MaxCapacity=4)
    client.put_scaling_policy(
        **target,
        PolicyName="invocations",
        PolicyType="TargetTrackingScaling",
        TargetTrackingScalingPolicyConfiguration=POLICY,
    )

    [registered] = client.describe_scalable_targets(
        ServiceNamespace="sagemaker", ResourceIds=[target["ResourceId"]]
    )["ScalableTargets"]
    assert (registered["MinCapacity"], registered["MaxCapacity"]) == (1, 4)
    [policy] = client.describe_scaling_policies(**target)["ScalingPolicies"]
    assert policy["TargetTrackingScalingPolicyConfiguration"]["TargetValue"] == 70.0
    client.deregister_scalable_target(**target)
    assert client.describe_scaling_policies(**target)["ScalingPolicies"] == []
    with pytest.raises(ClientError, match="ObjectNotFoundException"):
        client.deregister_scalable_target(**target)
    with pytest.raises(ClientError, match="ObjectNotFoundException"):
        client.put_scaling_policy(**target, PolicyName="p", PolicyType="TargetTrackingScaling")


def test_what_is_not_there_is_not_registered(unchanged: Served) -> None:
    client = unchanged.aws.client("application-autoscaling")

    for name in (f"endpoint/{unchanged.name}/variant/Other", "endpoint/none/variant/AllTraffic"):
        with pytest.raises(ClientError, match=f"The resource {name} does not exist"):
            client.register_scalable_target(**_target(name))


def test_the_type_of_a_scaled_variant_is_not_changed(
    served: Served, target: dict[str, str]
) -> None:
    client = served.aws.client("application-autoscaling")
    client.register_scalable_target(**target, MinCapacity=1, MaxCapacity=4)
    larger = served.version("two", InstanceType="ml.c6i.xlarge")

    with pytest.raises(ClientError, match="cannot be changed while it is registered"):
        served.update(larger)
    assert served.update(served.version("two"))["EndpointStatus"] == "InService"
    client.deregister_scalable_target(**target)
    assert served.update(larger)["EndpointConfigName"] == larger


def test_who_registers_needs_what_is_done_with_the_endpoint_and_its_alarms(
    served: Served,
    target: dict[str, str],
    create_role: Callable[..., str],
    client_as: Callable[..., Any],
) -> None:
    scales = allow("application-autoscaling:*", SCALED, Condition=OF_SAGEMAKER)
    resizes = allow(
        ["sagemaker:DescribeEndpoint", "sagemaker:UpdateEndpointWeightsAndCapacities"], served.arn
    )

    def register(*statements: Statement) -> None:
        client = client_as(create_role(*statements), "application-autoscaling")
        client.register_scalable_target(**target, MinCapacity=1, MaxCapacity=4)
        client.put_scaling_policy(
            **target,
            PolicyName="invocations",
            PolicyType="TargetTrackingScaling",
            TargetTrackingScalingPolicyConfiguration=POLICY,
        )

    with pytest.raises(ClientError, match="sagemaker:DescribeEndpoint"):
        register(scales)
    with pytest.raises(ClientError, match="cloudwatch:DescribeAlarms"):
        register(scales, resizes)
    register(
        scales, resizes, allow(["cloudwatch:DescribeAlarms", "cloudwatch:PutMetricAlarm"], "*")
    )
