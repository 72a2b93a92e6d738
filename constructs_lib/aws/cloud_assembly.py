"""Reads a cloud assembly: what CDK synthesizes an app to."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Final

_STACK: Final = "aws:cloudformation:stack"
ANY_REGION: Final = "unknown-region"
"""Of a stack whose region the app does not fix."""


@dataclass(frozen=True)
class CloudAssembly:
    """A synthesized app, in a folder that is usually ``cdk.out``."""

    folder: Path

    @property
    def stack_names(self) -> list[str]:
        """The stacks, in the order of the app."""
        return list(self._stacks)

    @property
    def regions(self) -> list[str]:
        """The AWS regions that stacks are deployed to, sorted."""
        return sorted({self.region(stack) for stack in self._stacks})

    def region(self, stack: str) -> str:
        """Return the AWS region of a stack."""
        environment: str = self._stacks[stack]["environment"]
        return environment.rpartition("/")[2]

    def template(self, stack: str) -> dict[str, Any]:
        """Read the template of a stack."""
        file = self.folder / self._stacks[stack]["properties"]["templateFile"]
        template: dict[str, Any] = json.loads(file.read_text())
        return template

    @cached_property
    def _stacks(self) -> dict[str, dict[str, Any]]:
        manifest = json.loads((self.folder / "manifest.json").read_text())
        return {
            artifact.get("properties", {}).get("stackName", name): artifact
            for name, artifact in manifest["artifacts"].items()
            if artifact["type"] == _STACK
        }
