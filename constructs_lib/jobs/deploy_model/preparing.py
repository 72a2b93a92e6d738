"""Prepare: the model and the endpoint configuration of a region, and the removal of old ones."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Mapping
from functools import partial
from typing import Any, Final

from botocore.exceptions import ClientError

from .endpoints import described_configuration, described_model
from .errors import is_missing, place_of, working_on
from .guardrails.watching import make_alarms, remove_alarms
from .places import version_served_with
from .requests import configuration_request, is_own_name, model_request, name_prefix, tags
from .versions import target_version
from .work import Work

_NEVER: Final = ""
"""When something served that never did: before all others."""

logger = logging.getLogger(__name__)


def prepare(work: Work, target: Mapping[str, Any]) -> dict[str, str]:
    """Make what a region needs to serve a version, and be watched, unless it is there.

    Returns:
        ``endpoint_config_name`` and ``model_name``.

    Raises:
        DeploymentError: SageMaker refuses one of them, the version is gone, or an alarm of people
            is, or has tripped already.
    """
    placed, settings = work.placed(target), work.settings
    with working_on(place_of(target), f"preparing version {target['version']}"):
        kept = _kept(work, placed)
        if kept is not None:
            make_alarms(work, target, kept["endpoint_config_name"])
            return kept
        version = target_version(work, target)
        tagged = tags(settings, placed, version.content.artifact_sha256)
        sagemaker = work.sagemaker(target)
        model = model_request(settings, placed)
        name = model["ModelName"]
        if described_model(work, target, name) is None:
            _create(
                lambda: sagemaker.create_model(**model, Tags=tagged),
                lambda: described_model(work, target, name),
            )
        configuration = configuration_request(settings, placed, name)
        config_name = configuration["EndpointConfigName"]
        if described_configuration(work, target, config_name) is None:
            _create(
                lambda: sagemaker.create_endpoint_config(**configuration, Tags=tagged),
                lambda: described_configuration(work, target, config_name),
            )
        make_alarms(work, target, config_name)
    return {"endpoint_config_name": config_name, "model_name": name}


def _kept(work: Work, target: Mapping[str, Any]) -> dict[str, str] | None:
    """Find the configuration that a rollback returns to, with its model."""
    name = target.get("endpoint_config_name")
    configuration = described_configuration(work, target, name) if name else None
    if configuration is None:
        return None
    model = str(configuration["ProductionVariants"][0]["ModelName"])
    if described_model(work, target, model) is None:
        return None
    return {"endpoint_config_name": str(name), "model_name": model}


def _create(create: Callable[[], object], look: Callable[[], object | None]) -> None:
    try:
        create()
    except ClientError:
        # An attempt whose answer was lost may have made it: by its name it is the same.
        if look() is None:
            raise


def remove_old_ones(work: Work, target: Mapping[str, Any], needed: Collection[str]) -> None:
    """Remove the configurations, alarms and models that neither serve nor would soon again.

    What is left is what a rollback can return to at once: those that served last. SageMaker needs
    that of the live one, too, to replace instances.

    Args:
        work: What to work with.
        target: The region.
        needed: Configurations that stay whatever else does: the live one, and the one before.
    """
    sagemaker, settings = work.sagemaker(target), work.settings
    names = _own_names(
        work, target, "list_endpoint_configs", "EndpointConfigs", "EndpointConfigName"
    )
    used = {name: _last_served(work, target, name) for name in names if name not in needed}
    rest = max(settings["kept_versions"] - len(needed), 0)
    kept = {*needed, *sorted(used, key=lambda name: used[name], reverse=True)[:rest]}
    old = [name for name in names if name not in kept]
    # Before what names them: after a failure between both they are found again.
    if old:
        remove_alarms(work, target, old)
    for name in old:
        _delete(partial(sagemaker.delete_endpoint_config, EndpointConfigName=name))
        logger.info("Removed the configuration %s in %s", name, place_of(target))
    configurations = (described_configuration(work, target, name) for name in kept)
    models = {
        variant["ModelName"]
        for configuration in configurations
        if configuration is not None
        for variant in configuration["ProductionVariants"]
    }
    for name in _own_names(work, target, "list_models", "Models", "ModelName"):
        if name not in models:
            _delete(partial(sagemaker.delete_model, ModelName=name))
            logger.info("Removed the model %s in %s", name, place_of(target))


def _own_names(
    work: Work, target: Mapping[str, Any], operation: str, listed: str, member: str
) -> list[str]:
    """Name what belongs to this endpoint, the newest first."""
    pages = (
        work.sagemaker(target)
        .get_paginator(operation)
        .paginate(
            NameContains=name_prefix(work.settings), SortBy="CreationTime", SortOrder="Descending"
        )
    )
    names = (each[member] for page in pages for each in page[listed])
    return [name for name in names if is_own_name(work.settings, name)]


def _last_served(work: Work, target: Mapping[str, Any], configuration_name: str) -> str:
    """Return until when a configuration served, as a text that sorts; empty if it never did."""
    version = version_served_with(work, target, configuration_name)
    if version is None or version.metadata.get("served_with") != configuration_name:
        return _NEVER
    return version.metadata.get("served_until", _NEVER)


def _delete(delete: Callable[[], object]) -> None:
    try:
        delete()
    except ClientError as error:
        if not is_missing(error):
            raise
