"""The kept faults, by area."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from benchmarks.mutants.kept import (
    deployment,
    functions,
    gate,
    linter,
    packager,
    policies,
    verifier,
)
from benchmarks.mutants.planted import PlantedFault

FAULTS: Final[Mapping[str, Sequence[PlantedFault]]] = {
    "linter": linter.FAULTS,
    "packager": packager.FAULTS,
    "verifier": verifier.FAULTS,
    "functions": functions.FAULTS,
    "gate": gate.FAULTS,
    "policies": policies.FAULTS,
    "deployment": deployment.FAULTS,
}
