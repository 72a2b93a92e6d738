"""What TorchServe tells functions that ask for its context, and lets them say of the response.

Named as in TorchServe 0.12: ``Context`` and ``RequestProcessor`` of ``ts/context.py``.
"""

from __future__ import annotations

import shutil
import uuid
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

OK = 200


class ResponseStatusError(Exception):
    """A handler that has set another status than that of success."""


class RequestProcessor:
    """One request's headers, and the status and headers of its response."""

    def __init__(self, request_headers: Mapping[str, str]) -> None:
        """Of a request that goes well, unless the handler says otherwise."""
        self._request_headers = request_headers
        self._response_headers: dict[str, str] = {}
        self._status: tuple[int, str | None] = (OK, None)

    def get_request_property(self, key: str) -> str | None:
        """Return a header of the request."""
        return self._request_headers.get(key)

    def get_request_properties(self) -> Mapping[str, str]:
        """Return all headers of the request."""
        return self._request_headers

    def report_status(self, code: int, reason_phrase: str | None = None) -> None:
        """Set the status of the response."""
        self._status = (code, reason_phrase)

    def get_response_status_code(self) -> int:
        """Return the status of the response."""
        return self._status[0]

    def get_response_status_phrase(self) -> str | None:
        """Return what goes with the status of the response."""
        return self._status[1]

    def add_response_property(self, key: str, value: str) -> None:
        """Set a header of the response."""
        self._response_headers[key] = value

    def get_response_headers(self) -> dict[str, str]:
        """Return the headers of the response that the handler has set."""
        return self._response_headers

    def get_response_header(self, key: str) -> str | None:
        """Return a header of the response that the handler has set."""
        return self._response_headers.get(key)


class Metric:
    """A metric that nobody reads."""

    def _forget(self, *_: Any, **__: Any) -> None:
        """Take a value."""

    add_or_update = update = reset = _forget


class Metrics:
    """Metrics that a handler writes: accepted, and kept by nobody."""

    def _forget(self, *_: Any, **__: Any) -> Metric:
        """Take or make a metric, by whatever arguments the server's version has."""
        return Metric()

    add_counter = add_error = add_percent = add_size = add_time = _forget
    add_metric = add_metric_to_cache = get_metric = _forget


class ServerContext:
    """The context of a worker that batches no requests."""

    model_name = "model"

    def __init__(self, model_dir: str, gpu_id: int | None = None) -> None:
        """Of a worker that loads its model: there is no request yet."""
        self.manifest: dict[str, Any] = {}
        self.metrics = Metrics()
        self.model_yaml_config: dict[str, Any] = {}
        self.system_properties = {
            "model_dir": model_dir,
            "gpu_id": gpu_id,
            "batch_size": 1,
            "server_name": "MMS",
            "server_version": "0.12.0",
            "limit_max_image_pixels": True,
        }
        self.request_ids: dict[int, str] | None = None
        self.request_processor: list[RequestProcessor] = []

    def begin_request(self, headers: Mapping[str, str]) -> None:
        """Turn to another request."""
        self.request_ids = {0: str(uuid.uuid4())}
        self.request_processor = [RequestProcessor(headers)]

    def refuse_status(self) -> None:
        """End a request as the server does.

        Raises:
            ResponseStatusError: The handler has set a status that tells of a failure.
        """
        code, phrase = self.get_response_status(0)
        if code != OK:
            raise ResponseStatusError(f"status {code} {phrase or ''}".rstrip())

    def get_request_id(self, idx: int = 0) -> str | None:
        """Return the request's id; None while the model is loaded."""
        return None if self.request_ids is None else self.request_ids.get(idx)

    def get_request_header(self, idx: int, key: str) -> str | None:
        """Return a header of the request."""
        return self.request_processor[idx].get_request_property(key)

    def get_all_request_header(self, idx: int) -> Mapping[str, str]:
        """All headers of the request."""
        return self.request_processor[idx].get_request_properties()

    def set_response_content_type(self, idx: int, value: str) -> None:
        """Take a content type; the toolkit sets that of what the handler returns over it."""
        self.set_response_header(idx, "content-type", value)

    def get_response_content_type(self, idx: int) -> str | None:
        """Return the content type that the handler has set."""
        return self.get_response_headers(idx).get("content-type")

    def set_response_header(self, idx: int, key: str, value: str) -> None:
        """Set a header of the response."""
        self.request_processor[idx].add_response_property(key, value)

    def get_response_headers(self, idx: int) -> dict[str, str]:
        """Return the headers that the handler has set."""
        return self.request_processor[idx].get_response_headers()

    def set_response_status(self, code: int = OK, phrase: str = "", idx: int = 0) -> None:
        """Set the status of the response; while the model is loaded there is none."""
        if self.request_processor:
            self.request_processor[idx].report_status(code, reason_phrase=phrase)

    def set_all_response_status(self, code: int = OK, phrase: str = "") -> None:
        """Set the status of every response."""
        for each in self.request_processor:
            each.report_status(code, reason_phrase=phrase)

    def get_response_status(self, idx: int) -> tuple[int, str | None]:
        """Return status and phrase of the response."""
        processor = self.request_processor[idx]
        return processor.get_response_status_code(), processor.get_response_status_phrase()


def first_gpu() -> int | None:
    """Return the number of the GPU that TorchServe gives to its first worker; None without one."""
    return next(iter(gpu_numbers()), None)


def gpu_numbers() -> list[int]:
    """Return the numbers of the machine's GPUs.

    They are found as TorchServe does, by what ``nvidia-smi`` lists below a title.
    """
    program = shutil.which("nvidia-smi")
    if program is None:
        return []
    import subprocess  # without a GPU, each worker would import it for nothing

    command = [program, "--query-gpu=index", "--format=csv"]
    try:
        listed = subprocess.run(command, stdout=subprocess.PIPE, timeout=60, check=True).stdout
    except (OSError, subprocess.SubprocessError):
        return []  # its driver does not run
    return [int(line) for line in listed.split() if line.isdigit()]
