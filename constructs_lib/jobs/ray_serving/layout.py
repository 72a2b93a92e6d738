"""The files that make Ray Serve's container serve a model's functions."""

from __future__ import annotations

import json
import pkgutil
from typing import Final

CONFIG: Final = "config.yaml"
"""What the container's entrypoint runs, when it lies at the model's root."""
MODULES: Final = {
    "ray_model_app.py": "ray_serving/ray_model_app.py",
    "ray_model_context.py": "common/serving/context.py",
    "ray_model_defaults.py": "common/serving/default_functions.py",
}
"""What is at the root, and where it is here; what it shares with the verification stays there."""

_CONFIG: Final = """\
# How Ray Serve runs this model: `serve run config.yaml`, in its container and anywhere else.
applications:
- name: model
  route_prefix: /
  import_path: ray_model_app:app
  args:
    entry_point: {entry_point}
    workers: {workers}
"""


def files(entry_point: str, workers: int | None = None) -> dict[str, bytes]:
    """Return the files at an archive's root, by name; the same arguments give the same bytes.

    Args:
        entry_point: The module in ``code/`` that has the functions.
        workers: How many processes hold the model. None: one per GPU where there is one, else per
            CPU, of the machine that serves.
    """
    # A JSON string and its null are YAML's, too.
    config = _CONFIG.format(entry_point=json.dumps(entry_point), workers=json.dumps(workers))
    modules = {name: _content(place) for name, place in MODULES.items()}
    return {CONFIG: config.encode(), **modules}


def _content(place: str) -> bytes:
    """Read a file of the jobs' folder, which may be the archive of a job."""
    jobs = __name__.rpartition(".")[0].rpartition(".")[0]
    content = pkgutil.get_data(jobs, place)
    if content is None:
        raise FileNotFoundError(place)
    return content
