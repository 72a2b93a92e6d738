"""Says what is wrong with code that raised: in whose place it is, and what helps."""

from __future__ import annotations

import platform
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from ..common.code_members import CODE_FOLDER
from .answers.responses import ResponseError
from .findings import RefusedModelError

if TYPE_CHECKING:
    from collections.abc import Mapping

IN_CONTAINERS = (
    "numpy",
    "sagemaker_inference",
    "sagemaker_pytorch_serving_container",
    "torch",
    "torchaudio",
    "torchvision",
    "ts",
)
"""Modules that every serving container of PyTorch has."""
_IN_RAYS_CONTAINER = """
PIL aiohttp anyio attr attrs awscli boto3 botocore certifi cffi charset_normalizer click
colorama cryptography cv2 dateutil docutils dotenv fastapi filelock fsspec google grpc h11
httpcore httptools httpx huggingface_hub idna importlib_metadata jinja2 jmespath joblib
jsonschema jsonschema_specifications markdown_it markupsafe mpmath msgpack multidict narwhals
networkx numpy opencensus opentelemetry packaging pandas pip platformdirs prometheus_client
propcache proto py_spy pyasn1 pycparser pydantic pydantic_core pygments ray referencing regex
requests rich rpds rsa s3transfer safetensors scipy setuptools shellingham six sklearn
smart_open soundfile starlette sympy threadpoolctl tokenizers torch torchaudio torchcodec
torchvision tqdm transformers triton typer typing_extensions tzdata urllib3 uvicorn uvloop
virtualenv watchfiles websockets wrapt yaml yarl zipp
"""
IN_RAYS_CONTAINER = frozenset(_IN_RAYS_CONTAINER.split())
"""All that can be imported in Ray Serve's container, beside Python's own.

Source: github.com/aws/deep-learning-containers at e0ecede (2026-08-21), docker/ray/uv.lock.
"""
HANGS = "handler-hangs"
"""Code of the error for a handler that does not answer in time."""
_MOST_NAMES = 8
"""How many files of a model an error names."""


class MissingModule(NamedTuple):
    """Whose a module is that cannot be imported, and what helps."""

    code: str
    what: str
    fix: str


def missing_module(
    name: str, model_folder: Path, *, in_container: bool, container: str = "pytorch"
) -> MissingModule:
    """Tell a module of the user's own, and a package of the container, from all others.

    Args:
        name: What cannot be imported.
        model_folder: The model folder of the serving layout.
        in_container: Whether this is the serving container.
        container: Which one serves, as configs name it.
    """
    top = name.partition(".")[0]
    code = model_folder / CODE_FOLDER
    if any((folder / top).is_dir() for folder in (code, model_folder)) and top != name:
        what = f"{name}, which its own folder {top} does not hold"
        return MissingModule("module-missing", what, "Add the file, or correct the import.")
    place = _place_in(model_folder, top)
    if place is not None:
        inside = place.relative_to(model_folder).as_posix()
        what = f"{name}, which is at {inside}, where imports do not look"
        fix = (
            f"Move it to {CODE_FOLDER}/{place.name}, or import it by its path from {CODE_FOLDER}/."
        )
        return MissingModule("module-missing", what, fix)
    has = IN_RAYS_CONTAINER if container == "ray" else IN_CONTAINERS
    if top in has and not in_container:
        what = f"{name}, which the serving container has and this machine lacks"
        how = "'make torch' does it" if top == "torch" else f"pip install {top}"
        fix = f"Install {top} here to check its models here ({how}); the Verify step needs nothing."
        return MissingModule("package-missing-here", what, fix)
    where = "installed in the serving container" if in_container else "installed here"
    return MissingModule(
        "package-missing",
        f"{name}, which is not {where}",
        f"Put a module of your own into {CODE_FOLDER}/. Of packages, use what the serving "
        f"container has, or put pure Python packages into {CODE_FOLDER}/.",
    )


def _place_in(model_folder: Path, name: str) -> Path | None:
    """Where a module, or a folder of modules, of that name is."""
    if not name.isidentifier():
        return None
    modules = sorted(model_folder.rglob(f"{name}.py"))
    packages = [path.parent for path in sorted(model_folder.rglob(f"{name}/*.py"))]
    return next(iter([*modules, *packages]), None)


