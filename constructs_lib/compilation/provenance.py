"""Which field of a config file a value in a compiled pipeline comes from.

    for finding in traced(lint(compiled.definition), configs):
        print(finding.cause)    # returns_risk/config.json $.configuration.shared.pipeline_name

The builders copy fields into arguments and keep no record of it, so the table below repeats which
goes where. A test changes every field of a config and compares what changes in the definition with
the table: a field that moves, or a new one, fails it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any, Final, TypeAlias

from constructs_lib.configs import BasePipelineConfig, PipelineConfigs
from constructs_lib.configs.document import child_path
from constructs_lib.configs.files import ConfigFile
from constructs_lib.configs.model import VARIABLES_OF_FIELDS
from constructs_lib.configs.serving import WORKERS_VARIABLE
from constructs_lib.errors import ReleaseError
from constructs_lib.findings import Finding

Keys: TypeAlias = tuple[str, ...]
Table: TypeAlias = Mapping[str, tuple[str, ...]]

_IMAGE: Final = (
    *("model.framework_version", "model.py_version", "model.inference_instance_type"),
    *("model.serving_container", "model.transformers_version"),
    *("model.serving_image_digests", "model.serving_images"),
)
_DIGEST: Final = ("model.serving_image_digests", "model.serving_images")
_ENVIRONMENT: Final[Table] = {
    "Environment": ("model.environment_variables",),
    f"Environment.{WORKERS_VARIABLE}": ("model.model_server_workers",),
    **{f"Environment.{name}": (f"model.{of}",) for name, of in VARIABLES_OF_FIELDS.items()},
}
_REGISTERED_TYPES: Final = ("payload.inference_instance_types", "model.inference_instance_type")

_PIPELINE: Final[Table] = {
    "": ("base",),
    "PipelineName": ("base.pipeline_name",),
    "PipelineDescription": ("base.pipeline_description",),
    "Parameters": ("base.pipeline_name",),
}
_TRAIN: Final[Table] = {
    "": ("training",),
    "AlgorithmSpecification.TrainingImage": (
        *("training.framework_version", "training.py_version"),
        "training.training_instance_type",
    ),
    "CheckpointConfig": ("training.checkpoint_path",),
    "EnableInterContainerTrafficEncryption": ("training.training_instance_count",),
    "EnableNetworkIsolation": ("training.enable_network_isolation",),
    "HyperParameters": ("training.hyperparameters",),
    "HyperParameters.sagemaker_program": ("training.training_entry_point",),
    "HyperParameters.sagemaker_submit_directory": ("training.source_dir",),
    "InputDataConfig": ("training.input_path",),
    "InputDataConfig.1": ("training.source_dir",),
    "OutputDataConfig": ("training.output_path",),
    "ResourceConfig.InstanceCount": ("training.training_instance_count",),
    "ResourceConfig.InstanceType": ("training.training_instance_type",),
    "ResourceConfig.VolumeKmsKeyId": ("training.training_instance_type",),
    "ResourceConfig.VolumeSizeInGB": ("training.training_volume_size",),
}
_CREATE_MODEL: Final[Table] = {
    "": ("model",),
    "PrimaryContainer.Image": _IMAGE,
    **{f"PrimaryContainer.{path}": of for path, of in _ENVIRONMENT.items()},
}
_PROCESSING_TYPES: Final = (
    "package.processing_instance_type_small",
    "package.processing_instance_type_large",
    "package.use_large_processing_instance",
)
_PACKAGE: Final[Table] = {
    "": ("package",),
    "AppSpecification.ContainerArguments": (
        *("package.processing_script_arguments", "model.inference_entry_point"),
        *("package.pickle_policy", "package.allowed_pickle_globals"),
        *("model.serving_container", "model.model_server_workers"),
    ),
    "AppSpecification.ImageUri": ("package.processing_framework_version",),
    "ProcessingInputs.1": ("model.source_dir",),
    "ProcessingResources.ClusterConfig.InstanceType": _PROCESSING_TYPES,
    "ProcessingResources.ClusterConfig.VolumeKmsKeyId": _PROCESSING_TYPES,
    "ProcessingResources.ClusterConfig.VolumeSizeInGB": ("package.processing_volume_size",),
}
_VERIFY_TYPES: Final = (
    *("payload.verification_instance_type", "model.inference_instance_type"),
    *_PROCESSING_TYPES,
)
_VERIFY: Final[Table] = {
    "": ("payload",),
    "AppSpecification.ContainerArguments": (
        "payload.verification_load_seconds",
        "model.container_startup_health_check_timeout",
        "model.container_memory_limit",
    ),
    "AppSpecification.ImageUri": _IMAGE,
    "ProcessingResources.ClusterConfig.InstanceType": _VERIFY_TYPES,
    "ProcessingResources.ClusterConfig.VolumeKmsKeyId": _VERIFY_TYPES,
    "ProcessingResources.ClusterConfig.VolumeSizeInGB": ("package.processing_volume_size",),
}
_CONTAINER: Final = "InferenceSpecification.Containers.0"
_REGISTRATION: Final[Table] = {
    "": ("registration",),
    "CustomerMetadataProperties.model_domain": ("payload.model_registration_domain",),
    "CustomerMetadataProperties.model_objective": ("payload.model_registration_objective",),
    "CustomerMetadataProperties.model_owner": ("payload.model_owner",),
    "CustomerMetadataProperties.pipeline_name": ("base.pipeline_name",),
    "CustomerMetadataProperties.pipeline_version": ("base.pipeline_version",),
    f"{_CONTAINER}.FrameworkVersion": ("model.framework_version",),
    f"{_CONTAINER}.Image": _IMAGE,
    f"{_CONTAINER}.ImageDigest": _DIGEST,
    **{f"{_CONTAINER}.{path}": of for path, of in _ENVIRONMENT.items()},
    "InferenceSpecification.SupportedContentTypes": (
        "payload.source_model_inference_content_types",
    ),
    "InferenceSpecification.SupportedRealtimeInferenceInstanceTypes": _REGISTERED_TYPES,
    "InferenceSpecification.SupportedResponseMIMETypes": (
        "payload.source_model_inference_response_types",
    ),
    "InferenceSpecification.SupportedTransformInstanceTypes": _REGISTERED_TYPES,
    "ModelPackageDescription": ("base.pipeline_description",),
    "ModelPackageGroupName": ("base.pipeline_name",),
    # Above, what the function registers; below, what it is told.
    "model_package_group_name": ("base.pipeline_name",),
    "release_folder": ("base.pipeline_name",),
    "sample_payload_uri": ("base.pipeline_name",),
}
_STAGE: Final[Table] = {
    "": ("registration",),
    "model_package_group_name": ("base.pipeline_name",),
    "registration_folder": ("base.pipeline_name",),
    "release_folder": ("base.pipeline_name",),
}
_GATE: Final[Table] = {
    "": ("payload",),
    "Conditions": (
        "payload.max_latency_in_millisecond",
        "payload.max_acceptable_error_rate",
        "payload.expected_tps",
    ),
}
_ENDPOINT: Final[Table] = {
    "": ("endpoint",),
    "DataCaptureConfig": ("endpoint.data_capture_percentage",),
    "AlarmName": ("endpoint.endpoint_name", "base.pipeline_name"),
    "DeploymentConfig": ("endpoint.termination_wait_seconds",),
    "DeploymentConfig.AutoRollbackConfiguration": ("endpoint.alarm_names",),
    "EndpointConfigName": ("endpoint.endpoint_name", "base.pipeline_name"),
    "EndpointName": ("endpoint.endpoint_name", "base.pipeline_name"),
    "ModelName": ("endpoint.endpoint_name", "base.pipeline_name"),
    "ProductionVariants.0.ContainerStartupHealthCheckTimeoutInSeconds": (
        "model.container_startup_health_check_timeout",
    ),
    "ProductionVariants.0.InitialInstanceCount": ("endpoint.instance_count",),
    "ProductionVariants.0.InstanceType": (
        "endpoint.instance_type",
        "model.inference_instance_type",
    ),
    "ProductionVariants.0.ModelDataDownloadTimeoutInSeconds": ("model.data_download_timeout",),
}
ORIGINS: Final[Table] = {
    f"{step}:{path}": origins
    for step, table in {
        "": _PIPELINE,
        "CreateModel": _CREATE_MODEL,
        "Gate": _GATE,
        "Package": _PACKAGE,
        "Registration": _REGISTRATION,
        "Stage": _STAGE,
        "Train": _TRAIN,
        "Verify": _VERIFY,
    }.items()
    for path, origins in table.items()
}
"""The config fields that a value in the definition comes from, the likeliest first.

