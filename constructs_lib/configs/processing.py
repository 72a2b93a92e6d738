"""Settings of processing steps, and of the packaging step, which is one."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, ClassVar, Final, Literal

from pydantic import BeforeValidator, Field, ValidationInfo, field_validator

from constructs_lib.configs.base import BasePipelineConfig
from constructs_lib.configs.formats.packaging_script import is_earlier_script
from constructs_lib.configs.types import (
    CURRENT_DEFAULT,
    UNUSED,
    EntryPoint,
    InstanceType,
    SourceDir,
    check_entry_point,
    is_local,
)
from constructs_lib.fields.rules import TextRule, broken_rule, shown
from constructs_lib.jobs.package_model.pickles.globals import may_be_dangerous

PIPELINE_OPTIONS: Final = (
    *("--model", "--code", "--output", "--manifest", "--entry-point", "--copy"),
    *("--pickle-policy", "--allow-pickle-globals", "--serving", "--serving-workers"),
)
"""What the pipeline tells its packaging script; see ``steps/packaging.py``."""
ARGUMENT_CHARACTERS: Final = 256
"""How long an argument of a job may be (service model, ContainerArguments)."""
ALLOWING_ARGUMENTS: Final = 30
"""How many arguments may hold names to allow; a job takes 100, each after its option."""
OWN_PACKAGING_SCRIPT: Final = Path(__file__).parents[1] / "jobs" / "package_model"
"""Folder of the job, which is shipped as an archive; see ``jobs/archive.py``."""


def _joined(names: list[str]) -> Iterator[str]:
    """Yield the names with commas between them, as many as an argument has room for."""
    joined = ""
    for name in names:
        if joined and len(joined) + len(name) >= ARGUMENT_CHARACTERS:
            yield joined
            joined = ""
        joined = f"{joined},{name}" if joined else name
    if joined:
        yield joined


_TEXTS: Final = {
    "inference_scripts_input": "Input name for inference scripts",
    "model_input": "Input name for model artifacts",
    "packaged_model_output": "Output name for the packaged model",
}
"""What files of the earlier system say of the packaging job's inputs and its output."""


def _texts_by_name(value: Any) -> Any:
    if not isinstance(value, list):
        return value
    if not all(isinstance(name, str) for name in value):
        raise broken_rule("must hold names only, each a text")
    return {name: _TEXTS.get(name, name) for name in value}


ChannelNames = Annotated[
    dict[str, str],
    BeforeValidator(_texts_by_name, json_schema_input_type=list[str] | dict[str, str]),
]
"""Names of a job's inputs or outputs, each with a text, without which the earlier loader refuses
them."""


PickleGlobal = Annotated[
    str,
    TextRule(
        r"[^\s,.]+(\.[^\s,.]+)+",
        "a class or function with its module, as the finding names it, for example"
        ' "sklearn.linear_model._base.LinearRegression"',
    ),
    Field(max_length=ARGUMENT_CHARACTERS),
]


