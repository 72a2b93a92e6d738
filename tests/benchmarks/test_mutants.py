"""The kept faults fit the code, and one that no test notices is told."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from benchmarks.mutants.__main__ import main
from benchmarks.mutants.campaign import sample
from benchmarks.mutants.kept import FAULTS
from benchmarks.mutants.planted import PlantedFault, PlantingError, check_all
from tests.example_pipeline import ROOT

EVERY = [fault for of_area in FAULTS.values() for fault in of_area]


def test_every_kept_fault_can_be_planted() -> None:
    check_all(EVERY, ROOT)

    assert len({fault.breaks for fault in EVERY}) == len(EVERY) >= 40
    for fault in EVERY:
        assert ast.parse(fault.plant((ROOT / fault.file).read_text()))


def test_every_test_that_a_kept_fault_names_is_there() -> None:
    for node in {test for fault in EVERY for test in fault.tests}:
        path, _, name = node.partition("::")
        function = re.escape(name.partition("[")[0])

        assert re.search(
            rf"^def test_{function.removeprefix('test_')}", (ROOT / path).read_text(), re.M
        )


def test_a_sample_has_one_of_each_area_before_there_are_two_of_any() -> None:
    chosen = sample(FAULTS, len(FAULTS), seed=1)

    assert [sum(fault in of_area for fault in chosen) for of_area in FAULTS.values()] == [1] * 7
    assert sample(FAULTS, 9, seed=1)[:7] == chosen
    assert len(sample(FAULTS, 1000, seed=1)) == len(EVERY)


def test_continuous_integration_plants_one_of_each_area() -> None:
    workflow = (ROOT / ".github" / "workflows" / "pull-request.yml").read_text()
    (count,) = re.findall(r"run: make mutants ARGS=\"--sample (\d+)\"", workflow)

    assert int(count) == len(FAULTS)


def fault(**members: str) -> PlantedFault:
    return PlantedFault(
        breaks="eleven is small",
        file=members.get("file", "limits.py"),
        before=members.get("before", "number > 10"),
        after=members.get("after", "number > 11"),
        tests=(members.get("test", "test_limits.py"),),
    )


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project of a function, a test that knows its limit, and one that does not."""
    root = tmp_path / "project"
    root.mkdir()
    (root / "limits.py").write_text("def is_large(number):\n    return number > 10\n")
    test = "from limits import is_large\n\ndef test_large():\n    assert is_large({})\n"
    (root / "test_limits.py").write_text(test.format(11))
    (root / "test_far_from_the_limit.py").write_text(test.format(50))
    (root / "test_wrong.py").write_text(test.format(5))
    (root / "test_broken.py").write_text("import no_such_module\n")
    (root / "pytest.ini").write_text("[pytest]\npythonpath = .\n")
    return root


def test_a_fault_that_is_noticed_is_told_with_the_test(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = (project / "limits.py").read_text()

    assert main([], {"limits": [fault()]}, project) == 0

    said = capsys.readouterr().out
    assert "eleven is small (limits.py)\n    killed by test_limits.py::test_large\n" in said
    assert "1 planted, 0 survived" in said
    assert (project / "limits.py").read_text() == before


def test_a_fault_that_survives_fails_the_command(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    faults = {"limits": [fault(test="test_far_from_the_limit.py"), fault()]}

    assert main(["--copies", "1"], faults, project) == 1

    said = capsys.readouterr().out
    assert "SURVIVED" in said
    assert "killed by test_limits.py::test_large" in said
    assert "2 planted, 1 survived" in said


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        (fault(before="number > 9"), "stands 0 times in limits.py"),
        (fault(before="number", after="count"), "stands 2 times in limits.py"),
        (fault(after="number > 10"), "changes nothing in limits.py"),
        (fault(file="moved.py"), "is in moved.py: no such file"),
        (fault(test="test_wrong.py"), "test_wrong.py::test_large fails without any fault"),
        (fault(test="test_broken.py"), "The tests could not be run"),
        (fault(after="number >"), "The tests could not be run"),
    ],
)
def test_a_fault_that_is_written_down_wrongly_is_an_error(
    project: Path, capsys: pytest.CaptureFixture[str], changed: PlantedFault, message: str
) -> None:
    assert main(["--copies", "1"], {"limits": [changed]}, project) == 2

    assert message in capsys.readouterr().err


def test_every_fault_that_cannot_be_planted_is_named(project: Path) -> None:
    faults = [fault(before="one"), fault(), fault(before="two")]

    with pytest.raises(PlantingError) as failure:
        check_all(faults, project)

    assert str(failure.value).count("stands 0 times") == 2


def test_an_unknown_area_is_wrong_usage(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as exit_:
        main(["lintr"])

    assert exit_.value.code == 2
    assert "there is no area 'lintr'; there is linter, packager" in capsys.readouterr().err
