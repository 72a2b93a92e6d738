"""What of the inference code breaks, or may break, in the container that a pipeline moves to."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from constructs_lib.configs import PipelineConfigs
from constructs_lib.release.code_check import CodeProblem, code_files, code_problems
from constructs_lib.release.removed_names import loads_without_weights_only
from constructs_lib.service_model.patches import release_number

_FIRST_WITH_WEIGHTS_ONLY: Final = (2, 6)
"""Source: PyTorch 2.6's release notes: the default of ``weights_only`` became True."""


def what_breaks(before: PipelineConfigs, after: PipelineConfigs) -> list[CodeProblem]:
    """List what to change or to look at in the code, with file and line.

    Args:
        before: The pipeline as it is.
        after: The same on the other container.
    """
    found = code_problems(after)
    torches = [release_number(each.model.framework_version) for each in (before, after)]
    if torches[0] < _FIRST_WITH_WEIGHTS_ONLY <= torches[1]:
        found += _loads(after)
    return found


def _loads(configs: PipelineConfigs) -> Iterator[CodeProblem]:
    folder = configs.model.get_source_dir()
    for file in code_files(folder) if isinstance(folder, Path) else ():
        try:
            tree = ast.parse(file.read_bytes())
        except (OSError, SyntaxError, ValueError, MemoryError, RecursionError):
            continue  # told as such
        for line in loads_without_weights_only(tree):
            message = (
                "torch.load takes weights only since PyTorch 2.6, unless told otherwise: say"
                " weights_only=True for tensors and a state_dict; a whole model that was pickled"
                " needs weights_only=False, and TorchScript torch.jit.load"
            )
            yield CodeProblem("warning", file, line, message)
