"""The shapes that definitions are compared with: the SageMaker API's and the definition's own.

botocore's service model describes each API. It has no shapes for what surrounds the arguments of
an API in a definition; they are written here in the same notation.

Source: the definition schema that AWS publishes,
https://aws-sagemaker-mlops.github.io/sagemaker-model-building-pipeline-definition-JSON-schema/,
and, where that lags behind, what the SageMaker SDK writes (``sagemaker.mlops.workflow``).
"""

from __future__ import annotations

from functools import cache
from typing import Any, TypeAlias

from botocore.model import ShapeResolver

from constructs_lib.service_model import service_model

Shape: TypeAlias = Any
"""A shape of botocore, which has no type hints."""

_Notation: TypeAlias = dict[str, Any]
_Notations: TypeAlias = dict[str, _Notation]


def request_shape(operation: str) -> Shape:
    """Return what an API operation takes, for example ``CreateProcessingJob``."""
    return service_model().operation_model(operation).input_shape


def response_shape(operation: str) -> Shape:
    """Return what an API operation answers, for example ``DescribeProcessingJob``."""
    return service_model().operation_model(operation).output_shape


def service_shape(service: str, name: str) -> Shape:
    """Return a shape of another service's API, for example ``StepConfig`` of ``emr``."""
    return service_model(service).shape_for(name)


@cache
def definition_shape(name: str) -> Shape | None:
    """Return one of this module's shapes, for example ``Definition``; ``None`` if there is none."""
    shapes = _definition_shapes()
    return ShapeResolver(shapes).get_shape_by_name(name) if name in shapes else None


@cache
def _definition_shapes() -> _Notations:
    return {
        **_general(),
        **_parameters(),
        **_functions(),
        **_conditions(),
        **_policies(),
        **_steps(),
    }


def _general() -> _Notations:
    return {
        "Any": {"type": "any"},
        "Boolean": {"type": "boolean"},
        "List": _list("Any"),
        "Name": {**_of_service("StepName"), "min": 1},
        "ParameterName": _of_service("PipelineParameterName"),
        "Object": {"type": "map", "key": {"shape": "Text"}, "value": {"shape": "Any"}},
        "Objects": _list("Object"),
        "Text": {"type": "string"},
        "Version": _one_of("2020-12-01"),
        "Definition": _structure(
            "Version",
            "Steps",
            Version="Version",
            Metadata="Object",
            MlflowConfig="Any",
            Parameters="Parameters",
            PipelineExperimentConfig="Any",
            Steps="Steps",
        ),
        "Parameters": _list("Object", max=_of_service("ParameterList")["max"]),
        "Steps": _list("Object", min=1),
    }


def _parameters() -> _Notations:
    def parameter(default: str) -> _Notation:
        return _structure(
            "Name",
            Name="ParameterName",
            Type="Text",
            DefaultValue=default,
            Description="ParameterDescription",
            EnumValues="List",
        )

    return {
        "ParameterDescription": {"type": "string", "max": 4096},
        "StringDefault": {"type": "string", "max": 4096},
        "IntegerDefault": {"type": "integer"},
        "FloatDefault": {"type": "float"},
        "StringParameter": parameter("StringDefault"),
        "IntegerParameter": parameter("IntegerDefault"),
        "FloatParameter": parameter("FloatDefault"),
        "BooleanParameter": parameter("Boolean"),
    }


def _functions() -> _Notations:
    return {
        "Get": {"type": "string"},
        "Std:Join": _structure("Values", On="Text", Values="List"),
        "Std:JsonGet": _structure("Path", Path="Text", PropertyFile="Object", S3Uri="Any"),
    }


def _conditions() -> _Notations:
    comparison = _structure(
        "LeftValue", "RightValue", Type="Text", LeftValue="Any", RightValue="Any"
    )
    return {
        "EqualsCondition": comparison,
        "GreaterThanCondition": comparison,
        "GreaterThanOrEqualToCondition": comparison,
        "LessThanCondition": comparison,
        "LessThanOrEqualToCondition": comparison,
        "InCondition": _structure(
            "QueryValue", "Values", Type="Text", QueryValue="Any", Values="List"
        ),
        "NotCondition": _structure("Condition", Type="Text", Condition="Object"),
        "OrCondition": _structure("Conditions", Type="Text", Conditions="Objects"),
    }


def _policies() -> _Notations:
    """Retries and caching.

    Sources: https://docs.aws.amazon.com/sagemaker/latest/dg/pipelines-retry-policy.html and
    https://docs.aws.amazon.com/sagemaker/latest/dg/pipelines-caching.html, whose examples have
    lower-case durations and times without a ``P``, too.
    """

    def retry_policy(exceptions: str) -> _Notation:
        return _structure(
            "ExceptionType",
            ExceptionType=exceptions,
            BackoffRate="BackoffRate",
            ExpireAfterMin="RetryMinutes",
            IntervalSeconds="IntervalSeconds",
            MaxAttempts="RetryAttempts",
        )

    api_exceptions = ("Step.SERVICE_FAULT", "Step.THROTTLING")
    job_exceptions = ("JOB_INTERNAL_ERROR", "CAPACITY_ERROR", "RESOURCE_LIMIT")
    date = r"P(?=.)(\d+Y)?(\d+M)?(\d+W)?(\d+D)?"
    time = r"T(?=.)(\d+H)?(\d+M)?(\d+S)?"
    return {
        "CacheConfig": _structure("Enabled", Enabled="Boolean", ExpireAfter="Duration"),
        "Duration": {"type": "string", "pattern": rf"(?i)(?=.)({date})?({time})?"},
        "ApiException": _one_of(*api_exceptions),
        "ApiExceptions": _list("ApiException", min=1),
        "ApiRetryPolicies": _list("ApiRetryPolicy"),
        "ApiRetryPolicy": retry_policy("ApiExceptions"),
        "JobException": _one_of(*api_exceptions, *(f"SageMaker.{name}" for name in job_exceptions)),
        "JobExceptions": _list("JobException", min=1),
        "JobRetryPolicies": _list("JobRetryPolicy"),
        "JobRetryPolicy": retry_policy("JobExceptions"),
        "BackoffRate": {"type": "double", "min": 0},
        "IntervalSeconds": {"type": "integer", "min": 0},
        "RetryAttempts": {"type": "integer", "min": 1, "max": 20},
        "RetryMinutes": {"type": "integer", "min": 1, "max": 14_400},
    }


