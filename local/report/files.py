"""What a step consumed and produced, read from its resolved arguments and its properties."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from local.runner.language.definition import StepType
from local.runner.records import StepExecution, StepStatus


class Item(NamedTuple):
    """Something by the name that the step has for it: an S3 URI or an ARN."""

    name: str
    uri: str


def consumed(step: StepExecution) -> list[Item]:
    """List the S3 objects and prefixes that a step read."""
    arguments = step.arguments
    match step.type:
        case StepType.PROCESSING:
            inputs = arguments.get("ProcessingInputs") or ()
            return [Item(each["InputName"], each["S3Input"]["S3Uri"]) for each in inputs]
        case StepType.TRAINING:
            return [
                Item(each["ChannelName"], each["DataSource"]["S3DataSource"]["S3Uri"])
                for each in arguments.get("InputDataConfig") or ()
            ]
        case StepType.LAMBDA:
            return [item for item in _uris(arguments) if "destination" not in item.name]
    return _without_repetition(_uris(arguments))


def produced(step: StepExecution) -> list[Item]:
    """List the S3 objects, prefixes and AWS resources that a step made."""
    if step.status is not StepStatus.SUCCEEDED:
        return []
    properties = step.properties
    match step.type:
        case StepType.PROCESSING:
            outputs = properties.get("ProcessingOutputConfig", {}).get("Outputs") or ()
            return [
                Item(each["OutputName"], each["S3Output"]["S3Uri"])
                for each in outputs
                if "S3Output" in each
            ]
        case StepType.TRAINING:
            return list(_uris(properties.get("ModelArtifacts", {})))
        case StepType.LAMBDA:
            outputs = properties.get("OutputParameters", {})
            return [*_uris(outputs), *_arns(outputs)]
        case StepType.MODEL | StepType.REGISTER_MODEL:
            return list(_arns({name: properties.get(name) for name in _RESOURCES}))
    return []


def model_package_arn(step: StepExecution) -> str | None:
    """Return the model package that a step registered."""
    return next((item.uri for item in produced(step) if ":model-package/" in item.uri), None)


_RESOURCES = ("ModelArn", "ModelPackageArn")


def _uris(value: Any, name: str = "") -> Iterator[Item]:
    for path, text in _texts(value, name):
        if text.startswith("s3://"):
            yield Item(path, text)


def _arns(value: Mapping[str, Any]) -> Iterator[Item]:
    for path, text in _texts(value, ""):
        if text.startswith("arn:"):
            yield Item(path, text)


def _texts(value: Any, name: str) -> Iterator[tuple[str, str]]:
    """Yield the texts within a value, each with the name of the member it stands in."""
    match value:
        case str():
            yield name, value
        case dict():
            for key, item in value.items():
                yield from _texts(item, key)
        case list():
            for item in value:
                yield from _texts(item, name)


def _without_repetition(items: Iterator[Item]) -> list[Item]:
    return list({item.uri: item for item in items}.values())
