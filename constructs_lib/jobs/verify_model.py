"""Let a packaged model answer its own sample payloads, as its serving container would.

Runs as a SageMaker Processing job in the inference image, and on a developer's machine: Python 3.8
or later and its standard library; NumPy and PyTorch only where the model's code, or the serving
toolkit's default in its place, needs them::

    verify_model.py --model model.tar.gz --payload payload.tar.gz --request registration.json
                    --output evaluation/evaluation.json     # the job; without: findings on screen

    archive -> serving layout -> Worker processes (the model's code) -> payloads, load -> evaluation

The model's code runs in child processes only. It is called as ``sagemaker_inference.Transformer``
and ``sagemaker_pytorch_serving_container`` call it, in the environment of the container.
"""

from __future__ import annotations

import argparse
import base64
import contextlib
import csv
import functools
import gzip
import hashlib
import importlib
import importlib.util
import inspect
import io
import json
import math
import os
import platform
import re
import select
import shutil
import signal
import subprocess
import sys
import tarfile
import tempfile
import threading
import time
import traceback
import zlib
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, NamedTuple, NoReturn

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

MIB = 1024 * 1024
GIB = 1024 * MIB
CSV, JSON, NPY = "text/csv", "application/json", "application/x-npy"
TEXT_TYPES = (JSON, CSV)
CONTAINER_MODEL_FOLDER = "/opt/ml/model"
LOG_BYTES = 64 * 1024
"""How much of what one worker prints goes into the log."""
MESSAGE_CHARACTERS = 300
RESPONSE_BYTES = 16 * MIB
RESTARTS = 3
"""How often the load test replaces a worker that died, as the model server does."""
SAMPLE_SECONDS = 0.05
LEAK_BYTES = 10 * MIB
LEAK_SHARE = 0.05
HISTOGRAM_BOUNDS = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000, 60_000)
"""Milliseconds; what is above the last one is in a bucket without bound."""
PACKAGES = (
    "numpy",
    "pandas",
    "sagemaker-inference",
    "sagemaker-pytorch-inference",
    "scikit-learn",
    "scipy",
    "torch",
    "torchserve",
    "transformers",
    "xgboost",
)
"""Whose versions the evaluation tells, where they are installed."""


class JobError(Exception):
    """What keeps this script from judging: one line for the user."""


class Finding(NamedTuple):
    """One thing that is wrong, or odd, about the model."""

    severity: str
    code: str
    message: str
    fix: str


class RefusedError(Exception):
    """A model that gets no further; holds the finding."""

    def __init__(self, code: str, message: str, fix: str) -> None:
        """An error finding."""
        super().__init__(message)
        self.finding = Finding("error", code, message, fix)


def shortened(text: object) -> str:
    """A text of the model's making, on one line, not endless."""
    line = " ".join(str(text).split())
    return line if len(line) <= MESSAGE_CHARACTERS else line[: MESSAGE_CHARACTERS - 3] + "..."


# --- Unpacking ------------------------------------------------------------------------------------


class Limits(NamedTuple):
    """How much an archive may hold."""

    unpacked_bytes: int = 256 * GIB
    ratio: int = 200
    members: int = 100_000


REPACK = "Make it with `tar -czf model.tar.gz -C <folder of the model> .` and copy it again."


class Unpacker:
    """Writes the members of an archive below one folder, and nowhere else."""

    def __init__(self, folder: Path, compressed_bytes: int, limits: Limits) -> None:
        """Start with an empty folder."""
        self._folder = folder
        self._most_bytes = min(
            limits.unpacked_bytes, max(GIB, limits.ratio * compressed_bytes), free_bytes(folder)
        )
        self._limits = limits
        self._bytes = 0
        self._members = 0

    def add(self, archive: tarfile.TarFile, member: tarfile.TarInfo) -> None:
        """Write one member.

        Raises:
            RefusedError: it is unsafe, or one too many.
        """
        self._members += 1
        self._bytes += max(member.size, 0)
        if self._members > self._limits.members or self._bytes > self._most_bytes:
            raise RefusedError(
                "archive-too-large",
                f"The archive has more than {self._limits.members:,} members or unpacks to more "
                f"than {self._most_bytes:,} bytes, at member {member.name!r}.",
                "Leave out what serving does not need.",
            )
        path = self._path(member.name)
        if path == self._folder and member.isdir():
            return
        self._refuse_links_above(path, member)
        if member.isdir():
            path.mkdir(parents=True, exist_ok=True)
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.is_dir() and not path.is_symlink():
            raise unsafe(member, "is there twice, as a folder and as something else")
        if os.path.lexists(str(path)):
            path.unlink()
        self._write(archive, member, path)

    def _path(self, name: str) -> Path:
        parts = [part for part in name.split("/") if part not in ("", ".")]
        if name.startswith("/") or ".." in parts or "\0" in name:
            raise unsafe(name, "leads out of the archive")
        return self._folder.joinpath(*parts)

    def _refuse_links_above(self, path: Path, member: tarfile.TarInfo) -> None:
        for parent in path.parents:
            if parent == self._folder:
                return
            if parent.is_symlink() or (parent.exists() and not parent.is_dir()):
                raise unsafe(member, "is inside of something that is no folder")

    def _write(self, archive: tarfile.TarFile, member: tarfile.TarInfo, path: Path) -> None:
        if member.issym():
            self._refuse_target(member, path)
            path.symlink_to(member.linkname)
        elif member.islnk():
            source = self._path(member.linkname)
            self._refuse_links_above(source, member)
            if source.is_symlink() or not source.is_file():
                raise unsafe(member, "is a hard link to no file before it")
            os.link(str(source), str(path))
        elif member.isreg():
            content = archive.extractfile(member)
            with path.open("xb") as file:
                shutil.copyfileobj(content, file, MIB)  # type: ignore[arg-type]
            if path.stat().st_size != member.size:
                raise EOFError("it ends too early")
        else:
            raise unsafe(member, "is neither file, folder nor link")

    def _refuse_target(self, member: tarfile.TarInfo, path: Path) -> None:
        target = os.path.normpath(os.path.join(str(path.parent), member.linkname))  # noqa: PTH118
        inside = target == str(self._folder) or target.startswith(str(self._folder) + os.sep)
        if member.linkname.startswith("/") or not inside:
            raise unsafe(member, f"links to {member.linkname!r}, outside of the archive")


def unsafe(member: object, why: str) -> RefusedError:
    """The error for a member that could write or read outside of the folder."""
    name = getattr(member, "name", member)
    return RefusedError("archive-unsafe", f"Member {shortened(repr(name))} {why}.", REPACK)


def free_bytes(folder: Path) -> int:
    """The space that is left where a folder is."""
    return shutil.disk_usage(str(folder)).free


