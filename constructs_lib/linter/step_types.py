"""The types of steps, and the API behind each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True)
class StepType:
    """What SageMaker calls to run a step, and whose response are the step's properties."""

    create: str = ""
    """The operation that takes the step's arguments; empty when no SageMaker API does."""
    supplied: str = ""
    """The member that the operation requires and the pipeline service fills."""
    describe: tuple[str, ...] = ()


STEP_TYPES: Final = {
    "AutoML": StepType("CreateAutoMLJob", "AutoMLJobName", ("DescribeAutoMLJob",)),
    "Callback": StepType(),
    "Condition": StepType(),
    "Endpoint": StepType("CreateEndpoint", "EndpointName", ("DescribeEndpoint",)),
    "EndpointConfig": StepType(
        "CreateEndpointConfig", "EndpointConfigName", ("DescribeEndpointConfig",)
    ),
    "Fail": StepType(),
    "Lambda": StepType(),
    "Model": StepType("CreateModel", "ModelName", ("DescribeModel",)),
    "Processing": StepType("CreateProcessingJob", "ProcessingJobName", ("DescribeProcessingJob",)),
    "RegisterModel": StepType("CreateModelPackage", describe=("DescribeModelPackage",)),
    "Training": StepType("CreateTrainingJob", "TrainingJobName", ("DescribeTrainingJob",)),
    "Transform": StepType("CreateTransformJob", "TransformJobName", ("DescribeTransformJob",)),
    "Tuning": StepType(
        "CreateHyperParameterTuningJob",
        "HyperParameterTuningJobName",
        ("DescribeHyperParameterTuningJob", "ListTrainingJobsForHyperParameterTuningJob"),
    ),
}
"""By the ``Type`` that a definition gives. Source: the SDK's step classes
(``sagemaker.mlops.workflow``)."""

UNCHECKED_STEP_TYPES: Final = (
    *("Cleanup", "ClarifyCheck", "EMR", "EMRServerless", "ForEach", "InferenceComponent"),
    *("Job", "Lineage", "QualityCheck"),
)
"""Types that SageMaker has and this app does not build: only their dependencies are checked."""
