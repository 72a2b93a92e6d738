"""What an endpoint's containers need: the release, and where logs and metrics go.

Sources: Amazon SageMaker Developer Guide, "How to use SageMaker AI execution roles" (CreateModel);
Amazon SageMaker API Reference, CreateEndpointConfig, KmsKeyId.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from constructs_lib.arns import arn_names
from constructs_lib.infrastructure.iam.arns import ACCOUNT, PARTITION
from constructs_lib.infrastructure.iam.images import encrypt_volumes, publish_metrics, pull_image
from constructs_lib.infrastructure.iam.policies import Statement
from constructs_lib.infrastructure.iam.released_artifacts import released_objects
from constructs_lib.infrastructure.iam.request_conditions import listing
from constructs_lib.s3_layout import captured_prefix, registered_prefixes

_LONGEST_PREFIX: Final = 46
"""Characters of an endpoint's name in the names of its models and configurations: 16 of a digest
and a hyphen follow, and SageMaker takes 63."""
_LITERAL: Final = str.maketrans({each: f"${{{each}}}" for each in "*?$"})
"""IAM User Guide, "IAM policy elements: Variables and tags": signs that policies read otherwise."""
_ALARMS: Final = "Application Auto Scaling makes the end of the alarms' names"
_SCALABLE_TARGETS: Final = "Application Auto Scaling makes the ids of scalable targets"
_VERSIONS: Final = "The versions of this pipeline's own model package group"
_NAMED_BY_CONTENT: Final = (
    "Models and configurations are named after the endpoint and their content"
)
_OWN_RELEASES: Final = "Objects under the prefixes of this pipeline's releases"
_BY_ALIAS: Final = "A key's id is known in its own region only; the condition names its alias"
WILDCARDS: Final = {
    "CaptureData": "Objects under the prefix of what this pipeline's endpoints keep",
    "ChangeEndpoints": _NAMED_BY_CONTENT,
    "ConfigureEndpoints": _NAMED_BY_CONTENT,
    "CreateModels": _NAMED_BY_CONTENT,
    "DecryptElsewhere": _BY_ALIAS,
    "DecryptRelease": _BY_ALIAS,
    "EncryptCaptured": _BY_ALIAS,
    "EncryptVolumes": _BY_ALIAS,
    "EncryptVolumesElsewhere": _BY_ALIAS,
    "DeploymentAlarms": _NAMED_BY_CONTENT,
    "EndAlarms": _ALARMS,
    "FindConfigurations": "The lists know no resource",
    "FindScaling": "The API knows no resource",
    "FindVersions": "Its resource is optional: a policy that names one may refuse the list",
    "LogIn": "The API knows no resource",
    "Measure": "The API knows no resource; the namespace limits it",
    "ReadAlarms": "Of composite alarms, which are refused by name, only who may read all is told",
    "ReadMetrics": "The API knows no resource",
    "ReadHistory": _NAMED_BY_CONTENT,
    "ReadRelease": _OWN_RELEASES,
    "ReadVersions": _VERSIONS,
    "RecordService": _VERSIONS,
    "RaiseAlarms": _ALARMS,
    "Scale": _SCALABLE_TARGETS,
    "SeeDeployments": "Step Functions takes the names of this workflow's executions",
    "StopScaling": _SCALABLE_TARGETS,
    "UseModels": _NAMED_BY_CONTENT,
    "WatchAlarms": _NAMED_BY_CONTENT,
    "WriteLogs": "SageMaker makes the names of an endpoint's log streams",
}
"""Why resources of these statements cannot be named in full."""


@dataclass(frozen=True, kw_only=True)
class KeyAccess:
    """The keys that released objects of a region may be under, as policies name them."""

    arns: Sequence[str]
    """The region's own key first; executions may be given others."""
    conditions: Mapping[str, Any]
    """What tells them from other keys where their ids are not known."""

    @property
    def own(self) -> KeyAccess:
        """The region's own key, which what an endpoint writes is under."""
        return KeyAccess(arns=self.arns[:1], conditions=self.conditions)

    @classmethod
    def by_alias(cls, region: str, alias: str) -> KeyAccess:
        """Name the key of another region, whose id is known there only.

        Args:
            region: The AWS region.
            alias: ``alias/<name>``.
        """
        condition = {"ForAnyValue:StringEquals": {"kms:ResourceAliases": alias}}
        return cls(arns=[f"arn:{PARTITION}:kms:{region}:{ACCOUNT}:key/*"], conditions=condition)


@dataclass(frozen=True, kw_only=True)
class ServedRegion:
    """Where an endpoint is, and what it needs there."""

    aws_region: str
    image_uri: str
    """Serving image of the registered versions."""
    bucket_arn: str
    """Bucket of the region's released artifacts."""
    keys: KeyAccess


