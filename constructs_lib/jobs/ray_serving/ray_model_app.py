"""Serves a model's ``inference.py`` with Ray Serve, as TorchServe and SageMaker's toolkit do.

This file lies in the model's folder, beside ``code/`` and the ``config.yaml`` that names it. The
container runs both, and so does a developer, in that folder::

    ray start --head && serve run config.yaml        # then POST to http://127.0.0.1:8000/

Called are ``model_fn``, then ``input_fn``, ``predict_fn`` and ``output_fn``, or ``transform_fn``,
with the defaults of the PyTorch toolkit for those that are missing and with TorchServe's context.
Answers, status codes and errors are those of ``sagemaker_inference.transformer``. Two things
differ: the reason phrase of a status is lost, as servers of this kind send none, and the default
for NPY unpickles nothing.
"""

from __future__ import annotations

import asyncio
import importlib.util
import inspect
import io
import json
import os
import sys
import traceback
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import ray
from ray import serve
from ray_model_context import ServerContext
from ray_model_defaults import (
    JSON,
    TEXT_TYPES,
    default_input_fn,
    default_model_fn,
    default_output_fn,
    default_predict_fn,
)
from starlette.requests import Request
from starlette.responses import Response

MODEL_DIR = str(Path(__file__).absolute().parent)


def app(args: dict[str, Any]) -> Any:
    """Return the application; ``args`` are those of ``config.yaml``: entry_point, workers."""
    have = ray.cluster_resources()
    gpus, cpus = int(have.get("GPU", 0)), max(1, int(have.get("CPU", 1)))
    names = ("SAGEMAKER_MODEL_SERVER_WORKERS", "SAGEMAKER_TS_MAX_WORKERS")
    asked = [args.get("workers"), *map(os.environ.get, names)]
    workers = int(next(filter(None, asked), gpus or cpus))
    per_gpu = -(-workers // gpus) if gpus else 1
    # Together no more than there is: what Ray cannot place, it never starts.
    cpu_share = cpus // workers or int(10_000 * cpus / workers) / 10_000
    gpu_share = int(10_000 / per_gpu) / 10_000 if gpus else 0
    deployment = serve.deployment(
        ModelReplica,
        num_replicas=workers,
        max_ongoing_requests=1,  # as a worker of TorchServe: one at a time, the others wait
        ray_actor_options={"num_cpus": cpu_share, "num_gpus": gpu_share},
    )
    return deployment.bind(args.get("entry_point") or "inference.py")


class ModelReplica:
    """One process with the model, loaded before it counts as ready."""

    def __init__(self, entry_point: str) -> None:
        """Load the model, in the one thread that all its functions run in."""
        os.chdir(MODEL_DIR)
        sys.path[:0] = [str(Path(MODEL_DIR, "code")), MODEL_DIR]
        # Of the GPUs, Ray shows a process its own only: whatever its number, it is the first.
        self._context = ServerContext(MODEL_DIR, 0 if ray.get_gpu_ids() else None)
        self._thread = ThreadPoolExecutor(max_workers=1)
        self._thread.submit(_ending_as_asked, self._load, entry_point).result()

    async def __call__(self, request: Request) -> Response:
        """Answer one request."""
        body, loop = await request.body(), asyncio.get_running_loop()
        content, status, headers = await loop.run_in_executor(
            self._thread, _ending_as_asked, self.answer, body, request.headers
        )
        return Response(content, status, headers)

    def _load(self, entry_point: str) -> None:
        name = entry_point[:-3] if entry_point.endswith(".py") else entry_point
        module = importlib.import_module(name) if importlib.util.find_spec(name) else None
        names = ("transform_fn", "input_fn", "predict_fn", "output_fn")
        transform, *parts = (getattr(module, each, None) for each in names)
        if transform and any(parts):
            raise ValueError("Cannot use transform_fn beside input_fn, predict_fn or output_fn")
        defaults = (default_input_fn, default_predict_fn, default_output_fn)
        self._parts = [own or default for own, default in zip(parts, defaults, strict=True)]
        self._transform = transform or self._in_parts
        if before := getattr(module, "pre_model_fn", None):
            self._call(before, MODEL_DIR)
        self._model = self._call(getattr(module, "model_fn", default_model_fn), MODEL_DIR)
        if after := getattr(module, "model_warmup_fn", None):
            self._call(after, MODEL_DIR, self._model)

    def answer(
        self, body: bytes, headers: Mapping[str, str]
    ) -> tuple[bytes, int, Mapping[str, str]]:
        """Return body, status and headers of the response to one request.

        Args:
            body: Of the request.
            headers: Of the request, found in upper and lower case.
        """
        self._context.begin_request(headers)
        content_type, accept = headers.get("Content-Type"), headers.get("Accept")
        if not accept or accept == "*/*":
            accept = os.environ.get("SAGEMAKER_DEFAULT_INVOCATIONS_ACCEPT", JSON)
        try:
            data = body.decode() if content_type in TEXT_TYPES else bytearray(body)
            result = self._call(self._transform, self._model, data, content_type, accept)
            result, kind = result[:2] if isinstance(result, tuple) else (result, accept)
            self._context.set_response_content_type(0, kind)
        except Exception as error:  # noqa: BLE001 - whatever the model's code raises is answered
            status, message = 500, str(error) or "Invalid Request"
            if any(each.__name__ == "BaseInferenceToolkitError" for each in type(error).__mro__):
                status, message = error.status_code, error.message  # type: ignore[attr-defined]
            self._context.set_response_status(status)
            result = f"{message}\n{traceback.format_exc()}"
        try:
            status, _ = self._context.get_response_status(0)
            set_by_code = self._context.get_response_headers(0).items()
            # As TorchServe: one of each name, in whatever case; the length is the server's to tell.
            told = {name.lower(): (name, value) for name, value in set_by_code}
            told.pop("content-length", None)
            return wire_bytes(result), status, dict(told.values())
        except TypeError:
            message = "Unsupported model output data type."
            failed = {"code": 503, "type": "InternalServerException", "message": message}
            return f"{json.dumps(failed, indent=2)}\n".encode(), 503, {"content-type": JSON}

    def _in_parts(self, model: Any, data: Any, content_type: str, accept: str) -> Any:
        read, predict, write = self._parts
        prediction = self._call(predict, self._call(read, data, content_type), model)
        return self._call(write, prediction, accept)

    def _call(self, function: Any, *arguments: Any) -> Any:
        """Call a function, with the context too if it takes one more."""
        count = len(inspect.signature(function).parameters)
        if count not in (len(arguments), len(arguments) + 1):
            name, given = function.__name__, len(arguments)
            raise TypeError(f"{name} takes {count} arguments but {given} were given.")
        return function(*arguments, *[self._context][: count - len(arguments)])


def _ending_as_asked(function: Any, *arguments: Any) -> Any:
    """Call a function; code that asks to end the process ends it, and Ray starts another."""
    try:
        return function(*arguments)
    except (SystemExit, KeyboardInterrupt):
        traceback.print_exc()
        os._exit(1)


def wire_bytes(result: Any) -> bytes:
    """Return what TorchServe sends of a result."""
    if isinstance(result, (bytes, bytearray)):
        return bytes(result)
    if hasattr(result, "detach"):  # a tensor
        buffer = io.BytesIO()
        importlib.import_module("torch").save(result, buffer)
        return buffer.getvalue()
    return (result if isinstance(result, str) else json.dumps(result, indent=2)).encode()
