"""Three emulated regions with registered versions, and the settings of their deployments."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final
from unittest.mock import patch

import boto3

from benchmarks.faults.in_process import aws_in_process
from benchmarks.faults.serving.clock import CLOCK
from benchmarks.faults.serving.endpoints import FakeServices
from benchmarks.faults.serving.releases import VersionFiles
from constructs_lib.jobs.register_model.clients import RegionClients
from local.emulator.patches import apply_patches

HOME: Final = "us-east-1"
REGIONS: Final = {"NA": HOME, "EU": "eu-west-1", "FE": "us-west-2"}
WAVES: Final = (("NA",), ("EU", "FE"))
PIPELINE: Final = "returns-risk"
TOPIC: Final = f"arn:aws:sns:{HOME}:123456789012:told"
MACHINE: Final = f"arn:aws:states:{HOME}:123456789012:stateMachine:{PIPELINE}-deployment"
_ENVIRONMENT: Final = {
    "AWS_ACCESS_KEY_ID": "testing",
    "AWS_SECRET_ACCESS_KEY": "testing",
    "AWS_DEFAULT_REGION": HOME,
}


def bucket_of(code: str) -> str:
    """Return the bucket of a region's releases."""
    return f"releases-{code.lower()}"


@dataclass
class ServingWorld:
    """The regions; entering the context starts them."""

    services: FakeServices = field(default_factory=FakeServices)
    versions: int = 0
    group: str = f"{PIPELINE}-versions"
    """The same in each world, so that a workflow of the same settings is parsed only once."""

    def settings(self, **changes: Any) -> dict[str, Any]:
        """Return the settings document; members may be given."""
        waves = [
            [
                {
                    "region_code": code,
                    "aws_region": REGIONS[code],
                    "model_package_group_name": self.group,
                    "role_arn": f"arn:aws:iam::123456789012:role/serving-{code}",
                    "key_arn": f"arn:aws:kms:{REGIONS[code]}:123456789012:key/1234abcd",
                    "bucket_name": bucket_of(code),
                }
                for code in wave
            ]
            for wave in WAVES
        ]
        return {
            "schema_version": 1,
            "pipeline_name": PIPELINE,
            "endpoint_name": PIPELINE,
            "home_region": HOME,
            "lead_region": HOME,
            "waves": waves,
            "instance_type": "ml.m5.large",
            "instance_count": 1,
            "encrypts_volumes": True,
            "inference_ami_version": None,
            "model_environment": {},
            "variant_name": "AllTraffic",
            "autoscaling": None,
            "data_capture": None,
            "kept_versions": 3,
            "shift": {"type": "ALL_AT_ONCE", "percentage": None, "wait_seconds": 60},
            "alarms": {"latency_milliseconds": 800, "error_rate_percent": 20.0, "names": []},
            "bake_seconds": 60,
            "bake_traffic_per_minute": 0,
            "termination_wait_seconds": 120,
            "maximum_execution_timeout_seconds": 3120,
            "startup_timeout_seconds": 300,
            "download_timeout_seconds": 900,
            "verification": "enforce",
            "topic_arn": TOPIC,
            "is_isolated": True,
            **changes,
        }

    @contextmanager
    def running(self) -> Iterator[ServingWorld]:
        """Emulate AWS."""
        for service in ("s3", "sagemaker"):
            apply_patches(service)
        with patch.dict(os.environ, _ENVIRONMENT), aws_in_process():
            for code, region in REGIONS.items():
                place = {"CreateBucketConfiguration": {"LocationConstraint": region}}
                s3 = boto3.client("s3", region)
                s3.create_bucket(Bucket=bucket_of(code), **(place if region != HOME else {}))
                self.sagemaker(code).create_model_package_group(ModelPackageGroupName=self.group)
            with self.services.installed(), CLOCK.read_by_function():
                yield self

    def sagemaker(self, code: str) -> Any:
        """Return SageMaker of a region."""
        return boto3.client("sagemaker", REGIONS[code])

    def register(
        self, *, approved: bool = True, verdict: str = "passed", again: int | None = None
    ) -> int:
        """Register a new content in each region, or once more that of the version ``again``.

        Returns:
            The number of the version.
        """
        self.versions += 1
        content = f"artifact {again or self.versions}".encode() * 100
        release = VersionFiles(PIPELINE, self.versions, content, verdict, tuple(REGIONS))
        for code in REGIONS:
            release.put(bucket_of(code), bucket_of("NA"), _clients_of(code))
            self._register_in(code, release, "Approved" if approved else "PendingManualApproval")
        return self.versions

    def _register_in(self, code: str, release: VersionFiles, status: str) -> None:
        uris = {name: f"s3://{bucket_of(code)}/{key}" for name, key in release.keys.items()}
        self.sagemaker(code).create_model_package(
            ModelPackageGroupName=self.group,
            ModelApprovalStatus=status,
            SamplePayloadUrl=uris["payload"],
            InferenceSpecification={
                "Containers": [{"Image": "image", "ModelDataUrl": uris["artifact"]}],
                "SupportedContentTypes": ["text/csv"],
                "SupportedResponseMIMETypes": ["application/json"],
            },
            CustomerMetadataProperties={
                "artifact_sha256": release.sha256,
                "registration_request": uris["request"],
                "packaging_manifest": uris["manifest"],
                "evaluation": uris["evaluation"],
                "verification_verdict": release.verdict,
                "pipeline_execution_arn": f"arn:aws:sagemaker:{HOME}:{PIPELINE}/{release.number}",
            },
        )

    def arn(self, number: int, code: str) -> str:
        """Return the ARN of a version."""
        return f"arn:aws:sagemaker:{REGIONS[code]}:123456789012:model-package/{self.group}/{number}"

    def decide(self, number: int, status: str, *codes: str) -> None:
        """Approve or reject a version, by default in each region."""
        for code in codes or REGIONS:
            self.sagemaker(code).update_model_package(
                ModelPackageArn=self.arn(number, code),
                ModelApprovalStatus=status,
                CustomerMetadataProperties=self.metadata(number, code),
            )

    def metadata(self, number: int, code: str) -> Mapping[str, str]:
        """Return the metadata of a version."""
        package = self.sagemaker(code).describe_model_package(
            ModelPackageName=self.arn(number, code)
        )
        metadata: Mapping[str, str] = package.get("CustomerMetadataProperties", {})
        return metadata

    def serving(self) -> dict[str, int | str | None]:
        """Return the number of the version that each region serves, or its endpoint's status."""
        return {code: self._serving_in(code) for code in REGIONS}

    def _serving_in(self, code: str) -> int | str | None:
        endpoint = self.services.endpoint(REGIONS[code])
        if endpoint is None:
            return None
        if endpoint.status != "InService":
            return endpoint.status
        return self.version_with(endpoint.configuration, code)

    def version_with(self, configuration: str, code: str) -> int:
        """Return the number of the version that a configuration serves."""
        sagemaker = self.sagemaker(code)
        described = sagemaker.describe_endpoint_config(EndpointConfigName=configuration)
        model = sagemaker.describe_model(ModelName=described["ProductionVariants"][0]["ModelName"])
        return int(model["PrimaryContainer"]["ModelPackageName"].rpartition("/")[2])

    def configurations(self, code: str) -> set[str]:
        """Return the names of the configurations of a region."""
        listed = self.sagemaker(code).list_endpoint_configs()["EndpointConfigs"]
        return {each["EndpointConfigName"] for each in listed}


def _clients_of(code: str) -> RegionClients:
    sagemaker = boto3.client("sagemaker", REGIONS[code])
    return RegionClients(
        home_s3=boto3.client("s3", HOME),
        home_sagemaker=boto3.client("sagemaker", HOME),
        s3=boto3.client("s3", REGIONS[code]),
        sagemaker=sagemaker,
        lineage=sagemaker,
    )