@dataclass(frozen=True, kw_only=True)
class ServedPipeline:
    """A pipeline whose approved versions are served."""

    pipeline_name: str
    endpoint_name: str
    model_package_group_name: str
    regions: Sequence[ServedRegion]
    """Where it is served."""
    version_regions: Sequence[str]
    """AWS regions whose versions are looked at: those, and the one whose numbers name versions."""
    encrypts_volumes: bool
    """Whether the endpoints' volumes are under the region's key."""
    captures_data: bool
    """Whether requests and answers are kept."""
    scales: bool
    """Whether the endpoints are autoscaled."""
    alarm_names: Sequence[str]
    """Alarms of others that end an update."""

    def endpoint_arns(self) -> list[str]:
        """Name the endpoint in each region."""
        return self._arns(f"endpoint/{name}" for name in arn_names(self.endpoint_name))

    def version_arns(self) -> list[str]:
        """Name the versions in each region in which one is looked at."""
        return [
            f"arn:{PARTITION}:sagemaker:{region}:{ACCOUNT}:model-package/{group}/*"
            for region in self.version_regions
            for group in arn_names(self.model_package_group_name)
        ]

    def named_by_content(self, kind: str) -> list[str]:
        """Name the models or the endpoint configurations in each region.

        Args:
            kind: ``model`` or ``endpoint-config``.
        """
        prefix = self.endpoint_name[:_LONGEST_PREFIX]
        return self._arns(f"{kind}/{name}-*" for name in arn_names(prefix))

    def alarm_arns(self) -> list[str]:
        """Name the alarms in each region: they begin as configurations do, or as the endpoint."""
        prefixes = dict.fromkeys((self.endpoint_name[:_LONGEST_PREFIX], self.endpoint_name))
        return self._arns((f"alarm:{prefix}-*" for prefix in prefixes), "cloudwatch")

    def named_alarm_arns(self) -> list[str]:
        """Name the alarms of others in each region."""
        literal = [name.translate(_LITERAL) for name in self.alarm_names]
        return self._arns((f"alarm:{name}" for name in literal), "cloudwatch")

    def _arns(self, resources: Iterable[str], service: str = "sagemaker") -> list[str]:
        names = list(resources)
        return [
            f"arn:{PARTITION}:{service}:{each.aws_region}:{ACCOUNT}:{name}"
            for each in self.regions
            for name in names
        ]


def serving_statements(pipeline: ServedPipeline, region: ServedRegion) -> Iterator[Statement]:
    """Let an endpoint's containers read the release, and write logs and metrics.

    They have neither network nor credentials: SageMaker makes these calls for them.

    Args:
        pipeline: What is served.
        region: Where.
    """
    yield from _read_release(pipeline, region)
    yield from pull_image(region.image_uri)
    yield publish_metrics()
    yield _write_logs(pipeline, region)
    yield _watch_alarms(pipeline, region)
    if pipeline.encrypts_volumes:
        own = region.keys.own
        yield encrypt_volumes("EncryptVolumes", own.arns, own.conditions)
    if pipeline.captures_data:
        yield from _capture(pipeline, region)


def _read_release(pipeline: ServedPipeline, region: ServedRegion) -> Iterator[Statement]:
    yield Statement(
        sid="ReadRelease",
        actions=["s3:GetObject"],
        resources=released_objects(region.bucket_arn, pipeline.pipeline_name),
    )
    prefixes = registered_prefixes(pipeline.pipeline_name)
    yield Statement(
        sid="FindRelease",
        actions=["s3:ListBucket"],
        resources=[region.bucket_arn],
        conditions=listing([f"{each}/*" for each in prefixes]),
    )
    yield Statement(
        sid="DecryptRelease",
        actions=["kms:Decrypt"],
        resources=region.keys.arns,
        conditions=_through_s3(region),
    )


def _capture(pipeline: ServedPipeline, region: ServedRegion) -> Iterator[Statement]:
    yield Statement(
        sid="CaptureData",
        actions=["s3:PutObject"],
        resources=[f"{region.bucket_arn}/{captured_prefix(pipeline.pipeline_name)}/*"],
    )
    yield Statement(
        sid="EncryptCaptured",
        actions=["kms:GenerateDataKey"],
        resources=region.keys.own.arns,
        conditions=_through_s3(region),
    )


def _through_s3(region: ServedRegion) -> dict[str, Any]:
    return {**region.keys.conditions, **through("s3", region.aws_region)}


def through(service: str, *regions: str) -> dict[str, Any]:
    """Return the conditions of a key that a service uses for its caller."""
    services = [f"{service}.{region}.amazonaws.com" for region in regions]
    via = services[0] if len(services) == 1 else services
    return {"StringEquals": {"kms:ViaService": via}}


def _write_logs(pipeline: ServedPipeline, region: ServedRegion) -> Statement:
    group = (
        f"arn:{PARTITION}:logs:{region.aws_region}:{ACCOUNT}:log-group:"
        f"/aws/sagemaker/Endpoints/{pipeline.endpoint_name}"
    )
    return Statement(
        sid="WriteLogs",
        actions=["logs:CreateLogGroup", "logs:CreateLogStream", "logs:PutLogEvents"],
        resources=[group, f"{group}:*"],
    )


def _watch_alarms(pipeline: ServedPipeline, region: ServedRegion) -> Statement:
    """Let SageMaker see the alarms that end an update.

    Source: "Auto-Rollback Configuration and Monitoring" in its developer guide, which asks for it
    of the execution role.
    """
    here = replace(pipeline, regions=[region])
    return Statement(
        sid="WatchAlarms",
        actions=["cloudwatch:DescribeAlarms"],
        resources=[*here.alarm_arns(), *here.named_alarm_arns()],
    )
