"""Step caching: SageMaker uses an earlier result again when what decides about it is the same.

Source: "Caching pipeline steps" and "Default cache key attributes by pipeline step type" in the
SageMaker developer guide. Of the arguments only these decide: an output location, a role or an
instance type may differ.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

KEY_ATTRIBUTES: Final[Mapping[str, tuple[str, ...]]] = {
    "AutoML": ("AutoMLJobConfig", "AutoMLJobObjective", "InputDataConfig", "ProblemType"),
    "Processing": ("AppSpecification", "Environment", "ProcessingInputs"),
    "Training": (
        "AlgorithmSpecification",
        "CheckpointConfig",
        "DebugHookConfig",
        "DebugRuleConfigurations",
        "Environment",
        "HyperParameters",
        "InputDataConfig",
    ),
    "Transform": ("DataProcessing", "Environment", "ModelName", "TransformInput"),
    "Tuning": ("HyperParameterTuningJobConfig", "TrainingJobDefinition", "TrainingJobDefinitions"),
}
"""The arguments that decide, by step type."""


def is_cached(step: Mapping[str, Any]) -> bool:
    """Tell whether a step of a definition may use an earlier result again."""
    config = step.get("CacheConfig")
    return isinstance(config, Mapping) and config.get("Enabled") is True
