"""The condition before the registrations: numbers within their limits, of this very artifact.

Whether the content is new, the function behind the steps finds out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from constructs_lib.configs import PayloadConfig
from constructs_lib.s3_layout import EVALUATION
from constructs_lib.steps.packaging import PackagedModel
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


@dataclass(frozen=True, kw_only=True)
class GateBuilder:
    """Builds the condition step, which waits until every region is staged."""

    payload: PayloadConfig
    packaged: PackagedModel
    verified: VerifiedModel
    staged: Sequence[StagedModel]

    def create_gate(self, registrations: Sequence[Step]) -> ConditionStep:
        """Build ``Gate``: registers in every region, or fails the execution.

        Args:
            registrations: The registration steps, and what follows them.
        """
        return ConditionStep(
            name="Gate",
            conditions=self._within_limits(),
            if_steps=list(registrations),
            else_steps=[self._failure()],
            depends_on=[staged.step for staged in self.staged],
        )

    def _within_limits(self) -> list[Condition]:
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
            ConditionEquals(
                left=self.verified.value("artifact.sha256"), right=self.packaged.artifact_sha256
            ),
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