def unpack(archive_path: Path, folder: Path, limits: Limits) -> None:
    """Unpack a ``.tar.gz`` or ``.tar`` to an empty folder.

    Raises:
        RefusedError: it is damaged, unsafe or too large.
    """
    folder.mkdir(parents=True, exist_ok=True)
    unpacker = Unpacker(folder, archive_path.stat().st_size, limits)
    try:
        with opened(archive_path) as file, tarfile.open(fileobj=file, mode="r:") as archive:
            for member in archive:
                unpacker.add(archive, member)
            # To the end: there the checksum is compared, and nothing else may stand there.
            while True:
                rest = file.read(MIB)
                if rest.strip(b"\0"):
                    raise tarfile.ReadError("has something else after its members")
                if not rest:
                    return
    except (tarfile.TarError, OSError, EOFError, ValueError, zlib.error) as error:
        raise RefusedError(
            "archive-unreadable",
            f"{archive_path.name} is damaged or no tar.gz archive: {shortened(error)}.",
            REPACK,
        ) from None


def opened(archive_path: Path) -> IO[bytes]:
    """The unpacked bytes of an archive."""
    with archive_path.open("rb") as file:
        is_compressed = file.read(2) == b"\x1f\x8b"
    return gzip.open(str(archive_path)) if is_compressed else archive_path.open("rb")  # type: ignore[return-value]


def lay_out(model: Path, code: Path | None, folder: Path, limits: Limits) -> None:
    """Make the model folder as the serving container finds it."""
    if model.is_dir():
        shutil.copytree(
            str(model), str(folder), symlinks=True, ignore=shutil.ignore_patterns("__pycache__")
        )
    else:
        unpack(model, folder, limits)
    if code is not None:
        # Packaging replaces the folder, too.
        shutil.rmtree(str(folder / "code"), ignore_errors=True)
        shutil.copytree(
            str(code), str(folder / "code"), ignore=shutil.ignore_patterns("__pycache__")
        )


def layout_finding(folder: Path, entry_point: str) -> Finding | None:
    """What is wrong with where things are."""
    if (folder / "code" / entry_point).is_file():
        return None
    nested = sorted(
        path.relative_to(folder).as_posix()
        for path in folder.rglob(Path(entry_point).name)
        if path.is_file()
    )
    where = f"; there is {nested[0]}" if nested else ""
    if (folder / "code").is_dir():
        message = f"code/ has no entry point {entry_point} (SAGEMAKER_PROGRAM){where}."
        fix = f"Put it at code/{entry_point}, or name the right file as inference_entry_point."
        return Finding("error", "entry-point-missing", message, fix)
    level = next((name for name in nested if name.endswith(f"/code/{entry_point}")), None)
    if level is not None:
        top = level[: -len(f"/code/{entry_point}")]
        message = f"Everything is one folder too deep: {level} has to be code/{entry_point}."
        fix = f"Pack the inside of the folder: `tar -czf model.tar.gz -C {top} .`"
        return Finding("error", "wrong-folder-level", message, fix)
    message = f"The archive has no folder code/ at its root{where}."
    fix = f"Put the inference code into code/, with the entry point at code/{entry_point}."
    return Finding("error", "code-folder-missing", message, fix)


# --- In the worker process: the model's code ------------------------------------------------------

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


class UnsupportedTypeError(Exception):
    """A content type that the toolkit's default functions do not know."""

    def __init__(self, content_type: str) -> None:
        """Worded like the toolkit's error."""
        super().__init__(f"Content type {content_type} is not supported by this framework.")


def default_model_fn(model_dir: str) -> Any:
    """The one TorchScript file at the model's root, as the PyTorch toolkit loads it."""
    torch = importlib.import_module("torch")

    path = Path(model_dir) / "model.pt"
    if not path.exists():
        files = [file for file in Path(model_dir).iterdir() if file.suffix in (".pt", ".pth")]
        if len(files) != 1:
            names = [file.name for file in files]
            raise ValueError(
                f"Exactly one .pth or .pt file is required for PyTorch models: {names}"
            )
        path = files[0]
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        return torch.jit.load(str(path), map_location=device).to(device)
    except RuntimeError as error:
        raise ValueError(
            f"Failed to load {path.name}. Please ensure model is saved using torchscript."
        ) from error


def default_input_fn(input_data: Any, content_type: str) -> Any:
    """A tensor of JSON, CSV or NPY."""
    np = importlib.import_module("numpy")
    torch = importlib.import_module("torch")

    if content_type == JSON:
        array = np.array(json.loads(input_data))
    elif content_type == CSV:
        array = np.genfromtxt(io.StringIO(input_data), delimiter=",")
    elif content_type == NPY:
        # Not as the toolkit: nothing that a request holds is unpickled.
        array = np.load(io.BytesIO(input_data), allow_pickle=False)
    else:
        raise UnsupportedTypeError(content_type)
    tensor = torch.FloatTensor(array) if content_type in TEXT_TYPES else torch.from_numpy(array)
    return tensor.to(torch.device("cuda" if torch.cuda.is_available() else "cpu"))


def default_predict_fn(data: Any, model: Any) -> Any:
    """Call the model."""
    torch = importlib.import_module("torch")

    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    with torch.no_grad():
        model = model.to(device)
        model.eval()
        return model(data.to(device))


def default_output_fn(prediction: Any, accept: str) -> Any:
    """JSON, CSV or NPY of a tensor or anything like an array."""
    if hasattr(prediction, "detach"):
        prediction = prediction.detach().cpu().numpy().tolist()
    for content_type in accept.replace(" ", "").split(","):
        if content_type == JSON:
            return json.dumps(prediction, default=lambda value: value.tolist())
        if content_type in (CSV, NPY):
            return encoded_array(prediction, content_type)
    raise UnsupportedTypeError(accept)


def encoded_array(prediction: Any, content_type: str) -> bytes:
    """An array as the toolkit encodes it."""
    np = importlib.import_module("numpy")

    if content_type == CSV:
        text = io.StringIO()
        np.savetxt(text, prediction, delimiter=",", fmt="%s")
        return text.getvalue().encode()
    binary = io.BytesIO()
    np.save(binary, prediction)
    return binary.getvalue()


class Context:
    """What functions are told that ask for it: the part of ``ts.context.Context`` they read."""

    model_name = "model"

    def __init__(self, model_dir: str) -> None:
        """Of a model server without GPUs that batches no requests."""
        self.manifest: dict[str, Any] = {}
        self.system_properties = {"model_dir": model_dir, "gpu_id": None, "batch_size": 1}
        self.headers: dict[str, str] = {}

    def get_request_header(self, _index: int, name: str) -> str | None:
        """A header of the request."""
        return self.headers.get(name)

    def get_all_request_header(self, _index: int) -> dict[str, str]:
        """All headers of the request."""
        return dict(self.headers)


