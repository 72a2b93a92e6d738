"""What CloudFormation would refuse for its size alone."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from cfnlint.helpers import LIMITS

from constructs_lib.template_limits import MAX_ENTRIES, MAX_TEMPLATE_BYTES, assembly_problems


def _write(folder: Path, template: dict[str, object]) -> None:
    (folder / "team-models.template.json").write_text(json.dumps(template))


def test_the_limits_are_those_of_cfn_lint() -> None:
    assert LIMITS["template"]["body"] == MAX_TEMPLATE_BYTES
    assert {section: LIMITS[section]["number"] for section in MAX_ENTRIES} == MAX_ENTRIES


@pytest.mark.parametrize(("section", "most"), MAX_ENTRIES.items())
def test_more_entries_than_a_section_takes_are_named(
    tmp_path: Path, section: str, most: int
) -> None:
    _write(tmp_path, {section: {f"Entry{number}": {} for number in range(most)}})
    assert assembly_problems(tmp_path) == []

    _write(tmp_path, {section: {f"Entry{number}": {} for number in range(most + 1)}})

    [problem] = assembly_problems(tmp_path)
    assert problem.startswith(f"team-models: the template has {most + 1} {section};")
    assert f"at most {most}" in problem


def test_a_template_that_is_too_large_is_named(tmp_path: Path) -> None:
    around = len(json.dumps({"Description": ""}))
    _write(tmp_path, {"Description": "x" * (MAX_TEMPLATE_BYTES - around)})
    assert assembly_problems(tmp_path) == []

    _write(tmp_path, {"Description": "x" * (MAX_TEMPLATE_BYTES - around + 1)})

    [problem] = assembly_problems(tmp_path)
    assert problem.startswith(f"team-models: the template has {MAX_TEMPLATE_BYTES + 1} bytes;")


def test_templates_of_nested_assemblies_are_checked(tmp_path: Path) -> None:
    (tmp_path / "assembly-stage").mkdir()
    _write(tmp_path / "assembly-stage", {"Outputs": {str(number): {} for number in range(201)}})

    assert len(assembly_problems(tmp_path)) == 1
