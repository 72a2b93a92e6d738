"""Faults in the conditions of the pipeline, and in what the runner makes of conditions."""

from __future__ import annotations

from typing import Final

from benchmarks.mutants.planted import PlantedFault

_GATE: Final = "constructs_lib/steps/gate.py"
_STAGING: Final = "constructs_lib/steps/staging.py"
_RUNNER: Final = "local/runner/language/conditions.py"
_TESTS: Final = "tests/synth/test_definition.py"
_LIMITS: Final = (f"{_TESTS}::test_the_gate_compares_the_numbers_with_the_configured_limits",)
_GOLDEN: Final = ("tests/synth/test_golden_definitions.py::test_the_definition_is_the_golden_one",)
_RUNNER_TESTS: Final = "tests/local/runner/test_runner_conditions.py"

FAULTS: Final = (
    PlantedFault(
        breaks="the evaluation may be of another artifact",
        file=_GATE,
        before="""            ConditionEquals(
                left=self.verified.value("artifact.sha256"), right=self.packaged.artifact_sha256
            ),
""",
        after="",
        tests=_LIMITS,
    ),
    PlantedFault(
        breaks="the limits of latency and errors are swapped",
        file=_GATE,
        before=""": float(payload.max_latency_in_millisecond),
            "gate.error_rate": float(payload.max_acceptable_error_rate),
""",
        after=""": float(payload.max_acceptable_error_rate),
            "gate.error_rate": float(payload.max_latency_in_millisecond),
""",
        tests=_LIMITS,
    ),
    PlantedFault(
        breaks="a model may be slower, and may not be faster, than expected",
        file=_GATE,
        before="                ConditionGreaterThanOrEqualTo(\n",
        after="                ConditionLessThanOrEqualTo(\n",
        tests=_LIMITS,
    ),
    PlantedFault(
        breaks="what failed is registered, and what passed is not",
        file=_GATE,
        before="""            if_steps=list(registrations),
            else_steps=[self._failure()],
""",
        after="""            if_steps=[self._failure()],
            else_steps=list(registrations),
""",
        tests=_LIMITS,
    ),
    PlantedFault(
        breaks="a region registers before the others are staged",
        file=_GATE,
        before="depends_on=[staged.step for staged in self.staged]",
        after="depends_on=[staged.step for staged in self.staged[:1]]",
        tests=(f"{_TESTS}::test_every_condition_waits_until_every_region_is_staged",),
    ),
    PlantedFault(
        breaks="a model that is only warned of is gated",
        file="constructs_lib/definition.py",
        before='verification != "enforce"',
        after='verification == "off"',
        tests=(f"{_TESTS}::test_a_verification_that_is_not_enforced_has_no_gate",),
    ),
    PlantedFault(
        breaks="every region is staged in the bucket of the first one",
        file=_STAGING,
        before='"destination_bucket": self.context.artifact_bucket_of(code),',
        after='"destination_bucket": self.context.artifact_bucket_of(next(iter(self.requests))),',
        tests=_GOLDEN,
    ),
    PlantedFault(
        breaks="the verdict is not passed on to the function",
        file=_STAGING,
        before='{"evaluation_uri": verified.evaluation_uri, "verdict": verified.value("verdict")}',
        after='{"evaluation_uri": verified.evaluation_uri, "verdict": "passed"}',
        tests=(f"{_TESTS}::test_every_condition_waits_until_every_region_is_staged",),
    ),
    PlantedFault(
        breaks="the runner registers when a single condition holds",
        file=_RUNNER,
        before="    return all(_holds(condition) for condition in conditions)\n",
        after="    return any(_holds(condition) for condition in conditions)\n",
        tests=(f"{_RUNNER_TESTS}::test_all_conditions_of_a_step_must_hold",),
    ),
    PlantedFault(
        breaks="the runner refuses what is at its limit",
        file=_RUNNER,
        before='    "LessThanOrEqualTo": operator.le,\n',
        after='    "LessThanOrEqualTo": operator.lt,\n',
        tests=(_RUNNER_TESTS,),
    ),
)
