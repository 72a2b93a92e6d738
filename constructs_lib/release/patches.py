"""Tells which containers of a pipeline AWS patches no more, or soon no more.

What is told depends on the day. So it is told beside what is compiled, and is part of no definition
and no template.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Final

from constructs_lib.configs import BasePipelineConfig, PipelineConfigs
from constructs_lib.configs.problems import ConfigProblem
from constructs_lib.errors import ReleaseError
from constructs_lib.fields.rules import shown
from constructs_lib.fields.setting_types import UnpatchedContainers
from constructs_lib.findings import Severity
from constructs_lib.service_model.instances import is_arm64
from constructs_lib.service_model.patches import (
    CONTAINERS,
    ENDED_FAMILIES,
    ContainerFamily,
    PatchedContainer,
    is_older_than_listed,
    listed,
)
from constructs_lib.terminal.paths import shown_path

_NOTICE: Final = timedelta(days=183)
"""Half a year, in which a container can be changed and its models tried."""
_CLOCK: Final = "SOURCE_DATE_EPOCH"
IGNORE_UNPATCHED: Final = "ignore-unpatched-containers"
"""Context key: with it synthesis neither warns of containers nor refuses them."""

logger = logging.getLogger(__name__)


class BuildDateError(ReleaseError):
    """The environment gives a day to build for that is none."""


class UnpatchedContainersError(ReleaseError):
    """Containers without patches, which the settings refuse."""


@dataclass(frozen=True, kw_only=True)
class PatchFinding:
    """A container of a pipeline that is out of patches, or will be within half a year."""

    severity: Severity
    what: str
    """Which container, and until when AWS patches it."""
    change: str
    """What to change in the config; where nothing helps, that."""
    place: str
    """JSON path of the field that chooses the container."""
    value: str | None
    """The field's value as JSON text; ``None`` when the file leaves it to its default."""

    @property
    def problem(self) -> ConfigProblem:
        """As it is told of a config file."""
        return ConfigProblem(self.place, f"{self.what}; {self.change}", self.value)


@dataclass(frozen=True)
class _ContainerInUse:
    family: ContainerFamily
    config: BasePipelineConfig
    section: str
    """Name of the config's section in the file."""
    field: str

    @property
    def version(self) -> str:
        return str(getattr(self.config, self.field))

    @property
    def name(self) -> str:
        framework, _, purpose = self.family.partition(" ")
        return f"the {framework} {self.version} container{purpose and f' for {purpose}'}"

    def located(self, configs: PipelineConfigs) -> tuple[str, str | None]:
        """Return the JSON path of the field, and its value as JSON text if the file gives one."""
        if configs.file is None:
            return f"{self.section}.{self.field}", shown(self.version)
        place, value = configs.file.locate(self.section, self.field)
        return place, None if value is None else shown(value)


def today() -> date:
    """Return the day to judge by, in UTC: that of ``SOURCE_DATE_EPOCH`` if the environment has it.

    Source: reproducible-builds.org, the specification of SOURCE_DATE_EPOCH.

    Raises:
        BuildDateError: It is not a number of seconds.
    """
    given = os.environ.get(_CLOCK)
    try:
        return datetime.fromtimestamp(time.time() if given is None else int(given), UTC).date()
    except (ValueError, OverflowError, OSError) as error:
        raise BuildDateError(
            f"{_CLOCK} in the environment is {given!r}. It takes the seconds since 1970-01-01 UTC,"
            " for example 1767225600: set it to such a number, or unset it."
        ) from error


def patch_findings(
    configs: PipelineConfigs, policy: UnpatchedContainers, day: date
) -> list[PatchFinding]:
    """Return what there is to tell of the containers that a pipeline runs.

    Args:
        configs: One model's configs.
        policy: ``refuse`` makes a container without patches an error. One that still has them for
            less than half a year is a warning in any case.
        day: The day to judge by.
    """
    return [found for each in _in_use(configs) if (found := _finding(each, configs, policy, day))]


