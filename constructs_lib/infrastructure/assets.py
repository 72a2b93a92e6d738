"""Files that CDK uploads before a deployment, named by their content."""

from __future__ import annotations

import hashlib
import tempfile
from pathlib import Path

from aws_cdk import aws_s3_assets as s3_assets
from constructs import Construct


def file_asset(
    scope: Construct, construct_id: str, *, name: str, content: bytes
) -> s3_assets.Asset:
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
        return s3_assets.Asset(scope, construct_id, path=str(path), asset_hash=digest)
