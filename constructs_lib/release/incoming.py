"""Where a model of this machine is uploaded, for a pipeline to release it."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from constructs_lib import s3_layout
from constructs_lib.errors import ReleaseError
from constructs_lib.jobs.common.formats import FORMAT_BYTES, known_format, no_archive
from constructs_lib.s3_layout import bucket_and_key
from constructs_lib.terminal.paths import shown_path

if TYPE_CHECKING:
    from rich.console import Console

_TEMP_DIR_PARAMETER: Final = "PIPELINE_EXECUTION_TEMP_DIR"
_DIGEST_CHARACTERS: Final = 16


class ModelArtifactError(ReleaseError):
    """The model to release is neither an S3 URI nor a file, or cannot be uploaded."""


def model_file(model: str) -> Path:
    """Return the path of a model that is no S3 URI.

    Raises:
        ModelArtifactError: There is no such file, or it is of a format that is no archive.
    """
    path = Path(model)
    if path.is_dir():
        raise ModelArtifactError(
            f"The model {model!r} is a folder: make an archive of it with"
            f" `tar -czf model.tar.gz -C {model} .`."
        )
    if not path.is_file():
        raise ModelArtifactError(
            f"The model {model!r} is neither a file nor an S3 URI: give the path of a model.tar.gz"
            " or a URI that starts with 's3://'."
        )
    _refuse_other_format(path)
    return path


def _refuse_other_format(path: Path) -> None:
    """Refuse here what the Package step would refuse after the upload.

    Raises:
        ModelArtifactError: Names the format.
    """
    try:
        with path.open("rb") as file:
            start = file.read(FORMAT_BYTES)
    except OSError as error:
        raise ModelArtifactError(f"Cannot read {shown_path(path)}: {error.strerror}.") from error
    if known_format(start):
        raise ModelArtifactError(f"The model {shown_path(path)} {no_archive(start)}.")


def _artifact_bucket(pipeline_name: str, definition: Mapping[str, Any]) -> str:
    """Return the bucket that a deployed pipeline works in.

    Raises:
        ModelArtifactError: The definition does not tell.
    """
    parameters = definition.get("Parameters", ())
    defaults = {each["Name"]: each.get("DefaultValue", "") for each in parameters}
    if _TEMP_DIR_PARAMETER not in defaults:
        raise ModelArtifactError(
            f"The pipeline {pipeline_name!r} has no parameter {_TEMP_DIR_PARAMETER}, which names"
            " its bucket. Upload the model yourself and give its S3 URI."
        )
    return bucket_and_key(defaults[_TEMP_DIR_PARAMETER])[0]


def incoming_uri(pipeline_name: str, definition: Mapping[str, Any], path: Path) -> str:
    """Return the S3 URI of a model in the bucket of a deployed pipeline; it names the content.

    Raises:
        ModelArtifactError: The file cannot be read, or the definition does not tell the bucket.
    """
    bucket = _artifact_bucket(pipeline_name, definition)
    try:
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()[:_DIGEST_CHARACTERS]
    except OSError as error:
        raise ModelArtifactError(f"Cannot read {shown_path(path)}: {error.strerror}.") from error
    return f"s3://{bucket}/{s3_layout.incoming_key(pipeline_name, digest, path.name)}"


def upload_model(s3: Any, path: Path, uri: str, console: Console) -> None:
    """Upload a model, and show how it goes.

    Args:
        s3: A client.
        path: The model.
        uri: Where to, see :func:`incoming_uri`.
        console: Where to show a bar.

    Raises:
        boto3.exceptions.S3UploadFailedError: AWS refused the content.
        botocore.exceptions.BotoCoreError: AWS did not answer.
    """
    from constructs_lib.terminal.progress import bytes_bar

    bucket, key = bucket_and_key(uri)
    with bytes_bar(f"Uploading {path.name}", path.stat().st_size, console) as advance:
        s3.upload_file(str(path), bucket, key, Callback=advance)
