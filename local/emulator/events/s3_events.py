"""Events of Amazon S3, for buckets that send theirs to EventBridge.

moto sends them in a form of its own, and a multipart upload's twice.
Source: "EventBridge event message structure" in the Amazon S3 user guide.
"""

from __future__ import annotations

import secrets
from typing import Any, Final

from local.emulator.events.delivery import EventDelivery

_REASONS: Final = {
    "s3:ObjectCreated:CompleteMultipartUpload": "CompleteMultipartUpload",
    "s3:ObjectCreated:Copy": "CopyObject",
    "s3:ObjectCreated:Post": "POST Object",
    "s3:ObjectCreated:Put": "PutObject",
}
_DELETED: Final = {
    "s3:ObjectRemoved:Delete": "Permanently Deleted",
    "s3:ObjectRemoved:DeleteMarkerCreated": "Delete Marker Created",
}


def install_s3_events(delivery: EventDelivery) -> None:
    """Send the events of Amazon S3 through EventBridge as it is here."""
    from moto.s3 import notifications

    def send(_account: str, bucket: Any, event_name: Any, key: Any) -> None:
        _send(delivery, bucket, str(getattr(event_name, "value", event_name)), key)

    notifications._send_event_bridge_message = send


def _send(delivery: EventDelivery, bucket: Any, name: str, key: Any) -> None:
    detail: dict[str, Any] = {
        "version": "0",
        "bucket": {"name": bucket.name},
        "object": {"key": key.name, "sequencer": secrets.token_hex(9).upper()},
        "request-id": secrets.token_hex(8).upper(),
        "requester": delivery.sessions.identities.account,
        "source-ip-address": "127.0.0.1",
    }
    if bucket.versioning_status:
        detail["object"]["version-id"] = key.version_id
    if name in _REASONS and not _is_counted_twice(name, key):
        detail["object"].update(size=key.size, etag=key.etag.strip('"'))
        kind, detail["reason"] = "Object Created", _REASONS[name]
    elif name in _DELETED:
        kind, detail["reason"] = "Object Deleted", "DeleteObject"
        detail["deletion-type"] = _DELETED[name]
    else:
        return
    delivery.emit("aws.s3", kind, bucket.region_name, [bucket.arn], detail)


def _is_counted_twice(name: str, key: Any) -> bool:
    """Whether moto tells of it again as the end of a multipart upload."""
    return key.multipart is not None and name == "s3:ObjectCreated:Put"
