"""Every step type's arguments against its API: each kind of mistake, in each place of a sample."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from constructs_lib.findings import Finding, Path, render_path
from constructs_lib.linter import lint
from constructs_lib.linter.shapes import request_shape, service_shape
from constructs_lib.linter.step_types import STEP_TYPES, UNCHECKED_STEP_TYPES
from constructs_lib.service_model.java_patterns import matches
from tests.linter.conftest import IMAGE, MODEL, PACKAGE, REGISTER, ROLE, TRAIN

KEY = "arn:aws:kms:us-east-1:123456789012:key/1"
CLUSTER = {"InstanceCount": 1, "InstanceType": "ml.m5.xlarge", "VolumeSizeInGB": 30}
TRAINING = {
    **{key: value for key, value in TRAIN["Arguments"].items() if key != "HyperParameters"},
    "InputDataConfig": [
        {
            "ChannelName": "train",
            "DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": "s3://b/train"}},
        }
    ],
    "OutputDataConfig": {"S3OutputPath": "s3://b/train", "KmsKeyId": KEY},
    "ResourceConfig": CLUSTER,
}
PROCESSING = {
    **PACKAGE["Arguments"],
    "ProcessingInputs": [
        {
            "InputName": "model",
            "S3Input": {
                "LocalPath": "/opt/ml/processing/input/model",
                "S3DataType": "S3Prefix",
                "S3Uri": "s3://b/model.tar.gz",
            },
        }
    ],
    "ProcessingOutputConfig": {
        "Outputs": [
            {
                "OutputName": "packaged",
                "S3Output": {
                    "LocalPath": "/opt/ml/processing/output",
                    "S3UploadMode": "EndOfJob",
                    "S3Uri": "s3://b/output",
                },
            }
        ]
    },
    "ProcessingResources": {"ClusterConfig": CLUSTER},
    "StoppingCondition": {"MaxRuntimeInSeconds": 3600},
}
SAMPLES: dict[str, dict[str, Any]] = {
    "AutoML": {
        "AutoMLJobConfig": {"Mode": "ENSEMBLING", "CompletionCriteria": {"MaxCandidates": 10}},
        "AutoMLJobObjective": {"MetricName": "AUC"},
        "InputDataConfig": [
            {
                "DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": "s3://b/data"}},
                "TargetAttributeName": "abuse",
            }
        ],
        "OutputDataConfig": {"S3OutputPath": "s3://b/automl"},
        "ProblemType": "BinaryClassification",
        "RoleArn": ROLE,
    },
    "ClarifyCheck": PROCESSING,
    "EMR": {
        "ClusterConfig": {
            "Instances": {
                "InstanceGroups": [
                    {"InstanceCount": 1, "InstanceRole": "MASTER", "InstanceType": "m5.xlarge"}
                ]
            },
            "JobFlowRole": "emr-job",
            "ReleaseLabel": "emr-6.15.0",
            "ServiceRole": "emr",
        },
        "StepConfig": {"HadoopJarStep": {"Args": ["--input", "s3://b"], "Jar": "s3://b/x.jar"}},
    },
    "EMRServerless": {
        "ApplicationConfig": {"name": "a", "releaseLabel": "emr-6.15.0", "type": "SPARK"},
        "ExecutionRoleArn": ROLE,
        "JobConfig": {
            "executionRoleArn": "arn:aws:iam::123456789012:role/x",
            "executionTimeoutMinutes": 60,
            "jobDriver": {"sparkSubmit": {"entryPoint": "s3://b/x.py"}},
        },
    },
    "Endpoint": {"EndpointConfigName": "returns-risk"},
    "EndpointConfig": {
        "KmsKeyId": KEY,
        "ProductionVariants": [
            {
                "InitialInstanceCount": 1,
                "InitialVariantWeight": 1.0,
                "InstanceType": "ml.m5.large",
                "ModelName": "returns-risk",
                "VariantName": "all",
            }
        ],
    },
    "InferenceComponent": {
        "EndpointName": "returns-risk",
        "RuntimeConfig": {"CopyCount": 1},
        "Specification": {
            "ComputeResourceRequirements": {"MinMemoryRequiredInMb": 1024},
            "ModelName": "returns-risk",
        },
        "VariantName": "all",
    },
    "Model": {
        **MODEL["Arguments"],
        "EnableNetworkIsolation": True,
        "PrimaryContainer": {
            "Environment": {"SAGEMAKER_PROGRAM": "inference.py"},
            "Image": IMAGE,
            "ModelDataUrl": "s3://b/model.tar.gz",
        },
        "VpcConfig": {"SecurityGroupIds": ["sg-1"], "Subnets": ["subnet-1"]},
    },
    "Processing": PROCESSING,
    "QualityCheck": PROCESSING,
    "RegisterModel": {
        **REGISTER["Arguments"],
        "CustomerMetadataProperties": {"owner": "returns-risk"},
        "InferenceSpecification": {
            "Containers": [{"Image": IMAGE, "ModelDataUrl": "s3://b/model.tar.gz"}],
            "SupportedContentTypes": ["text/csv"],
            "SupportedResponseMIMETypes": ["text/csv"],
            "SupportedTransformInstanceTypes": ["ml.m5.large"],
        },
        "SamplePayloadUrl": "s3://b/payload.tar.gz",
    },
    "Training": {**TRAINING, "HyperParameters": {"epochs": "3"}},
    "Transform": {
        "MaxConcurrentTransforms": 1,
        "ModelName": "returns-risk",
        "TransformInput": {
            "ContentType": "text/csv",
            "DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": "s3://b/data"}},
            "SplitType": "Line",
        },
        "TransformOutput": {"AssembleWith": "Line", "S3OutputPath": "s3://b/scores"},
        "TransformResources": {"InstanceCount": 1, "InstanceType": "ml.m5.large"},
    },
    "Tuning": {
        "HyperParameterTuningJobConfig": {
            "HyperParameterTuningJobObjective": {"MetricName": "auc", "Type": "Maximize"},
            "ParameterRanges": {
                "IntegerParameterRanges": [{"MaxValue": "9", "MinValue": "1", "Name": "epochs"}]
            },
            "ResourceLimits": {"MaxNumberOfTrainingJobs": 4, "MaxParallelTrainingJobs": 2},
            "Strategy": "Bayesian",
        },
        "TrainingJobDefinition": {
            **TRAINING,
            "AlgorithmSpecification": {
                "MetricDefinitions": [{"Name": "auc", "Regex": "auc=(.*)"}],
                "TrainingImage": IMAGE,
                "TrainingInputMode": "File",
            },
            "StaticHyperParameters": {"batch": "32"},
        },
    },
}
MEMBERS: dict[str, dict[str, Any]] = {
    "ClarifyCheck": {"CheckType": "DATA_BIAS"},
    "QualityCheck": {"CheckType": "DATA_QUALITY", "SkipCheck": {"Get": "Parameters.Flag"}},
}
"""What a step of a type has beside its arguments."""

PARAMETERS = {"Text": "String", "Whole": "Integer", "Flag": "Boolean"}
VARIABLES = {"string": "Text", "integer": "Whole", "long": "Whole", "boolean": "Flag"}
ALL = list(SAMPLES)


@dataclass(frozen=True)
class Place:
    """A value in a sample, and its shape in the service model."""

    path: Path
    value: Any
    shape: Any


def requests(type_name: str) -> Iterator[Place]:
    step_type, arguments = STEP_TYPES[type_name], SAMPLES[type_name]
    if step_type.create:
        yield Place((), arguments, request_shape(step_type.create))
    for name, part in step_type.parts.items():
        yield Place((name,), arguments[name], service_shape(part.service, part.shape))


def places(type_name: str) -> list[Place]:
    return [inner for request in requests(type_name) for inner in inside(request)]


def inside(place: Place) -> Iterator[Place]:
    yield place
    if place.shape.type_name == "structure":
        members = [(key, place.shape.members[key]) for key in place.value]
    elif place.shape.type_name == "map":
        members = [(key, place.shape.value) for key in place.value]
    elif place.shape.type_name == "list":
        members = [(index, place.shape.member) for index in range(len(place.value))]
    else:
        members = []
    for key, shape in members:
        yield from inside(Place((*place.path, key), place.value[key], shape))


def errors(type_name: str, path: Path = (), value: object = None) -> list[Finding]:
    """Lint the sample with one value changed."""
    arguments = copy.deepcopy(SAMPLES[type_name])
    if path:
        owner: Any = arguments
        for key in path[:-1]:
            owner = owner[key]
        owner[path[-1]] = value
    elif value is not None:
        assert isinstance(value, dict)
        arguments = value
    step = {"Name": "S", "Type": type_name, "Arguments": arguments, **MEMBERS.get(type_name, {})}
    parameters = [{"Name": name, "Type": kind} for name, kind in PARAMETERS.items()]
    parameters.append({"Name": "Key", "Type": "String"})
    definition = {"Version": "2020-12-01", "Parameters": parameters, "Steps": [step]}
    return [finding for finding in lint(definition) if finding.severity == "error"]


def assert_found(type_name: str, place: Place, value: object) -> None:
    where = render_path(("Steps", 0, "Arguments", *place.path))
    found = errors(type_name, place.path, value)
    assert any(finding.path.startswith(where) for finding in found), (where, value)


def test_every_type_with_an_api_has_a_sample() -> None:
    with_api = {name for name, each in STEP_TYPES.items() if each.create or each.parts}

    assert set(SAMPLES) == with_api
    assert not with_api & set(UNCHECKED_STEP_TYPES)


@pytest.mark.parametrize("type_name", ALL)
def test_a_sound_step_has_no_errors(type_name: str) -> None:
    assert errors(type_name) == []


@pytest.mark.parametrize("type_name", ALL)
def test_an_unknown_member_is_found_in_every_structure(type_name: str) -> None:
    for place in places(type_name):
        if place.shape.type_name == "structure":
            assert_found(type_name, place, {**place.value, "Unknown": 1})


@pytest.mark.parametrize("type_name", ALL)
def test_a_missing_member_is_found_in_every_structure(type_name: str) -> None:
    for place in places(type_name):
        if place.shape.type_name == "structure":
            for name in set(place.shape.required_members) & set(place.value):
                rest = {key: each for key, each in place.value.items() if key != name}
                assert_found(type_name, place, rest)


@pytest.mark.parametrize("type_name", ALL)
def test_a_value_of_another_type_is_found_everywhere(type_name: str) -> None:
    for place in places(type_name):
        if place.path:
            is_number = place.shape.type_name in ("integer", "long", "float", "double")
            assert_found(type_name, place, "text" if is_number else 7)
            assert_found(type_name, place, None)


@pytest.mark.parametrize("type_name", ALL)
def test_a_size_out_of_range_is_found_everywhere(type_name: str) -> None:
    for place in places(type_name):
        least, most = (place.shape.metadata.get(name) for name in ("min", "max"))
        for size in ([least - 1] if least else []) + ([most + 1] if most is not None else []):
            if place.path and size < 2_000:
                assert_found(type_name, place, _of_size(place, size))


def _of_size(place: Place, size: int) -> Any:
    match place.shape.type_name:
        case "string":
            return "x" * size
        case "list":
            return [copy.deepcopy(place.value[0]) for _ in range(size)]
        case "map":
            return {f"key-{number}": "x" for number in range(size)}
    return size


@pytest.mark.parametrize("type_name", ALL)
def test_a_text_that_is_not_among_those_allowed_is_found_everywhere(type_name: str) -> None:
    for place in places(type_name):
        pattern = place.shape.metadata.get("pattern")
        if "enum" in place.shape.metadata or (pattern and not matches(pattern, "{\n}")):
            assert_found(type_name, place, "{\n}")


@pytest.mark.parametrize("type_name", ALL)
def test_variables_of_the_right_type_are_accepted_everywhere(type_name: str) -> None:
    for place in places(type_name):
        if place.shape.type_name in VARIABLES:
            right = VARIABLES[place.shape.type_name]
            variable = {"Get": f"Parameters.{right}"}
            assert errors(type_name, place.path, variable) == []
            wrong = "Whole" if right != "Whole" else "Text"
            assert_found(type_name, place, {"Get": f"Parameters.{wrong}"})
        if place.shape.type_name == "string":
            assert errors(type_name, place.path, "${Token[TOKEN.1]}") == []
        elif place.path:
            assert_found(type_name, place, "${Token[TOKEN.1]}")


@pytest.mark.parametrize(
    ("type_name", "path", "is_known"),
    [
        ("QualityCheck", "CalculatedBaselineStatistics", True),
        ("ClarifyCheck", "CalculatedBaselineStatistics", False),
        ("QualityCheck", "CalculatedBaselineStatistics.Uri", False),
        ("InferenceComponent", "InferenceComponentArn", True),
        ("EMR", "Config.Args[1]", True),
    ],
)
def test_properties_of_these_steps_may_be_referred_to(
    type_name: str, path: str, is_known: bool
) -> None:
    step = {
        "Name": "S",
        "Type": type_name,
        "Arguments": SAMPLES[type_name],
        **MEMBERS.get(type_name, {}),
    }
    stop = {
        "Name": "Stop",
        "Type": "Fail",
        "Arguments": {"ErrorMessage": {"Get": f"Steps.S.{path}"}},
    }
    parameters = [{"Name": name, "Type": kind} for name, kind in PARAMETERS.items()]
    parameters.append({"Name": "Key", "Type": "String"})
    definition = {"Version": "2020-12-01", "Parameters": parameters, "Steps": [step, stop]}

    found = [finding for finding in lint(definition) if finding.severity == "error"]

    assert (found == []) == is_known