class ProcessingStepConfigBase(BasePipelineConfig):
    """Settings of a SageMaker Processing job, which those of packaging add to.

    A Processing section itself is accepted for files of the earlier system, unused. Machines are by
    default what packaging needs, whose job uses two processors and hardly any memory; above 170 GB
    a volume is twice as fast (Amazon EBS user guide, "General Purpose SSD volumes").
    """

    STEP_KEY: ClassVar[str] = "Processing"
    OWN_ENTRY_POINT: ClassVar[str | None] = None
    """The entry point that the app brings itself, which needs no file in a source dir."""

    processing_instance_count: int = Field(
        1, ge=1, le=10, description="Instances of the job; packaging takes 1"
    )
    processing_volume_size: int = Field(
        500,
        ge=10,
        le=1000,
        description="Volume of each instance, GB (500 in files of other formats)",
        json_schema_extra={CURRENT_DEFAULT: 200},
    )
    processing_instance_type_large: InstanceType = Field(
        "ml.m5.4xlarge",
        description="The large instance type (ml.m5.4xlarge in files of other formats)",
        json_schema_extra={CURRENT_DEFAULT: "ml.m5.2xlarge"},
    )
    processing_instance_type_small: InstanceType = Field(
        "ml.m5.2xlarge",
        description="The small instance type (ml.m5.2xlarge in files of other formats)",
        json_schema_extra={CURRENT_DEFAULT: "ml.m5.xlarge"},
    )
    use_large_processing_instance: bool = Field(
        False,  # noqa: FBT003
        description="Run on the large instance type",
    )
    processing_source_dir: SourceDir | None = Field(
        None,
        description="Folder of the processing script, a local one for packaging;"
        " by default source_dir",
    )
    processing_entry_point: EntryPoint | None = Field(
        None, description="Processing script, relative to its source dir"
    )
    processing_script_arguments: list[str] | None = Field(
        None, description="Arguments of the processing script"
    )
    processing_framework_version: Literal[
        "0.20.0-1", "0.23-1", "1.0-1", "1.2-1", "1.4-2-py312", "1.9-0"
    ] = Field("1.2-1", description="Version of the scikit-learn container that runs the script")
    input_names: ChannelNames | None = Field(
        None, description=f"Names of the job's inputs; {UNUSED}"
    )
    output_names: ChannelNames | None = Field(
        None, description=f"Names of the job's outputs; {UNUSED}"
    )

    def get_instance_type(self, size: str | None = None) -> str:
        """Return the instance type of a size; by default as use_large_processing_instance says.

        Raises:
            ValueError: another size than small and large.
        """
        default = "large" if self.use_large_processing_instance else "small"
        by_size = {
            "small": self.processing_instance_type_small,
            "large": self.processing_instance_type_large,
        }
        instance_type = by_size.get((size or default).lower())
        if instance_type is None:
            raise ValueError(f"size must be small, large or None, not {size!r}")
        return instance_type

    def get_script_path(self) -> str | None:
        """Return the script as an absolute path or s3:// URI; ``None`` without an entry point."""
        directory = self.processing_source_dir or self.source_dir
        if self.processing_entry_point is None or directory is None:
            return None
        if not is_local(directory):
            return f"{directory.rstrip('/')}/{self.processing_entry_point}"
        return str(self.resolve_path(directory) / self.processing_entry_point)

    @field_validator("processing_entry_point")
    @classmethod
    def _entry_point_exists(cls, value: str | None, info: ValidationInfo) -> str | None:
        if value is None or value == cls.OWN_ENTRY_POINT:
            return cls.OWN_ENTRY_POINT
        return check_entry_point(value, info, "processing_source_dir", "source_dir")