class Handler:
    """The functions that serve a model: its own, and the toolkit's where it has none."""

    def __init__(self, module: Any) -> None:
        """Take the functions of the imported entry point."""
        self._arguments = {**ARGUMENT_COUNTS, **HOOK_ARGUMENTS}
        self._own = {name: getattr(module, name, None) for name in self._arguments}
        self._context = Context("")
        self._model: Any = None

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
        self._context = Context(model_dir)
        before, after = (self._own[name] for name in HOOK_ARGUMENTS)
        if before:
            begin("pre_model_fn")
            self._call(before, model_dir)
        begin("model_fn")
        self._model = self._call(self._own["model_fn"] or default_model_fn, model_dir)
        if after:
            begin("model_warmup_fn")
            self._call(after, model_dir, self._model)

    def answer(self, body: bytes, content_type: str, accept: str) -> tuple[Any, str]:
        """The response to one request, and its content type."""
        self._context.headers = {"Content-Type": content_type, "Accept": accept}
        data = body.decode("utf-8") if content_type in TEXT_TYPES else body
        if self._own["transform_fn"]:
            result = self._call(self._own["transform_fn"], self._model, data, content_type, accept)
        else:
            record = self._call(self._own["input_fn"] or default_input_fn, data, content_type)
            predict = self._own["predict_fn"] or default_predict_fn
            prediction = self._call(predict, record, self._model)
            result = self._call(self._own["output_fn"] or default_output_fn, prediction, accept)
        return (result[0], result[1]) if isinstance(result, tuple) else (result, accept)

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
    """The finding for a function that cannot be called."""
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
    """A response as TorchServe sends it.

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


def failure(error: BaseException, code_folder: str) -> dict[str, str]:
    """What an exception says, and the line of the model's code that it came from."""
    where = ""
    for frame in traceback.extract_tb(error.__traceback__):
        if frame.filename.startswith(code_folder + os.sep):
            where = f"{os.path.relpath(frame.filename, code_folder)} line {frame.lineno}"
    if isinstance(error, SyntaxError) and error.filename:
        where = f"{Path(error.filename).name} line {error.lineno}"
    missing = error.name if isinstance(error, ModuleNotFoundError) else ""
    text = error.msg if isinstance(error, SyntaxError) else str(error)
    message = shortened(text or "no message")
    return {
        "type": type(error).__name__,
        "message": message,
        "where": where,
        "missing": missing or "",
    }


def serve(model_dir: str, module_name: str, requests: IO[bytes], replies: IO[bytes]) -> None:
    """Load the model, then answer requests, one JSON document per line."""

    def reply(**content: object) -> None:
        replies.write(json.dumps(content).encode("ascii") + b"\n")
        replies.flush()

    code_folder = str(Path(model_dir) / "code")
    sys.path.insert(0, code_folder)
    stages = ["import"]
    try:
        handler = Handler(importlib.import_module(module_name))
        reply(stage="imported", functions=handler.describe(), problems=handler.problems())
        if handler.problems():
            return
        handler.load(model_dir, stages.append)
    except Exception as error:  # noqa: BLE001 - the model's code may raise anything
        reply(stage=stages[-1], failure=failure(error, code_folder))
        return
    reply(stage="loaded")
    for line in requests:
        request = json.loads(line)
        body = base64.b64decode(request["body"])
        try:
            response, kind = handler.answer(body, request["content_type"], request["accept"])
            content = wire_bytes(response)
        except Exception as error:  # noqa: BLE001
            reply(failure=failure(error, code_folder))
            continue
        reply(body=base64.b64encode(content).decode("ascii"), content_type=str(kind))


def serve_from_command_line(arguments: Sequence[str]) -> NoReturn:
    """Be a worker. Ends without waiting for threads that the model's code leaves behind."""
    model_dir, module_name, request_fd, reply_fd = arguments
    code = 0
    try:
        # The folder of this script is no place to import from.
        sys.path.pop(0)
        for descriptor in (int(request_fd), int(reply_fd)):
            # A process that the code leaves behind must not keep the connection open.
            os.set_inheritable(descriptor, False)  # noqa: FBT003
        with os.fdopen(int(request_fd), "rb") as requests, os.fdopen(int(reply_fd), "wb") as out:
            serve(model_dir, module_name, requests, out)
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:  # noqa: BLE001 - whatever it is, it ends this process
        traceback.print_exc()
        code = 1
    finally:
        with contextlib.suppress(Exception):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(code & 0xFF)


# --- The worker process from outside --------------------------------------------------------------


class WorkerEndedError(Exception):
    """A worker that is no more."""


class WorkerSilentError(Exception):
    """A worker that does not answer in time."""


