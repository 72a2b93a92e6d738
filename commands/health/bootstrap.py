"""Checks of what ``cdk bootstrap`` made in an account: its version, and the key of its bucket."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from commands.health.checks import Check
from commands.terminal.aws import Aws, AwsCallError, calls

_MIN_VERSION: Final = 6
"""What the stacks require, see ``requiresBootstrapStackVersion`` in a cloud assembly."""
_OF_AWS: Final = "alias/aws/s3"
"""The key that AWS manages, which needs no permissions."""


@dataclass(frozen=True, kw_only=True)
class BootstrapNeeds:
    """What the app needs of the bootstraps of its regions."""

    qualifier: str
    """What their resources are named after."""
    regions: Sequence[str]
    key_arns: Sequence[str]
    """KMS keys that the pipelines may use beside the app's."""


def bootstrap_checks(aws: Aws, account: str, needs: BootstrapNeeds) -> Iterator[Check]:
    """Check the bootstrap of each region, and that jobs can read the assets of the home region."""
    for region in needs.regions:
        check = _version(aws, account, region, needs.qualifier)
        yield check
        if region == aws.home_region and check.state == "ok":
            yield from _asset_key(aws, account, needs)


def _version(aws: Aws, account: str, region: str, qualifier: str) -> Check:
    name, fix = f"bootstrap of {region}", f"cdk bootstrap aws://{account}/{region}"
    parameter = f"/cdk-bootstrap/{qualifier}/version"
    client = aws.client("ssm", region)
    try:
        with calls(f"Cannot read {parameter}"):
            version = client.get_parameter(Name=parameter)["Parameter"]["Value"]
    except AwsCallError as error:
        if "ParameterNotFound" not in str(error):
            return Check(name, "unknown", str(error))
        return Check(name, "problem", "missing", fix)
    if int(version) < _MIN_VERSION:
        return Check(name, "problem", f"version {version}, needs {_MIN_VERSION}", fix)
    return Check(name, "ok", f"version {version}")


def _asset_key(aws: Aws, account: str, needs: BootstrapNeeds) -> Iterator[Check]:
    """Check a key of the bootstrap's own: without its use, jobs cannot read their scripts."""
    name = "key of the bootstrap"
    bucket = f"cdk-{needs.qualifier}-assets-{account}-{aws.home_region}"
    try:
        key = _key_of(aws, bucket)
    except AwsCallError as error:
        yield Check(name, "unknown", str(error))
        return
    if key is None or key.endswith(_OF_AWS):
        return
    if any(arn == key or arn.endswith(f"/{key}") for arn in needs.key_arns):
        yield Check(name, "ok", f"{key} is among additional_key_arns")
        return
    fix = "Add its ARN to additional_key_arns in cdk.json, and deploy."
    yield Check(name, "problem", f"{bucket} is encrypted with {key}, which no role may use", fix)


def _key_of(aws: Aws, bucket: str) -> str | None:
    """Return the KMS key that a bucket names for its objects, None when it names none."""
    with calls(f"Cannot read the encryption of {bucket}"):
        answer = aws.client("s3").get_bucket_encryption(Bucket=bucket)
    (rule,) = answer["ServerSideEncryptionConfiguration"]["Rules"]
    key: str | None = rule["ApplyServerSideEncryptionByDefault"].get("KMSMasterKeyID")
    return key
