"""The sample requests of the user's own, which a pipeline ships beside the generated ones."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final

from constructs_lib.configs import PayloadConfig, PipelineConfigs, VariableType
from constructs_lib.jobs.common.limits import MIB
from constructs_lib.release.archives import folder_files
from constructs_lib.release.samples.errors import SampleRequestError
from constructs_lib.release.samples.folder import SampleFolder, SampleRequest
from constructs_lib.release.samples.manifest import Tolerance
from constructs_lib.terminal.paths import shown_path

_LARGEST_BYTES: Final = 100 * MIB
"""The highest ``max_payload_size``."""


@dataclass(frozen=True, kw_only=True)
class OwnSamples:
    """The requests of a folder, and how far the answers to them may be off."""

    requests: tuple[SampleRequest, ...]
    tolerances: Mapping[str, Tolerance]
    """By NUMERIC output variable."""

    def facts(self) -> dict[str, Any]:
        """Return what Verify has to know of them beside their bodies."""
        return {
            "requests": [
                {
                    "name": each.name,
                    "content_type": each.content_type,
                    "expected": each.expected,
                }
                for each in self.requests
            ],
            "tolerances": {name: each.model_dump() for name, each in self.tolerances.items()},
        }


def own_samples(configs: PipelineConfigs) -> OwnSamples | None:
    """Read the folder that ``sample_requests_dir`` names; None without one.

    Args:
        configs: One model's configs.

    Raises:
        SampleRequestError: Files in it cannot be used; tells of all of them.
        ArchiveError: A link in it leads out of it.
    """
    folder = configs.payload.get_sample_requests_dir()
    if folder is None:
        return None
    outputs = configs.payload.source_model_inference_output_variable_list
    reading = SampleFolder(folder_files(folder), outputs, configs.model.max_payload_size)
    requests = reading.read()
    if reading.problems:
        raise SampleRequestError(shown_path(folder), reading.problems)
    numbers = [name for name, kind in outputs.items() if kind is VariableType.NUMERIC]
    given = reading.manifest.tolerances
    tolerances = {name: given.get(name, Tolerance()) for name in numbers}
    return OwnSamples(requests=tuple(requests), tolerances=tolerances)


def samples_digest(config: PayloadConfig) -> str | None:
    """Digest the folder's files, whatever is wrong with them; None without a folder."""
    folder = config.get_sample_requests_dir()
    if folder is None:
        return None
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        with suppress(OSError):  # a file that cannot be read is told when the requests are
            size = path.stat().st_size
            # A name may be of bytes that are no UTF-8.
            digest.update(os.fsencode(path.relative_to(folder)) + f" {size}\n".encode())
            # What is larger than any request may be is refused for its size.
            digest.update(path.read_bytes() if path.is_file() and size <= _LARGEST_BYTES else b"")
    return digest.hexdigest()
