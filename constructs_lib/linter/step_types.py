"""The types of steps, and the API behind each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final


@dataclass(frozen=True)
class Part:
    """An argument that is (a part of) the request of another service's API."""

    service: str
    shape: str
    """The name of its shape in botocore's service model of that service."""
    supplied: tuple[str, ...]
    """The members that it requires and the pipeline service fills."""


@dataclass(frozen=True)
class StepType:
    """What SageMaker calls to run a step, and whose response are the step's properties."""

    create: str = ""
    """The operation that takes the step's arguments; empty when no SageMaker API does."""
    supplied: str = ""
    """The member that the operation requires and the pipeline service fills."""
    describe: tuple[str, ...] = ()
    """The operations whose answers are the step's properties."""
    parts: Mapping[str, Part] = field(default_factory=dict)
    """Arguments of a step that calls another service, by name."""
    properties: tuple[str, ...] | None = ()
    """Texts among the step's properties beside those; ``None``: any, they are not checked."""


STEP_TYPES: Final = {
    "AutoML": StepType("CreateAutoMLJob", "AutoMLJobName", ("DescribeAutoMLJob",)),
    "Callback": StepType(),
    "ClarifyCheck": StepType(
        "CreateProcessingJob",
        "ProcessingJobName",
        properties=("BaselineUsedForDriftCheckConstraints", "CalculatedBaselineConstraints"),
    ),
    "Condition": StepType(),
    "EMR": StepType(
        parts={
            "StepConfig": Part("emr", "StepConfig", ("Name",)),
            "ClusterConfig": Part("emr", "RunJobFlowInput", ("Name",)),
        },
        properties=None,
    ),
    "EMRServerless": StepType(
        parts={
            "JobConfig": Part(
                "emr-serverless", "StartJobRunRequest", ("applicationId", "clientToken")
            ),
            "ApplicationConfig": Part(
                "emr-serverless", "CreateApplicationRequest", ("clientToken",)
            ),
        },
        properties=None,
    ),
    "Endpoint": StepType("CreateEndpoint", "EndpointName", ("DescribeEndpoint",)),
    "EndpointConfig": StepType(
        "CreateEndpointConfig", "EndpointConfigName", ("DescribeEndpointConfig",)
    ),
    "Fail": StepType(),
    "InferenceComponent": StepType(
        "CreateInferenceComponent", "InferenceComponentName", ("DescribeInferenceComponent",)
    ),
    "Lambda": StepType(),
    "Model": StepType("CreateModel", "ModelName", ("DescribeModel",)),
    "Processing": StepType("CreateProcessingJob", "ProcessingJobName", ("DescribeProcessingJob",)),
    "QualityCheck": StepType(
        "CreateProcessingJob",
        "ProcessingJobName",
        properties=(
            *("BaselineUsedForDriftCheckConstraints", "BaselineUsedForDriftCheckStatistics"),
            *("CalculatedBaselineConstraints", "CalculatedBaselineStatistics"),
        ),
    ),
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

UNCHECKED_STEP_TYPES: Final = ("Cleanup", "ForEach", "Job", "Lineage")
"""Types whose arguments are no API's request: only their dependencies, and the steps in the body of
a ForEach, are checked."""
