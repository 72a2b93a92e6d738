"""Files that CDK uploads before a deployment, named by their content."""

from __future__ import annotations

import hashlib
import tempfile
from dataclasses import dataclass
from pathlib import Path

from aws_cdk import aws_s3_assets as s3_assets
from constructs import Construct


@dataclass(frozen=True, kw_only=True)
class FileAsset:
    """A file that CDK uploads."""

    asset: s3_assets.Asset
    name: str
    """The last part of its key."""


def file_asset(scope: Construct, construct_id: str, *, name: str, content: bytes) -> FileAsset:
    """Let CDK upload a file.

    Args:
        scope: Parent construct.
        construct_id: Name below the parent.
        name: Name of the file, for the extension of its key.
        content: What is in it. The same content has the same key.
    """
    # CDK copies the file at once, so the folder need not outlive this.
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / name
        path.write_bytes(content)
        # CDK's own way to find out the hash takes three times as long as all the rest.
        digest = hashlib.sha256(content).hexdigest()
        asset = s3_assets.Asset(scope, construct_id, path=str(path), asset_hash=digest)
        # As CDK names it, which hashes a given hash once more: to ask for it is a call more.
        name = hashlib.sha256(digest.encode()).hexdigest()
        return FileAsset(asset=asset, name=f"{name}{path.suffix}")
