"""Checks of the containers that pipelines run: whether AWS still patches them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from commands.health.checks import Check
from constructs_lib.configs import PipelineConfigs
from constructs_lib.fields.setting_types import UnpatchedContainers
from constructs_lib.release.patches import patch_findings, today


def container_checks(
    pipelines: Mapping[str, PipelineConfigs], policy: UnpatchedContainers
) -> Iterator[Check]:
    """List the containers without patches, or soon without, each with the change that moves it."""
    day, all_patched = today(), True
    for name, configs in pipelines.items():
        for found in patch_findings(configs, policy, day):
            all_patched = False
            yield Check(
                f"containers of {name}",
                "problem" if found.severity == "error" else "warning",
                found.what,
                f"{found.change} ({found.place})",
            )
    if all_patched:
        known = "none reaches its end of patches within half a year, as far as AWS tells"
        yield Check("containers", "ok", known)
