"""Autoscaling of an endpoint: Application Auto Scaling of its one variant.

Source: Amazon SageMaker Developer Guide, "Automatic scaling of Amazon SageMaker AI models".
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from botocore.exceptions import ClientError

from ..register_model.errors import code_of
from .endpoints import described_configuration
from .work import Work

_NAMESPACE: Final = "sagemaker"
_DIMENSION: Final = "sagemaker:variant:DesiredInstanceCount"
_METRIC: Final = "SageMakerVariantInvocationsPerInstance"
_NOT_THERE: Final = "ObjectNotFoundException"


def scale(work: Work, target: Mapping[str, Any]) -> None:
    """Bring the scaling of a region's endpoint to what the settings say; again changes nothing."""
    wanted = work.settings["autoscaling"]
    if not wanted:
        stop_scaling(work, target)
        return
    scaling = work.clients.scaling(target["aws_region"])
    scaling.register_scalable_target(
        **_scaled(work), MinCapacity=wanted["min_capacity"], MaxCapacity=wanted["max_capacity"]
    )
    scaling.put_scaling_policy(
        **_scaled(work),
        PolicyName=_policy_name(work),
        PolicyType="TargetTrackingScaling",
        TargetTrackingScalingPolicyConfiguration={
            "TargetValue": float(wanted["invocations_per_instance"]),
            "PredefinedMetricSpecification": {"PredefinedMetricType": _METRIC},
        },
    )


def stop_scaling(work: Work, target: Mapping[str, Any]) -> None:
    """Deregister the endpoint of a region, if it is registered.

    Where the settings say nothing of scaling, it may have been in them before; what a person has
    registered, under a policy of another name, stays.
    """
    if not work.settings["autoscaling"] and not _has_own_policy(work, target):
        return
    try:
        work.clients.scaling(target["aws_region"]).deregister_scalable_target(**_scaled(work))
    except ClientError as error:
        if code_of(error) != _NOT_THERE:
            raise


def stop_scaling_for_other_type(
    work: Work, target: Mapping[str, Any], before: str, after: str
) -> None:
    """Deregister an endpoint whose instance type is about to change: SageMaker refuses it else.

    Args:
        work: What to work with.
        target: The region.
        before: The configuration that serves.
        after: The one that is to.
    """
    types = [_instance_type(work, target, name) for name in (before, after)]
    if types[0] != types[1]:
        stop_scaling(work, target)


def _instance_type(work: Work, target: Mapping[str, Any], name: str) -> str | None:
    configuration = described_configuration(work, target, name)
    if configuration is None:
        return None
    instance_type = configuration["ProductionVariants"][0].get("InstanceType")
    return None if instance_type is None else str(instance_type)


def _has_own_policy(work: Work, target: Mapping[str, Any]) -> bool:
    name = _policy_name(work)
    told = work.clients.scaling(target["aws_region"]).describe_scaling_policies(
        **_scaled(work), PolicyNames=[name]
    )
    return any(each["PolicyName"] == name for each in told["ScalingPolicies"])


def _policy_name(work: Work) -> str:
    return f"{work.endpoint_name}-invocations"


def _scaled(work: Work) -> dict[str, str]:
    return {
        "ServiceNamespace": _NAMESPACE,
        "ResourceId": f"endpoint/{work.endpoint_name}/variant/{work.settings['variant_name']}",
        "ScalableDimension": _DIMENSION,
    }