class Worker:
    """A child process that runs the model's code, and can be killed at any time."""

    def __init__(self, model_dir: Path, module_name: str, environment: Mapping[str, str]) -> None:
        """Start it."""
        request_read, self._requests = os.pipe()
        self._replies, reply_write = os.pipe()
        self._buffer = b""
        arguments = [str(model_dir), module_name, str(request_read), str(reply_write)]
        self.process = subprocess.Popen(
            [sys.executable, str(Path(__file__).resolve()), "--serve", *arguments],
            env=dict(environment),
            cwd=str(model_dir),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            pass_fds=(request_read, reply_write),
            start_new_session=True,
        )
        os.close(request_read)
        os.close(reply_write)
        self._log = threading.Thread(target=self._copy_log, daemon=True)
        self._log.start()

    def _copy_log(self) -> None:
        """What the code prints, up to a limit; read on after it, or the code would block."""
        left = LOG_BYTES
        with self.process.stdout as output:  # type: ignore[union-attr]
            for chunk in iter(functools.partial(os.read, output.fileno(), 65536), b""):
                text = chunk[:left].decode("utf-8", "replace")
                if left > 0:
                    sys.stderr.write(text)
                    if left <= len(chunk):
                        sys.stderr.write(f"\n(cut: the code printed over {LOG_BYTES:,} bytes)\n")
                left -= len(chunk)

    def receive(self, timeout_seconds: float) -> dict[str, Any]:
        """The next reply.

        Raises:
            WorkerEndedError: the process ended.
            WorkerSilentError: it said nothing in time, or far too much.
        """
        end = time.monotonic() + timeout_seconds
        while b"\n" not in self._buffer:
            ready, _, _ = select.select([self._replies], [], [], max(0, end - time.monotonic()))
            if not ready or len(self._buffer) > 2 * RESPONSE_BYTES:
                raise WorkerSilentError
            chunk = os.read(self._replies, MIB)
            if not chunk:
                raise WorkerEndedError
            self._buffer += chunk
        line, _, self._buffer = self._buffer.partition(b"\n")
        return json.loads(line)  # type: ignore[no-any-return]

    def ask(self, payload: Payload, timeout_seconds: float) -> dict[str, Any]:
        """Send one request and wait for its reply."""
        try:
            view = memoryview(payload.line)
            while view:
                view = view[os.write(self._requests, view) :]
        except OSError:
            raise WorkerEndedError from None
        return self.receive(timeout_seconds)

    def how_it_ended(self) -> str:
        """Exit code or signal of a worker that ended."""
        try:
            code = self.process.wait(5)
        except subprocess.TimeoutExpired:
            return "closed its connection"
        if code < 0:
            return f"was ended by {signal.Signals(-code).name}"
        return f"ended with exit code {code}"

    def stop(self) -> None:
        """Kill it, with everything it started."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        self._log.join(1)
        for descriptor in (self._requests, self._replies):
            with contextlib.suppress(OSError):
                os.close(descriptor)


class Memory:
    """Samples the resident memory of workers and their children, where the system tells it."""

    def __init__(self, limit_bytes: int | None) -> None:
        """Start sampling."""
        self._limit = limit_bytes
        self._workers: list[Worker] = []
        self._end = threading.Event()
        self.samples: list[int] = []
        self.exceeded = False
        self._thread = threading.Thread(target=self._sample, daemon=True)
        self._thread.start()

    def watch(self, worker: Worker) -> None:
        """Count a worker."""
        self._workers.append(worker)

    def stop(self) -> None:
        """End the sampling."""
        self._end.set()
        self._thread.join()

    @property
    def peak_bytes(self) -> int | None:
        """The largest sum seen; None when the system tells nothing."""
        return max(self.samples, default=0) or None

    def _sample(self) -> None:
        while not self._end.wait(SAMPLE_SECONDS):
            pids = {worker.process.pid for worker in self._workers}
            total = sum(resident_bytes(pids))
            if total:
                self.samples.append(total)
            if self._limit is not None and total > self._limit:
                self.exceeded = True
                for pid in pids:
                    with contextlib.suppress(ProcessLookupError, PermissionError):
                        os.killpg(pid, signal.SIGKILL)


def resident_bytes(sessions: set[int]) -> Iterator[int]:
    """Memory of each process of the sessions, from ``/proc``."""
    page = os.sysconf("SC_PAGE_SIZE")
    for entry in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError, ValueError, IndexError):
            fields = (entry / "stat").read_text().rpartition(")")[2].split()
            if int(fields[3]) in sessions:
                yield int(fields[21]) * page


# --- Payloads and responses -----------------------------------------------------------------------


class Payload:
    """One sample request, asking for one response type."""

    def __init__(self, name: str, body: bytes, content_type: str, accept: str) -> None:
        """Encode it for a worker."""
        self.name = name
        self.content_type = content_type
        self.accept = accept
        request = {
            "body": base64.b64encode(body).decode("ascii"),
            "content_type": content_type,
            "accept": accept,
        }
        self.line = json.dumps(request).encode("ascii") + b"\n"

    def __str__(self) -> str:
        """As a message names it."""
        return f"{self.name} ({self.content_type} to {self.accept})"


def read_payloads(archive_path: Path, request: Mapping[str, Any]) -> list[Payload]:
    """Every sample payload with every response type.

    Raises:
        JobError: the archive cannot be read, or holds no payload of a declared type.
    """
    files = {}
    try:
        with tarfile.open(str(archive_path)) as archive:
            for member in archive:
                if member.isfile():
                    files[member.name] = archive.extractfile(member).read()  # type: ignore[union-attr]
    except (OSError, tarfile.TarError, EOFError) as error:
        raise JobError(f"{archive_path}: no payload archive: {error}") from None
    payloads = []
    for content_type in request["content_types"]:
        stem = f"payload_{content_type.replace('/', '_')}_"
        names = [name for name in sorted(files) if name.startswith(stem)]
        if not names:
            raise JobError(
                f"{archive_path}: has no sample payload of {content_type}, only {sorted(files)}"
            )
        for name in names:
            payloads += [
                Payload(name, files[name], content_type, accept)
                for accept in request["response_types"]
            ]
    return payloads


class ResponseError(Exception):
    """A response that is not what the registration declares."""

    def __init__(self, code: str, message: str, fix: str) -> None:
        """A message that goes on after the payload's name."""
        super().__init__(message)
        self.code = code
        self.fix = fix


def check_response(
    body: bytes, content_type: str, accept: str, variables: Sequence[Sequence[str]]
) -> None:
    """Compare a response with what is declared.

    Raises:
        ResponseError: it differs.
    """
    if content_type.split(";")[0].strip().lower() != accept.lower():
        raise ResponseError(
            "response-content-type",
            f"is answered with content type {content_type!r}",
            f"Let output_fn return {accept} when that is accepted, or declare the other type.",
        )
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError as error:
        raise ResponseError(
            "response-not-utf8",
            f"is answered with bytes that are not UTF-8 (at byte {error.start})",
            "Let output_fn return text, or bytes of text encoded as UTF-8.",
        ) from None
    records = csv_records(text) if accept == CSV else json_records(text)
    if not records:
        raise ResponseError(
            "response-empty",
            "is answered without any record",
            "Let output_fn return one record per record of the request.",
        )
    for record in records:
        check_record(record, variables)


def csv_records(text: str) -> list[Any]:
    """The lines of a CSV response."""
    return [row for row in csv.reader(io.StringIO(text)) if row]


def json_records(text: str) -> list[Any]:
    """The objects, or rows of values, of a JSON response."""
    try:
        content = json.loads(text)
    except ValueError as error:
        raise ResponseError(
            "response-not-json",
            f"is answered with what is no JSON: {shortened(error)}",
            "Let output_fn return json.dumps of one object that names the output variables.",
        ) from None
    if isinstance(content, list) and all(isinstance(item, (dict, list)) for item in content):
        return content
    return [content]


def check_record(record: Any, variables: Sequence[Sequence[str]]) -> None:
    """Compare one record with the declared output variables."""
    names = [name for name, _ in variables]
    if isinstance(record, list):
        if len(record) != len(names):
            raise ResponseError(
                "output-count",
                f"is answered with {len(record)} values; declared are {len(names)}: {names}",
                "Return one value per declared output variable, or correct "
                "source_model_inference_output_variable_list.",
            )
        record = dict(zip(names, record))  # noqa: B905 strict is 3.10
    if not isinstance(record, dict):
        raise ResponseError(
            "output-wrong-type",
            f"is answered with a {type(record).__name__}; needed is an object that names {names}",
            "Return an object of output variables.",
        )
    missing = [name for name in names if name not in record]
    if missing:
        raise ResponseError(
            "output-missing",
            f"is answered without {missing}; the response has {sorted(map(str, record))[:20]}",
            "Return the declared output variables by name, or correct "
            "source_model_inference_output_variable_list.",
        )
    for name, kind in variables:
        check_value(name, kind, record[name])


