"""The one way in which this app makes a KMS key."""

from __future__ import annotations

from aws_cdk import RemovalPolicy
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from constructs import Construct

from constructs_lib.infrastructure.iam.arns import ACCOUNT, PARTITION

_ADMINISTRATION = [
    "kms:CancelKeyDeletion",
    "kms:CreateAlias",
    "kms:DeleteAlias",
    "kms:DescribeKey",
    "kms:DisableKey",
    "kms:DisableKeyRotation",
    "kms:EnableKey",
    "kms:EnableKeyRotation",
    "kms:GetKeyPolicy",
    "kms:GetKeyRotationStatus",
    "kms:ListAliases",
    "kms:ListGrants",
    "kms:ListKeyPolicies",
    "kms:ListKeyRotations",
    "kms:ListResourceTags",
    "kms:ListRetirableGrants",
    "kms:PutKeyPolicy",
    "kms:RetireGrant",
    "kms:RevokeGrant",
    "kms:RotateKeyOnDemand",
    "kms:ScheduleKeyDeletion",
    "kms:TagResource",
    "kms:UntagResource",
    "kms:UpdateAlias",
    "kms:UpdateKeyDescription",
]
_USE = ["kms:Decrypt", "kms:GenerateDataKey"]
_LOGS = [
    "kms:Decrypt",
    "kms:DescribeKey",
    "kms:Encrypt",
    "kms:GenerateDataKey",
    "kms:GenerateDataKeyWithoutPlaintext",
    "kms:ReEncryptFrom",
    "kms:ReEncryptTo",
]
"""CloudWatch Logs User Guide, "Encrypt log data in CloudWatch Logs using KMS"."""


class DataKey(kms.Key):
    """A rotated key that this account's IAM policies may allow the use of, and nobody else's.

    The key policy names the account, never everybody, and only actions that the app or its
    administrators need: no IAM policy can add another, whatever it allows.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        alias: str,
        description: str,
        removal_policy: RemovalPolicy,
    ) -> None:
        """Create the key.

        Args:
            scope: Parent construct.
            construct_id: Name below the parent.
            alias: ``alias/<name>``.
            description: What is encrypted.
            removal_policy: What happens to the key when the stack is deleted.
        """
        super().__init__(
            scope,
            construct_id,
            alias=alias,
            description=description,
            enable_key_rotation=True,
            removal_policy=removal_policy,
            policy=iam.PolicyDocument(
                statements=[_statement("Administer", _ADMINISTRATION), _statement("Use", _USE)]
            ),
        )

    def allow_volumes(self) -> None:
        """Let Amazon EBS encrypt the volumes of jobs, under grants that SageMaker makes for it."""
        self.add_to_resource_policy(
            _statement(
                "EncryptVolumes",
                ["kms:CreateGrant"],
                {"Bool": {"kms:GrantIsForAWSResource": "true"}},
            )
        )

    def allow_outputs(self) -> None:
        """Let roles of jobs encrypt outputs as the guide of execution roles asks."""
        self.add_to_resource_policy(_statement("EncryptOutputs", ["kms:Encrypt"]))

    def allow_logs(self, region: str, log_groups: str) -> None:
        """Let CloudWatch Logs encrypt log groups.

        Args:
            region: The key's AWS region.
            log_groups: Name of the log groups, may end in ``*``.
        """
        arn = f"arn:{PARTITION}:logs:{region}:{ACCOUNT}:log-group:{log_groups}"
        self.add_to_resource_policy(
            iam.PolicyStatement(
                sid="EncryptLogs",
                principals=[iam.ServicePrincipal(f"logs.{region}.amazonaws.com")],
                actions=_LOGS,
                resources=["*"],
                conditions={"ArnLike": {"kms:EncryptionContext:aws:logs:arn": arn}},
            )
        )


def _statement(
    sid: str, actions: list[str], conditions: dict[str, dict[str, str]] | None = None
) -> iam.PolicyStatement:
    return iam.PolicyStatement(
        sid=sid,
        principals=[iam.AccountRootPrincipal()],
        actions=actions,
        resources=["*"],  # the key that the policy belongs to
        conditions=conditions,
    )
