"""Two folders of pipelines, each with the example: as it is, and with slower inference code."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any, Final

_LOOKUPS: Final = Path(__file__).with_name("lookups.py")
_SLOWER: Final = (
    "\n\nfrom lookups import looking_up  # noqa: E402\n\npredict_fn = looking_up(predict_fn)\n"
)
_NOT_COPIED: Final = ("model", "training")
EXPECTED_TPS: Final = 2
"""The rate that both versions are verified for."""
_PAYLOAD: Final = {
    "expected_tps": EXPECTED_TPS,
    "max_latency_in_millisecond": 1000,
    "verification_load_seconds": 2,
}
_ENDPOINT: Final = {
    "instance_count": 2,
    "shift": "canary",
    "shift_percentage": 50,
    "bake_seconds": 1200,
}
"""Twenty minutes are four seconds in the embedded AWS."""


def write_versions(example: Path, folder: Path) -> tuple[Path, Path]:
    """Write the folders of pipelines of both versions.

    Args:
        example: The example pipeline's folder.
        folder: Where to.

    Returns:
        The folder of version 1, and that of version 2.
    """
    first, second = (folder / f"version-{number}" for number in (1, 2))
    for each in (first, second):
        _copy(example, each / example.name)
    code = second / example.name / _settings(example)["configuration"]["shared"]["source_dir"]
    shutil.copyfile(_LOOKUPS, code / _LOOKUPS.name)
    with (code / "inference.py").open("a", encoding="utf-8") as file:
        file.write(_SLOWER)
    return first, second


def _copy(example: Path, to: Path) -> None:
    """Copy the example without its model, with limits and a canary of the demo's own."""
    shutil.copytree(example, to, ignore=shutil.ignore_patterns(*_NOT_COPIED, "__pycache__"))
    document = _settings(to)
    document.pop("$schema", None)
    sections = document["configuration"]["specific"]
    sections["Payload"].update(_PAYLOAD)
    sections["Endpoint"].update(_ENDPOINT)
    (to / "config.json").write_text(f"{json.dumps(document, indent=2)}\n", encoding="utf-8")


def _settings(folder: Path) -> dict[str, Any]:
    document: dict[str, Any] = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    return document
