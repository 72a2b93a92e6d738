"""The functions that serve a model, called as the serving toolkit calls them."""

from __future__ import annotations

import inspect
import json
from typing import TYPE_CHECKING, Any

from ...common.serving.context import ServerContext, first_gpu
from ...common.serving.default_functions import (
    TEXT_TYPES,
    default_input_fn,
    default_model_fn,
    default_output_fn,
    default_predict_fn,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

ARGUMENT_COUNTS = {
    "model_fn": ("model_dir",),
    "input_fn": ("input_data", "content_type"),
    "predict_fn": ("data", "model"),
    "output_fn": ("prediction", "accept"),
    "transform_fn": ("model", "input_data", "content_type", "accept"),
}
HOOK_ARGUMENTS = {
    "pre_model_fn": ("model_dir",),
    "model_warmup_fn": ("model_dir", "model"),
}
"""What the toolkit calls before and after ``model_fn`` where the code has it."""


class ModelHandler:
    """The functions that serve a model: its own, and the toolkit's where it has none."""

    def __init__(self, module: Any) -> None:
        """Take the functions of the imported entry point."""
        self._arguments = {**ARGUMENT_COUNTS, **HOOK_ARGUMENTS}
        self._own = {name: getattr(module, name, None) for name in self._arguments}
        self._context = ServerContext("")
        self._model: Any = None
        self.default = ""
        """The function whose default runs, or ran last; empty for the code's own."""

    def describe(self) -> dict[str, str]:
        """Which function comes from where."""
        whole = self._own["transform_fn"] is not None
        kinds = {}
        for name, function in self._own.items():
            if name in HOOK_ARGUMENTS and not function:
                continue
            unused = "missing" if name == "transform_fn" or (whole and name != "model_fn") else None
            kinds[name] = "own" if function else unused or "default"
        return kinds

    def problems(self) -> list[dict[str, str]]:
        """Signatures that the toolkit cannot call."""
        found = []
        parts = [name for name in ("input_fn", "predict_fn", "output_fn") if self._own[name]]
        if self._own["transform_fn"] and parts:
            found.append(
                {
                    "code": "transform-fn-conflict",
                    "message": f"transform_fn stands beside {', '.join(parts)}.",
                    "fix": "Keep either transform_fn, or input_fn, predict_fn and output_fn.",
                }
            )
        for name, function in self._own.items():
            arguments = self._arguments[name]
            if function is not None and not takes(function, len(arguments)):
                found.append(signature_problem(name, function, arguments))
        return found

    def load(self, model_dir: str, begin: Callable[[str], object] = str) -> None:
        """Call ``model_fn`` and the hooks around it; ``begin`` is told the name of each first."""
        self._context = ServerContext(model_dir, first_gpu())
        before, after = (self._own[name] for name in HOOK_ARGUMENTS)
        if before:
            begin("pre_model_fn")
            self._call(before, model_dir)
        begin("model_fn")
        self._model = self._call(self._function("model_fn", default_model_fn), model_dir)
        self.default = ""
        if after:
            begin("model_warmup_fn")
            self._call(after, model_dir, self._model)

    def answer(self, body: bytes, content_type: str, accept: str) -> tuple[Any, str]:
        """Return the response to one request, and its content type."""
        self._context.begin_request({"Content-Type": content_type, "Accept": accept})
        data = body.decode("utf-8") if content_type in TEXT_TYPES else body
        if self._own["transform_fn"]:
            result = self._call(self._own["transform_fn"], self._model, data, content_type, accept)
        else:
            read = self._function("input_fn", default_input_fn)
            record = self._call(read, data, content_type)
            predict = self._function("predict_fn", default_predict_fn)
            prediction = self._call(predict, record, self._model)
            write = self._function("output_fn", default_output_fn)
            result = self._call(write, prediction, accept)
        self._context.refuse_status()
        return (result[0], result[1]) if isinstance(result, tuple) else (result, accept)

    def _function(self, name: str, default: Callable[..., Any]) -> Callable[..., Any]:
        self.default = "" if self._own[name] else name
        return self._own[name] or default

    def _call(self, function: Callable[..., Any], *arguments: Any) -> Any:
        if len(inspect.signature(function).parameters) == len(arguments) + 1:
            return function(*arguments, self._context)
        return function(*arguments)


def takes(function: Any, count: int) -> bool:
    """Whether the toolkit can call a function with so many arguments, or with the context too."""
    try:
        return len(inspect.signature(function).parameters) in (count, count + 1)
    except (TypeError, ValueError):
        return False


def signature_problem(name: str, function: Any, arguments: Sequence[str]) -> dict[str, str]:
    """Return the finding for a function that cannot be called."""
    wanted = ", ".join(arguments)
    try:
        got = str(inspect.signature(function))
    except (TypeError, ValueError):
        got = " that is no function"
    return {
        "code": "handler-signature",
        "message": f"{name}{got} cannot be called by the model server.",
        "fix": f"Define it as {name}({wanted}), or {name}({wanted}, context).",
    }


def wire_bytes(response: Any) -> bytes:
    """Return a response as TorchServe sends it.

    Raises:
        TypeError: it cannot be sent.
    """
    if isinstance(response, (bytes, bytearray)):
        return bytes(response)
    if isinstance(response, str):
        return response.encode("utf-8")
    try:
        return json.dumps(response, indent=2).encode("utf-8")
    except (TypeError, ValueError):
        raise TypeError(
            f"the response is of type {type(response).__name__}; allowed are str and bytes"
        ) from None
