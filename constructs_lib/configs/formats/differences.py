"""Tells what of a config file the app reads and does not use, or does otherwise than it says."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from constructs_lib.configs.base import current_defaults
from constructs_lib.configs.formats.detection import CURRENT_FORMAT, Generation
from constructs_lib.configs.problems import ConfigProblem
from constructs_lib.configs.processing import PackageStepConfig, ProcessingStepConfigBase
from constructs_lib.configs.training import PytorchTrainingConfig
from constructs_lib.configs.types import UNUSED
from constructs_lib.fields.rules import shown
from constructs_lib.service_model.prices import HOURLY_USD, MONTH_HOURS, VOLUME_USD

if TYPE_CHECKING:
    from constructs_lib.configs.files import ConfigFile

_TEXTS: Final = ("input_names", "output_names")


def differences(file: ConfigFile) -> Iterator[ConfigProblem]:
    """Yield each difference once, whatever number of sections or fields it is about."""
    if unused := _unused(file):
        message = f"read for the earlier system and not used here: {', '.join(unused)}"
        yield ConfigProblem("$", message)
    if file.generation is not Generation.LATER:  # of whose files one message tells all of it
        for name, current in file.renamed().items():
            yield ConfigProblem("$", f"{name} is read as {current}, which is its name today")
    yield from _training(file)
    yield from _packaging_script(file)
    yield from _costly_defaults(file)


def _training(file: ConfigFile) -> Iterator[ConfigProblem]:
    for step, config in file.configs.items():
        if isinstance(config, PytorchTrainingConfig) and not config.train_in_pipeline:
            other = file.generation if file.generation is not Generation.G4 else None
            fix = f"{other.how_to_be_current}, and " if other else ""
            yield ConfigProblem(
                file.home_of(step),
                "the training section is kept and not used: the pipeline releases a model that was"
                f" trained before. To train in the pipeline {fix}set train_in_pipeline to true"
                " here",
            )


def _packaging_script(file: ConfigFile) -> Iterator[ConfigProblem]:
    for step, config in file.configs.items():
        if isinstance(config, PackageStepConfig) and (script := config.earlier_script()):
            path, value = file.locate(step, "processing_entry_point")
            arguments = "; its arguments are not used either"
            yield ConfigProblem(
                path,
                f"{script} is a packaging script of the earlier system, with fixed paths in it:"
                " it is not run, and the app's own packager does what it did"
                f"{arguments if config.processing_script_arguments else ''}",
                None if value is None else shown(value),
            )


def _costly_defaults(file: ConfigFile) -> Iterator[ConfigProblem]:
    """Tell what the defaults of the earlier system cost, where files of today have others."""
    if file.generation is Generation.G4:
        return
    for step, config in file.configs.items():
        if not isinstance(config, PackageStepConfig):
            continue
        size = "large" if config.use_large_processing_instance else "small"
        used = (f"processing_instance_type_{size}", "processing_volume_size")
        unset = {
            name: value
            for name, value in current_defaults(type(config)).items()
            if name in used and file.locate(step, name)[1] is None
        }
        if not unset:
            continue
        package = _Machine(config.get_instance_type(), config.processing_volume_size)
        other = _Machine(
            str(unset.get(used[0], package.instance_type)),
            int(unset.get(used[1], package.gigabytes)),
        )
        yield ConfigProblem(
            file.home_of(step),
            f"without {' and '.join(unset)} packaging has {package}, the earlier system's default;"
            f" what it needs, and a file in format {CURRENT_FORMAT} has, is {other}: set"
            f" {'it' if len(unset) == 1 else 'them'} here",
        )


@dataclass(frozen=True)
class _Machine:
    """What a job runs on."""

    instance_type: str
    gigabytes: int

    def __str__(self) -> str:
        """Return it in words, with its price where that is known."""
        hourly = HOURLY_USD.get(self.instance_type)
        volume = VOLUME_USD * self.gigabytes / MONTH_HOURS
        price = "" if hourly is None else f" ({hourly + volume:.2f} USD an hour)"
        return f"{self.instance_type} with {self.gigabytes} GB{price}"


def _unused(file: ConfigFile) -> list[str]:
    """Name what is read and not used: sections, fields and texts, each once."""
    steps, fields = list[str](), list[str]()
    for section in file.sections:
        if section.config_class is ProcessingStepConfigBase:
            steps.append(f"section {section.step}")
            continue
        for name, (_, value) in section.located().items():
            if _is_unused(section.config_class.model_fields[name], value, file.generation):
                fields.append(f"the texts of {name}" if name in _TEXTS else name)
    return [*steps, *dict.fromkeys(fields)]


def _is_unused(field: Any, value: Any, generation: Generation | None) -> bool:
    if value is None or UNUSED not in (field.description or ""):
        return False
    if generation is Generation.G4:  # where saving has written every default
        return bool(value != field.default)
    return not isinstance(value, list)
