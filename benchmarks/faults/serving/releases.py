"""The files of a version in a region's bucket, as Stage writes them.

They are written once in a process. Buckets of later worlds get copies of what moto has of them.
"""

from __future__ import annotations

import hashlib
import io
import json
import pickle
import tarfile
import zlib
from dataclasses import dataclass
from typing import Any, Final

from moto.core.utils import utcnow
from moto.s3.models import FakeKey, s3_backends

from constructs_lib.jobs.register_model.artifacts import PackagedArtifact, put_artifact
from constructs_lib.jobs.register_model.clients import RegionClients
from constructs_lib.jobs.register_model.events import Copy
from constructs_lib.jobs.register_model.objects import S3Object

_ACCOUNT: Final = "123456789012"
_CSV: Final = "payload_text_csv_0.csv"
_written: Final[dict[tuple[VersionFiles, str], dict[S3Object, bytes]]] = {}
"""By what was written and the bucket."""


@dataclass(frozen=True)
class VersionFiles:
    """What is registered of one content."""

    pipeline: str
    number: int
    content: bytes
    verdict: str
    codes: tuple[str, ...]
    """Of the regions that it is registered in."""

    @property
    def sha256(self) -> str:
        """Of the artifact."""
        return hashlib.sha256(self.content).hexdigest()

    @property
    def keys(self) -> dict[str, str]:
        """The keys of the files by what they are."""
        release = f"{self.pipeline}/releases/{self.number}"
        registration = f"{self.pipeline}/registration/{'ab' * 8}"
        return {
            "artifact": f"{release}/model.tar.gz",
            "manifest": f"{release}/manifest.json",
            "evaluation": f"{release}/evaluation.json",
            "request": f"{registration}/registration.json",
            "payload": f"{registration}/payload.tar.gz",
        }

    def put(self, bucket: str, home_bucket: str, clients: RegionClients) -> None:
        """Let them be in a bucket.

        Args:
            bucket: Of the region.
            home_bucket: Where the jobs have written the artifact.
            clients: Of the region.
        """
        kept = _written.get((self, bucket))
        if kept is None:
            source = S3Object(home_bucket, f"tmp/{self.keys['artifact']}")
            self._write(bucket, source, clients)
            objects = [source, *(S3Object(bucket, key) for key in self.keys.values())]
            _written[self, bucket] = {each: pickle.dumps(_keys(each)[each.key]) for each in objects}
            return
        for each, pickled in kept.items():
            copied: FakeKey = pickle.loads(pickled)  # noqa: S301  # it is our own
            copied.last_modified = utcnow()
            _keys(each)[each.key] = copied

    def _write(self, bucket: str, source: S3Object, clients: RegionClients) -> None:
        manifest = {
            "sha256": self.sha256,
            "crc32": f"{zlib.crc32(self.content):08x}",
            "size_bytes": len(self.content),
        }
        clients.home_s3.put_object(**source.location, Body=self.content)
        put_artifact(
            Copy(source, S3Object(bucket, self.keys["artifact"])),
            PackagedArtifact.from_manifest(manifest),
            clients=clients,
            kms_key_id="alias/key",
        )
        evaluation = {"verdict": self.verdict, "artifact": {"sha256": self.sha256}}
        bodies = {
            "manifest": json.dumps(manifest).encode(),
            "evaluation": json.dumps(evaluation).encode(),
            "request": json.dumps(_registration(self.codes)).encode(),
            "payload": _payloads(),
        }
        for name, body in bodies.items():
            clients.s3.put_object(Bucket=bucket, Key=self.keys[name], Body=body)


def _keys(file: S3Object) -> Any:
    """Return what moto keeps a bucket's objects in."""
    return s3_backends[_ACCOUNT]["aws"].buckets[file.bucket].keys


def _registration(codes: tuple[str, ...]) -> dict[str, Any]:
    request = {
        "content_types": ["text/csv"],
        "response_types": ["application/json"],
        "output_variables": [["legacy-score", "NUMERIC"]],
    }
    return {"schema_version": 1, "regions": {code: {"request": request} for code in codes}}


def _payloads() -> bytes:
    buffer, line = io.BytesIO(), b"1.0,changed_mind\n"
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        member = tarfile.TarInfo(_CSV)
        member.size = len(line)
        archive.addfile(member, io.BytesIO(line))
    return buffer.getvalue()
