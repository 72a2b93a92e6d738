"""Two emulated regions with what the jobs of an execution have written, and the steps' events."""

from __future__ import annotations

import hashlib
import json
import zlib
from dataclasses import dataclass
from typing import Any

HOME_BUCKET = "artifacts-us-east-1"
BUCKET = "registry-eu-west-1"
GROUP = "returns-risk"
KEY_ARN = "arn:aws:kms:eu-west-1:123456789012:alias/returns-risk"
EXECUTION_ARN = "arn:aws:sagemaker:us-east-1:123456789012:pipeline/returns-risk/execution/abc123"
RELEASE = "returns-risk/releases/abc123"
ARTIFACT = b"artifact" * 1000
SHA256 = hashlib.sha256(ARTIFACT).hexdigest()
CODE_SHA256 = "cd" * 32
PAYLOAD = b"payload"
JOBS = "tmp/returns-risk/abc123"
WRITTEN = {
    "model_artifact_uri": f"{JOBS}/Package/model/model.tar.gz",
    "packaging_manifest_uri": f"{JOBS}/Package/manifest.json",
    "evaluation_uri": f"{JOBS}/Verify/evaluation.json",
    "registration_request_uri": f"{JOBS}/Package/files/registration.json",
    "sample_payload_uri": f"{JOBS}/Package/files/payload.tar.gz",
}
"""The keys of what the jobs write."""


@dataclass(frozen=True)
class Aws:
    """The emulated services: S3 at home and in the other region, and SageMaker there."""

    source: Any
    destination: Any
    registry: Any

    def write(self, name: str, content: bytes) -> None:
        """Write what a job writes."""
        self.source.put_object(Bucket=HOME_BUCKET, Key=WRITTEN[name], Body=content)

    def registered(self) -> list[dict[str, Any]]:
        """Describe what is registered in the other region."""
        summaries = self.registry.list_model_packages(ModelPackageGroupName=GROUP)
        return [
            self.registry.describe_model_package(ModelPackageName=summary["ModelPackageArn"])
            for summary in summaries["ModelPackageSummaryList"]
        ]


def manifest(artifact: bytes = ARTIFACT, **changes: Any) -> bytes:
    """Write what Package says of an artifact."""
    document = {
        "sha256": hashlib.sha256(artifact).hexdigest(),
        "crc32": f"{zlib.crc32(artifact):08x}",
        "size_bytes": len(artifact),
        "code_sha256": CODE_SHA256,
    }
    return json.dumps({**document, **changes}).encode()


def evaluation(sha256: str = SHA256, verdict: str = "passed") -> bytes:
    """Write what Verify says of an artifact."""
    gate = {"errors": 0, "latency_p99_in_millisecond": 12.3, "error_rate": 0.0}
    document = {
        "verdict": verdict,
        "summary": "p99 12.3 ms, 20.0 tps",
        "gate": {**gate, "achieved_tps": 20.0},
        "artifact": {"sha256": sha256},
    }
    return json.dumps(document).encode()


def registration_folder(request_file: bytes) -> str:
    """Return the key of the folder of a sample payload and a registration request."""
    digest = hashlib.sha256(PAYLOAD + request_file).hexdigest()[:16]
    return f"returns-risk/registration/{digest}"


def put_in_place(folder: str) -> dict[str, str]:
    """Return the keys of what Stage writes."""
    return {
        name: f"{RELEASE if name not in _REGISTRATION else folder}/{key.rpartition('/')[2]}"
        for name, key in WRITTEN.items()
    }


_REGISTRATION = ("registration_request_uri", "sample_payload_uri")
