"""Registered versions of made-up models, and an S3 that holds their files."""

from __future__ import annotations

import hashlib
import io
import json
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from botocore.exceptions import ClientError
from botocore.response import StreamingBody

from constructs_lib.aws.registry import ModelPackage
from constructs_lib.release.archives import archive
from constructs_lib.replay.version import RegisteredFiles, ReplayedVersion
from tests.model_packages import model_package

CODE: Final = """
import json, os, time
def model_fn(model_dir):
    return {scale}
def input_fn(data, content_type):
    return json.loads(data)
def predict_fn(data, model):
    {more}
    return {{"score": data["x"] * model, "label": "a"}}
def output_fn(prediction, accept):
    return json.dumps(prediction)
"""
_SAMPLES: Final = {"payload_application_json_0.json": b'{"x": 1}'}


class ObjectsOfS3:
    """S3 with some objects."""

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}

    def head_object(self, *, Bucket: str, Key: str) -> dict[str, Any]:  # noqa: N803
        return {"ContentLength": len(self._content(Bucket, Key))}

    def get_object(self, *, Bucket: str, Key: str) -> dict[str, Any]:  # noqa: N803
        content = self._content(Bucket, Key)
        return {"Body": StreamingBody(io.BytesIO(content), len(content))}

    def _content(self, bucket: str, key: str) -> bytes:
        uri = f"s3://{bucket}/{key}"
        if uri not in self.objects:
            raise ClientError({"Error": {"Code": "404", "Message": "Not Found"}}, "GetObject")
        return self.objects[uri]


def register(
    s3: ObjectsOfS3, number: int, code: str, *, serving: dict[str, Any] | None = None
) -> ModelPackage:
    """Put the files of a version into S3; returns its package."""
    content = archive({"code/inference.py": code.encode()})
    place = f"s3://registry/{number}"
    request = {
        "environment": {"SAGEMAKER_PROGRAM": "inference.py"},
        "content_types": ["application/json"],
        "response_types": ["application/json"],
        "output_variables": [["score", "NUMERIC"], ["label", "TEXT"]],
        "load_test": {
            "expected_tps": 1,
            "max_latency_in_millisecond": 1000,
            "max_acceptable_error_rate": 0,
        },
    }
    document: dict[str, Any] = {"schema_version": 1, "regions": {"NA": {"request": request}}}
    if serving is not None:
        document["serving"] = serving
    s3.objects |= {
        f"{place}/model.tar.gz": content,
        f"{place}/registration.json": json.dumps(document).encode(),
        f"{place}/payload.tar.gz": archive(_SAMPLES),
    }
    return model_package(
        number,
        artifact_uri=f"{place}/model.tar.gz",
        sample_payload_uri=f"{place}/payload.tar.gz",
        metadata={
            "artifact_sha256": hashlib.sha256(content).hexdigest(),
            "registration_request": f"{place}/registration.json",
            "model_registration_region": "NA",
        },
    )


def fetch(s3: ObjectsOfS3, package: ModelPackage, folder: Path) -> ReplayedVersion:
    """Read a version to a new folder."""
    folder.mkdir()
    return RegisteredFiles(package, s3, folder).fetch(lambda _: None)


def without(package: ModelPackage, name: str) -> ModelPackage:
    """Return a package whose metadata lacks something."""
    metadata = {each: value for each, value in package.metadata.items() if each != name}
    return replace(package, metadata=metadata)
