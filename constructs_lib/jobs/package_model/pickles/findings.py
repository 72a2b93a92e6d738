"""What is found in a model's pickles, and what a policy makes of it."""

from __future__ import annotations

import json
import logging
from typing import TYPE_CHECKING, Any, NamedTuple

from ..errors import RefusedError, shown
from . import REFUSE, WARN

if TYPE_CHECKING:
    from collections.abc import Sequence

logger = logging.getLogger(__name__)

MAX_FINDINGS = 200
"""How many are kept; the rest is counted."""
MAX_FACTS = 20
"""How many the manifest has, which SageMaker reads as a property file."""

_WEIGHTS = (
    "ship weights instead: torch.save(model.state_dict(), path), which "
    "torch.load(path, weights_only=True) reads, or a safetensors file"
)
_ZIP_AGAIN = "write the file again with torch.save or zipfile, and nothing before or after it"


class Kind(NamedTuple):
    """A kind of finding."""

    is_attack: bool
    """Whether no honest writer makes it: refused unless the policy is off."""
    fix: str


KINDS = {
    "pickle-global-dangerous": Kind(
        True,  # noqa: FBT003
        f"do not load this file; get it from where you trust it, or {_WEIGHTS}",
    ),
    "pickle-global-unknown": Kind(
        False,  # noqa: FBT003
        f"{_WEIGHTS}; or allow the name in allowed_pickle_globals if you trust who made the file",
    ),
    "pickle-name-hidden": Kind(
        True,  # noqa: FBT003
        f"do not load this file: no writer puts names together; {_WEIGHTS}",
    ),
    "pickle-frame-crossed": Kind(
        True,  # noqa: FBT003
        f"do not load this file: readers go on in different places; {_WEIGHTS}",
    ),
    "pickle-extension": Kind(
        True,  # noqa: FBT003
        f"write it without copyreg.add_extension, or {_WEIGHTS}",
    ),
    "pickle-changes-class": Kind(True, f"do not load this file; {_WEIGHTS}"),  # noqa: FBT003
    "pickle-calls-result": Kind(True, f"do not load this file; {_WEIGHTS}"),  # noqa: FBT003
    "pickle-array-unclear": Kind(
        True,  # noqa: FBT003
        "write it again with joblib.dump, arrays as plain numpy arrays",
    ),
    "pickle-broken": Kind(
        False,  # noqa: FBT003
        "copy the file again, or write it again; if it is no pickle, give it another name",
    ),
    "pickle-too-large": Kind(False, f"{_WEIGHTS[:1].upper()}{_WEIGHTS[1:]}"),  # noqa: FBT003
    "zip-headers-differ": Kind(True, _ZIP_AGAIN),  # noqa: FBT003
    "zip-encrypted": Kind(True, "write it without a password"),  # noqa: FBT003
    "zip-crc-wrong": Kind(True, "copy the file again, or write it again"),  # noqa: FBT003
    "zip-hidden-bytes": Kind(True, _ZIP_AGAIN),  # noqa: FBT003
    "zip-damaged": Kind(False, "copy the file again, or write it again"),  # noqa: FBT003
    "tar-damaged": Kind(False, "write it again with plain tar"),  # noqa: FBT003
    "content-unreadable": Kind(
        False,  # noqa: FBT003
        "compress it with gzip, or leave the compression to the model archive",
    ),
    "content-too-large": Kind(False, "ship it unpacked"),  # noqa: FBT003
    "content-too-deep": Kind(False, "ship what is inside as files of its own"),  # noqa: FBT003
}
"""By code; docs/verification.md explains each."""


class Place(NamedTuple):
    """Where something is: a file of the model, and the way to the inside of it."""

    path: tuple[str, ...]

    def inside(self, name: str) -> Place:
        """Return the place of something inside."""
        return Place((*self.path, name))

    def __str__(self) -> str:
        """``model.pth > archive/data.pkl``, quoted."""
        return " > ".join(shown(name) for name in self.path)


class PickleFinding(NamedTuple):
    """One thing that was found."""

    code: str
    message: str
    place: Place
    position: int
    """Byte of the innermost file."""
    name: str = ""
    """``module.name`` of the class or function that it is about."""

    @property
    def kind(self) -> Kind:
        """What is known of all findings with this code."""
        return KINDS[self.code]

    def line(self) -> str:
        """All but the fix."""
        return f"{self.code}: {self.place}, byte {self.position:,}: {self.message}"

    def facts(self, policy: str) -> dict[str, Any]:
        """As the manifest and reports have it."""
        return {
            "severity": "error" if self.is_refused(policy) else "warning",
            "code": self.code,
            "message": f"{self.place}, byte {self.position:,}: {self.message}",
            "fix": self.kind.fix,
            "file": self.place.path[0],
            "inside": list(self.place.path[1:]),
            "position": self.position,
            "name": self.name,
        }

    def is_refused(self, policy: str) -> bool:
        """Whether a model with this gets no further."""
        return policy == REFUSE or (policy == WARN and self.kind.is_attack)


class PickleReport:
    """Collects findings, each once, and not endlessly many."""

    def __init__(self) -> None:
        """Start with nothing found."""
        self.findings: list[PickleFinding] = []
        self.left_out = 0
        """How many more there are."""
        self.pickle_count = 0
        """Pickles that were read to their end."""
        self._known: set[tuple[str, str, Place]] = set()

    def add(self, finding: PickleFinding) -> None:
        """Note a finding. Of the same in one file only the first is kept."""
        key = (finding.code, finding.name or finding.message, finding.place)
        if key in self._known:
            return
        if len(self.findings) >= MAX_FINDINGS:
            self.left_out += 1
            return
        self._known.add(key)
        self.findings.append(finding)

    def log(self, policy: str) -> None:
        """Tell each finding with its fix."""
        for finding in self.findings:
            severity = "error" if finding.is_refused(policy) else "warning"
            logger.warning("%s: %s (fix: %s)", severity, finding.line(), finding.kind.fix)
        if self.left_out:
            logger.warning("warning: %d more findings in pickles", self.left_out)

    def facts(self, policy: str) -> dict[str, Any]:
        """As the manifest has it."""
        return {
            "policy": policy,
            "pickle_count": self.pickle_count,
            "finding_count": len(self.findings) + self.left_out,
            "findings": [finding.facts(policy) for finding in self.findings[:MAX_FACTS]],
        }

    def check(self, policy: str) -> None:
        """Let a model get no further if the policy says so.

        Raises:
            RefusedError: names the first reason, how many there are, and what to do.
        """
        refused = self.refused(policy)
        if not refused:
            return
        first = refused[0]
        count = f", the first of {len(refused):,} findings (see the log)" * (len(refused) > 1)
        advice = f"{first.kind.fix[:1].upper()}{first.kind.fix[1:]}."
        raise RefusedError(f"{first.line()}{count}. {advice}{told_to_paste(refused)}")

    def refused(self, policy: str) -> list[PickleFinding]:
        """Return why a model gets no further."""
        return [finding for finding in self.findings if finding.is_refused(policy)]


def told_to_paste(refused: Sequence[PickleFinding]) -> str:
    """Return what the config would have to hold, after an advice; empty if that is not enough."""
    if any(each.code != "pickle-global-unknown" for each in refused):
        return ""
    names = json.dumps(sorted({each.name for each in refused}))
    told = "All of these names, to paste into Package of the config"
    return f' {told}: "allowed_pickle_globals": {names}'
