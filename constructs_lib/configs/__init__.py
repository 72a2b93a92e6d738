"""The settings of a release: eight config classes, their file, and its JSON Schema.

    configs = PipelineConfigs.load("pipelines/abalone/config.json")

The classes are frozen; every rule of a field is checked when a config is made.
"""

from __future__ import annotations

from constructs_lib.configs.base import BasePipelineConfig
from constructs_lib.configs.classes import CONFIG_CLASSES
from constructs_lib.configs.endpoint import EndpointConfig
from constructs_lib.configs.files import (
    ConfigFile,
    load_configs,
    read_config_file,
    save_configs,
)
from constructs_lib.configs.formats.detection import Generation
from constructs_lib.configs.model import PytorchModelCreationConfig
from constructs_lib.configs.pipeline import PipelineConfigs
from constructs_lib.configs.problems import ConfigFileError, ConfigProblem
from constructs_lib.configs.processing import PackageStepConfig, ProcessingStepConfigBase
from constructs_lib.configs.registration import (
    ModelRegistrationConfig,
    PayloadConfig,
    VariableSchema,
    VariableType,
)
from constructs_lib.configs.training import Hyperparameters, PytorchTrainingConfig

__all__ = [
    "CONFIG_CLASSES",
    "BasePipelineConfig",
    "ConfigFile",
    "ConfigFileError",
    "ConfigProblem",
    "EndpointConfig",
    "Generation",
    "Hyperparameters",
    "ModelRegistrationConfig",
    "PackageStepConfig",
    "PayloadConfig",
    "PipelineConfigs",
    "ProcessingStepConfigBase",
    "PytorchModelCreationConfig",
    "PytorchTrainingConfig",
    "VariableSchema",
    "VariableType",
    "load_configs",
    "read_config_file",
    "save_configs",
]
