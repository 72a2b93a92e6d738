"""Data capture: a share of the requests and answers of a variant, as JSON lines in Amazon S3.

Written with the execution role of the model; what it may not write is lost, as the log tells.

Source: "Capture data from real-time endpoint" in the Amazon SageMaker developer guide, for the keys
of the objects and for what a line holds.
"""

from __future__ import annotations

import base64
import json
import logging
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import count
from typing import Any, Final

from botocore.exceptions import BotoCoreError, ClientError

from constructs_lib.jobs.verify_model.payloads import Payload, base_type
from local.emulator.endpoints.fleet import ModelAnswer

_HEADERS: Final = {"CsvContentTypes": "CSV", "JsonContentTypes": "JSON"}
_PLAIN: Final = {"application/json": "JSON", "text/csv": "CSV"}
_OTHER: Final = "BASE64"


@dataclass(frozen=True)
class DataCapture:
    """What is captured of a variant; ``s3`` calls as its model's role."""

    s3: Any
    place: str
    """``ENDPOINT/VARIANT``."""
    config: Mapping[str, Any]
    """DataCaptureConfig."""
    _numbers: Iterator[int] = field(default_factory=count, init=False)

    def is_due(self) -> bool:
        """Whether the next invocation is captured: by turns, so that the share comes out."""
        share: int = self.config["InitialSamplingPercentage"]
        number = next(self._numbers)
        return (number + 1) * share // 100 > number * share // 100

    def keep(self, request: Payload, answer: ModelAnswer, inference_id: str | None) -> None:
        """Write an invocation."""
        now = datetime.now(UTC)
        line = json.dumps(
            {
                "captureData": dict(self._captured(request, answer)),
                "eventMetadata": {
                    "eventId": str(uuid.uuid4()),
                    "inferenceTime": f"{now:%Y-%m-%dT%H:%M:%SZ}",
                    **({} if inference_id is None else {"inferenceId": inference_id}),
                },
                "eventVersion": "0",
            }
        )
        bucket, _, prefix = self.config["DestinationS3Uri"].removeprefix("s3://").partition("/")
        name = f"{now:%M-%S}-{now.microsecond // 1000:03}-{uuid.uuid4()}.jsonl"
        parts = [prefix.strip("/"), self.place, f"{now:%Y/%m/%d/%H}", name]
        key = self.config.get("KmsKeyId")
        encryption = {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": key} if key else {}
        try:
            self.s3.put_object(
                Bucket=bucket,
                Key="/".join(filter(None, parts)),
                Body=f"{line}\n".encode(),
                **encryption,
            )
        except (BotoCoreError, ClientError) as error:
            logging.getLogger(__name__).warning("%s: not captured: %s", self.place, error)

    def _captured(
        self, request: Payload, answer: ModelAnswer
    ) -> Iterator[tuple[str, Mapping[str, str]]]:
        modes = {option["CaptureMode"] for option in self.config["CaptureOptions"]}
        if modes & {"Input", "InputAndOutput"}:
            yield "endpointInput", self._side("INPUT", request.body, request.content_type)
        if modes & {"Output", "InputAndOutput"}:
            yield "endpointOutput", self._side("OUTPUT", answer.body, answer.content_type)

    def _side(self, mode: str, content: bytes, content_type: str) -> dict[str, str]:
        encoding = self._encoding(base_type(content_type))
        return {
            "observedContentType": content_type,
            "mode": mode,
            "data": (
                base64.b64encode(content).decode()
                if encoding == _OTHER
                else content.decode("utf-8", "replace")
            ),
            "encoding": encoding,
        }

    def _encoding(self, content_type: str) -> str:
        """Return how a content type is written: as text where the configuration names it."""
        headers = self.config.get("CaptureContentTypeHeader") or {}
        for name, encoding in _HEADERS.items():
            if content_type in (headers.get(name) or ()):
                return encoding
        return _PLAIN.get(content_type, _OTHER) if not headers else _OTHER
