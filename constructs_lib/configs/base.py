"""The settings that every step of a pipeline shares."""

from __future__ import annotations

import re
from datetime import date
from pathlib import Path
from typing import Annotated, Any, ClassVar, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    PrivateAttr,
    TypeAdapter,
    ValidationInfo,
    field_validator,
)

from constructs_lib.configs.types import (
    CURRENT_DEFAULT,
    UNUSED,
    BucketName,
    S3Uri,
    SourceDir,
    Text,
    Version,
    is_local,
)
from constructs_lib.errors import EarlierInterfaceError
from constructs_lib.fields.regions import (
    REGION_NAMES,
    REGION_PATTERN,
    ConfigRegion,
    names_in,
)
from constructs_lib.fields.rules import TextRule, broken_rule, did_you_mean, shown
from constructs_lib.regions import NA, RegionNames
from constructs_lib.s3_layout import RESERVED_NAMES


def _check_date(text: str) -> str:
    try:
        date.fromisoformat(text)
    except ValueError:
        raise broken_rule("must be a day that exists, as YYYY-MM-DD") from None
    return text


CurrentDate = Annotated[
    str,
    TextRule(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", 'a date as YYYY-MM-DD, for example "2026-01-31"'),
    AfterValidator(_check_date),
]


def _check_not_reserved(name: str) -> str:
    if name in RESERVED_NAMES:
        raise broken_rule(
            f"must be none of {', '.join(RESERVED_NAMES)}: a pipeline's releases are under its "
            "name in the artifact bucket, where these stand for something else"
        )
    return name


# AWS: PipelineName; longer names fail in practice once the service adds its own suffixes.
PipelineName = Annotated[
    str,
    TextRule(
        r"(?=.{1,82}$)[a-zA-Z0-9](-*[a-zA-Z0-9])*",
        "a pipeline name: 1 to 82 letters, digits and hyphens, starting and ending with a letter "
        "or digit; set pipeline_name when author and region do not make one",
    ),
    AfterValidator(_check_not_reserved),
]


class BasePipelineConfig(BaseModel):
    """Who releases what, where: the fields that every step's config has.

    Two configs are equal when their settings are, wherever their files lie.
    """

    # Built when first used: importing the configs is part of every command's start.
    model_config = ConfigDict(
        frozen=True, extra="forbid", validate_default=True, allow_inf_nan=False, defer_build=True
    )

    STEP_KEY: ClassVar[str] = "Base"
    """The key of this class's step in a config file."""
    OTHER_STEP_KEYS: ClassVar[tuple[str, ...]] = ()
    """The keys that older files and those of a later tool use instead."""

    author: Text = Field(description="Who owns the pipeline; part of its default name")
    current_date: CurrentDate = Field(
        description="Date of the release, YYYY-MM-DD; sample payloads take their timestamp from it"
    )
    region: ConfigRegion = Field(
        str(NA),  # type: ignore[assignment]  # validated as a file's text; schemas show it
        description="The region the model is registered in: its name, or the AWS region where it"
        " has none",
    )
    aws_region: str = Field(
        default_factory=lambda data: data["region"].aws_region,
        description="AWS region of region: NA is us-east-1, EU eu-west-1, FE us-west-2, and"
        " further names are those of cdk.json; may be left out, and must agree with region",
    )
    bucket: BucketName | None = Field(
        None, description="S3 bucket that the pipeline may read model artifacts from"
    )
    pipeline_name: PipelineName = Field(
        default_factory=lambda data: f"{data['author']}-BSM-RnR-{data['region']}",
        description="Name of the SageMaker pipeline, by default <author>-BSM-RnR-<region>",
    )
    pipeline_description: Text = Field(
        default_factory=lambda data: f"BSM RnR {data['region']}",
        description="What the pipeline is for",
    )
    pipeline_version: Version = Field("0.1.0", description="Version of the pipeline")
    pipeline_s3_loc: S3Uri | None = Field(
        None,
        description=f"S3 location of the pipeline, by default in the bucket under MODS/; {UNUSED}",
    )
    framework_version: Version = Field("2.1.0", description="PyTorch version of the containers")
    py_version: Version = Field("py310", description="Python version of the containers")
    source_dir: SourceDir | None = Field(
        None,
        description="Folder of the inference (or training) code, relative to this file, or s3://",
    )

    _root: Path = PrivateAttr()
    _region_names: RegionNames = PrivateAttr()
    _is_copy: bool = PrivateAttr(default=False)
    """Whether it was copied: fields of copies can be assigned, as in the earlier system."""

    def model_post_init(self, context: Any) -> None:
        """Remember what relative paths are relative to, and what regions are called."""
        self._root = Path((context or {}).get("root", ".")).resolve()
        self._region_names = (context or {}).get(REGION_NAMES, RegionNames())

    def __copy__(self) -> Self:
        """Copy it; to the copy's fields values can be assigned."""
        copied = super().__copy__()
        copied._is_copy = True
        return copied

    def __deepcopy__(self, memo: dict[int, Any] | None = None) -> Self:
        """Copy it with all that it holds; to the copy's fields values can be assigned."""
        copied = super().__deepcopy__(memo)
        copied._is_copy = True
        return copied

    def __setattr__(self, name: str, value: Any) -> None:
        """Assign to a field of a copy what the field may be by itself.

        Rules for several fields together are not checked: those are assigned one after the other.

        Raises:
            AttributeError: There is no such field.
            EarlierInterfaceError: This is no copy.
            ValidationError: The field cannot have that value.
        """
        if name.startswith("_"):
            super().__setattr__(name, value)
            return
        fields = type(self).model_fields
        if name not in fields:
            raise AttributeError(
                f"{type(self).__name__} has no field {name}{did_you_mean(name, fields)}"
            )
        if not self._is_copy:
            raise EarlierInterfaceError(
                f"{type(self).__name__} is frozen: assign {name} to a copy, which model_copy()"
                f" makes, or let it make one with the value: model_copy(update={{{name!r}: ...}})."
            )
        typed: Any = fields[name].annotation
        for rule in fields[name].metadata:
            typed = Annotated[typed, rule]
        adapter = TypeAdapter[Any](typed)
        context = {"root": self._root, REGION_NAMES: self._region_names}
        self.__dict__[name] = adapter.validate_python(value, context=context)
        self.__pydantic_fields_set__.add(name)

    def __eq__(self, other: object) -> bool:
        """Compare the settings."""
        return type(self) is type(other) and self.__dict__ == other.__dict__

    def resolve_path(self, path: str) -> Path:
        """Make a local path of this config absolute; a relative one starts at the file's folder."""
        return (self._root / path).resolve()

    def get_source_dir(self) -> Path | str | None:
        """Return the code's folder as an absolute path, or its s3:// location as it is."""
        if self.source_dir is None or not is_local(self.source_dir):
            return self.source_dir
        return self.resolve_path(self.source_dir)

    @field_validator("region", mode="before")
    @classmethod
    def _name_the_code(cls, value: object, info: ValidationInfo) -> object:
        names = names_in(info)
        if value in names.regions.values():
            raise broken_rule(
                "takes the name of a region that has one, because names of pipelines hold it: use"
                f" {shown(names.of(str(value)))}"
            )
        return value

    @field_validator("aws_region")
    @classmethod
    def _regions_agree(cls, value: str, info: ValidationInfo) -> str:
        region = info.data.get("region")
        if region and value != region.aws_region:
            raise broken_rule(
                f"contradicts region {region}, which is {shown(region.aws_region)}: "
                "change one of the two or leave aws_region out"
            )
        return value

    @field_validator("pipeline_name")
    @classmethod
    def _name_agrees_with_region(cls, value: str, info: ValidationInfo) -> str:
        codes = "|".join([*names_in(info).regions, REGION_PATTERN])
        derived = re.fullmatch(rf".*-BSM-RnR-({codes})", value)
        region = info.data.get("region")
        if derived and region and derived[1] != region:
            raise broken_rule(
                f"names region {derived[1]} but region is {region}: "
                "change one of the two or leave pipeline_name out"
            )
        return value

    @field_validator("pipeline_s3_loc")
    @classmethod
    def _location_is_in_bucket(cls, value: str | None, info: ValidationInfo) -> str | None:
        bucket = info.data.get("bucket")
        name, version = (info.data.get(f"pipeline_{each}") for each in ("name", "version"))
        if value is None and bucket and name and version:
            return f"s3://{bucket}/MODS/{name}_{version}"
        if value and bucket and value.split("/")[2] != bucket:
            raise broken_rule(
                f"is not in bucket {shown(bucket)}: change one of the two or leave "
                "pipeline_s3_loc out"
            )
        return value


def current_defaults(config_class: type[BasePipelineConfig]) -> dict[str, Any]:
    """Return the defaults that files in the current format have instead of a class's own."""
    extras = {name: each.json_schema_extra for name, each in config_class.model_fields.items()}
    return {
        name: extra[CURRENT_DEFAULT]
        for name, extra in extras.items()
        if isinstance(extra, dict) and CURRENT_DEFAULT in extra
    }
