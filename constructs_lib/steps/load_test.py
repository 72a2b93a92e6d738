"""LoadTest: starts a load test of the version that was just registered, and does not wait."""

from __future__ import annotations

from typing import Final

from constructs_lib.steps.context import StepContext
from constructs_lib.steps.registration import MODEL_PACKAGE_ARN
from constructs_lib.steps.sdk import (
    Lambda,
    LambdaOutput,
    LambdaOutputTypeEnum,
    LambdaStep,
)

_OUTPUTS: Final = ("load_test_job", "load_test_status", "load_test_failure")


def create_load_test_step(
    registration: LambdaStep, *, function_arn: str, context: StepContext
) -> LambdaStep:
    """Build the step ``LoadTest``.

    Args:
        registration: The home region's registration step; the load test follows it.
        function_arn: The function of ``jobs/load_test.py``.
        context: What every step of the pipeline shares.
    """
    return LambdaStep(
        name="LoadTest",
        lambda_func=Lambda(function_arn=function_arn, session=context.session),
        inputs={
            "action": "start",
            "model_package_arn": registration.properties.Outputs[MODEL_PACKAGE_ARN],
        },
        outputs=[LambdaOutput(name, LambdaOutputTypeEnum.String) for name in _OUTPUTS],
    )
