"""What a report shows of the embedded AWS, kept in a file: it is gone when that AWS ends.

<execution folder>/observations.json    sizes and digests of S3 objects, registered model
                                        packages, versions of what ran the execution
"""

from __future__ import annotations

import hashlib
import json
import platform
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from itertools import islice
from pathlib import Path
from typing import Any, Final, TypeVar

from botocore.exceptions import BotoCoreError, ClientError, EndpointConnectionError

from local.report.files import consumed, model_package_arn, produced
from local.runner.aws import response_properties
from local.runner.records import Execution

_T = TypeVar("_T")

_FILE_NAME: Final = "observations.json"
_PACKAGES: Final = ("boto3", "moto", "sagemaker", "aws-cdk-lib")
_CHUNK_BYTES: Final = 1024**2
_MAX_OBJECTS: Final = 50
"""Of one prefix: a data set of thousands of objects says little one by one."""


@dataclass(frozen=True)
class S3File:
    """An S3 object as it was when the execution ended."""

    uri: str
    size_in_bytes: int
    sha256: str


@dataclass(frozen=True)
class Observations:
    """What was seen when the execution ended.

    ``files`` holds the objects at or below each S3 URI of the execution, ``packages`` the
    DescribeModelPackage response of each step that registered.
    """

    files: Mapping[str, tuple[S3File, ...]] = field(default_factory=dict)
    packages: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)
    problems: tuple[str, ...] = ()


def observe(execution: Execution, client: Callable[[str, str | None], Any]) -> Observations:
    """Look at what an execution left in the embedded AWS, and keep it beside its record.

    Args:
        execution: One that has ended.
        client: Makes a boto3 client of a service in a region; None is the home region.
    """
    observer = _Observer(client)
    observations = Observations(
        files=observer.files(execution),
        packages=observer.packages(execution),
        versions=_versions(),
        problems=tuple(observer.problems),
    )
    path = execution.folder / _FILE_NAME
    path.write_text(json.dumps(asdict(observations), indent=1), encoding="utf-8")
    return observations


def read_observations(folder: Path) -> Observations:
    """Read the file of an execution's folder; without one, or with a damaged one, say so."""
    path = folder / _FILE_NAME
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        return Observations(
            files={
                uri: tuple(S3File(**each) for each in files)
                for uri, files in content["files"].items()
            },
            packages=content["packages"],
            versions=content["versions"],
            problems=tuple(content["problems"]),
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        return Observations(
            problems=(
                "Sizes, digests and model packages are not shown: "
                f"{_FILE_NAME} cannot be read ({type(error).__name__}).",
            )
        )


@dataclass
class _Observer:
    """Looks at one embedded AWS; what does not answer becomes a problem, not an error."""

    client: Callable[[str, str | None], Any]
    problems: list[str] = field(default_factory=list)
    gone: bool = False
    """Nothing answers any more: each further question would wait for its retries in vain."""

    def files(self, execution: Execution) -> dict[str, tuple[S3File, ...]]:
        uris = {
            item.uri
            for step in execution.steps
            for item in (*consumed(step), *produced(step))
            if item.uri.startswith("s3://")
        }
        s3 = self.client("s3", None)
        return {uri: self._seen(uri, partial(_files_at, s3, uri), ()) for uri in sorted(uris)}

    def packages(self, execution: Execution) -> dict[str, Mapping[str, Any]]:
        arns = {step.name: model_package_arn(step) for step in execution.steps}
        return {
            name: self._seen(arn, partial(self._package, arn), {})
            for name, arn in arns.items()
            if arn is not None
        }

    def _package(self, arn: str) -> Mapping[str, Any]:
        sagemaker = self.client("sagemaker", arn.split(":")[3])
        return response_properties(sagemaker.describe_model_package(ModelPackageName=arn))

    def _seen(self, what: str, look: Callable[[], _T], otherwise: _T) -> _T:
        if self.gone:
            return otherwise
        try:
            return look()
        except (BotoCoreError, ClientError) as error:
            self.gone = isinstance(error, EndpointConnectionError)
            self.problems.append(f"{what} could not be looked at: {error}")
            return otherwise


def _files_at(s3: Any, uri: str) -> tuple[S3File, ...]:
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    below = f"{key.rstrip('/')}/"
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=key)
    found = (item for page in pages for item in page.get("Contents", ()))
    mine = (item for item in found if item["Key"] == key or item["Key"].startswith(below))
    return tuple(
        S3File(f"s3://{bucket}/{item['Key']}", item["Size"], _sha256(s3, bucket, item["Key"]))
        for item in islice(mine, _MAX_OBJECTS)
    )


def _sha256(s3: Any, bucket: str, key: str) -> str:
    digest = hashlib.sha256()
    for chunk in s3.get_object(Bucket=bucket, Key=key)["Body"].iter_chunks(_CHUNK_BYTES):
        digest.update(chunk)
    return digest.hexdigest()


def _versions() -> dict[str, str]:
    versions = {"Python": platform.python_version(), "platform": platform.platform()}
    for name in _PACKAGES:
        try:
            versions[name] = version(name)
        except PackageNotFoundError:
            versions[name] = "not installed"
    return versions
