"""Settings of the model creation step and of the container that serves the model."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, ClassVar, Final, Self

from pydantic import Field, ValidationInfo, field_validator, model_validator

from constructs_lib.configs.base import BasePipelineConfig
from constructs_lib.configs.serving import (
    Contract,
    Digests,
    Entrypoint,
    Images,
    ServingContainer,
    check_serving,
    with_versions_of_container,
)
from constructs_lib.configs.types import (
    UNUSED,
    EntryPoint,
    InstanceType,
    Version,
    check_entry_point,
)
from constructs_lib.fields.rules import broken_rule, broken_rules
from constructs_lib.service_model import max_length, service_model
from constructs_lib.service_model.environments import (
    MOST_BYTES,
    most_variables,
    size_bytes,
    wrong_name,
    wrong_value,
)

VARIABLE_OF_TORCHSERVE: Final = "MMS_DEFAULT_RESPONSE_TIMEOUT"
"""What no other server reads."""
VARIABLES_OF_FIELDS: Final[Mapping[str, str]] = {
    VARIABLE_OF_TORCHSERVE: "container_startup_health_check_timeout",
    "SAGEMAKER_CONTAINER_MEMORY_LIMIT": "container_memory_limit",
    "SAGEMAKER_INFERENCE_MEMORY_LIMIT": "inference_memory_limit",
    "SAGEMAKER_MAX_CONCURRENT_INVOCATIONS": "max_concurrent_invocations",
    "SAGEMAKER_MAX_PAYLOAD_IN_MB": "max_payload_size",
    "SAGEMAKER_MODEL_DATA_DOWNLOAD_TIMEOUT": "data_download_timeout",
    "SAGEMAKER_PROGRAM": "inference_entry_point",
}
"""The environment variables of the container that other fields set."""
_VARIABLES_OF_THE_APP: Final[Mapping[str, str]] = {
    "SAGEMAKER_CONTAINER_LOG_LEVEL": "20",
    "SAGEMAKER_SUBMIT_DIRECTORY": "/opt/ml/model/code",
}
_VARIABLES_OF_THE_REGION: Final = ("AWS_REGION", "SAGEMAKER_REGION")
SET_BY_THE_APP: Final = frozenset(
    [*VARIABLES_OF_FIELDS, *_VARIABLES_OF_THE_APP, *_VARIABLES_OF_THE_REGION]
)
"""The environment variables that a config cannot give."""
_SET_BY_SAGEMAKER: Final = (
    "SAGEMAKER_BASE_DIR",
    "SAGEMAKER_BIND_TO_PORT",
    "SAGEMAKER_MULTI_MODEL",
    "SAGEMAKER_SAFE_PORT_RANGE",
)
_SET_BY_THE_IMAGE: Final = ("LD_LIBRARY_PATH", "LD_PRELOAD", "PATH", "PYTHONHOME", "PYTHONPATH")
_PREFIXES_OF_OTHERS: Final = ("AWS_", "SM_")
_MOST_BYTES: Final = MOST_BYTES - 1024
"""The rest is for what the app sets."""

_SECRET_NAME: Final = re.compile(
    r"(?i)(.*_)?(secret|password|passwd|token|credentials?|(api|access|private|secret)_?key)"
)
_SECRET_VALUE: Final = re.compile(
    r"(?s).*("
    r"\b(AKIA|ASIA)[A-Z0-9]{16}\b"  # an access key of AWS
    r"|-----BEGIN [A-Z ]*PRIVATE KEY-----"
    r"|\bgh[pousr]_\w{36}"  # a token of GitHub
    r"|://[^/\s:@]+:[^/\s@]+@"  # a URL with a password
    r").*"
)
_SHORTEST_SECRET: Final = 8


def _limits_for_editors(schema: dict[str, Any]) -> None:
    pattern = service_model().shape_for("EnvironmentKey").metadata["pattern"]
    schema["propertyNames"] = {
        "pattern": f"^{pattern}$",
        "maxLength": max_length("EnvironmentKey"),
        "not": {
            "anyOf": [
                {"enum": sorted({*SET_BY_THE_APP, *_SET_BY_SAGEMAKER, *_SET_BY_THE_IMAGE})},
                {"pattern": f"^({'|'.join(_PREFIXES_OF_OTHERS)})"},
            ]
        },
    }
    schema["additionalProperties"]["maxLength"] = max_length("EnvironmentValue")
    schema["maxProperties"] = most_variables() - len(SET_BY_THE_APP)


EnvironmentVariables = Annotated[dict[str, str], Field(json_schema_extra=_limits_for_editors)]


class PytorchModelCreationConfig(BasePipelineConfig):
    """Settings of the CreateModel step."""

    STEP_KEY: ClassVar[str] = "PytorchModel"
    OTHER_STEP_KEYS: ClassVar[tuple[str, ...]] = ("Model", "PyTorchModel")

    inference_instance_type: InstanceType = Field(
        "ml.m5.large", description="Instance type that serves the model"
    )
    serving_contract: Contract | None = Field(
        None,
        description="How your own image serves: handlers (default) calls the functions of the"
        " inference script as the PyTorch container does, http answers in its own way",
    )
    inference_entry_point: EntryPoint = Field(
        "inference.py",
        description="Inference script, at the root of source_dir; none is needed where"
        " serving_contract is http",
    )
    initial_instance_count: int = Field(
        1, ge=1, description=f"Instances that serve the model; {UNUSED}"
    )
    data_download_timeout: int = Field(
        900, ge=60, description="Time to download the model artifact, seconds"
    )
    container_startup_health_check_timeout: int = Field(
        300, ge=60, description="Time to pass the first health check, seconds"
    )
    container_memory_limit: int = Field(6144, ge=1024, description="Memory of the container, MB")
    inference_memory_limit: int = Field(
        6144, ge=1, description="Memory of inference, MB; at most the container's"
    )
    max_concurrent_invocations: int = Field(
        10, ge=1, description="Requests that one instance answers at a time"
    )
    max_payload_size: int = Field(6, ge=1, le=100, description="Largest request, MB")
    environment_variables: EnvironmentVariables | None = Field(
        None,
        description="Environment variables of the container that the code reads, beside those that"
        " the app sets; readable for everybody who can see the model, so no secrets",
    )
    serving_container: ServingContainer = Field(
        "pytorch",
        description="Container that serves the model: AWS's of PyTorch with TorchServe, of Ray"
        " Serve or of Hugging Face, or an image of your own",
    )
    transformers_version: Version | None = Field(
        None, description="Version of transformers, of the container of Hugging Face"
    )
    model_server_workers: int | None = Field(
        None,
        ge=1,
        le=1024,
        description="Processes that load the model and answer; by default one per GPU where there"
        " is one, else one per CPU",
    )
    serving_image_digests: Digests | None = Field(
        None,
        description="Digests of AWS's image by AWS region: there this very image serves, whatever"
        " its tag names later",
    )
    serving_images: Images | None = Field(
        None, description="Image of your own by AWS region, in Amazon ECR of that region"
    )
    serving_entrypoint: Entrypoint | None = Field(
        None, description="Command that starts the server of your own image"
    )

    def container_environment(self, aws_region: str) -> dict[str, str]:
        """Return the environment of the inference container in an AWS region such as ``eu-west-1``.

        The same for the model that CreateModel tries and for the one that is registered.
        """
        environment = {
            **(self.environment_variables or {}),
            **_VARIABLES_OF_THE_APP,
            **dict.fromkeys(_VARIABLES_OF_THE_REGION, aws_region),
            **{name: str(getattr(self, field)) for name, field in VARIABLES_OF_FIELDS.items()},
        }
        return dict(sorted(environment.items()))

    def readable_secrets(self) -> Iterator[str]:
        """Yield the names of the environment variables whose values seem to be secrets."""
        for name, value in (self.environment_variables or {}).items():
            named_so = _SECRET_NAME.fullmatch(name) and len(value) >= _SHORTEST_SECRET
            if named_so or _SECRET_VALUE.fullmatch(value):
                yield name

    @model_validator(mode="before")
    @classmethod
    def _versions_are_those_of_the_container(cls, fields: Any) -> Any:
        return with_versions_of_container(fields)

    @model_validator(mode="after")
    def _serving_settings_go_together(self) -> Self:
        check_serving(self)
        return self

    @field_validator("inference_entry_point")
    @classmethod
    def _entry_point_is_found(cls, value: str, info: ValidationInfo) -> str:
        if "/" in value or "." in value.removesuffix(".py"):
            raise broken_rule(
                "must be at the root of source_dir, and have no dot in its name but that of .py:"
                " the serving container imports a module of this name, and serves by its default"
                " functions when it finds none"
            )
        if info.data.get("serving_contract") == "http":  # such a server calls no functions
            if info.data.get("source_dir", "") is None:
                raise broken_rule("needs source_dir: the folder that becomes code/ of the archive")
            return value
        return check_entry_point(value, info, "source_dir")

    @field_validator("container_startup_health_check_timeout")
    @classmethod
    def _health_check_within_download(cls, value: int, info: ValidationInfo) -> int:
        return _at_most(value, info, "data_download_timeout", "seconds")

    @field_validator("inference_memory_limit")
    @classmethod
    def _inference_fits_container(cls, value: int, info: ValidationInfo) -> int:
        return _at_most(value, info, "container_memory_limit", "MB")

    @field_validator("environment_variables")
    @classmethod
    def _variables_can_be_set(cls, value: dict[str, str] | None) -> dict[str, str] | None:
        variables = value or {}
        # Of a name that is refused, its value is not shown: it may be a secret.
        wrong = [
            *((name, name, _wrong_variable(name)) for name in variables),
            *((name, text, wrong_value(text)) for name, text in variables.items()),
        ]
        if errors := [((name,), given, message) for name, given, message in wrong if message]:
            raise broken_rules("environment variables", errors)
        # Without any, the service model stays unread: that takes longer than all else of a config.
        if variables and len(variables) > most_variables() - len(SET_BY_THE_APP):
            raise broken_rule(
                f"has {len(variables)} variables: a container has at most {most_variables()}, of"
                f" which the app sets {len(SET_BY_THE_APP)}"
            )
        size = size_bytes(text for each in variables.items() for text in each)
        if size > _MOST_BYTES:
            raise broken_rule(
                f"has {size} bytes of names and values: a model has at most {MOST_BYTES}, of which"
                f" {_MOST_BYTES} are for these. Put what is long into a file in source_dir"
            )
        return value


def _at_most(value: int, info: ValidationInfo, other: str, unit: str) -> int:
    limit = info.data.get(other)
    if limit is not None and value > limit:
        raise broken_rule(
            f"{info.field_name} ({value} {unit}) must not be above {other} ({limit} {unit})", other
        )
    return value


def _wrong_variable(name: str) -> str | None:
    """Return why an environment variable cannot be given, if it cannot."""
    if name in VARIABLES_OF_FIELDS:
        return f"is set from the field {VARIABLES_OF_FIELDS[name]}: set that one"
    if name in SET_BY_THE_APP:
        return "is set by the app, to what the container needs to serve the model: leave it out"
    aws, toolkits = map(name.startswith, _PREFIXES_OF_OTHERS)
    if aws:
        return (
            "belongs to AWS's libraries, which have their region and credentials from SageMaker:"
            " leave it out, and give the role of the endpoint what the code may do"
        )
    if toolkits or name in _SET_BY_SAGEMAKER:
        return "is set by SageMaker when it starts a container: use a name of your own"
    if name in _SET_BY_THE_IMAGE:
        return (
            "is set by the image, which needs its own value: put modules and libraries into"
            " source_dir, where Python looks for them"
        )
    return wrong_name(name)