class PackageStepConfig(ProcessingStepConfigBase):
    """Settings of the packaging step: model artifact and inference code into one archive."""

    STEP_KEY: ClassVar[str] = "Package"
    OWN_ENTRY_POINT: ClassVar[str | None] = "mims_package.py"

    processing_entry_point: EntryPoint | None = Field(
        OWN_ENTRY_POINT,
        description="Packaging script in a local source dir; by default the app's own",
    )
    pickle_policy: Literal["refuse", "warn", "off"] | None = Field(
        None,
        description="What packaging does with a model whose files could run code when they are"
        " loaded: refuse it, warn and refuse only what attacks do (so without this field), or off:"
        " not look",
    )
    allowed_pickle_globals: list[PickleGlobal] | None = Field(
        None,
        description="Classes and functions of your own that pickles in the model may name",
    )
    input_names: ChannelNames | None = Field(
        {name: _TEXTS[name] for name in ("inference_scripts_input", "model_input")},
        description=f"Names of the job's inputs; names beside the default ones are {UNUSED}",
    )
    output_names: ChannelNames | None = Field(
        {name: _TEXTS[name] for name in ("packaged_model_output",)},
        description=f"Names of the job's outputs; names beside the default one are {UNUSED}",
    )

    @property
    def uses_own_script(self) -> bool:
        """Whether the app's own packaging script runs, rather than one of the user's."""
        script = super().get_script_path()
        if script is None or not is_local(script):
            return True  # a source_dir in S3 holds the inference code alone
        if self.processing_entry_point == self.OWN_ENTRY_POINT and not Path(script).is_file():
            return True
        return is_earlier_script(Path(script))

    @property
    def script_arguments(self) -> list[str]:
        """The arguments that the script gets beside the pipeline's own."""
        return [] if self.earlier_script() else self.processing_script_arguments or []

    def earlier_script(self) -> Path | None:
        """Return the earlier system's packaging script, which is not run, if there is one."""
        script = super().get_script_path()
        if script is None or not is_local(script) or not is_earlier_script(Path(script)):
            return None
        return Path(script)

    def get_script_path(self) -> str:
        """Return the packaging script as an absolute path, of the app's own the folder."""
        script = None if self.uses_own_script else super().get_script_path()
        return script or str(OWN_PACKAGING_SCRIPT)

    @property
    def pickle_arguments(self) -> list[str]:
        """What the packaging script is told about pickles."""
        arguments = ["--pickle-policy", self.pickle_policy] if self.pickle_policy else []
        for names in _joined(self.allowed_pickle_globals or []):
            arguments += ["--allow-pickle-globals", names]
        return arguments

    @field_validator("allowed_pickle_globals")
    @classmethod
    def _can_be_allowed(cls, value: list[str] | None) -> list[str] | None:
        for name in value or []:
            if may_be_dangerous(name):
                raise broken_rule(
                    f"must not hold {shown(name)}, which can run any code: it is refused whatever"
                    " this list holds. Ship weights instead (a state_dict or safetensors), or set"
                    ' pickle_policy to "off" if you trust the model as you trust your own code'
                )
        count = len([*_joined(value or [])])
        if count > ALLOWING_ARGUMENTS:
            raise broken_rule(
                f"takes {count} arguments of {ARGUMENT_CHARACTERS} characters of the packaging job,"
                f" which has room for {ALLOWING_ARGUMENTS}: a model that names so many classes is"
                " better shipped as weights (a state_dict or safetensors)"
            )
        return value

    @field_validator("processing_instance_count")
    @classmethod
    def _one_instance(cls, value: int) -> int:
        if value != 1:
            raise broken_rule(
                "must be 1 for packaging, where each of several instances would package the whole "
                "model and write it to the same keys: set 1 here, or for the "
                f"{cls.STEP_KEY} step alone"
            )
        return value

    @field_validator("processing_source_dir")
    @classmethod
    def _source_dir_is_local(cls, value: str | None) -> str | None:
        if value is not None and not is_local(value):
            raise broken_rule(
                "must be a local folder for packaging, whose script is deployed with the pipeline: "
                "copy the folder beside the config file, or leave processing_source_dir out"
            )
        return value

    @field_validator("processing_entry_point")
    @classmethod
    def _script_is_local(cls, value: str, info: ValidationInfo) -> str:
        directory = info.data.get("processing_source_dir") or info.data.get("source_dir")
        if value != cls.OWN_ENTRY_POINT and directory and not is_local(directory):
            raise broken_rule(
                f"must be a local file, and its folder is {shown(directory)}: set "
                f"processing_source_dir to the local folder that holds {shown(value)}"
            )
        return value

    @field_validator("processing_script_arguments")
    @classmethod
    def _arguments_are_not_the_pipelines(
        cls, value: list[str] | None, info: ValidationInfo
    ) -> list[str] | None:
        if info.data.get("processing_entry_point") != cls.OWN_ENTRY_POINT:
            return value
        for argument in value or []:
            option = argument.partition("=")[0]
            # The script takes an option's abbreviations, and the last of several values.
            if len(option) > len("--") and any(own.startswith(option) for own in PIPELINE_OPTIONS):
                raise broken_rule(
                    f"must not hold {shown(argument)}: the pipeline itself gives "
                    f"{', '.join(PIPELINE_OPTIONS)}"
                )
        return value

    @field_validator("input_names", "output_names")
    @classmethod
    def _channels_are_there(
        cls, value: dict[str, str] | None, info: ValidationInfo
    ) -> dict[str, str] | None:
        needed = cls.model_fields[str(info.field_name)].default
        missing = [name for name in needed if name not in (value or {})]
        if missing:
            raise broken_rule(f"must hold {', '.join(missing)}, which the packaging job uses")
        return value
