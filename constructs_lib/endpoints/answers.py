"""A request to an endpoint, and its answer."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any, Final

from constructs_lib.service_model import service_model

CONTENT_TYPES: Final = {
    ".json": "application/json",
    ".csv": "text/csv",
    ".jsonl": "application/jsonlines",
    ".npy": "application/x-npy",
    ".npz": "application/x-npz",
    ".txt": "text/plain",
}
"""Content type by the ending of a file's name."""


@dataclass(frozen=True, kw_only=True)
class EndpointAnswer:
    """What an endpoint answered."""

    body: bytes
    content_type: str
    variant: str | None
    milliseconds: float
    """From sending the request to having the answer, seen from here."""


def most_request_bytes() -> int:
    """Return how much an endpoint takes in one request, by the service model."""
    return int(service_model("sagemaker-runtime").shape_for("BodyBlob").metadata["max"])


def ask(
    runtime: Any,
    endpoint: str,
    body: bytes,
    *,
    content_type: str,
    accept: str | None,
) -> EndpointAnswer:
    """Send a request.

    Args:
        runtime: A client of the SageMaker Runtime in the endpoint's region.
        endpoint: Its name.
        body: The request, at most ``most_request_bytes()``.
        content_type: Of the request.
        accept: Content type that the answer should have; None leaves it to the model.

    Raises:
        botocore.exceptions.ClientError: AWS, or the model, refused.
    """
    request: dict[str, Any] = {
        "EndpointName": endpoint,
        "Body": body,
        "ContentType": content_type,
        **({"Accept": accept} if accept else {}),
    }
    start = time.perf_counter()
    response = runtime.invoke_endpoint(**request)
    answer = response["Body"].read()
    return EndpointAnswer(
        body=answer,
        content_type=response.get("ContentType", ""),
        variant=response.get("InvokedProductionVariant"),
        milliseconds=(time.perf_counter() - start) * 1000,
    )