def check_value(name: str, kind: str, value: Any) -> None:
    """Compare one value with its declared type."""
    while isinstance(value, list) and len(value) == 1:
        value = value[0]
    fix = f"Return {name} as {kind}, or declare its other type."
    if kind == "TEXT":
        if not isinstance(value, str):
            message = f"is answered with {name} {shortened(repr(value))}, which is no text"
            raise ResponseError("output-wrong-type", message, fix)
        return
    try:
        number = math.inf if isinstance(value, bool) else float(value)
    except (TypeError, ValueError):
        number = None
    if number is None or isinstance(value, bool):
        message = f"is answered with {name} {shortened(repr(value))}, which is no number"
        raise ResponseError("output-wrong-type", message, fix)
    if not math.isfinite(number):
        raise ResponseError(
            "output-not-finite",
            f"is answered with {name} {number}, which is no finite number",
            "Look for divisions by zero, logarithms of zero and missing inputs in predict_fn.",
        )


# --- Load -----------------------------------------------------------------------------------------


class Arrivals:
    """Open-loop arrivals: when each request is due does not depend on how fast answers come.

    A worker takes the next one when it is free. Latency counts from when it was due, so that the
    time a request waits behind a slow one is not left out.
    """

    def __init__(self, tps: float, seconds: float) -> None:
        """Requests evenly spread over the time; at least one."""
        self.count = max(1, round(tps * seconds))
        self.tps = tps
        self.start = time.monotonic()
        self._next = 0
        self._lock = threading.Lock()

    @property
    def seconds(self) -> float:
        """How long requests arrive."""
        return self.count / self.tps

    def take(self) -> int | None:
        """The number of the next request, when it is due; None when there is none left."""
        with self._lock:
            number = self._next
            self._next += 1
        if number >= self.count:
            return None
        time.sleep(max(0.0, self.due(number) - time.monotonic()))
        return number

    def due(self, number: int) -> float:
        """When a request should be sent."""
        return self.start + number / self.tps


class LoadResult(NamedTuple):
    """What was measured of every request."""

    latencies: list[float]
    """Seconds."""
    errors: int
    last_end: float
    """Seconds after the first arrival."""


