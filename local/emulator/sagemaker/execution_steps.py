"""The steps of pipeline executions, which moto does not keep: as their runner reports them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

Step = Mapping[str, Any]


def find_execution(arn: str) -> Any:
    """Find moto's pipeline execution of an ARN."""
    from moto.sagemaker.models import get_pipeline_execution_from_arn, sagemaker_backends

    region, account = arn.split(":")[3:5]
    return get_pipeline_execution_from_arn(sagemaker_backends[account][region].pipelines, arn)


@dataclass(frozen=True)
class ExecutionSteps:
    """What ListPipelineExecutionSteps answers: PipelineExecutionStep by execution and name."""

    _by_execution: dict[str, dict[str, Step]] = field(default_factory=dict, init=False)

    def install(self) -> None:
        """Answer ListPipelineExecutionSteps."""
        from moto.core.responses import ActionResult
        from moto.sagemaker.responses import SageMakerResponse

        def list_pipeline_execution_steps(response: Any) -> Any:
            arn = response._get_param("PipelineExecutionArn")
            response.sagemaker_backend.describe_pipeline_execution(arn)  # refuses an unknown one
            steps = list(self._by_execution.get(arn, {}).values())
            if response._get_param("SortOrder") != "Ascending":
                steps.reverse()
            return ActionResult({"PipelineExecutionSteps": steps})

        SageMakerResponse.list_pipeline_execution_steps = list_pipeline_execution_steps

    def has_failed_by_intent(self, execution_arn: str) -> bool:
        """Whether a Fail step has ended an execution."""
        return any(
            (step["StepType"], step["StepStatus"]) == ("Fail", "Failed")
            for step in self._by_execution.get(execution_arn, {}).values()
        )

    def replace(self, execution_arn: str, step: Step) -> Step | None:
        """Keep a step as it is now; returns it as it was before, if it was."""
        steps = self._by_execution.setdefault(execution_arn, {})
        before = steps.get(step["StepName"])
        steps[step["StepName"]] = step
        return before
