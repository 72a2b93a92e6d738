"""docs/verification.md has every finding, of its kind."""

from __future__ import annotations

import re
from pathlib import Path

from constructs_lib.jobs.package_model.pickles.findings import KINDS

DOCUMENT = Path(__file__).parents[2] / "docs/verification.md"


def test_every_finding_is_documented_with_its_kind() -> None:
    section = DOCUMENT.read_text().partition("## Pickles")[2].partition("\n## ")[0]
    documented = {
        code: kind == "attack"
        for codes, kind in re.findall(
            r"^\| (`(?:pickle|zip|content)-.*?) \| (\w+) \|", section, re.M
        )
        for code in re.findall(r"`([^`]+)`", codes)
    }

    assert documented == {code: kind.is_attack for code, kind in KINDS.items()}
