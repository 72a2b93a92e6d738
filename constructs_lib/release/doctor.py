"""Examines a model archive on this machine as the Verify step would in the serving container."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from rich.console import Console
from rich.text import Text

from constructs_lib.configs import PipelineConfigs
from constructs_lib.confinement import own_environment, walled
from constructs_lib.confinement.versions import Versions
from constructs_lib.errors import ReleaseError
from constructs_lib.jobs.archive import local_archive
from constructs_lib.jobs.package_model.errors import UnwritableError
from constructs_lib.release.packager import package, size_bytes, write_registration_files
from constructs_lib.release.pickles import pickle_findings
from constructs_lib.terminal.lines import fitted, print_fitted
from constructs_lib.terminal.paths import shown_path
from constructs_lib.terminal.progress import bytes_bar

_WITHOUT_WALLS: Final = (
    "note: this machine gives no namespaces to users: the model's code gets neither your variables"
    " nor your home as its own, but can read your files and use the network.\n"
)
_STYLES: Final = {
    "error": "bold red",
    "failed": "bold red",
    "warning": "bold yellow",
    "passed": "bold green",
}
HEALTHY: Final = 0
UNHEALTHY: Final = 1


class ArchiveDoctorError(ReleaseError):
    """A model that could not be examined."""


def examine(
    configs: PipelineConfigs,
    model: Path,
    *,
    put_code_in: bool = False,
    single_folder: str | None = None,
    load_seconds: float = 5.0,
    as_json: bool = False,
) -> int:
    """Run the verification script in a child process, which prints what it finds.

    A model that Package would refuse for its pickles is not loaded.

    Args:
        configs: One model's configs.
        model: A ``model.tar.gz``, or a folder laid out like one.
        put_code_in: Package it first, by the script of the Package step, and examine the result.
        single_folder: What packaging does with a folder around everything; see ``package``.
        load_seconds: How long to send requests at the expected rate.
        as_json: Print the evaluation instead of the findings.

    Returns:
        :data:`HEALTHY`, or :data:`UNHEALTHY` when the model has an error.

    Raises:
        ReleaseError: The model could not be examined; the script has printed why.
    """
    if put_code_in:
        _refuse_remote_code(configs)
    with tempfile.TemporaryDirectory(prefix="archive-doctor-") as temporary:
        folder = Path(temporary)
        found = _looked_through(configs, model, folder / "packaged", single_folder, put_code_in)
        command = _command(configs, folder, found, load_seconds)
        command += ["--json"] if as_json else []
        behind, has_walls = walled(command, folder, [model])
        if not has_walls:
            sys.stderr.write(fitted(_WITHOUT_WALLS, sys.stderr, hang=2))
        environment = own_environment(folder)
        exit_code = _run(behind, folder, environment, coloured=not as_json)
    if exit_code not in (HEALTHY, UNHEALTHY):
        raise ArchiveDoctorError(
            f"{shown_path(model)} could not be examined: see the message above."
        )
    if not as_json:
        model_config = configs.model
        container = Versions.of_container(model_config.framework_version, model_config.py_version)
        judged = Versions.here().judged_for(container)
        sys.stdout.write(f"{fitted(judged, sys.stdout)}\n")
        sys.stdout.flush()  # before what the command says on standard error
    return exit_code


def evaluation_of(configs: PipelineConfigs, model: Path, folder: Path) -> dict[str, Any]:
    """Package a model, let it answer its sample payloads, and return the evaluation.

    Args:
        configs: One model's configs.
        model: A ``model.tar.gz``, or a folder laid out like one.
        folder: For what is written meanwhile; yet to be made.

    Raises:
        ReleaseError: The model could not be examined.
    """
    _refuse_remote_code(configs)
    folder.mkdir(parents=True)
    found = _looked_through(configs, model, folder / "packaged", None, put_code_in=True)
    command = [*_command(configs, folder, found, load_seconds=0), "--json"]
    behind, _ = walled(command, folder, [model])
    done = subprocess.run(
        behind,
        cwd=folder,
        env=own_environment(folder),
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
    )
    if done.returncode not in (HEALTHY, UNHEALTHY):
        told = done.stderr.strip().removeprefix("error: ") or "the script failed"
        raise ArchiveDoctorError(f"{shown_path(model)} could not be examined: {told}")
    evaluation: dict[str, Any] = json.loads(done.stdout)
    return evaluation


@dataclass(frozen=True)
class _LookedThrough:
    """What is examined, and what was found before any of its code ran."""

    arguments: list[str]
    findings: list[dict[str, Any]]


def _looked_through(
    configs: PipelineConfigs,
    model: Path,
    packaged: Path,
    single_folder: str | None,
    put_code_in: bool,  # noqa: FBT001 as its callers were told
) -> _LookedThrough:
    arguments = ["--model", str(model.absolute())]
    findings = _pickle_findings(configs, model)
    if put_code_in and not any(each["severity"] == "error" for each in findings):
        try:
            arguments = _packaged(configs, model, packaged, single_folder)
        except ReleaseError as error:
            findings.append(_refusal(error))
    return _LookedThrough(arguments, findings)


def _command(
    configs: PipelineConfigs, folder: Path, found: _LookedThrough, load_seconds: float
) -> list[str]:
    """Write what the script reads; returns how it is called."""
    script = folder / "verify_model.zip"
    script.write_bytes(local_archive("verify_model"))
    (folder / "findings.json").write_text(json.dumps(found.findings))
    command = [sys.executable, str(script), *found.arguments]
    command += _request_files(configs, folder)
    command += ["--findings", str(folder / "findings.json")]
    command += ["--load-seconds", str(load_seconds)]
    command += ["--startup-timeout", str(configs.model.container_startup_health_check_timeout)]
    return [*command, "--memory-limit", str(configs.model.container_memory_limit)]


def _run(command: list[str], folder: Path, environment: dict[str, str], *, coloured: bool) -> int:
    """Run the script; at a terminal, with colours for what it judges."""
    console = Console()
    if not (coloured and console.is_terminal):
        return subprocess.run(command, cwd=folder, env=environment, check=False).returncode
    with subprocess.Popen(
        command, cwd=folder, env=environment, stdout=subprocess.PIPE, text=True, errors="replace"
    ) as process:
        for line in process.stdout or ():
            word, colon, rest = line.rstrip("\n").partition(":")
            told = Text.assemble((word, _STYLES.get(word, "")), colon, rest)
            print_fitted(console, told, hang=2)
    return process.returncode


def _packaged(
    configs: PipelineConfigs, model: Path, folder: Path, single_folder: str | None
) -> list[str]:
    """Package the model; returns the script's arguments for the result.

    Raises:
        ReleaseError: Package refuses it.
    """
    console = Console(stderr=True)
    with bytes_bar(f"Packaging {model.name}", size_bytes(model), console) as advance:
        packaged = package(
            configs,
            model,
            folder,
            single_folder=single_folder,
            on_read=advance,
            on_line=lambda _: None,
        )
    return ["--model", str(packaged.model), "--code-sha256", packaged.facts["code_sha256"]]


def _refusal(error: ReleaseError) -> dict[str, str]:
    """Return the finding for what Package refuses; its errors hold the fix."""
    return {
        "severity": "error",
        "code": "packaging-refused",
        "message": f"Package refuses it: {error}",
        "fix": "Correct what it names; the Package step in AWS refuses the same.",
    }


def _pickle_findings(configs: PipelineConfigs, model: Path) -> list[dict[str, str]]:
    """Return what Package would say of the model's pickles."""
    try:
        return pickle_findings(model, configs.package)
    except (OSError, UnwritableError) as error:
        raise ArchiveDoctorError(
            f"{shown_path(model)} could not be looked through: {error}."
        ) from error


def _request_files(configs: PipelineConfigs, folder: Path) -> list[str]:
    """Write what the pipeline would ship with the model; returns the script's arguments for it."""
    payload, request = write_registration_files(configs, configs.registration.regions[:1], folder)
    return ["--payload", str(payload), "--request", str(request)]


def _refuse_remote_code(configs: PipelineConfigs) -> None:
    source = configs.model.get_source_dir()
    if not isinstance(source, Path):
        raise ArchiveDoctorError(
            f"source_dir of PytorchModel is {source!r}; a local folder is needed to put its code"
            " into the archive. Examine an archive that has its code/ instead."
        )
