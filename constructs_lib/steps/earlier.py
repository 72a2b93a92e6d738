"""Says what to call in place of the earlier system's step builders."""

from __future__ import annotations

from functools import wraps
from typing import Any, Final, TypeVar

from constructs_lib.errors import EarlierInterfaceError

_Builder = TypeVar("_Builder")

_EARLIER_ARGUMENTS: Final = ("sagemaker_session", "role", "notebook_root")


def refuse_earlier_arguments(builder: type[_Builder]) -> type[_Builder]:
    """Let a builder tell those who call it as in the earlier system what to call instead."""
    initialize = builder.__init__

    @wraps(initialize)
    def checked(self: _Builder, *args: Any, **given: Any) -> None:
        earlier = [name for name in _EARLIER_ARGUMENTS if name in given]
        alone = "arguments by position" if args else "config alone"
        if args or earlier or "context" not in given:
            raise EarlierInterfaceError(
                f"{builder.__name__} takes config and context here, not"
                f" {', '.join(earlier) or alone}: the steps of a pipeline are"
                " made together. Call BSMPytorchPipelineBuilder(config_path, sagemaker_session,"
                " role).generate_pipeline(model_s3_path): its steps hold this one."
            )
        initialize(self, **given)

    setattr(builder, "__init__", checked)  # noqa: B010  # mypy takes an assignment for a mistake
    return builder
