"""Examines a model archive on this machine as the Verify step would in the serving container."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Final

from constructs_lib.configs import PipelineConfigs
from constructs_lib.errors import ReleaseError
from constructs_lib.jobs.archive import job_archive
from constructs_lib.jobs.package_model.errors import UnwritableError
from constructs_lib.registration.file import registration_file
from constructs_lib.registration.request import registration_request
from constructs_lib.release.payloads import payload_archive
from constructs_lib.release.pickles import pickle_findings
from constructs_lib.s3_layout import REGISTRATION_REQUEST, SAMPLE_PAYLOAD

HEALTHY: Final = 0
UNHEALTHY: Final = 1

# Nothing is pulled: the model runs in this machine's Python.
_IMAGE: Final = "local"


class ArchiveDoctorError(ReleaseError):
    """A model that could not be examined."""


def examine(
    configs: PipelineConfigs,
    model: Path,
    *,
    put_code_in: bool = False,
    load_seconds: float = 5.0,
    as_json: bool = False,
) -> int:
    """Run the verification script in a child process, which prints what it finds.

    A model that Package would refuse for its pickles is not loaded.

    Args:
        configs: One model's configs.
        model: A ``model.tar.gz``, or a folder laid out like one.
        put_code_in: Use the config's inference code as ``code/``, as packaging would.
        load_seconds: How long to send requests at the expected rate.
        as_json: Print the evaluation instead of the findings.

    Returns:
        :data:`HEALTHY`, or :data:`UNHEALTHY` when the model has an error.

    Raises:
        ReleaseError: The model could not be examined; the script has printed why.
    """
    code = _code_folder(configs) if put_code_in else None
    with tempfile.TemporaryDirectory(prefix="archive-doctor-") as temporary:
        script = Path(temporary) / "verify_model.zip"
        script.write_bytes(job_archive("verify_model"))
        command = [sys.executable, str(script), "--model", str(model)]
        command += _request_files(configs, Path(temporary))
        command += ["--findings", str(_findings_file(configs, model, Path(temporary)))]
        command += ["--load-seconds", str(load_seconds)]
        command += ["--startup-timeout", str(configs.model.container_startup_health_check_timeout)]
        command += ["--memory-limit", str(configs.model.container_memory_limit)]
        command += ["--code", str(code)] if code else []
        command += ["--json"] if as_json else []
        exit_code = subprocess.run(command, check=False).returncode
    if exit_code not in (HEALTHY, UNHEALTHY):
        raise ArchiveDoctorError(f"{model} could not be examined: see the message above.")
    return exit_code


def _findings_file(configs: PipelineConfigs, model: Path, folder: Path) -> Path:
    """Write what Package would say of the model's pickles."""
    path = folder / "findings.json"
    try:
        path.write_text(json.dumps(pickle_findings(model, configs.package)))
    except (OSError, UnwritableError) as error:
        raise ArchiveDoctorError(f"{model} could not be looked through: {error}.") from error
    return path


def _request_files(configs: PipelineConfigs, folder: Path) -> list[str]:
    """Write what the pipeline would ship with the model; returns the script's arguments for it."""
    request = registration_request(configs, configs.registration.regions[0], _IMAGE)
    payload, registration = folder / SAMPLE_PAYLOAD, folder / REGISTRATION_REQUEST
    payload.write_bytes(payload_archive(configs.payload))
    registration.write_bytes(registration_file([request]))
    return ["--payload", str(payload), "--request", str(registration)]


def _code_folder(configs: PipelineConfigs) -> Path:
    source = configs.model.get_source_dir()
    if not isinstance(source, Path):
        raise ArchiveDoctorError(
            f"source_dir of PytorchModel is {source!r}; a local folder is needed to put its code"
            " into the archive. Examine an archive that has its code/ instead."
        )
    return source
