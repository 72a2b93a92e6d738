"""The files that travel with a pipeline: its scripts, its code and its sample payload."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from constructs_lib.compiled_pipeline import CompiledPipeline
from constructs_lib.configs import BasePipelineConfig, PipelineConfigs
from constructs_lib.errors import ReleaseError
from constructs_lib.jobs.archive import script_content
from constructs_lib.release.archives import folder_archive
from constructs_lib.release.payloads import shipped_payload

VERIFICATION_SCRIPT: Final = Path(__file__).parents[1] / "jobs" / "verify_model"


class MissingSourceError(ReleaseError):
    """A config needs code and names no folder that holds it."""


@dataclass(frozen=True, kw_only=True)
class ReleaseFiles:
    """Content of each file, canonical: the same configs and code give the same bytes."""

    packaging_script_name: str
    """Whose end tells how it is stored: a user's own is one Python file."""
    packaging_script: bytes
    verification_script: bytes | None
    """None when models are not verified."""
    inference_code: bytes | None
    """``.tar.gz``; None when the config names a location in S3 instead of a folder."""
    training_code: bytes | None
    """``.tar.gz``; None when the pipeline does not train or its code is in S3."""
    sample_payload: bytes
    """``.tar.gz``."""
    registration_request: bytes
    """JSON."""


def release_files(configs: PipelineConfigs, compiled: CompiledPipeline) -> ReleaseFiles:
    """Make the files of one pipeline. Reads the configured folders and nothing else.

    Args:
        configs: One model's configs.
        compiled: The pipeline that was compiled from them.

    Raises:
        ReleaseError: A folder is missing or holds what cannot be released.
    """
    return ReleaseFiles(
        packaging_script_name=f"package_model.{'zip' if configs.package.uses_own_script else 'py'}",
        packaging_script=script_content(Path(configs.package.get_script_path())),
        verification_script=(
            script_content(VERIFICATION_SCRIPT) if configs.payload.verification != "off" else None
        ),
        inference_code=_code_archive(configs.model, "PytorchModel"),
        training_code=_code_archive(configs.training, "PytorchTraining")
        if configs.training
        else None,
        sample_payload=shipped_payload(configs),
        registration_request=compiled.registration_file.encode(),
    )


def _code_archive(config: BasePipelineConfig, section: str) -> bytes | None:
    source = config.get_source_dir()
    if source is None:
        raise MissingSourceError(
            f"{section} has no source_dir. Set it to the folder that holds the code, relative to"
            " the config file, or to an s3:// location."
        )
    return folder_archive(source) if isinstance(source, Path) else None
