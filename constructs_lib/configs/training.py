"""Settings of the optional training step."""

from __future__ import annotations

import json
from typing import Annotated, Any, ClassVar

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    JsonValue,
    SerializerFunctionWrapHandler,
    ValidationInfo,
    field_validator,
    model_serializer,
)

from constructs_lib.configs.base import BasePipelineConfig
from constructs_lib.configs.types import EntryPoint, InstanceType, S3Uri, check_entry_point
from constructs_lib.fields.rules import broken_rule, broken_rules, did_you_mean
from constructs_lib.service_model import max_length

_FEWEST_LEVELS = 2


class Hyperparameters(BaseModel):
    """What the training script is told; the named fields are checked, any other passes through."""

    model_config = ConfigDict(frozen=True, extra="allow", allow_inf_nan=False)
    __pydantic_extra__: dict[str, JsonValue] = Field(init=False)

    full_field_list: list[str] | None = Field(None, description="Every field of the data")
    tab_field_list: list[str] | None = Field(None, description="The tabular (numeric) fields")
    cat_field_list: list[str] | None = Field(None, description="The categorical fields")
    label_name: str | None = Field(None, description="The field that is predicted")
    id_name: str | None = Field(None, description="The field that identifies a record")
    multiclass_categories: list[JsonValue] | None = Field(None, description="The classes")
    class_weights: list[float] | None = Field(
        None, description="Weight of each class in the loss, as many as multiclass_categories"
    )

    @field_validator("tab_field_list", "cat_field_list")
    @classmethod
    def _fields_are_known(cls, value: list[str] | None, info: ValidationInfo) -> list[str] | None:
        unknown = [
            ((index,), name, message)
            for index, name in enumerate(value or [])
            if (message := _unknown_field(name, info))
        ]
        if unknown:
            raise broken_rules(cls.__name__, unknown)
        return value

    @field_validator("label_name", "id_name")
    @classmethod
    def _field_is_known(cls, value: str | None, info: ValidationInfo) -> str | None:
        if value is not None and (message := _unknown_field(value, info)):
            raise broken_rule(message)
        return value

    @field_validator("class_weights")
    @classmethod
    def _one_weight_per_class(
        cls, value: list[float] | None, info: ValidationInfo
    ) -> list[float] | None:
        if value is None or "multiclass_categories" not in info.data:
            return value
        categories = info.data["multiclass_categories"] or []
        if len(value) != len(categories):
            raise broken_rule(
                f"must hold as many weights as multiclass_categories has classes: "
                f"{len(categories)}, not {len(value)}"
            )
        return value

    @model_serializer(mode="wrap")
    def _only_what_was_set(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        return {
            name: value for name, value in handler(self).items() if name in self.model_fields_set
        }

    def to_strings(self) -> dict[str, str]:
        """As SageMaker takes them: texts as they are, everything else as JSON text."""
        return {
            name: value if isinstance(value, str) else json.dumps(value)
            for name, value in self.model_dump(mode="json").items()
        }


def _unknown_field(name: str, info: ValidationInfo) -> str | None:
    if "full_field_list" not in info.data:
        return None  # wrong itself, and reported as that
    known = info.data["full_field_list"] or []
    return None if name in known else f"is not in full_field_list{did_you_mean(name, known)}"


def _check_service_limits(hyperparameters: Hyperparameters) -> Hyperparameters:
    texts, most = hyperparameters.to_strings(), max_length("HyperParameters")
    if len(texts) > most:
        raise broken_rule(f"has {len(texts)} entries; SageMaker takes at most {most}")
    too_long = [
        ((name,), value, message)
        for name, value in texts.items()
        if (message := _too_long(name, value))
    ]
    if too_long:
        raise broken_rules("hyperparameters", too_long)
    return hyperparameters


def _too_long(name: str, text: str) -> str | None:
    longest_name, longest = max_length("HyperParameterKey"), max_length("HyperParameterValue")
    if len(name) > longest_name:
        return f"has a name of {len(name)} characters; at most {longest_name}"
    if len(text) > longest:
        return (
            f"is {len(text)} characters as text; SageMaker takes at most "
            f"{longest}: pass it to the script as a file of the input data"
        )
    return None


class PytorchTrainingConfig(BasePipelineConfig):
    """Settings of the training step."""

    STEP_KEY: ClassVar[str] = "PytorchTraining"
    OTHER_STEP_KEYS: ClassVar[tuple[str, ...]] = ("Training", "PyTorchTraining")

    train_in_pipeline: bool = Field(
        default=False,
        description="Whether the pipeline trains its model instead of releasing one that is given;"
        " files without metadata.format never do",
    )
    input_path: S3Uri = Field(description="S3 location of the training data")
    output_path: S3Uri = Field(description="S3 location that receives the model artifact")
    checkpoint_path: S3Uri | None = Field(None, description="S3 location of checkpoints")
    training_instance_type: InstanceType = Field(
        "ml.g5.12xlarge", description="Instance type of the training job"
    )
    training_instance_count: int = Field(1, ge=1, description="Instances of the training job")
    training_volume_size: int = Field(30, ge=1, description="Volume of each instance, GB")
    training_entry_point: EntryPoint = Field(
        "train.py", description="Training script, relative to source_dir"
    )
    enable_network_isolation: bool = Field(
        default=True,
        description="Whether the training script has neither network nor AWS credentials; false for"
        " one that calls AWS services itself",
    )
    hyperparameters: Annotated[Hyperparameters, AfterValidator(_check_service_limits)] = Field(
        description="What the training script is told"
    )

    def sagemaker_hyperparameters(self) -> dict[str, str]:
        """Return the hyperparameters as CreateTrainingJob takes them: every value a string."""
        return self.hyperparameters.to_strings()

    @field_validator("input_path", "output_path", "checkpoint_path")
    @classmethod
    def _paths_are_deep_and_different(cls, value: str | None, info: ValidationInfo) -> str | None:
        if value is None:
            return value
        if len([part for part in value.split("/")[3:] if part]) < _FEWEST_LEVELS:
            raise broken_rule(
                f"must be at least {_FEWEST_LEVELS} levels below the bucket, "
                'for example "s3://bucket/train/2026-01-31"'
            )
        same = [
            other
            for other in ("input_path", "output_path")
            if other != info.field_name
            and (info.data.get(other) or "").rstrip("/") == value.rstrip("/")
        ]
        if same:
            raise broken_rule(f"must differ from {same[0]}")
        return value

    @field_validator("training_entry_point")
    @classmethod
    def _entry_point_exists(cls, value: str, info: ValidationInfo) -> str:
        return check_entry_point(value, info, "source_dir")