def _steps() -> _Notations:
    def step(*required: str, arguments: str = "Object", **members: str) -> _Notation:
        return _structure(
            "Name",
            "Type",
            "Arguments",
            *required,
            Name="Name",
            Type="Text",
            Arguments=arguments,
            DependsOn="List",
            Description="StepDescription",
            DisplayName="StepDisplayName",
            **members,
        )

    def check(**members: str) -> _Notation:
        return step(
            "CheckType",
            CacheConfig="CacheConfig",
            FailOnViolation="Any",
            ModelPackageGroupName="Any",
            RegisterNewBaseline="Any",
            SkipCheck="Any",
            SuppliedBaselineConstraints="Any",
            **members,
        )

    job = step(CacheConfig="CacheConfig", RetryPolicies="JobRetryPolicies")
    model = step(RetryPolicies="ApiRetryPolicies")
    called = {"CacheConfig": "CacheConfig", "OutputParameters": "OutputParameters"}
    return {
        "StepDescription": _of_service("StepDescription"),
        "StepDisplayName": _of_service("StepDisplayName"),
        "AutoMLStep": job,
        "CallbackStep": step("SqsQueueUrl", SqsQueueUrl="Text", **called),
        "ClarifyCheckStep": check(CheckType="ClarifyCheckType", ModelName="Any"),
        "ClarifyCheckType": _one_of("DATA_BIAS", "MODEL_BIAS", "MODEL_EXPLAINABILITY"),
        "ConditionStep": step(arguments="ConditionArguments"),
        "EMRStep": step(arguments="EMRArguments", CacheConfig="CacheConfig"),
        "EMRArguments": _structure(
            "StepConfig",
            ClusterConfig="Object",
            ClusterId="Any",
            ExecutionRoleArn="Any",
            StepConfig="Object",
        ),
        "EMRServerlessStep": step(
            arguments="EMRServerlessArguments",
            CacheConfig="CacheConfig",
            RetryPolicies="JobRetryPolicies",
        ),
        "EMRServerlessArguments": _structure(
            "ExecutionRoleArn",
            "JobConfig",
            ApplicationConfig="Object",
            ApplicationId="Any",
            ExecutionRoleArn="Any",
            JobConfig="Object",
        ),
        "EndpointConfigStep": step(),
        "EndpointStep": step(),
        "FailStep": step(arguments="FailArguments"),
        "InferenceComponentStep": step(),
        "LambdaStep": step("FunctionArn", FunctionArn="LambdaFunctionArn", **called),
        "ModelStep": model,
        "ProcessingStep": step(
            CacheConfig="CacheConfig",
            PropertyFiles="PropertyFiles",
            RetryPolicies="JobRetryPolicies",
        ),
        "QualityCheckStep": check(CheckType="QualityCheckType", SuppliedBaselineStatistics="Any"),
        "QualityCheckType": _one_of("DATA_QUALITY", "MODEL_QUALITY"),
        "RegisterModelStep": model,
        "TrainingStep": job,
        "TransformStep": job,
        "TuningStep": job,
        "ConditionArguments": _structure(
            "Conditions", Conditions="Conditions", IfSteps="Objects", ElseSteps="Objects"
        ),
        "Conditions": _list("Object", min=1),
        "FailArguments": _structure("ErrorMessage", ErrorMessage="Any"),
        "FailMessage": _of_service("String3072"),
        "LambdaFunctionArn": _of_service("LambdaFunctionArn"),
        "OutputName": _of_service("String256"),
        "OutputParameter": _structure(
            "OutputName", "OutputType", OutputName="OutputName", OutputType="OutputType"
        ),
        "OutputParameters": _list("OutputParameter", max=_of_service("OutputParameterList")["max"]),
        "OutputType": _one_of("String", "Integer", "Float", "Boolean"),
        "PropertyFile": _structure(
            "PropertyFileName",
            "OutputName",
            "FilePath",
            PropertyFileName="Text",
            OutputName="Text",
            FilePath="Text",
        ),
        "PropertyFiles": _list("PropertyFile"),
    }


def _structure(*required: str, **members: str) -> _Notation:
    return {
        "type": "structure",
        "required": required,
        "members": {name: {"shape": shape} for name, shape in members.items()},
    }


def _list(member: str, **limits: int) -> _Notation:
    return {"type": "list", "member": {"shape": member}, **limits}


def _one_of(*values: str) -> _Notation:
    return {"type": "string", "enum": values}


def _of_service(name: str) -> _Notation:
    shape = service_model().shape_for(name)
    return {"type": shape.type_name, **shape.metadata}
