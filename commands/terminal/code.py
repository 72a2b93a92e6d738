"""Looks through inference code before it is deployed or packaged."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from commands.terminal.messages import tell

if TYPE_CHECKING:
    from constructs_lib.configs import PipelineConfigs


def check_code(pipelines: Iterable[PipelineConfigs]) -> None:
    """Tell what ``validate`` would warn of, and refuse what it would refuse.

    Raises:
        InferenceCodeError: A pipeline's code has an error.
    """
    from constructs_lib.release.code_check import refuse_wrong_code

    for warning in refuse_wrong_code(pipelines):
        tell("warning", f"{warning.place}: {warning.message}")
