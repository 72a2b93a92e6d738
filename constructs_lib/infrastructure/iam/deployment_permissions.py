"""What the function may do that deploys approved versions, in every region.

Sources: Amazon SageMaker Developer Guide, "Amazon SageMaker AI API Permissions: Actions,
Permissions, and Resources Reference" (CreateEndpoint: ``kms:CreateGrant`` where the configuration
names a key); Application Auto Scaling User Guide, "Identity-based policy examples"; "Actions,
resources, and condition keys" of these services in the service authorization reference.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from constructs_lib.infrastructure.iam.arns import ACCOUNT, PARTITION
from constructs_lib.infrastructure.iam.images import encrypt_volumes
from constructs_lib.infrastructure.iam.policies import Statement
from constructs_lib.infrastructure.iam.released_artifacts import released_objects
from constructs_lib.infrastructure.iam.request_conditions import (
    listing,
    without_approval,
    without_network,
)
from constructs_lib.infrastructure.iam.serving_permissions import (
    KeyAccess,
    ServedPipeline,
    through,
)
from constructs_lib.s3_layout import registered_prefixes

_SCALING_ROLE: Final = (
    "role/aws-service-role/sagemaker.application-autoscaling.amazonaws.com/"
    "AWSServiceRoleForApplicationAutoScaling_SageMakerEndpoint"
)
_SCALED: Final = "sagemaker:variant:DesiredInstanceCount"


@dataclass(frozen=True, kw_only=True)
class DeploymentPermissions:
    """The statements of the function that deploys."""

    pipeline: ServedPipeline
    home_region: str
    home_keys: Sequence[str]
    """Keys at home that released objects may be under, its own first."""
    elsewhere_alias: str
    """Alias of the keys of the other regions."""
    serving_role_arns: Sequence[str]
    workflow_arn: str
    topic_arn: str | None
    """Who is told; None: nobody."""
    topic_key_arn: str
    """Key of the topic."""

    def statements(self) -> Iterator[Statement]:
        """Find versions, make and change endpoints, look at them, and record and tell of it."""
        yield from self._versions()
        yield from self._releases()
        yield from self._models()
        yield from self._configurations()
        yield from self._endpoints()
        yield from self._guardrails()
        yield from self._no_scaling()
        if self.pipeline.scales:
            yield from self._scaling()
            yield from self._scaling_of_others()
        executions = self.workflow_arn.replace(":stateMachine:", ":execution:")
        yield Statement(
            sid="FindDeployments",
            actions=["states:ListExecutions"],
            resources=[self.workflow_arn],
        )
        yield Statement(
            sid="SeeDeployments",
            actions=["states:DescribeExecution"],
            resources=[f"{executions}:*"],
        )
        if self.topic_arn is not None:
            yield Statement(sid="Tell", actions=["sns:Publish"], resources=[self.topic_arn])
            yield Statement(
                sid="EncryptMessages",
                actions=["kms:Decrypt", "kms:GenerateDataKey"],
                resources=[self.topic_key_arn],
                conditions=through("sns", self.home_region),
            )

    def _versions(self) -> Iterator[Statement]:
        arns = self.pipeline.version_arns()
        yield Statement(
            sid="ReadVersions", actions=["sagemaker:DescribeModelPackage"], resources=arns
        )
        yield Statement(
            sid="RecordService",
            actions=["sagemaker:UpdateModelPackage"],
            resources=arns,
            conditions=without_approval(),
        )
        yield Statement(
            sid="FindVersions",
            actions=["sagemaker:ListModelPackages"],
            resources=["*"],  # IAM's reference has a resource for it, which is optional
        )

    def _releases(self) -> Iterator[Statement]:
        pipeline = self.pipeline
        buckets = [each.bucket_arn for each in pipeline.regions]
        yield Statement(
            sid="ReadRelease",
            actions=["s3:GetObject"],
            resources=[
                objects
                for bucket in buckets
                for objects in released_objects(bucket, pipeline.pipeline_name)
            ],
        )
        prefixes = registered_prefixes(pipeline.pipeline_name)
        yield Statement(
            sid="FindRelease",
            actions=["s3:ListBucket"],
            resources=buckets,
            conditions=listing([f"{each}/*" for each in prefixes]),
        )
        regions = [each.aws_region for each in pipeline.regions]
        at_home = KeyAccess(arns=self.home_keys, conditions={})
        for sid, keys in self._keys(at_home, "DecryptAtHome", "DecryptElsewhere"):
            yield Statement(
                sid=sid,
                actions=["kms:Decrypt"],
                resources=keys.arns,
                conditions={**keys.conditions, **through("s3", *regions)},
            )

    def _keys(
        self, keys_at_home: KeyAccess, at_home: str, elsewhere: str
    ) -> Iterator[tuple[str, KeyAccess]]:
        """Name the keys at home, and those of the other regions, for a statement each."""
        regions = [each.aws_region for each in self.pipeline.regions]
        others = [each for each in regions if each != self.home_region]
        if self.home_region in regions:
            yield at_home, keys_at_home
        if others:
            keys = [KeyAccess.by_alias(each, self.elsewhere_alias) for each in others]
            arns = [arn for each in keys for arn in each.arns]
            yield elsewhere, KeyAccess(arns=arns, conditions=keys[0].conditions)

    def _models(self) -> Iterator[Statement]:
        models = self.pipeline.named_by_content("model")
        yield Statement(
            sid="CreateModels",
            actions=["sagemaker:CreateModel"],
            resources=models,
            conditions=without_network(),
        )
        yield Statement(
            sid="UseModels",
            actions=["sagemaker:AddTags", "sagemaker:DeleteModel", "sagemaker:DescribeModel"],
            resources=models,
        )
        yield Statement(
            sid="PassServingRoles",
            actions=["iam:PassRole"],
            resources=self.serving_role_arns,
            conditions={"StringEquals": {"iam:PassedToService": "sagemaker.amazonaws.com"}},
        )

    def _configurations(self) -> Iterator[Statement]:
        yield Statement(
            sid="ConfigureEndpoints",
            actions=[
                "sagemaker:AddTags",
                "sagemaker:CreateEndpointConfig",
                "sagemaker:DeleteEndpointConfig",
                "sagemaker:DescribeEndpointConfig",
            ],
            resources=self.pipeline.named_by_content("endpoint-config"),
        )
        yield Statement(
            sid="FindConfigurations",
            actions=["sagemaker:ListEndpointConfigs", "sagemaker:ListModels"],
            resources=["*"],
        )

    def _endpoints(self) -> Iterator[Statement]:
        endpoints = self.pipeline.endpoint_arns()
        yield Statement(
            sid="ChangeEndpoints",
            actions=["sagemaker:CreateEndpoint", "sagemaker:UpdateEndpoint"],
            resources=[*endpoints, *self.pipeline.named_by_content("endpoint-config")],
        )
        yield Statement(
            sid="UseEndpoints",
            actions=[
                "sagemaker:AddTags",
                "sagemaker:DeleteEndpoint",
                "sagemaker:DescribeEndpoint",
                "sagemaker:InvokeEndpoint",
            ],
            resources=endpoints,
        )
        if self.pipeline.encrypts_volumes:
            own = KeyAccess(arns=self.home_keys, conditions={}).own
            for sid, keys in self._keys(own, "EncryptVolumesAtHome", "EncryptVolumesElsewhere"):
                yield encrypt_volumes(sid, keys.arns, keys.conditions)

    def _guardrails(self) -> Iterator[Statement]:
        """Make the alarms of deployments, and read what they and their metrics say.

        Who may read some alarms only is told of no composite one (DescribeAlarms in the Amazon
        CloudWatch API Reference), and could not say that a config names one.
        """
        own = self.pipeline.alarm_arns()
        yield Statement(
            sid="DeploymentAlarms",
            actions=["cloudwatch:DeleteAlarms", "cloudwatch:PutMetricAlarm"],
            resources=own,
        )
        yield Statement(sid="ReadAlarms", actions=["cloudwatch:DescribeAlarms"], resources=["*"])
        yield Statement(
            sid="ReadMetrics", actions=["cloudwatch:GetMetricStatistics"], resources=["*"]
        )
        yield Statement(
            sid="ReadHistory",
            actions=["cloudwatch:DescribeAlarmHistory"],
            resources=[*own, *self.pipeline.named_alarm_arns()],
        )

    def _no_scaling(self) -> Iterator[Statement]:
        """Allow to end what an earlier deployment, of another config, may have begun."""
        yield Statement(
            sid="FindScaling",
            actions=["application-autoscaling:DescribeScalingPolicies"],
            resources=["*"],
        )
        yield self._of_scalable_targets("StopScaling", "DeregisterScalableTarget")
        yield self._of_alarms("EndAlarms", "DeleteAlarms")

    def _scaling(self) -> Iterator[Statement]:
        yield self._of_scalable_targets("Scale", "PutScalingPolicy", "RegisterScalableTarget")

    def _of_scalable_targets(self, sid: str, *actions: str) -> Statement:
        return Statement(
            sid=sid,
            actions=[f"application-autoscaling:{each}" for each in actions],
            resources=[
                f"arn:{PARTITION}:application-autoscaling:{each.aws_region}:{ACCOUNT}"
                ":scalable-target/*"
                for each in self.pipeline.regions
            ],
            conditions={
                "StringEquals": {
                    "application-autoscaling:scalable-dimension": _SCALED,
                    "application-autoscaling:service-namespace": "sagemaker",
                }
            },
        )

    def _of_alarms(self, sid: str, *actions: str) -> Statement:
        return Statement(
            sid=sid,
            actions=[f"cloudwatch:{each}" for each in actions],
            resources=[
                f"arn:{PARTITION}:cloudwatch:{each.aws_region}:{ACCOUNT}:alarm:"
                f"TargetTracking-endpoint/{self.pipeline.endpoint_name}/variant/*"
                for each in self.pipeline.regions
            ],
        )

    def _scaling_of_others(self) -> Iterator[Statement]:
        """Allow what Application Auto Scaling asks of its caller in the services that it uses."""
        yield Statement(
            sid="ScaleEndpoints",
            actions=["sagemaker:UpdateEndpointWeightsAndCapacities"],
            resources=self.pipeline.endpoint_arns(),
        )
        yield self._of_alarms("RaiseAlarms", "PutMetricAlarm")
        yield Statement(
            sid="MakeScalingRole",  # once in an account
            actions=["iam:CreateServiceLinkedRole"],
            resources=[f"arn:{PARTITION}:iam::{ACCOUNT}:{_SCALING_ROLE}"],
        )