class Load:
    """Drives workers with the payloads at the expected rate."""

    def __init__(self, verification: Verification, payloads: Sequence[Payload]) -> None:
        """Take what is to be sent."""
        self._verification = verification
        self._payloads = payloads
        self._latencies: list[float] = []
        self._errors = 0
        self._last_end = 0.0
        self._lock = threading.Lock()
        self._restarts = RESTARTS

    def run(
        self, workers: Sequence[Worker], arrivals: Arrivals, grace_seconds: float
    ) -> LoadResult:
        """Send everything; what is not answered some time after the last arrival is an error."""
        deadline = arrivals.start + arrivals.seconds + grace_seconds
        threads = [
            threading.Thread(target=self._drive, args=(worker, arrivals, deadline))
            for worker in workers
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        for number in range(len(self._latencies), arrivals.count):
            self._note(deadline - arrivals.due(number), deadline - arrivals.start, is_error=True)
        return LoadResult(sorted(self._latencies), self._errors, self._last_end)

    def _drive(self, first: Worker, arrivals: Arrivals, deadline: float) -> None:
        worker: Worker | None = first
        while worker is not None and time.monotonic() < deadline:
            number = arrivals.take()
            if number is None:
                return
            payload = self._payloads[number % len(self._payloads)]
            is_error = has_ended = True
            try:
                reply = worker.ask(payload, max(0.0, deadline - time.monotonic()))
                is_error, has_ended = "failure" in reply, False
            except (WorkerEndedError, WorkerSilentError):
                worker.stop()
            end = time.monotonic()
            self._note(end - arrivals.due(number), end - arrivals.start, is_error=is_error)
            if has_ended:
                worker = self._replacement()

    def _replacement(self) -> Worker | None:
        with self._lock:
            self._restarts -= 1
            if self._restarts < 0 or self._verification.memory.exceeded:
                return None
        try:
            return self._verification.start_worker()
        except RefusedError:
            return None

    def _note(self, latency: float, end: float, *, is_error: bool) -> None:
        with self._lock:
            self._latencies.append(latency)
            self._errors += is_error
            self._last_end = max(self._last_end, end)


def percentile(ordered: Sequence[float], share: float) -> float:
    """The nearest-rank percentile of sorted values."""
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


def histogram(latencies: Sequence[float]) -> list[dict[str, Any]]:
    """How many latencies (ms) are in each bucket of fixed bounds."""
    buckets: list[dict[str, Any]] = []
    below = 0
    for bound in HISTOGRAM_BOUNDS:
        count = sum(latency <= bound for latency in latencies)
        buckets.append({"up_to_in_millisecond": float(bound), "count": count - below})
        below = count
    return [*buckets, {"up_to_in_millisecond": None, "count": len(latencies) - below}]


def load_numbers(
    result: LoadResult, arrivals: Arrivals, workers: int, allowed_seconds: float
) -> dict[str, Any]:
    """The ``load`` section of the evaluation.

    A model keeps up when the last answer comes within the allowed latency of the last arrival; its
    achieved rate then equals the offered one.
    """
    milliseconds = [1000 * latency for latency in result.latencies]
    span = max(arrivals.seconds, result.last_end - allowed_seconds)
    return {
        "offered_tps": float(arrivals.tps),
        "achieved_tps": rounded(arrivals.tps * min(1.0, arrivals.seconds / span)),
        "duration_in_second": rounded(arrivals.seconds),
        "request_count": arrivals.count,
        "error_count": result.errors,
        "error_rate": result.errors / arrivals.count,
        "workers": workers,
        "latency_in_millisecond": {
            "mean": rounded(sum(milliseconds) / len(milliseconds)),
            "p50": rounded(percentile(milliseconds, 0.5)),
            "p90": rounded(percentile(milliseconds, 0.9)),
            "p99": rounded(percentile(milliseconds, 0.99)),
            "max": rounded(milliseconds[-1]),
        },
        "histogram": histogram(milliseconds),
    }


def rounded(number: float) -> float:
    """To microseconds of a millisecond value."""
    return round(float(number), 3)


# --- The verification -----------------------------------------------------------------------------


class Job(NamedTuple):
    """What the command line asks for."""

    model: Path
    payload: Path
    request: Path
    output: Path | None = None
    region_code: str | None = None
    code: Path | None = None
    load_seconds: float = 30.0
    request_timeout: float = 60.0
    startup_timeout: float = 300.0
    memory_limit: int | None = None
    workers: int | None = None
    limits: Limits = Limits()


def read_request(path: Path, region_code: str | None) -> dict[str, Any]:
    """One region's registration request.

    Raises:
        JobError: the file is none, or lacks the region.
    """
    try:
        regions = json.loads(path.read_text(encoding="utf-8"))["regions"]
        code = region_code or next(iter(regions))
        request = regions[code]["request"]
        for name in ("content_types", "response_types", "output_variables", "environment"):
            request[name]
        for name in ("expected_tps", "max_latency_in_millisecond", "max_acceptable_error_rate"):
            request["load_test"][name]
    except (OSError, ValueError, KeyError, TypeError, StopIteration) as error:
        reason = f"{type(error).__name__}: {error}"
        raise JobError(f"{path}: not a registration file with that region ({reason})") from None
    return request  # type: ignore[no-any-return]


class Verification:
    """One model's judgement: collects findings and numbers on the way."""

    def __init__(self, job: Job, request: Mapping[str, Any], folder: Path) -> None:
        """Start with nothing found.

        Args:
            job: What to do.
            request: The registration request.
            folder: The model folder of the serving layout; absent or empty.
        """
        self._job = job
        self._request = request
        self._folder = folder
        self._declared = dict(request["environment"])
        self._entry_point = self._declared.get("SAGEMAKER_PROGRAM", "inference.py")
        self.memory = Memory(job.memory_limit * MIB if job.memory_limit else None)
        self.findings: list[Finding] = []
        self.functions: dict[str, str] = dict.fromkeys(ARGUMENT_COUNTS, "missing")
        self.requirements: list[str] = []
        self.payloads: list[dict[str, Any]] = []
        self.cold_load_seconds: float | None = None
        self.load: dict[str, Any] | None = None
        self._workers: list[Worker] = []
        self._leak_start = 0

    def run(self) -> None:
        """Judge."""
        try:
            lay_out(self._job.model, self._job.code, self._folder, self._job.limits)
            self._read_requirements()
            finding = layout_finding(self._folder, self._entry_point)
            if finding is not None:
                self.findings.append(finding)
                return
            self._serve()
        except RefusedError as error:
            self.findings.append(error.finding)
        finally:
            for worker in self._workers:
                if worker.process.poll() is None:
                    worker.stop()
            self.memory.stop()
            self._judge_memory()

    def error(self, code: str, message: str, fix: str) -> None:
        """Note an error."""
        self.findings.append(Finding("error", code, message, fix))

    def _read_requirements(self) -> None:
        path = self._folder / "code" / "requirements.txt"
        if not path.is_file():
            return
        lines = [line.strip() for line in path.read_text("utf-8", "replace").splitlines()]
        self.requirements = [line for line in lines if line and not line.startswith("#")]
        if self.requirements:
            self.findings.append(
                Finding(
                    "warning",
                    "requirements-not-installed",
                    "code/requirements.txt asks for packages; an endpoint without network cannot "
                    f"install them: {shortened(', '.join(self.requirements))}.",
                    "Use what the container has, or put pure Python packages into code/.",
                )
            )

    def start_worker(self) -> Worker:
        """A worker that has loaded the model.

        Raises:
            RefusedError: it did not come so far.
        """
        module = re.sub(r"\.py$", "", self._entry_point).replace("/", ".")
        worker = Worker(self._folder, module, self._environment())
        self._workers.append(worker)
        self.memory.watch(worker)
        end = time.monotonic() + self._job.startup_timeout
        stage = "import"
        try:
            while True:
                reply = worker.receive(end - time.monotonic())
                if "failure" in reply:
                    raise start_error(reply["stage"], reply["failure"])
                if reply["stage"] == "loaded":
                    return worker
                stage = "model_fn"
                self._note_functions(reply)
        except WorkerSilentError:
            raise RefusedError(
                "startup-timeout",
                f"The model was not loaded after {self._job.startup_timeout:g} s ({stage}).",
                "Load less in model_fn, or raise container_startup_health_check_timeout.",
            ) from None
        except WorkerEndedError:
            raise RefusedError(
                "worker-ended",
                f"The process {worker.how_it_ended()} during {stage} of {self._entry_point}.",
                "Remove exit() and the like; look at the log for a crash in native code.",
            ) from None

    def _note_functions(self, reply: Mapping[str, Any]) -> None:
        self.functions = reply["functions"]
        problems = [Finding("error", **problem) for problem in reply["problems"]]
        if problems:
            self.findings.extend(problems[1:])
            first = problems[0]
            raise RefusedError(first.code, first.message, first.fix)

    def _environment(self) -> dict[str, str]:
        """The container's environment, with its model folder where it lies here."""
        folder = str(self._folder)
        declared = {
            name: str(value).replace(CONTAINER_MODEL_FOLDER, folder)
            for name, value in self._declared.items()
        }
        paths = [folder + "/code", os.environ.get("PYTHONPATH", "")]
        return {
            **os.environ,
            "SAGEMAKER_BASE_DIR": str(self._folder.parent),
            **declared,
            "PYTHONPATH": os.pathsep.join(path for path in paths if path),
            "PYTHONDONTWRITEBYTECODE": "1",
        }

    def _serve(self) -> None:
        payloads = read_payloads(self._job.payload, self._request)
        started = time.monotonic()
        worker: Worker | None = self.start_worker()
        self.cold_load_seconds = rounded(time.monotonic() - started)
        good = []
        for payload in payloads:
            if worker is None or worker.process.poll() is not None:
                worker = self.start_worker()
            problem, reply = self._try(worker, payload)
            if problem is None:
                good.append(payload)
            elif reply is None:
                worker.stop()
                worker = None
        if good and self._job.load_seconds and not self.memory.exceeded:
            self._measure(worker, good)

    def _try(self, worker: Worker, payload: Payload) -> tuple[str | None, dict[str, Any] | None]:
        """Send one payload once. Returns what is wrong, and the reply if there was one."""
        started = time.monotonic()
        reply: dict[str, Any] | None = None
        body = b""
        problem = None
        try:
            reply = worker.ask(payload, self._job.request_timeout)
            if "failure" in reply:
                raise handler_error(reply["failure"])
            body = base64.b64decode(reply["body"])
            variables = self._request["output_variables"]
            check_response(body, reply["content_type"], payload.accept, variables)
        except ResponseError as error:
            problem = self._payload_problem(payload, error)
        except WorkerSilentError:
            silent = ResponseError(
                "handler-hangs",
                f"is not answered within {self._job.request_timeout:g} s",
                "Find what the handler waits for; endpoints have no network and no terminal.",
            )
            problem = self._payload_problem(payload, silent)
        except WorkerEndedError:
            ended = ResponseError(
                "handler-exited",
                f"ends the serving process: it {worker.how_it_ended()}",
                "Raise an exception instead of exit(); look at the log for a crash.",
            )
            problem = self._payload_problem(payload, ended)
        self.payloads.append(
            {
                "name": payload.name,
                "content_type": payload.content_type,
                "accept": payload.accept,
                "ok": problem is None,
                "latency_in_millisecond": rounded(1000 * (time.monotonic() - started)),
                "response_bytes": len(body),
                "problem": problem,
            }
        )
        return problem, reply

    def _payload_problem(self, payload: Payload, error: ResponseError) -> str:
        self.error(error.code, f"{payload} {error}.", error.fix)
        return str(error)

    def _measure(self, worker: Worker | None, payloads: Sequence[Payload]) -> None:
        """Send the payloads that are answered at the expected rate."""
        count = self._job.workers or worker_count(self._declared)
        workers = [] if worker is None else [worker]
        while len(workers) < count:
            workers.append(self.start_worker())
        for each in workers:
            # The first answer of a process pays for caches and lazy imports.
            with contextlib.suppress(WorkerEndedError, WorkerSilentError):
                each.ask(payloads[0], self._job.request_timeout)
        limits = self._request["load_test"]
        allowed_seconds = limits["max_latency_in_millisecond"] / 1000
        self._leak_start = len(self.memory.samples)
        arrivals = Arrivals(limits["expected_tps"], self._job.load_seconds)
        grace_seconds = min(self._job.request_timeout, max(2.0, 5 * allowed_seconds))
        result = Load(self, payloads).run(workers, arrivals, grace_seconds)
        self.load = load_numbers(result, arrivals, count, allowed_seconds)
        self._judge_load(self.load, limits)

    def _judge_load(self, load: Mapping[str, Any], limits: Mapping[str, Any]) -> None:
        p99, most = load["latency_in_millisecond"]["p99"], limits["max_latency_in_millisecond"]
        if p99 > most:
            self.error(
                "latency-above-limit",
                f"latency p99 {p99} ms is above max_latency_in_millisecond {most}",
                "Make predict_fn faster, lower expected_tps, or raise the limit.",
            )
        rate, most_rate = load["error_rate"], limits["max_acceptable_error_rate"]
        if rate > most_rate:
            self.error(
                "error-rate-above-limit",
                f"error rate {rate:.4f} is above max_acceptable_error_rate {most_rate}",
                "Look at the log for what the handler raises under load.",
            )
        if load["achieved_tps"] < limits["expected_tps"]:
            self.error(
                "throughput-below-expected",
                f"achieved tps {load['achieved_tps']} is below expected_tps "
                f"{limits['expected_tps']}",
                "Make predict_fn faster, use a larger instance type, or lower expected_tps.",
            )

    def _judge_memory(self) -> None:
        peak = self.memory.peak_bytes or 0
        if self.memory.exceeded:
            self.error(
                "memory-above-limit",
                f"memory {peak / MIB:.1f} MB is above container_memory_limit "
                f"{self._job.memory_limit}",
                "Keep nothing from one request to the next, use fewer workers, or raise the limit.",
            )
        samples = self.memory.samples[self._leak_start :]
        if self.load is None or len(samples) < 8:
            return
        quarter = len(samples) // 4
        early = sum(samples[quarter : 2 * quarter]) / quarter
        late = sum(samples[-quarter:]) / quarter
        if late - early > max(LEAK_BYTES, LEAK_SHARE * early):
            self.findings.append(
                Finding(
                    "warning",
                    "memory-grows",
                    f"Memory grew by {(late - early) / MIB:.1f} MB during the load test.",
                    "Keep nothing from one request to the next; bound caches.",
                )
            )

    def evaluation(self) -> dict[str, Any]:
        """Everything, as ``evaluation.json`` holds it."""
        errors = [finding for finding in self.findings if finding.severity == "error"]
        if self.load is None and self._job.load_seconds and not errors:
            raise JobError("nothing was measured and nothing found: this script is wrong")
        limits = self._request["load_test"]
        peak = self.memory.peak_bytes
        return {
            "schema_version": 1,
            "verdict": "failed" if errors else "passed",
            "summary": summary(errors, self.load),
            "gate": gate(len(errors), self.load),
            "limits": {
                "max_latency_in_millisecond": limits["max_latency_in_millisecond"],
                "max_acceptable_error_rate": limits["max_acceptable_error_rate"],
                "expected_tps": limits["expected_tps"],
                "container_memory_limit_in_megabyte": self._job.memory_limit,
                "startup_timeout_in_second": self._job.startup_timeout,
            },
            "artifact": artifact(self._job.model),
            "environment": environment(),
            "findings": [finding._asdict() for finding in self.findings],
            "handler": {"entry_point": self._entry_point, "functions": self.functions},
            "requirements": self.requirements,
            "payloads": self.payloads,
            "cold_load_in_second": self.cold_load_seconds,
            "load": self.load,
            "memory": None if peak is None else {"peak_in_megabyte": rounded(peak / MIB)},
        }


def start_error(stage: str, failed: Mapping[str, str]) -> RefusedError:
    """The error for a model that cannot be imported or loaded."""
    what = f"{failed['type']}: {failed['message']}"
    where = f" ({failed['where']})" if failed["where"] else ""
    if failed["missing"]:
        return RefusedError(
            "package-missing",
            f"The code imports {failed['missing']}, which is not installed here{where}.",
            "Use what the serving container has, or put pure Python packages into code/.",
        )
    if stage == "import" and failed["type"] in ("SyntaxError", "IndentationError", "TabError"):
        fix = f"Correct the line; the container runs Python {platform.python_version()}."
        return RefusedError("syntax-error", f"{what}{where}.", fix)
    if stage == "import":
        fix = "Correct what the entry point does while it is imported."
        return RefusedError("import-failed", f"The import raises {what}{where}.", fix)
    fix = f"Correct {stage}."
    if stage == "model_fn":
        fix = "Correct model_fn; without it, a model needs one TorchScript file at its root."
    return RefusedError("model-load-failed", f"{stage} raises {what}{where}.", fix)


def handler_error(failed: Mapping[str, str]) -> ResponseError:
    """The error for a handler that raised."""
    where = f" ({failed['where']})" if failed["where"] else ""
    if failed["type"] == "TypeError" and failed["message"].startswith("the response is of type"):
        return ResponseError(
            "response-wrong-type",
            f"cannot be sent: {failed['message']}",
            "Let output_fn return text or bytes, for example json.dumps of the prediction.",
        )
    return ResponseError(
        "handler-raised",
        f"raises {failed['type']}: {failed['message']}{where}",
        "Let input_fn, predict_fn and output_fn handle the declared content and response types, "
        "or declare fewer.",
    )


def worker_count(declared: Mapping[str, str]) -> int:
    """How many processes the model server would start."""
    for name in ("SAGEMAKER_MODEL_SERVER_WORKERS", "SAGEMAKER_TS_MAX_WORKERS"):
        if declared.get(name, "").isdigit() and int(declared[name]) > 0:
            return int(declared[name])
    return os.cpu_count() or 1


def gate(error_count: int, load: Mapping[str, Any] | None) -> dict[str, float]:
    """The numbers that the pipeline compares."""
    return {
        "errors": error_count,
        "latency_p99_in_millisecond": load["latency_in_millisecond"]["p99"] if load else 0.0,
        "error_rate": load["error_rate"] if load else 0.0,
        "achieved_tps": load["achieved_tps"] if load else 0.0,
    }


def summary(errors: Sequence[Finding], load: Mapping[str, Any] | None) -> str:
    """One line, without the characters that a pipeline's message could stumble over."""
    text = "; ".join(finding.message.rstrip(".") for finding in errors) or "answered every payload"
    if not errors and load is not None:
        latency = load["latency_in_millisecond"]["p99"]
        text = (
            f"answered every payload; latency p99 {latency} ms, error rate "
            f"{load['error_rate']:.4f}, {load['achieved_tps']} tps"
        )
    plain = re.sub(r"[^ -~]|[\"'{}\\`$]", " ", text)
    return " ".join(plain.split())[:500]


def artifact(model: Path) -> dict[str, Any]:
    """Digest and size of the archive; of a folder there is no digest."""
    if model.is_dir():
        size = sum(path.stat().st_size for path in model.rglob("*") if path.is_file())
        return {"sha256": None, "size_in_bytes": size}
    digest = hashlib.sha256()
    with model.open("rb") as file:
        for chunk in iter(functools.partial(file.read, MIB), b""):
            digest.update(chunk)
    return {"sha256": digest.hexdigest(), "size_in_bytes": model.stat().st_size}


def environment() -> dict[str, Any]:
    """What the model ran on."""
    metadata = importlib.import_module("importlib.metadata")
    packages = {}
    for name in PACKAGES:
        with contextlib.suppress(metadata.PackageNotFoundError):
            packages[name] = metadata.version(name)
    return {
        "python": platform.python_version(),
        "platform": platform.platform(),
        "packages": packages,
    }


def verify(job: Job) -> dict[str, Any]:
    """Judge a model. Returns the evaluation.

    Raises:
        JobError: it cannot be judged.
    """
    if not job.model.exists():
        raise JobError(f"{job.model}: no such file or folder")
    request = read_request(job.request, job.region_code)
    with tempfile.TemporaryDirectory(prefix="verify-") as temporary:
        folder = Path(temporary).resolve() / "opt/ml/model"
        folder.parent.mkdir(parents=True)
        verification = Verification(job, request, folder)
        verification.run()
        return verification.evaluation()


# --- Command line ---------------------------------------------------------------------------------


class Parser(argparse.ArgumentParser):
    """Reports wrong usage in one line."""

    def error(self, message: str) -> NoReturn:
        """Exit with code 2."""
        self.exit(2, f"error: {message} (see --help)\n")


def positive(text: str) -> float:
    """A number above zero."""
    number = float(text)
    if not (number > 0 and math.isfinite(number)):
        raise ValueError(text)
    return number


def not_negative(text: str) -> float:
    """Zero or a positive number."""
    return 0.0 if float(text) == 0 else positive(text)


def make_parser() -> Parser:
    """The command line's options."""
    parser = Parser(description="Let a packaged model answer its own sample payloads.")
    path: dict[str, Any] = {"type": Path, "required": True}
    parser.add_argument("--model", **path, help="archive, or folder laid out like one")
    parser.add_argument("--payload", **path, help="archive of sample payloads")
    parser.add_argument("--request", **path, help="registration.json")
    parser.add_argument("--output", type=Path, help="evaluation.json to write; makes this a job")
    parser.add_argument("--json", action="store_true", help="print the evaluation")
    parser.add_argument("--region-code", help="whose request to take; default: the first")
    parser.add_argument("--code", type=Path, help="folder that packaging would put in as code/")
    parser.add_argument(
        "--load-seconds", type=not_negative, default=30.0, help="0: only answer the payloads"
    )
    parser.add_argument("--request-timeout", type=positive, default=60.0)
    parser.add_argument("--startup-timeout", type=positive, default=300.0)
    parser.add_argument("--memory-limit", type=int, help="of all workers together, MB")
    parser.add_argument("--workers", type=int, help="default: as the model server's")
    return parser


def write_atomically(path: Path, evaluation: Mapping[str, Any]) -> None:
    """The file appears whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(path.name + ".partial")
    partial.write_text(as_text(evaluation), encoding="utf-8")
    partial.replace(path)


def as_text(evaluation: Mapping[str, Any]) -> str:
    """The evaluation as JSON, without what JSON does not know (NaN)."""
    return json.dumps(evaluation, indent=1, sort_keys=True, allow_nan=False) + "\n"


def show(evaluation: Mapping[str, Any]) -> None:
    """Every finding with its fix, and the verdict."""
    for finding in evaluation["findings"]:
        sys.stdout.write(f"{finding['severity']}: {finding['code']}: {finding['message']}\n")
        sys.stdout.write(f"  fix: {finding['fix']}\n")
    sys.stdout.write(f"{evaluation['verdict']}: {evaluation['summary']}\n")


def main(arguments: Sequence[str] | None = None) -> int:
    """Judge one model. Returns the exit code: in a job 0 when it could judge."""
    given = make_parser().parse_args(arguments)
    as_json = given.json
    del given.json
    job = Job(**vars(given))
    try:
        evaluation = verify(job)
        if job.output is not None:
            write_atomically(job.output, evaluation)
    except (JobError, OSError) as error:
        sys.stderr.write(f"error: {error}\n")
        return 2
    except KeyboardInterrupt:
        sys.stderr.write("error: interrupted\n")
        return 130
    if as_json:
        sys.stdout.write(as_text(evaluation))
    else:
        show(evaluation)
    return 0 if job.output is not None or evaluation["verdict"] == "passed" else 1


if __name__ == "__main__":
    if sys.argv[1:2] == ["--serve"]:
        serve_from_command_line(sys.argv[2:])
    sys.exit(main())