Keys are ``step:path``: the step's name without its region code, and a path in its arguments. The
longest path that fits is taken. An empty path stands for the rest of the step, an empty step for
the rest of the definition. An origin that names a section only stands for several of its fields."""

ORIGINS_OF_ENDPOINT: Final[Table] = {f"Endpoint:{path}": of for path, of in _ENDPOINT.items()}
"""The same of the requests of a deployment, which are in no definition."""
_ALL_ORIGINS: Final[Table] = {**ORIGINS, **ORIGINS_OF_ENDPOINT}

_KEY: Final = re.compile(r"\.(\w+)|\[(\d+)\]|\['(.*?)'\]")
_OF_A_REGION: Final = re.compile(r"(Registration|Stage)-.+")
_STEP_ENTRY: Final = re.compile(r"\$.*(?:Steps|ForEachBody)\[\d+\](?P<rest>.*)")


def traced(findings: Iterable[Finding], configs: PipelineConfigs) -> list[Finding]:
    """Name the cause of findings: config file, JSON path and field.

    Args:
        findings: What the linter reported of a pipeline that was compiled from the configs.
        configs: The configs, loaded from a file; findings of others stay as they are.
    """
    if configs.file is None:
        return list(findings)
    return [
        replace(finding, cause=_cause(finding, _ALL_ORIGINS[rule_of(finding)], configs))
        for finding in findings
    ]


def placed(error: ReleaseError, configs: PipelineConfigs) -> str:
    """Return an error's message behind the config file, and the field if the error names one.

    Args:
        error: Why the configs cannot be compiled.
        configs: The configs; of those of no file, the message stands alone.
    """
    if configs.file is None:
        return str(error)
    section, _, field = getattr(error, "field", "").partition(".")
    if not field:
        return f"{_shown_file(configs.file)}: {error}"
    path, value = configs.file.locate(configs.file.step_of(type(getattr(configs, section))), field)
    not_set = ", which is not set" if value is None else ""
    return f"{_shown_file(configs.file)} {path}{not_set}: {error}"


def rule_of(finding: Finding) -> str:
    """Return the key in the tables of origins of what a finding's value comes from."""
    step, keys = _place(finding)
    if f"{step}:" not in _ALL_ORIGINS:
        return ":"
    paths = (".".join(keys[:length]) for length in range(len(keys), -1, -1))
    return next(rule for path in paths if (rule := f"{step}:{path}") in _ALL_ORIGINS)


