"""Where a model of this machine is uploaded, for a pipeline to release it."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from constructs_lib import s3_layout
from constructs_lib.errors import ReleaseError

_TEMP_DIR_PARAMETER: Final = "PIPELINE_EXECUTION_TEMP_DIR"
_DIGEST_CHARACTERS: Final = 16


class ModelArtifactError(ReleaseError):
    """The model to release is neither an S3 URI nor a file, or cannot be uploaded."""


def model_file(model: str) -> Path:
    """Return the path of a model that is no S3 URI.

    Raises:
        ModelArtifactError: There is no such file.
    """
    path = Path(model)
    if not path.is_file():
        raise ModelArtifactError(
            f"The model {model!r} is neither a file nor an S3 URI: give the path of a model.tar.gz"
            " or a URI that starts with 's3://'."
        )
    return path


def artifact_bucket(pipeline_name: str, definition: Mapping[str, Any]) -> str:
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
    bucket: str = defaults[_TEMP_DIR_PARAMETER].removeprefix("s3://").partition("/")[0]
    return bucket


def incoming_key(pipeline_name: str, path: Path) -> str:
    """Return the key of a model, which names its content.

    Raises:
        OSError: The file cannot be read.
    """
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()[:_DIGEST_CHARACTERS]
    return s3_layout.incoming_key(pipeline_name, digest, path.name)
