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
class StepOperations:
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
    "AutoML": StepOperations("CreateAutoMLJob", "AutoMLJobName", ("DescribeAutoMLJob",)),
    "Callback": StepOperations(),
    "ClarifyCheck": StepOperations(
        "CreateProcessingJob",
        "ProcessingJobName",
        properties=("BaselineUsedForDriftCheckConstraints", "CalculatedBaselineConstraints"),
    ),
    "Condition": StepOperations(),
    "EMR": StepOperations(
        parts={
            "StepConfig": Part("emr", "StepConfig", ("Name",)),
            "ClusterConfig": Part("emr", "RunJobFlowInput", ("Name",)),
        },
        properties=None,
    ),
    "EMRServerless": StepOperations(
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
    "Endpoint": StepOperations("CreateEndpoint", "EndpointName", ("DescribeEndpoint",)),
    "EndpointConfig": StepOperations(
        "CreateEndpointConfig", "EndpointConfigName", ("DescribeEndpointConfig",)
    ),
    "Fail": StepOperations(),
    "InferenceComponent": StepOperations(
        "CreateInferenceComponent", "InferenceComponentName", ("DescribeInferenceComponent",)
    ),
    "Lambda": StepOperations(),
    "Model": StepOperations("CreateModel", "ModelName", ("DescribeModel",)),
    "Processing": StepOperations(
        "CreateProcessingJob", "ProcessingJobName", ("DescribeProcessingJob",)
    ),
    "QualityCheck": StepOperations(
        "CreateProcessingJob",
        "ProcessingJobName",
        properties=(
            *("BaselineUsedForDriftCheckConstraints", "BaselineUsedForDriftCheckStatistics"),
            *("CalculatedBaselineConstraints", "CalculatedBaselineStatistics"),
        ),
    ),
    "RegisterModel": StepOperations("CreateModelPackage", describe=("DescribeModelPackage",)),
    "Training": StepOperations("CreateTrainingJob", "TrainingJobName", ("DescribeTrainingJob",)),
    "Transform": StepOperations(
        "CreateTransformJob", "TransformJobName", ("DescribeTransformJob",)
    ),
    "Tuning": StepOperations(
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