def _place(finding: Finding) -> tuple[str, Keys]:
    """Name the step, and the keys below its arguments that lead to the value."""
    entry = _STEP_ENTRY.fullmatch(finding.path)
    keys = tuple(
        next(filter(None, match.groups()), "")
        for match in _KEY.finditer(entry["rest"] if entry else finding.path)
    )
    step = _OF_A_REGION.sub(r"\1", finding.step or "")
    return step, keys[1:] if keys[:1] == ("Arguments",) else keys


def _cause(finding: Finding, origins: tuple[str, ...], configs: PipelineConfigs) -> str:
    assert configs.file is not None  # noqa: S101 for mypy: traced() returns otherwise
    section, _, field = _best(origins, finding.value, configs).partition(".")
    config: BasePipelineConfig = getattr(configs, section)
    file = _shown_file(configs.file)
    step = configs.file.step_of(type(config))
    if not field:
        return f"{file} {configs.file.home_of(step)}"
    path, value = configs.file.locate(step, field)
    if value is None:
        return f"{file} {path}, which is not set"
    return f"{file} {_path_inside(path, value, finding)}"


def _shown_file(file: ConfigFile) -> str:
    # Without the folders above: a synthesized app holds the text, and is the same everywhere.
    return "/".join(file.file.absolute().parts[-3:])


def _best(origins: tuple[str, ...], value: object, configs: PipelineConfigs) -> str:
    """Choose the field that holds the very value, else the first of those that the app has."""
    present = [each for each in origins if getattr(configs, each.partition(".")[0]) is not None]
    same = (each for each in present if _holds(_value(each, configs), value))
    return next(same, (present or ["base"])[0])


def _value(origin: str, configs: PipelineConfigs) -> object:
    section, _, field = origin.partition(".")
    return getattr(getattr(configs, section), field) if field else None


def _holds(field: Any, value: object) -> bool:
    # Arguments and environments hold numbers as text.
    is_same = field == value or str(field) == value
    return is_same or (isinstance(field, list) and value in field)


def _path_inside(path: str, value: object, finding: Finding) -> str:
    """Go on to the item or member of a field, where that is plain."""
    *_, last = _KEY.finditer(finding.path)
    key = next(filter(None, last.groups()), "")
    if isinstance(value, list) and finding.value in value:
        return child_path(path, value.index(finding.value))
    if isinstance(value, Mapping) and key in value:
        return child_path(path, key)
    return path
