"""The Pythons that jobs run in, where this machine has them."""

from __future__ import annotations

import importlib.util
import json
import re
import shutil
import subprocess
from functools import cache
from pathlib import Path

import pytest

from constructs_lib.service_model.patches import CONTAINERS


def pythons_of_containers() -> list[int]:
    """Which Python 3 each container of the SDK's table has that the jobs support.

    Of PyTorch those that train, too: they are ahead of those that serve. The containers of
    scikit-learn are not in the table with their Python.
    """
    spec = importlib.util.find_spec("sagemaker.core")
    assert spec is not None
    assert spec.origin is not None
    table = json.loads(
        Path(spec.origin).with_name("image_uri_config").joinpath("pytorch.json").read_text()
    )
    names = {each.python for each in CONTAINERS["scikit-learn"]} | {
        name
        for scope in ("inference", "training")
        for image in table[scope]["versions"].values()
        for name in image.get("py_versions", [])
    }
    minors = {int(name.removeprefix("py3")) for name in names if re.fullmatch(r"py3\d+", name)}
    return sorted(minor for minor in minors if (3, minor) >= (3, 8))


PYTHONS = pythons_of_containers()


@cache
def interpreter(version: str) -> str:
    """A Python of that version on this machine; without one, the test is skipped."""
    installed = Path.home().glob(f".pyenv/versions/{version}.*/bin/python")
    for candidate in (shutil.which(f"python{version}"), *map(str, installed)):
        if (
            candidate is not None
            and subprocess.run(
                [candidate, "-c", f"import sys; assert sys.version.startswith('{version}.')"],
                capture_output=True,
                check=False,
            ).returncode
            == 0
        ):
            return candidate
    pytest.skip(f"no Python {version} on this machine")