def tell_unpatched(
    pipelines: Mapping[str, PipelineConfigs], policy: UnpatchedContainers, day: date
) -> None:
    """Log a warning for each container that is out of patches, or soon will be.

    Raises:
        UnpatchedContainersError: The policy refuses one; holds all that it refuses.
    """
    refused = list[str]()
    for name, configs in pipelines.items():
        file = name if configs.file is None else shown_path(configs.file.file)
        for finding in patch_findings(configs, policy, day):
            if finding.severity == "error":
                refused.append(f"{file}: {finding.problem}")
            else:
                logger.warning("%s: %s", file, finding.problem)
    if refused:
        raise UnpatchedContainersError(
            "\n  ".join(['unpatched_containers in cdk.json is "refuse":', *refused])
        )


def _in_use(configs: PipelineConfigs) -> Iterator[_ContainerInUse]:
    # Of Ray's and Hugging Face's containers AWS has published no end, and of one's own it has none.
    served = configs.model if configs.model.serving_container == "pytorch" else None
    families: tuple[tuple[ContainerFamily, BasePipelineConfig | None, str], ...] = (
        ("PyTorch inference", served, "framework_version"),
        ("PyTorch training", configs.training, "framework_version"),
        ("scikit-learn", configs.package, "processing_framework_version"),
    )
    for family, config, field in families:
        if config is not None:
            section = configs.file.step_of(type(config)) if configs.file else config.STEP_KEY
            yield _ContainerInUse(family, config, section, field)


def _finding(
    used: _ContainerInUse, configs: PipelineConfigs, policy: UnpatchedContainers, day: date
) -> PatchFinding | None:
    container = listed(used.family, used.version)
    has_ended = is_older_than_listed(used.family, used.version)
    if container is not None:
        has_ended = day > container.end
    if not has_ended and (container is None or day < container.end - _NOTICE):
        return None
    place, value = used.located(configs)
    return PatchFinding(
        severity="error" if has_ended and policy == "refuse" else "warning",
        what=_what(used, container, has_ended=has_ended),
        change=_change(used, container, day, _section_of(used, place), configs),
        place=place,
        value=value,
    )


def _what(used: _ContainerInUse, container: PatchedContainer | None, *, has_ended: bool) -> str:
    if container is None:
        return f"{used.name} is older than all of which AWS tells an end of patches"
    if has_ended:
        return f"{used.name} has had no patches since {container.end}"
    return f"{used.name} gets patches until {container.end} only"


def _section_of(used: _ContainerInUse, place: str) -> str:
    """Name where to set a version: where it stands, but training has a version of its own."""
    section = place.rpartition(".")[0].rpartition(".")[2]
    return section if section.strip("$") and used.family != "PyTorch training" else used.section


def _change(
    used: _ContainerInUse,
    container: PatchedContainer | None,
    day: date,
    section: str,
    configs: PipelineConfigs,
) -> str:
    """Say what to change; of several containers, that with the latest end is the one to take."""
    if used.family in ENDED_FAMILIES:
        return _to_another_family(used.family, configs)
    best = max(CONTAINERS[used.family], key=lambda each: each.end)
    if best == container:
        return "this app knows no newer one: look for one in AWS's support policy"
    to_set = f"set {used.field} to {shown(best.version)}"
    if used.family != "scikit-learn":
        to_set += f" and py_version to {shown(best.python)}"
    to_set += f" in {section}"
    if day <= best.end:
        return f"{to_set}, which gets them until {best.end}"
    return f"this app knows none that gets any now, the last got them until {best.end}: {to_set}"


def _to_another_family(family: ContainerFamily, configs: PipelineConfigs) -> str:
    last = max(each.end for each in CONTAINERS[family])
    name = "NAME" if configs.file is None else configs.file.file.absolute().parent.name
    serves_on = configs.model.inference_instance_type
    first = f"serve on a type of x86 instead of {serves_on}, then " if is_arm64(serves_on) else ""
    return (
        f"AWS makes no newer one, and ended the last on {last}: {first}release move {name} --to ray"
        " moves the pipeline to Ray Serve's container, which AWS patches"
    )
