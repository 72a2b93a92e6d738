from __future__ import annotations

import compileall
import io
import zipfile
from pathlib import Path

import pytest

from constructs_lib.jobs.archive import job_archive


@pytest.fixture(scope="session")
def compiled_job(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The verification job with its byte code: each process would make it anew of the archive."""
    folder = tmp_path_factory.mktemp("verify_model")
    with zipfile.ZipFile(io.BytesIO(job_archive("verify_model"))) as archived:
        archived.extractall(folder)
    assert compileall.compile_dir(folder, quiet=1)
    return folder
