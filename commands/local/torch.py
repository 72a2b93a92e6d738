"""Installs PyTorch beside the environment: ``make torch``.

It is not among the locked packages: it takes gigabytes, which only models of PyTorch need, and each
pipeline's container has a version of its own.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

from commands.terminal import places
from commands.terminal.messages import say, tell
from constructs_lib.confinement.versions import TORCH, installed_torch
from constructs_lib.errors import ReleaseError
from constructs_lib.terminal.paths import shown_path

_SIZE: Final = "2 to 7 GB"
_FIRST_FOR_NUMPY_2: Final = (2, 3)


class TorchError(ReleaseError):
    """PyTorch cannot be installed."""


def main(arguments: list[str] | None = None) -> int:
    """Install the version of the pipelines' containers, or one that is given."""
    given = sys.argv[1:] if arguments is None else arguments
    try:
        install(given[0] if given else _of_the_pipelines())
    except ReleaseError as error:
        tell("error", error)
        return 1
    return 0


def install(version: str) -> None:
    """Install a version, or the next one that there is for this Python.

    Raises:
        TorchError: There is none, or it cannot be downloaded.
    """
    there = installed_torch()
    if there == version:
        say(f"torch {version} is there already, in {shown_path(TORCH)}.")
        _tell_next()
        return
    say(f"Installing torch {version} into {shown_path(TORCH)} ({_SIZE})")
    new = TORCH.with_name(f"{TORCH.name}.new")
    shutil.rmtree(new, ignore_errors=True)
    _run_uv(version, new)
    shutil.rmtree(TORCH, ignore_errors=True)
    new.rename(TORCH)
    _tell(version, installed_torch())


def _run_uv(version: str, folder: Path) -> None:
    """Let uv install it; at a terminal, it shows how far it is."""
    program = Path(sys.prefix) / "bin" / "uv"
    command = [str(program), "pip", "install", "--python", sys.executable, "--target", str(folder)]
    command += ["--resolution", "lowest-direct", f"torch>={version}"]
    if tuple(map(int, version.split(".")[:2])) < _FIRST_FOR_NUMPY_2:
        # It was built for that, and the environment's pandas for a newer one.
        command += ["numpy>=1.26,<2", "pandas>=2.2,<2.3"]
    # The tools' own certificate bundles do not know a company's proxy; the system's does.
    environment = {**os.environ, "UV_SYSTEM_CERTS": "true"}
    try:
        failed = subprocess.run(command, env=environment, check=False).returncode != 0
    except OSError as error:
        raise TorchError(f"Cannot run {program}: {error.strerror}. Run make setup.") from error
    if failed:
        shutil.rmtree(folder, ignore_errors=True)
        raise TorchError(
            f"torch {version} or newer cannot be installed for Python"
            f" {sys.version_info.major}.{sys.version_info.minor}: see above. Check the network, the"
            " proxy settings of pip, and the space on the disk; then run it again."
        )


def _tell(wanted: str, installed: str | None) -> None:
    say(f"torch {installed}: release check-archive and release run use it.")
    if installed is None or installed.partition("+")[0] != wanted:
        tell(
            "note",
            f"the containers have torch {wanted}, which there is not for this Python: verdicts say"
            " so. Another Python (make PYTHON=python3.11 setup, in a new clone) has it.",
        )
    _tell_next()


def _tell_next() -> None:
    """Say how a model is made with it, which is not on Python's path by itself."""
    say(
        "\nNext: make the model with it, too, by your training script:\n"
        f"  source {shown_path(Path(sys.prefix))}/bin/activate\n"
        f"  PYTHONPATH={shown_path(TORCH)} python train.py"
    )


def _of_the_pipelines() -> str:
    """Return the PyTorch of the pipelines' containers; of several, the newest.

    Raises:
        ReleaseError: A config cannot be read.
    """
    from constructs_lib.configs.folder import readable_pipelines

    settings = places.read_settings()
    pipelines = readable_pipelines(
        places.pipelines_folder(settings), settings.region_names
    ) or places.load_pipelines(settings)
    versions = {configs.model.framework_version for configs in pipelines.values()}
    newest = max(versions, key=lambda each: tuple(map(int, each.split("."))))
    if len(versions) > 1:
        tell("note", f"the pipelines have torch {', '.join(sorted(versions))}: VERSION= chooses.")
    return newest


if __name__ == "__main__":
    sys.exit(main())
