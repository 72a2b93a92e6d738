"""The config classes by the names that files use."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, TypeAlias

from constructs_lib.configs.base import BasePipelineConfig
from constructs_lib.configs.endpoint import EndpointConfig
from constructs_lib.configs.model import PytorchModelCreationConfig
from constructs_lib.configs.processing import PackageStepConfig, ProcessingStepConfigBase
from constructs_lib.configs.registration import ModelRegistrationConfig, PayloadConfig
from constructs_lib.configs.training import PytorchTrainingConfig

ConfigClass: TypeAlias = type[BasePipelineConfig]
ConfigClasses: TypeAlias = Mapping[str, ConfigClass]

CONFIG_CLASSES: Final[dict[str, ConfigClass]] = {
    each.__name__: each
    for each in (
        BasePipelineConfig,
        PytorchTrainingConfig,
        PytorchModelCreationConfig,
        ProcessingStepConfigBase,
        PackageStepConfig,
        ModelRegistrationConfig,
        PayloadConfig,
        EndpointConfig,
    )
}
"""Every config class by its name, as ``metadata.config_types`` names it."""
OF_THE_CURRENT_FORMAT: Final = (EndpointConfig,)
"""Classes that files of older formats do not know."""

OTHER_CLASS_NAMES: Final = {
    "PackageConfig": "PackageStepConfig",
    "PyTorchModelStepConfig": "PytorchModelCreationConfig",
    "PyTorchTrainingConfig": "PytorchTrainingConfig",
    "RegistrationConfig": "ModelRegistrationConfig",
}
"""What a later tool calls some of the classes."""


def find_class(name: str, config_classes: ConfigClasses) -> ConfigClass | None:
    """Return the class of this name, current or earlier; ``None`` when there is none."""
    return config_classes.get(OTHER_CLASS_NAMES.get(name, name))


def current_step_key(key: str, config_class: ConfigClass) -> str | None:
    """Return the current form of a step key of this class; ``None`` when it is none of its keys.

    A key may carry ``_<value>`` of a job type, data type or mode: ``Training_calibration`` is
    ``PytorchTraining_calibration``.
    """
    for known in (config_class.STEP_KEY, *config_class.OTHER_STEP_KEYS):
        if key == known or key.startswith(f"{known}_"):
            return config_class.STEP_KEY + key.removeprefix(known)
    return None


def is_step_key(key: str, config_classes: ConfigClasses) -> bool:
    """Whether any class has this step key."""
    return any(current_step_key(key, each) for each in config_classes.values())
