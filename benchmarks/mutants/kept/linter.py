"""Faults in the linter: a definition that SageMaker refuses passes, or a sound one does not."""

from __future__ import annotations

from typing import Final

from benchmarks.mutants.planted import PlantedFault

_LINTER: Final = "constructs_lib/linter"
_TESTS: Final = "tests/linter"

FAULTS: Final = (
    PlantedFault(
        breaks="the least value of a number is refused itself",
        file=f"{_LINTER}/arguments.py",
        before="if least is not None and size < least:",
        after="if least is not None and size <= least:",
        tests=(f"{_TESTS}/test_lint_arguments.py::test_a_sound_definition_has_no_findings",),
    ),
    PlantedFault(
        breaks="one more than the most is let through",
        file=f"{_LINTER}/arguments.py",
        before="if most is not None and size > most:",
        after="if most is not None and size > most + 1:",
        tests=(f"{_TESTS}/test_lint_arguments.py::test_a_rejected_argument_is_an_error",),
    ),
    PlantedFault(
        breaks="true counts as a number",
        file=f"{_LINTER}/arguments.py",
        before='        return type_name == "boolean"\n',
        after='        return type_name in ("boolean", "integer")\n',
        tests=(f"{_TESTS}/test_lint_arguments.py::test_a_rejected_argument_is_an_error",),
    ),
    PlantedFault(
        breaks="members that an API requires may be missing",
        file=f"{_LINTER}/arguments.py",
        before="if name not in value and not is_supplied:",
        after="if name not in value and is_supplied:",
        tests=(f"{_TESTS}/test_lint_arguments.py::test_a_missing_argument_is_an_error",),
    ),
    PlantedFault(
        breaks="a number may stand where a text is needed, if it is a variable",
        file=f"{_LINTER}/arguments.py",
        before='    "string": ("String",),\n    "boolean"',
        after='    "string": ("String", "Integer"),\n    "boolean"',
        tests=(f"{_TESTS}/test_lint_arguments.py::test_a_variable_of_another_type_is_an_error",),
    ),
    PlantedFault(
        breaks="conditions in branches of conditions are let through",
        file=f"{_LINTER}/graph.py",
        before="    yield from _nested_conditions(pipeline)\n",
        after="",
        tests=(
            f"{_TESTS}/test_lint_graph.py::test_a_condition_in_a_branch_of_another_is_an_error",
        ),
    ),
    PlantedFault(
        breaks="steps may wait for each other",
        file=f"{_LINTER}/graph.py",
        before="    yield from _cycles(definition, pipeline)\n",
        after="",
        tests=(f"{_TESTS}/test_lint_graph.py::test_steps_that_wait_for_each_other_are_an_error",),
    ),
    PlantedFault(
        breaks="an output that no job has may be referred to",
        file=f"{_LINTER}/references.py",
        before="            if isinstance(requested, list) and name_member:\n",
        after="            if isinstance(requested, tuple) and name_member:\n",
        tests=(
            f"{_TESTS}/test_lint_graph.py::test_an_output_that_the_job_does_not_have_is_an_error",
        ),
    ),
    PlantedFault(
        breaks="a retry policy may have two ends, or none",
        file=f"{_LINTER}/form.py",
        before='        if _has_both_or_neither(policy, "MaxAttempts", "ExpireAfterMin"):\n',
        after='        if not _has_both_or_neither(policy, "MaxAttempts", "ExpireAfterMin"):\n',
        tests=(f"{_TESTS}/test_lint_arguments.py::test_a_sound_definition_has_no_findings",),
    ),
    PlantedFault(
        breaks="images of another region are let through",
        file=f"{_LINTER}/prose_rules.py",
        before="    yield from _image_region_problems(steps)\n",
        after="",
        tests=(f"{_TESTS}/test_lint_prose_rules.py::test_an_image_of_another_region_is_an_error",),
    ),
    PlantedFault(
        breaks="environments are measured in characters, not in bytes",
        file="constructs_lib/service_model/environments.py",
        before='len(text.encode("utf-8", "surrogatepass"))',
        after="len(text)",
        tests=(f"{_TESTS}/test_lint_prose_rules.py::test_too_large_an_environment_is_an_error",),
    ),
)
