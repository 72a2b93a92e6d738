"""Autoscaling of endpoints follows the config: it begins, it ends, and what people made stays."""

from __future__ import annotations

from typing import Any

import boto3
import pytest

from benchmarks.faults.serving.world import HOME, REGIONS, ServingWorld
from tests.deployment.conftest import Deploy

AUTOSCALING = {"min_capacity": 1, "max_capacity": 4, "invocations_per_instance": 600}
SCALED = {
    "ServiceNamespace": "sagemaker",
    "ResourceId": "endpoint/returns-risk/variant/AllTraffic",
    "ScalableDimension": "sagemaker:variant:DesiredInstanceCount",
}


def _scaling(region: str) -> Any:
    return boto3.client("application-autoscaling", region_name=region)


def _most_instances() -> dict[str, int | None]:
    """Tell how many instances each region may start; None where it is not registered."""
    found: dict[str, int | None] = {}
    for code, region in REGIONS.items():
        targets = _scaling(region).describe_scalable_targets(ServiceNamespace="sagemaker")
        capacities = [each["MaxCapacity"] for each in targets["ScalableTargets"]]
        found[code] = capacities[0] if capacities else None
    return found


def test_scaling_that_is_taken_out_of_the_config_ends_though_the_version_stays(
    world: ServingWorld, deploy: Deploy
) -> None:
    world.register()
    deploy(settings=world.settings(autoscaling=AUTOSCALING))
    before = _most_instances()

    ended = deploy()

    assert before == dict.fromkeys(REGIONS, 4)
    assert ended.output["status"] == "unchanged"
    assert _most_instances() == dict.fromkeys(REGIONS, None)
    assert deploy().output["status"] == "unchanged"


def test_scaling_that_is_put_into_the_config_begins_though_the_version_stays(
    world: ServingWorld, deploy: Deploy
) -> None:
    world.register()
    deploy()

    more = {**AUTOSCALING, "max_capacity": 8}
    statuses = [
        deploy(settings=world.settings(autoscaling=each)).output["status"]
        for each in (AUTOSCALING, more)
    ]

    assert statuses == ["unchanged", "unchanged"]
    assert _most_instances() == dict.fromkeys(REGIONS, 8)


def test_it_ends_before_the_type_of_instances_changes(world: ServingWorld, deploy: Deploy) -> None:
    world.register()
    deploy(settings=world.settings(autoscaling=AUTOSCALING))
    world.services.calls.clear()

    ended = deploy(settings=world.settings(instance_type="ml.c5.xlarge"))

    assert ended.output["status"] == "deployed"
    at_home = [each.operation for each in world.services.calls if each.region == HOME]
    assert at_home.index("DeregisterScalableTarget") < at_home.index("UpdateEndpoint")


@pytest.mark.parametrize("action", ["deploy", "undeploy"])
def test_what_a_person_has_registered_stays(
    world: ServingWorld, deploy: Deploy, action: str
) -> None:
    world.register()
    deploy()
    scaling = _scaling(HOME)
    scaling.register_scalable_target(**SCALED, MinCapacity=2, MaxCapacity=3)
    scaling.put_scaling_policy(
        **SCALED,
        PolicyName="by-hand",
        PolicyType="TargetTrackingScaling",
        TargetTrackingScalingPolicyConfiguration={"TargetValue": 5.0},
    )

    deploy(action)

    assert _most_instances() == {"NA": 3, "EU": None, "FE": None}


def test_an_endpoint_that_is_removed_is_scaled_no_more(world: ServingWorld, deploy: Deploy) -> None:
    world.register()
    deploy(settings=world.settings(autoscaling=AUTOSCALING))

    ended = deploy("undeploy")

    assert ended.output["status"] == "undeployed"
    assert _most_instances() == dict.fromkeys(REGIONS, None)
