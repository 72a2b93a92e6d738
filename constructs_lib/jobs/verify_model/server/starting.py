"""Which server a model is asked through: the container's own, where it can be started."""

from __future__ import annotations

import os
import shutil
import socket
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from ..findings import ModelFinding
from ..layout import is_in_aws
from ..toolkit import MODEL_FOLDER
from . import LOCAL_RAY, environment
from .local_ray import free_ports

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ..job import VerificationJob

RAY_FOLDER = "RELEASE_SERVING"
"""Variable that names the folder where ``make serving`` has installed Ray Serve, if it has."""


class ServingContainer(NamedTuple):
    """What a registration file says of the container; without a word, that of PyTorch."""

    container: str = "pytorch"
    contract: str = "handlers"
    entrypoint: Sequence[str] = ("python", "/usr/local/bin/dockerd-entrypoint.py", "serve")
    """Source: github.com/aws/deep-learning-containers, pytorch/inference/docker/2.6/py3."""
    workers: int | None = None
    port: int = 8080

    @property
    def has_functions(self) -> bool:
        """Whether it calls the functions of an entry point, which can be called without it."""
        return self.contract == "handlers"


class ServerStart(NamedTuple):
    """How to start a server."""

    command: Sequence[str]
    environment: Mapping[str, str]
    port: int
    described: str
    """What it is, for whoever reads the verdict."""
    has_functions: bool = True
    is_logged: bool = True
    """Whether what it prints belongs into the log."""


class NoServerError(Exception):
    """A server that cannot be started here; says why."""


def server_start(
    container: ServingContainer, job: VerificationJob, declared: Mapping[str, str], folder: Path
) -> ServerStart:
    """Return how to start the container's server.

    Args:
        container: Whose it is.
        job: Where this runs.
        declared: The registered environment.
        folder: The model folder of the serving layout.

    Raises:
        NoServerError: It cannot be started here.
    """
    if is_in_aws(job.output):
        return _in_the_container(container, declared, folder)
    if container.container == "ray":
        return _local_ray(job, declared, folder)
    if container.has_functions:
        raise NoServerError("its server is in the container's image only")
    command = [word.replace(MODEL_FOLDER, str(folder)) for word in container.entrypoint]
    _refuse_missing(command)
    variables = environment.here(declared, folder)
    return ServerStart(
        command,
        variables,
        container.port,
        "over HTTP by the container's entrypoint on this machine",
        has_functions=False,
    )


def _in_the_container(
    container: ServingContainer, declared: Mapping[str, str], folder: Path
) -> ServerStart:
    place = Path(MODEL_FOLDER)
    if not place.exists() or set(os.listdir(str(place))) != set(os.listdir(str(folder))):  # noqa: PTH208 3.8
        raise NoServerError(f"the model cannot be put at {MODEL_FOLDER}")
    _refuse_missing(container.entrypoint)
    variables = {**os.environ, **declared}
    described = "over HTTP by the container's own server"
    return ServerStart(
        container.entrypoint, variables, container.port, described, container.has_functions
    )


def _refuse_missing(command: Sequence[str]) -> None:
    """Refuse a command with a program or file that is not here."""
    files = [word for word in command[1:] if word.startswith("/")]
    missing = [word for word in files if not Path(word).exists()]
    if not command or shutil.which(command[0]) is None:
        missing[:0] = command[:1]
    if missing or not command:
        raise NoServerError(f"its entrypoint {' '.join(command)!r} needs {missing}, not there")


def _local_ray(job: VerificationJob, declared: Mapping[str, str], folder: Path) -> ServerStart:
    installed = os.environ.get(RAY_FOLDER)
    if installed is None:
        raise NoServerError("Ray Serve is not installed here ('make serving' does it)")
    if not installed:
        raise NoServerError(f"Ray Serve is left out ({RAY_FOLDER} is empty)")
    if not Path(installed, "ray").is_dir():
        raise NoServerError(f"{RAY_FOLDER} names {installed}, where Ray Serve is not")
    if sys.platform != "linux" or not _is_alone():
        raise NoServerError(
            "this machine gives no namespaces to users, so Ray's ports would be open to others"
        )
    [port] = free_ports(1)
    variables = environment.here(declared, folder)
    paths = [installed, variables.get("PYTHONPATH", "")]
    variables["PYTHONPATH"] = os.pathsep.join(path for path in paths if path)
    command = [sys.executable, str(job.program), LOCAL_RAY, str(folder), str(port)]
    return ServerStart(
        command, variables, port, "over HTTP by Ray Serve on this machine", is_logged=False
    )


def _is_alone() -> bool:
    """Whether nobody else can reach this process's ports: there is a loopback interface only."""
    return [name for _, name in socket.if_nameindex()] == ["lo"]


def server_facts(
    container: ServingContainer, start: ServerStart | None, why_not: str
) -> dict[str, Any]:
    """Return the ``server`` section of the evaluation: how the model was asked."""
    return {
        "container": container.container,
        "contract": container.contract,
        "way": "direct" if start is None else "http",
        "described": "functions called directly" if start is None else start.described,
        "why_direct": why_not or None,
    }


def no_server_finding(why: str) -> ModelFinding:
    """Return the error for a container without functions whose server cannot be started here."""
    return ModelFinding(
        "error",
        "server-not-here",
        f"The container answers by its own server only, which cannot be started: {why}.",
        "Verify it where its image runs: the Verify step in AWS does.",
    )


def called_directly_finding(why: str) -> ModelFinding:
    """Return the warning for a container in AWS whose server cannot be started."""
    return ModelFinding(
        "warning",
        "server-not-started",
        f"The functions were called directly, as the container's server cannot be started: {why}.",
        "Correct the entrypoint, or tell AWS's support; an endpoint would start the same.",
    )
