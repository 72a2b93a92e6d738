"""Names a difference as people would, and writes values as they would read them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from constructs_lib.diff.changes import Change
from constructs_lib.diff.leaves import MISSING, LeafChange
from constructs_lib.findings import Path
from constructs_lib.language.canonical import canonical
from constructs_lib.language.expressions import is_expression

_LABELS: Final = tuple(
    (re.compile(pattern), label)
    for pattern, label in (
        (r"Type", "step type"),
        (r"(?:DisplayName|Description|Arguments\.ModelPackageDescription)", "description"),
        (r"DependsOn(?:\..+)?", "waits for"),
        (r"CacheConfig\.Enabled", "caching"),
        (r"CacheConfig\.ExpireAfter", "lifetime of cached results"),
        (r"CacheConfig", "caching"),
        (r"RetryPolicies\.(?P<n>\d+)(?P<rest>\..+)?", "retry policy {n}{rest}"),
        (r"RetryPolicies", "retry policies"),
        (r"FunctionArn", "function"),
        (r"PropertyFiles\.(?P<n>[^.]+)(?P<rest>\..+)?", "property file {n}{rest}"),
        (r"OutputParameters\.(?P<n>[^.]+)(?P<rest>\..+)?", "output {n}{rest}"),
        (r"(?:.+\.)?(?:InstanceType|ResourceConfig\.InstanceType)", "instance type"),
        (r"(?:.+\.)?InstanceCount", "instance count"),
        (r"(?:.+\.)?VolumeSizeInGB", "volume size in GB"),
        (r"(?:.+\.)?(?:MaxRuntimeInSeconds|MaxWaitTimeInSeconds)", "timeout"),
        (r"(?:.+\.)?(?:Image|ImageUri|TrainingImage)", "image"),
        (r"(?:.+\.)?Environment\.(?P<n>.+)", "environment variable {n}"),
        (r"(?:.+\.)?HyperParameters\.(?P<n>.+)", "hyperparameter {n}"),
        (r"(?:.+\.)?ContainerArguments(?:\.\d+)?", "script argument"),
        (r"(?:.+\.)?ContainerEntrypoint(?:\.\d+)?", "entry point"),
        (
            r"Arguments\.(?:ProcessingInputs|InputDataConfig)\.(?P<n>[^.]+)(?P<rest>\..+)?",
            "input {n}{rest}",
        ),
        (
            r"Arguments\.ProcessingOutputConfig\.Outputs\.(?P<n>[^.]+)(?P<rest>\..+)?",
            "output {n}{rest}",
        ),
        (r"Arguments\.CustomerMetadataProperties\.(?P<n>.+)", "metadata {n}"),
        (r"Arguments\.ModelCard\.ModelCardContent\.(?P<n>.+)", "model card {n}"),
        (r"Arguments\.(?:ModelPackageGroupName|model_package_group_name)", "model package group"),
        (r"Arguments\.(?:SamplePayloadUrl|sample_payload_uri)", "sample payload"),
        (r"(?:.+\.)?ModelDataUrl", "model artifact"),
        (r"(?:.+\.)?FrameworkVersion", "framework version"),
        (r"Arguments\.ModelMetrics(?:\..+)?", "model metrics"),
        (r"(?:.+\.)?SupportedContentTypes(?:\.\d+)?", "content type"),
        (r"(?:.+\.)?SupportedResponseMIMETypes(?:\.\d+)?", "response type"),
        (r"(?:.+\.)?Supported\w+InstanceTypes(?:\.\d+)?", "supported instance type"),
        (r"Arguments\.ErrorMessage", "error message"),
        (r"Arguments\.(?P<n>[a-z0-9_]+)", "argument {n}"),
        (r"(?:.+\.)?RoleArn|Arguments\.ExecutionRoleArn", "role"),
        (r"Metadata\.(?P<n>.+)", "pipeline metadata {n}"),
        (r"PipelineExperimentConfig(?P<rest>\..+)?", "experiment{rest}"),
    )
)
"""The first pattern that matches a path names it in words; without one, the path is shown."""

_PARAMETER: Final = re.compile(r"Parameters\.(?P<name>[^.]+)(?:\.(?P<member>.+))?")
_PARAMETER_MEMBERS: Final = {
    None: "parameter {name}",
    "DefaultValue": "default of parameter {name}",
    "Type": "type of parameter {name}",
    "order": "order of parameters",
}
_CONDITION: Final = re.compile(r"Arguments\.Conditions\.(?P<index>\d+)(?:\.(?P<member>.+))?")
_IMAGE: Final = re.compile(
    r"(?P<registry>\d{12})\.dkr\.ecr\.(?P<region>[a-z0-9-]+)\.(?P<suffix>[a-z.]+)/"
    r"(?P<repository>[^:@]+):(?P<version>[^-]+)-(?P<tag>.+)"
)
_PROCESSOR: Final = re.compile(r"(?P<before>.*?-?)(?P<processor>cpu|gpu)(?P<after>-?.*)")
_IMAGE_PARTS: Final = {
    "version": "image, framework version",
    "region": "image, region",
    "processor": "image, processor",
    "repository": "image, repository",
    "registry": "image, registry account",
    "suffix": "image, domain",
    "variant": "image, variant",
}


def changes_of(leaf: LeafChange, before: Any, after: Any) -> Iterator[Change]:
    """Tell a difference in words.

    Args:
        leaf: What differs.
        before: The step (or definition) it is in, as it was.
        after: The same, as it is.
    """
    path = text_of_path(leaf.path)
    label = _label(path, after) if leaf.after is not MISSING else _label(path, before)
    if label == "image" and isinstance(leaf.before, str) and isinstance(leaf.after, str):
        parts = _image_changes(path, leaf.before, leaf.after)
        if parts:
            yield from parts
            return
    old, new = (text_of(value, path) for value in (leaf.before, leaf.after))
    if old == new:  # written alike, yet not the same: 1 and "1"
        old, new = (None if v is MISSING else canonical(v) for v in (leaf.before, leaf.after))
    yield Change(path=path, what=label, before=old, after=new)


def text_of_path(path: Path) -> str:
    """Write a path: ``Arguments.Environment.LEVEL``."""
    return ".".join(map(str, path))


def text_of(value: Any, path: str = "") -> str | None:
    """Write a value as people read it; nothing for one that is missing."""
    if value is MISSING:
        return None
    if is_expression(value):
        return _expression(value)
    if path.endswith("InSeconds") and isinstance(value, int) and not isinstance(value, bool):
        return _duration(value)
    if isinstance(value, list) and value and all(isinstance(item, str) for item in value):
        return ", ".join(value)
    return value if isinstance(value, str) and value else canonical(value)


def _label(path: str, owner: Any) -> str:
    if match := _PARAMETER.fullmatch(path):
        known = _PARAMETER_MEMBERS.get(match["member"], "parameter {name}, {member}")
        return known.format(**match.groupdict())
    if match := _CONDITION.fullmatch(path):
        return _condition_label(int(match["index"]), match["member"], owner)
    for pattern, label in _LABELS:
        if match := pattern.fullmatch(path):
            return label.format(**{key: _spoken(text) for key, text in match.groupdict().items()})
    return path


def _spoken(text: str | None) -> str:
    if text is None:
        return ""
    return f" {text[1:]}" if text.startswith(".") else text


def _condition_label(index: int, member: str | None, owner: Any) -> str:
    match owner["Arguments"]["Conditions"][index]:
        case {"LeftValue": left}:
            subject = text_of(left)
        case _:
            subject = f"condition {index}"
    kinds = {None: "condition on", "RightValue": "limit of", "Type": "comparison of"}
    return f"{kinds.get(member, f'condition, {member}, on')} {subject}"


def _expression(value: Any) -> str:
    match value:
        case {"Get": str(text)}:
            return f"{{{text}}}"
        case {"Std:Join": {"Values": list(values), **rest}}:
            return str(rest.get("On", "")).join(text_of(item) or "" for item in values)
        case {"Std:JsonGet": {"PropertyFile": file, "Path": path}}:
            name = str(file.get("Get", file) if isinstance(file, Mapping) else file)
            return f"{path} of {name.removeprefix('Steps.')}"
    return canonical(value)


def _duration(seconds: int) -> str:
    for unit, size in (("h", 3600), ("min", 60)):
        if seconds and seconds % size == 0:
            return f"{seconds // size} {unit}"
    return f"{seconds} s"


def _image_changes(path: str, before: str, after: str) -> list[Change]:
    old, new = _image_parts(before), _image_parts(after)
    return [
        Change(path=path, what=label, before=old[part], after=new[part])
        for part, label in _IMAGE_PARTS.items()
        if old and new and old[part] != new[part]
    ]


def _image_parts(image: str) -> dict[str, str]:
    match = _IMAGE.fullmatch(image)
    tag = _PROCESSOR.fullmatch(match["tag"]) if match else None
    if match is None or tag is None:
        return {}
    variant = f"{tag['before']}…{tag['after']}".strip("-…") or "none"
    return {**match.groupdict(), "processor": tag["processor"], "variant": variant}
