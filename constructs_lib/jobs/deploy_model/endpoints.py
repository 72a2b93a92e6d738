"""What an endpoint is doing, as SageMaker describes it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from botocore.exceptions import ClientError

from .errors import is_missing
from .requests import is_own_name
from .work import Work

CHANGING: Final = ("Creating", "Updating", "SystemUpdating", "RollingBack", "Deleting")
"""Statuses in which SageMaker takes no other change, and which end by themselves."""
SERVING: Final = "InService"
MIXED: Final = "UpdateRollbackFailed"
"""An update and its rollback have failed: instances of both serve."""
_WITH_TRAFFIC: Final = ("ActivatingTraffic", "Baking")
"""API reference, ProductionVariantStatus, of a variant that is pending."""


@dataclass(frozen=True)
class EndpointState:
    """An endpoint at a moment."""

    status: str
    configuration_name: str
    """What serves, or is about to for the first time."""
    pending_name: str | None
    """What an update is about to bring; None without one."""
    reason: str
    """Why it failed; empty where SageMaker does not say."""
    is_baking: bool = False
    """Whether what is pending gets traffic already, and is watched."""

    @property
    def is_changing(self) -> bool:
        """Whether SageMaker is at work on it."""
        return self.status in CHANGING or (self.status == SERVING and self.pending_name is not None)

    def serves(self, configuration_name: str) -> bool:
        """Tell whether a configuration serves, and nothing else is about to.

        In service alone says nothing: a rollback by itself ends so, too.
        """
        return (
            self.status == SERVING
            and self.pending_name is None
            and self.configuration_name == configuration_name
        )

    @property
    def because(self) -> str:
        """The reason as the end of a sentence."""
        return f": {self.reason.rstrip('.')}" if self.reason else ""


def endpoint_state(work: Work, target: Mapping[str, Any]) -> EndpointState | None:
    """Describe the endpoint of a region; None where there is none."""
    told = _described(work.sagemaker(target).describe_endpoint, EndpointName=work.endpoint_name)
    if told is None:
        return None
    pending = told.get("PendingDeploymentSummary", {})
    return EndpointState(
        status=told["EndpointStatus"],
        configuration_name=told.get("EndpointConfigName", ""),
        pending_name=pending.get("EndpointConfigName"),
        reason=told.get("FailureReason", ""),
        is_baking=any(
            status["Status"] in _WITH_TRAFFIC
            for variant in pending.get("ProductionVariants", ())
            for status in variant.get("VariantStatus", ())
        ),
    )


def described_configuration(
    work: Work, target: Mapping[str, Any], name: str
) -> dict[str, Any] | None:
    """Describe a configuration of this endpoint; None where there is none of that name.

    One that is named otherwise is somebody else's: this function may not even look at it.
    """
    if not is_own_name(work.settings, name):
        return None
    return _described(work.sagemaker(target).describe_endpoint_config, EndpointConfigName=name)


def described_model(work: Work, target: Mapping[str, Any], name: str) -> dict[str, Any] | None:
    """Describe a model of this endpoint; None where there is none of that name."""
    if not is_own_name(work.settings, name):
        return None
    return _described(work.sagemaker(target).describe_model, ModelName=name)


def _described(describe: Callable[..., dict[str, Any]], **name: str) -> dict[str, Any] | None:
    try:
        return describe(**name)
    except ClientError as error:
        if is_missing(error):
            return None
        raise


def package_of(work: Work, target: Mapping[str, Any], configuration_name: str) -> str | None:
    """Return the ARN of the version that a configuration serves; None where nobody can tell."""
    configuration = described_configuration(work, target, configuration_name)
    if configuration is None:
        return None
    model = described_model(work, target, configuration["ProductionVariants"][0]["ModelName"])
    arn = (model or {}).get("PrimaryContainer", {}).get("ModelPackageName")
    return None if arn is None else str(arn)