def place_of(failed: Mapping[str, str]) -> str:
    """Where it was raised: a line of the code, or the toolkit's default."""
    where = f" ({failed['where']})" if failed["where"] else ""
    if failed["default"]:
        where += f", in the toolkit's default {failed['default']}: the code defines none"
    return where


def start_error(
    stage: str,
    failed: Mapping[str, str],
    model_folder: Path,
    *,
    in_container: bool,
    in_aws: bool,
    container: str,
) -> RefusedModelError:
    """Return the error for a model that cannot be imported or loaded.

    Args:
        stage: What was going on.
        failed: What was raised.
        model_folder: The model folder of the serving layout.
        in_container: Whether this is the pipeline's job, wherever it runs.
        in_aws: Whether that runs in AWS: elsewhere its Python is this machine's.
        container: Which one serves, as configs name it.
    """
    what = f"{failed['type']}: {failed['message']}"
    where = place_of(failed)
    if failed["missing"]:
        missing = missing_module(
            failed["missing"], model_folder, in_container=in_container, container=container
        )
        message = f"The code imports {missing.what}{where}."
        if failed["default"]:
            message = (
                f"The toolkit's default {failed['default']}, which runs because the code defines"
                f" none, imports {missing.what}."
            )
        return RefusedModelError(missing.code, message, missing.fix)
    if stage == "import" and failed["type"] in ("SyntaxError", "IndentationError", "TabError"):
        which = "the container" if in_aws else "this machine"
        fix = f"Correct the line; {which} runs Python {platform.python_version()}."
        return RefusedModelError("syntax-error", f"{what}{where}.", fix)
    if stage == "import":
        fix = "Correct what the entry point does while it is imported."
        return RefusedModelError(
            "import-failed", f"The import raises {what}{where}.", fix, failed["traceback"]
        )
    fix = f"Correct {stage}."
    if failed["default"] == "model_fn":
        fix = "Define model_fn; without it, a model needs one TorchScript file at its root."
    message = f"{stage} raises {what}{where}."
    if failed["type"] == "FileNotFoundError":
        message += f" The model's folder holds: {_held(model_folder)}."
    return RefusedModelError("model-load-failed", message, fix, failed["traceback"])


def _held(model_folder: Path) -> str:
    """Name what a model has at its root, folders with a slash."""
    names = [f"{each.name}/" if each.is_dir() else each.name for each in model_folder.iterdir()]
    named = ", ".join(sorted(names)[:_MOST_NAMES])
    return f"{named} and {len(names) - _MOST_NAMES} more" if len(names) > _MOST_NAMES else named


def handler_error(
    failed: Mapping[str, str], model_folder: Path, *, in_container: bool, container: str
) -> ResponseError:
    """Return the error for a handler that raised."""
    where = place_of(failed)
    if failed["missing"]:
        missing = missing_module(
            failed["missing"], model_folder, in_container=in_container, container=container
        )
        return ResponseError(missing.code, f"imports {missing.what}{where}", missing.fix)
    if failed["type"] == "ResponseStatusError":
        return ResponseError(
            "response-status",
            f"is answered with {failed['message']}",
            "Set a status other than 200 only for requests that the model cannot answer.",
        )
    if failed["type"] == "TypeError" and failed["message"].startswith("the response is of type"):
        return ResponseError(
            "response-wrong-type",
            f"cannot be sent: {failed['message']}",
            "Let output_fn return text or bytes, for example json.dumps of the prediction.",
            failed["traceback"],
        )
    return ResponseError(
        "handler-raised",
        f"raises {failed['type']}: {failed['message']}{where}",
        "Let input_fn, predict_fn and output_fn handle the declared content and response types, "
        "or declare fewer.",
        failed["traceback"],
    )


def hangs_error(timeout_seconds: float) -> ResponseError:
    """Return the error for a handler that does not answer in time."""
    return ResponseError(
        HANGS,
        f"is not answered within {timeout_seconds:g} s",
        "Find what the handler waits for; endpoints have no network and no terminal.",
    )


def exited_error(how: str) -> ResponseError:
    """Return the error for a handler that ends its process; ``how`` goes on after "it"."""
    return ResponseError(
        "handler-exited",
        f"ends the serving process: it {how}",
        "Raise an exception instead of exit(); look at the log for a crash.",
    )
