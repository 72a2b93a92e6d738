"""Events as AWS documents them, with the names of the example pipeline.

Sources: Amazon SageMaker AI Developer Guide, "Events that Amazon SageMaker AI sends to Amazon
EventBridge"; Amazon S3 User Guide, "EventBridge event message structure"; Amazon CloudWatch User
Guide, "Alarm events and EventBridge".
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

ACCOUNT = "123456789012"
EXECUTION = f"arn:aws:sagemaker:us-east-1:{ACCOUNT}:pipeline/returns-risk/execution/abc123"
PACKAGE = f"arn:aws:sagemaker:eu-west-1:{ACCOUNT}:model-package/returns-risk/7"
_WATCHED = {
    "latency": ("ModelLatency", "p99", 800_000.0),
    "errors": ("Invocation5XXErrors", "Average", 0.01),
}


def object_created(key: str, version_id: str = "v2", **members: Any) -> dict[str, Any]:
    """Return the event of an object version that was uploaded."""
    return {
        **_envelope("aws.s3", "Object Created", "us-east-1", ["arn:aws:s3:::artifacts"]),
        "detail": {
            "version": "0",
            "bucket": {"name": "artifacts"},
            "object": {
                "key": key,
                "size": 5,
                "etag": "b1946ac92492d2347c6235b4d2611184",
                "version-id": version_id,
                "sequencer": "617f08299329d189",
            },
            "request-id": "N4N7GDK58NMKJ12R",
            "requester": ACCOUNT,
            "source-ip-address": "1.2.3.4",
            "reason": "CompleteMultipartUpload",
        },
        **members,
    }


def execution_changed(status: str, *, pipeline: str = "returns-risk") -> dict[str, Any]:
    """Return the event of an execution that got a status."""
    pipeline_arn = f"arn:aws:sagemaker:us-east-1:{ACCOUNT}:pipeline/{pipeline}"
    execution_arn = f"{pipeline_arn}/execution/abc123"
    kind = "SageMaker Model Building Pipeline Execution Status Change"
    return {
        **_envelope("aws.sagemaker", kind, "us-east-1", [pipeline_arn, execution_arn]),
        "detail": {
            "pipelineExecutionDisplayName": "upload-0123",
            "currentPipelineExecutionStatus": status,
            "previousPipelineExecutionStatus": "Executing",
            "executionStartTime": "2026-11-02T08:00:00Z",
            "executionEndTime": "2026-11-02T08:10:00Z",
            "pipelineExecutionDescription": "Upload of version v2 of s3://b/model.tar.gz",
            "pipelineArn": pipeline_arn,
            "pipelineExecutionArn": execution_arn,
        },
    }


def package_changed(approval: str, **detail: Any) -> dict[str, Any]:
    """Return the event of a model package that got an approval status."""
    kind = "SageMaker Model Package State Change"
    return {
        **_envelope("aws.sagemaker", kind, "eu-west-1", [PACKAGE]),
        "detail": {
            "ModelPackageGroupName": "returns-risk",
            "ModelPackageVersion": 7,
            "ModelPackageArn": PACKAGE,
            "CreationTime": "2026-11-02T08:10:00Z",
            "InferenceSpecification": {
                "Containers": [{"Image": "i", "ModelDataUrl": "s3://b/model.tar.gz"}],
                "SupportedContentTypes": ["text/csv"],
                "SupportedResponseMIMETypes": ["application/json"],
            },
            "ModelPackageStatus": "Completed",
            "ModelPackageStatusDetails": {"ValidationStatuses": [], "ImageScanStatuses": []},
            "CertifyForMarketplace": False,
            "ModelApprovalStatus": approval,
            "MetadataProperties": {"GeneratedBy": EXECUTION},
            "LastModifiedTime": "2026-11-02T08:10:00Z",
            **detail,
        },
    }


def alarm_changed(
    value: str = "ALARM",
    *,
    kind: str = "latency",
    before: str = "OK",
    numbers: Sequence[float | None] = (923_000.0, 1_011_000.0),
    description: str = "Slowest 1 %. Pipeline: returns-risk. Version: 7.",
    name: str = "returns-risk-standing",
    **state: Any,
) -> dict[str, Any]:
    """Return the event of a standing alarm of the endpoint that came to another state."""
    metric, stat, limit = _WATCHED[kind]
    dimensions = {"EndpointName": "returns-risk", "VariantName": "AllTraffic"}
    data = {
        "version": "1.0",
        "queryDate": "2026-11-02T08:09:59.985+0000",
        "startDate": "2026-11-02T08:07:00.000+0000",
        "statistic": stat,
        "period": 60,
        "recentDatapoints": list(numbers),
        "threshold": limit,
    }
    arn = f"arn:aws:cloudwatch:eu-west-1:{ACCOUNT}:alarm:{name}-{kind}"
    return {
        **_envelope("aws.cloudwatch", "CloudWatch Alarm State Change", "eu-west-1", [arn]),
        "detail": {
            "alarmName": f"{name}-{kind}",
            "configuration": {
                "description": description,
                "metrics": [
                    {
                        "id": "30b6c6b2-a864-43a2-4877-c09a1afc3b87",
                        "metricStat": {
                            "metric": {
                                "dimensions": dimensions,
                                "name": metric,
                                "namespace": "AWS/SageMaker",
                            },
                            "period": 60,
                            "stat": stat,
                        },
                        "returnData": True,
                    }
                ],
            },
            "previousState": {
                "reason": "Unchecked: Initial alarm creation",
                "timestamp": "2026-11-02T07:00:00.000+0000",
                "value": before,
            },
            "state": {
                "reason": "Threshold Crossed: 2 datapoints were compared.",
                "reasonData": json.dumps(data),
                "timestamp": "2026-11-02T08:09:59.987+0000",
                "value": value,
                **state,
            },
        },
    }


def _envelope(source: str, kind: str, region: str, resources: list[str]) -> dict[str, Any]:
    return {
        "version": "0",
        "id": "315c1398-40ff-a850-213b-158f73kd93ir",
        "detail-type": kind,
        "source": source,
        "account": ACCOUNT,
        "time": "2026-11-02T08:10:00Z",
        "region": region,
        "resources": resources,
    }
