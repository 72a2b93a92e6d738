"""The configs of one pipeline, by what they are for."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Self, TypeVar, cast

from constructs_lib.configs.base import BasePipelineConfig
from constructs_lib.configs.classes import CONFIG_CLASSES, OF_THE_CURRENT_FORMAT
from constructs_lib.configs.document import child_path
from constructs_lib.configs.endpoint import (
    LONGEST_ENDPOINT_NAME,
    EndpointConfig,
    unregistered,
)
from constructs_lib.configs.files import ConfigFile, log_warnings, read_config_file
from constructs_lib.configs.formats.detection import Generation
from constructs_lib.configs.formats.differences import differences
from constructs_lib.configs.formats.later_tool import what_is_missing
from constructs_lib.configs.guardrails.rules import hasty_bake, wrong_updates
from constructs_lib.configs.guardrails.shifts import LONGEST_WAIT_SECONDS
from constructs_lib.configs.model import PytorchModelCreationConfig
from constructs_lib.configs.problems import ConfigFileError, ConfigProblem
from constructs_lib.configs.processing import PackageStepConfig, ProcessingStepConfigBase
from constructs_lib.configs.registration import ModelRegistrationConfig, PayloadConfig
from constructs_lib.configs.training import PytorchTrainingConfig
from constructs_lib.fields.rules import shown
from constructs_lib.regions import RegionNames

_Config = TypeVar("_Config", bound=BasePipelineConfig)

REQUIRED: Final = (
    BasePipelineConfig,
    PytorchModelCreationConfig,
    PackageStepConfig,
    ModelRegistrationConfig,
    PayloadConfig,
)
OPTIONAL: Final = (ProcessingStepConfigBase, PytorchTrainingConfig, EndpointConfig)


@dataclass(frozen=True, kw_only=True)
class PipelineConfigs:
    """Everything that one pipeline is built from.

    configs = PipelineConfigs.load("pipelines/abalone/config.json")
    configs.model.inference_instance_type
    """

    base: BasePipelineConfig
    model: PytorchModelCreationConfig
    package: PackageStepConfig
    registration: ModelRegistrationConfig
    payload: PayloadConfig
    processing: ProcessingStepConfigBase | None = None
    training: PytorchTrainingConfig | None = None
    """``None`` unless the pipeline trains its model."""
    endpoint: EndpointConfig | None = None
    """``None`` unless approved versions are served."""
    warnings: tuple[ConfigProblem, ...] = field(default=(), compare=False)
    """What is odd in the file, such as unknown fields."""
    notes: tuple[ConfigProblem, ...] = field(default=(), compare=False)
    """What has no effect, or another one than it seems, such as sections that are not used."""
    file: ConfigFile | None = field(default=None, compare=False, repr=False)
    """What they were read from; tells where a field is set."""

    @classmethod
    def load(
        cls,
        path: Path | str,
        *,
        root: Path | str | None = None,
        region_names: RegionNames | None = None,
    ) -> Self:
        """Read and check a config file of any generation.

        Args:
            path: The config file.
            root: The folder that relative local paths in the file start at; by default the file's.
            region_names: What regions are called; by default as in the earlier system.

        Raises:
            ConfigFileError: the file cannot be used; the error holds all of its problems.
        """
        configs = cls.read(path, root=root, region_names=region_names)
        log_warnings(path, configs.warnings)
        return configs

    @classmethod
    def read(
        cls,
        path: Path | str,
        *,
        root: Path | str | None = None,
        region_names: RegionNames | None = None,
    ) -> Self:
        """Do as :meth:`load` does, but for telling the log what is odd in the file.

        Raises:
            ConfigFileError: the file cannot be used; the error holds all of its problems.
        """
        file = read_config_file(path, root=root, region_names=region_names)
        if problems := _problems(file):
            # Of a later tool's file one message tells all of it.
            log_warnings(path, () if file.generation is Generation.LATER else file.warnings)
            raise ConfigFileError(file.file, problems)
        training = _only_if_any(file, PytorchTrainingConfig)
        model = _only(file, PytorchModelCreationConfig)
        return cls(
            base=_only(file, BasePipelineConfig),
            model=model,
            package=_only(file, PackageStepConfig),
            registration=_only(file, ModelRegistrationConfig),
            payload=_only(file, PayloadConfig),
            processing=_only_if_any(file, ProcessingStepConfigBase),
            training=training if training and training.train_in_pipeline else None,
            endpoint=_only_if_any(file, EndpointConfig),
            warnings=(*file.warnings, *_readable_secrets(file, model)),
            notes=(*differences(file), *_hasty_bakes(file)),
            file=file,
        )


def _steps(file: ConfigFile, config_class: type[BasePipelineConfig]) -> list[str]:
    """Return the step keys of exactly this class, in the order of the file."""
    return [each.step for each in file.sections if each.config_class is config_class]


def _only(file: ConfigFile, config_class: type[_Config]) -> _Config:
    return cast("_Config", file.configs[_steps(file, config_class)[0]])


def _only_if_any(file: ConfigFile, config_class: type[_Config]) -> _Config | None:
    found = [step for step in _steps(file, config_class) if step in file.configs]
    return cast("_Config", file.configs[found[0]]) if found else None


def _problems(file: ConfigFile) -> tuple[ConfigProblem, ...]:
    missing = [each for each in REQUIRED if not _steps(file, each)]
    if file.generation is Generation.LATER and missing:
        keys = (each.STEP_KEY for each in missing)
        return (what_is_missing(keys, file.unsupported, file.renamed()),)
    return (
        *file.problems,
        *_section_problems(file),
        *_contradictions(file),
        *_endpoint_problems(file),
    )


def _section_problems(file: ConfigFile) -> Iterator[ConfigProblem]:
    if file.generation is None:
        return  # what hides the sections is a problem of its own
    required = ", ".join(each.STEP_KEY for each in REQUIRED)
    is_current = file.generation is Generation.G4
    known = (each for each in OPTIONAL if is_current or each not in OF_THE_CURRENT_FORMAT)
    optional = ", ".join(each.STEP_KEY for each in known)
    for config_class in CONFIG_CLASSES.values():
        steps = _steps(file, config_class)
        if not steps and config_class in REQUIRED:
            found = ", ".join(each.step for each in file.sections) or "none"
            yield ConfigProblem(
                "$.metadata",
                f"section {config_class.STEP_KEY} ({config_class.__name__}) is missing; "
                f"required: {required}; optional: {optional}; found: {found}",
            )
        if len(steps) > 1:
            yield ConfigProblem(
                "$.metadata",
                f"holds several sections of {config_class.__name__}: {', '.join(steps)}; "
                "a pipeline takes one",
            )


def _contradictions(file: ConfigFile) -> Iterator[ConfigProblem]:
    """Sections that describe the same registration must not differ."""
    shared = ("region", *_registration_fields())
    pairs = (
        (BasePipelineConfig, ModelRegistrationConfig, ("region",)),
        (ModelRegistrationConfig, PayloadConfig, shared),
    )
    for first, second, fields in pairs:
        steps = [*_steps(file, first)[:1], *_steps(file, second)[:1]]
        if len(steps) == len((first, second)) and all(step in file.configs for step in steps):
            yield from _differences(file, steps[0], steps[1], fields)


def _endpoint_problems(file: ConfigFile) -> Iterator[ConfigProblem]:
    """Yield what other sections allow, and an endpoint does not."""
    for step in _steps(file, EndpointConfig):
        endpoint = file.configs.get(step)
        if isinstance(endpoint, EndpointConfig):
            yield from _wrong_waves(file, step, endpoint)
            yield from _wrong_endpoint_name(file, step, endpoint)
            yield from _too_long_for_endpoints(file)
            yield from _impossible_update(file, step, endpoint)


def _wrong_waves(file: ConfigFile, step: str, endpoint: EndpointConfig) -> Iterator[ConfigProblem]:
    registration = _only_if_any(file, ModelRegistrationConfig)
    if registration is None or endpoint.waves is None:
        return
    path, value = file.locate(step, "waves")
    for (wave, place), message in unregistered(endpoint.waves, registration.regions):
        item = child_path(child_path(path, wave), place)
        yield ConfigProblem(item, message, shown(value[wave][place]))


def _wrong_endpoint_name(
    file: ConfigFile, step: str, endpoint: EndpointConfig
) -> Iterator[ConfigProblem]:
    base = _only_if_any(file, BasePipelineConfig)
    if base is None or endpoint.endpoint_name is not None:
        return
    name = base.pipeline_name
    if len(name) > LONGEST_ENDPOINT_NAME:
        yield ConfigProblem(
            child_path(file.home_of(step), "endpoint_name"),
            f"is by default the pipeline's name, {shown(name)}, which has {len(name)} characters:"
            f" set a name of at most {LONGEST_ENDPOINT_NAME}",
        )


def _too_long_for_endpoints(file: ConfigFile) -> Iterator[ConfigProblem]:
    """Yield times of the model that the container of an endpoint does not get."""
    for step in _steps(file, PytorchModelCreationConfig):
        for name in ("container_startup_health_check_timeout", "data_download_timeout"):
            seconds = getattr(file.configs.get(step), name, 0)
            if seconds > LONGEST_WAIT_SECONDS:
                path, _ = file.locate(step, name)
                message = (
                    f"is more than an endpoint gives: with a section {EndpointConfig.STEP_KEY} at"
                    f" most {LONGEST_WAIT_SECONDS} s"
                )
                yield ConfigProblem(path, message, shown(seconds))


def _impossible_update(
    file: ConfigFile, step: str, endpoint: EndpointConfig
) -> Iterator[ConfigProblem]:
    """Yield what SageMaker refuses of an update, or ignores without a word."""
    model = _only_if_any(file, PytorchModelCreationConfig)
    payload = _only_if_any(file, PayloadConfig)
    if model is None or payload is None:
        return
    for name, message in wrong_updates(endpoint, model, payload):
        path, value = file.locate(step, name)
        yield ConfigProblem(path, message, shown(value))


def _hasty_bakes(file: ConfigFile) -> Iterator[ConfigProblem]:
    """Tell of a bake time in which no alarm can trip."""
    for step in _steps(file, EndpointConfig):
        endpoint, model = _only(file, EndpointConfig), _only(file, PytorchModelCreationConfig)
        message = hasty_bake(endpoint, model, _only(file, PayloadConfig))
        if message is not None:
            path, value = file.locate(step, "bake_seconds")
            yield ConfigProblem(path, message, shown(value))


def _readable_secrets(
    file: ConfigFile, model: PytorchModelCreationConfig
) -> Iterator[ConfigProblem]:
    """Warn of secrets, whose values are not shown."""
    path, _ = file.locate(file.step_of(type(model)), "environment_variables")
    for name in model.readable_secrets():
        yield ConfigProblem(
            child_path(path, name),
            "seems to be a secret, which the pipeline, the model and each registered version would"
            " show: take it out, and let the code read it from AWS Secrets Manager, if it needs it",
        )


def _registration_fields() -> list[str]:
    return [
        name
        for name in ModelRegistrationConfig.model_fields
        if name not in BasePipelineConfig.model_fields
    ]


def _differences(
    file: ConfigFile, first: str, second: str, fields: tuple[str, ...]
) -> Iterator[ConfigProblem]:
    for name in fields:
        values = [getattr(file.configs[step], name) for step in (first, second)]
        if values[1] not in (None, values[0]):
            path, _ = file.locate(second, name)
            other_path, _ = file.locate(first, name)
            message = f"contradicts {other_path}, which is {shown(values[0])}: make them the same"
            yield ConfigProblem(path, message, shown(values[1]))
