"""The conditions before a registration: numbers within their limits, and content that is new.

SageMaker nests no conditions and lets no step depend on one. So the home region, whose native step
would register the same content again, gets a condition of its own beside the gate; the function
behind the other regions' steps looks for itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from constructs_lib.configs import PayloadConfig
from constructs_lib.regions import RegionCode
from constructs_lib.s3_layout import EVALUATION
from constructs_lib.steps.sdk import (
    Condition,
    ConditionEquals,
    ConditionGreaterThanOrEqualTo,
    ConditionLessThanOrEqualTo,
    ConditionStep,
    FailStep,
    Join,
    Step,
)
from constructs_lib.steps.staging import StagedModel
from constructs_lib.steps.verification import VerifiedModel

NOT_REGISTERED: Final = "none"
"""What a Stage step answers when the region's group has no package of the content."""


@dataclass(frozen=True, kw_only=True)
class GateBuilder:
    """Builds the condition steps; all of them wait until every region is staged."""

    payload: PayloadConfig
    verified: VerifiedModel
    staged: Sequence[StagedModel]

    def create_gate(self, registrations: Sequence[Step]) -> ConditionStep:
        """Build ``Gate``: registers in the regions other than home, or fails the execution.

        Args:
            registrations: The registration steps of the regions other than home.
        """
        return ConditionStep(
            name="Gate",
            conditions=self.within_limits(),
            if_steps=list(registrations),
            else_steps=[self._failure()],
            depends_on=[staged.step for staged in self.staged],
        )

    def within_limits(self) -> list[Condition]:
        """Compare what was measured with what the serving team needs."""
        payload = self.payload
        # As floats, also where the config has an integer: the measured numbers are floats.
        limits = {
            "gate.errors": 0.0,
            "gate.latency_p99_in_millisecond": float(payload.max_latency_in_millisecond),
            "gate.error_rate": float(payload.max_acceptable_error_rate),
        }
        conditions: list[Condition] = [
            # Findings, memory and start-up time are judged where they were measured.
            ConditionEquals(left=self.verified.value("verdict"), right="passed"),
            *(
                ConditionLessThanOrEqualTo(left=self.verified.value(path), right=limit)
                for path, limit in limits.items()
            ),
        ]
        # Without a load, each payload is answered once, and no rate is measured.
        if payload.verification_load_seconds:
            conditions.append(
                ConditionGreaterThanOrEqualTo(
                    left=self.verified.value("gate.achieved_tps"), right=float(payload.expected_tps)
                )
            )
        return conditions

    def _failure(self) -> FailStep:
        return FailStep(
            name="VerificationFailed",
            error_message=Join(
                on="",
                values=[
                    "Nothing was registered: ",
                    self.verified.value("summary"),
                    ". All of it: ",
                    self.verified.evaluation_folder,
                    f"/{EVALUATION}",
                ],
            ),
        )


def create_condition_on_new_content(
    code: RegionCode,
    registration: Sequence[Step],
    *,
    staged: StagedModel,
    all_staged: Iterable[StagedModel],
    within_limits: Sequence[Condition] = (),
) -> ConditionStep:
    """Build ``NewIn<region code>``: registers unless the region has the same content already.

    Args:
        code: The home region's code.
        registration: The step that registers there, and what follows it.
        staged: What that region's Stage step produced.
        all_staged: What every region's produced; all are waited for.
        within_limits: Conditions on what was measured, where verification enforces them.
    """
    is_new = [
        ConditionEquals(left=staged.output("state"), right="staged"),
        ConditionEquals(left=staged.output("registered"), right=NOT_REGISTERED),
    ]
    return ConditionStep(
        name=f"NewIn{code}",
        conditions=[*within_limits, *is_new],
        if_steps=list(registration),
        else_steps=[],
        depends_on=[each.step for each in all_staged],
    )
