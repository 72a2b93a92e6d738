"""What a request has to say to be allowed: where a job runs, a version's status, what is listed.

The keys and the actions that have them: "Actions, resources, and condition keys" of Amazon
SageMaker and Amazon S3 in the service authorization reference. CreateInferenceRecommendationsJob
has none.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

_SUBNETS: Final = "sagemaker:VpcSubnets"
_GROUPS: Final = "sagemaker:VpcSecurityGroupIds"
_ISOLATION: Final = "sagemaker:NetworkIsolation"
_STATUS: Final = "sagemaker:ModelApprovalStatus"
_APPROVED: Final = "Approved"
_NEVER_DEPLOYED: Final = ("PendingManualApproval", "Rejected")


@dataclass(frozen=True, kw_only=True)
class AllowedNetwork:
    """Where jobs and models may run."""

    subnet_ids: Sequence[str]
    security_group_ids: Sequence[str]

    def required(self, *, isolated: bool) -> dict[str, Any]:
        """Return the conditions of a request that has to name its network.

        ``ForAllValues`` is true of a request that names none, which ``Null`` refuses.

        Args:
            isolated: Whether its containers must be without network and credentials, too.
        """
        conditions: dict[str, Any] = {
            **self.where_named(),
            "Null": {_GROUPS: "false", _SUBNETS: "false"},
        }
        return {**conditions, **without_network()} if isolated else conditions

    def where_named(self) -> dict[str, Any]:
        """Return the conditions of a request that may leave the network to what it refers to."""
        return {
            "ForAllValues:StringEquals": {
                _GROUPS: list(self.security_group_ids),
                _SUBNETS: list(self.subnet_ids),
            }
        }


def without_network() -> dict[str, Any]:
    """Return the conditions of a request for containers without network and credentials."""
    return {"Bool": {_ISOLATION: "true"}}


def approval_up_to(status: str) -> dict[str, Any]:
    """Return the conditions of a new version: it is approved only where the environment says so.

    Args:
        status: The environment's, such as ``PendingManualApproval``.
    """
    approved = [_APPROVED] if status == _APPROVED else []
    return {"StringEquals": {_STATUS: [*approved, *_NEVER_DEPLOYED]}}


def without_approval() -> dict[str, Any]:
    """Return the conditions of a change of a version that leaves its status as it is."""
    return {"Null": {_STATUS: "true"}}


def listing(prefixes: Sequence[str]) -> dict[str, Any]:
    """Return the conditions of a list of a bucket: of keys that begin with one of some texts.

    Args:
        prefixes: With ``*`` for any rest.
    """
    return {"StringLike": {"s3:prefix": list(prefixes)}}
