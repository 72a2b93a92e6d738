"""A packaged model, unpacked into a folder of its own, and what its processes are told."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from constructs_lib.confinement import Walled, own_environment, walled
from constructs_lib.jobs.archive import local_archive
from constructs_lib.jobs.verify_model.toolkit import MODEL_FOLDER

_JOB: Final = "verify_model"


@dataclass(frozen=True)
class WalledModel:
    """An unpacked model, and what its container is told."""

    folder: Path
    """For everything of its processes; the model lies in :attr:`model`."""
    declared: Mapping[str, str]
    """The environment of the container."""
    of_aws: Mapping[str, str]
    """Variables beside those: how to reach an AWS, if the model may."""
    is_isolated: bool
    """Whether it has no network."""

    @property
    def model(self) -> Path:
        """The model folder of the serving layout."""
        return self.folder / "opt/ml/model"

    @property
    def printed(self) -> Path:
        """Where everything that the code prints goes."""
        return self.folder / "printed"

    def environment(self) -> dict[str, str]:
        """Return all of the environment of a worker."""
        around = own_environment(Path(tempfile.mkdtemp(prefix="worker-", dir=self.folder)))
        paths = [f"{self.model}/code", str(self.model), around.get("PYTHONPATH", "")]
        moved = {
            name: value.replace(MODEL_FOLDER, str(self.model))
            for name, value in self.declared.items()
        }
        return {
            **around,
            **self.of_aws,
            "SAGEMAKER_BASE_DIR": str(self.model.parent),
            **moved,
            "PYTHONPATH": os.pathsep.join(filter(None, paths)),
            "PYTHONDONTWRITEBYTECODE": "1",
            "PYTHONUNBUFFERED": "1",
        }

    def program(self) -> Walled:
        """Return what runs the program of a worker, behind walls where the machine has them."""
        archive = self.folder / f"{_JOB}.zip"
        archive.write_bytes(local_archive(_JOB))
        program = [sys.executable, str(archive)]
        return walled(program, self.model, [self.folder], network=not self.is_isolated)
