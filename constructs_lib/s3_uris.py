"""S3 URIs."""

from __future__ import annotations

from urllib.parse import urlsplit


def bucket_and_key(s3_uri: str) -> tuple[str, str]:
    """Split ``s3://bucket/key`` into bucket and key; the key is empty for a whole bucket."""
    parts = urlsplit(s3_uri)
    return parts.netloc, parts.path.lstrip("/")
