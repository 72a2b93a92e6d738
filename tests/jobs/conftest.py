from __future__ import annotations

from pathlib import Path

import pytest

from constructs_lib.jobs.archive import local_archive


@pytest.fixture(scope="session")
def compiled_job(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The verification job with its byte code: each process would make it anew of the archive."""
    path = tmp_path_factory.mktemp("verify_model") / "verify_model.zip"
    path.write_bytes(local_archive("verify_model"))
    return path
