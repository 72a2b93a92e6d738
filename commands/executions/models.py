"""Models that executions leave behind: SageMaker Pipelines creates them and deletes none."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import partial
from typing import Final

from commands.terminal.aws import Aws, calls
from constructs_lib.aws.registry import LONG_PAGES
from constructs_lib.terminal.side_by_side import side_by_side

_PREFIX: Final = "pipelines-"
"""Pipelines names what it creates ``pipelines-<execution id>-<step name>-<suffix>``."""


def models_of_executions(aws: Aws) -> list[str]:
    """Name the models of all executions in the home region.

    Raises:
        AwsCallError: AWS refused.
    """
    with calls("Cannot list the models"):
        pages = (
            aws.client("sagemaker")
            .get_paginator("list_models")
            .paginate(NameContains=_PREFIX, PaginationConfig=LONG_PAGES)
        )
        names = [model["ModelName"] for page in pages for model in page["Models"]]
    return [name for name in names if name.startswith(_PREFIX)]


def statuses_of_models(names: Iterable[str], statuses: Mapping[str, str]) -> dict[str, str]:
    """Return the models of some executions, each with its execution's status.

    Args:
        names: Models of any executions.
        statuses: Status of each execution, by its id.
    """
    execution_ids = {name: name.removeprefix(_PREFIX).partition("-")[0] for name in names}
    return {name: statuses[id_] for name, id_ in execution_ids.items() if id_ in statuses}


def models_in_use(aws: Aws) -> dict[str, str]:
    """Return the models that endpoint configurations name, each with one of these.

    Raises:
        AwsCallError: AWS refused.
    """
    sagemaker = aws.client("sagemaker")
    with calls("Cannot read the endpoint configurations"):
        pages = sagemaker.get_paginator("list_endpoint_configs").paginate(
            PaginationConfig=LONG_PAGES
        )
        names = [each["EndpointConfigName"] for page in pages for each in page["EndpointConfigs"]]
        describing = [
            partial(sagemaker.describe_endpoint_config, EndpointConfigName=name) for name in names
        ]
        found = side_by_side("Reading endpoint configurations", describing)
    return {
        variant["ModelName"]: name
        for name, each in zip(names, found, strict=True)
        for variant in (
            *each.get("ProductionVariants", ()),
            *each.get("ShadowProductionVariants", ()),
        )
        if "ModelName" in variant
    }
