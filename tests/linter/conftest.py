"""A sound definition, and a way to change one thing in it."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from constructs_lib.linter import Finding, lint

JsonObject = dict[str, Any]

ROLE = "arn:${AWS::Partition}:iam::${AWS::AccountId}:role/${JobRoleName}"
IMAGE = "763104351884.dkr.ecr.us-east-1.amazonaws.com/pytorch-inference:2.1.0-cpu-py310"
KEY = {"Get": "Parameters.Key"}
RETRIES = [{"ExceptionType": ["Step.THROTTLING"], "MaxAttempts": 5, "BackoffRate": 2.0}]
PACKAGED = "Steps.Package.ProcessingOutputConfig.Outputs['packaged'].S3Output.S3Uri"

TRAIN: JsonObject = {
    "Name": "Train",
    "Type": "Training",
    "Arguments": {
        "AlgorithmSpecification": {"TrainingImage": IMAGE, "TrainingInputMode": "File"},
        "HyperParameters": {"epochs": "3"},
        "OutputDataConfig": {"S3OutputPath": "s3://${Bucket}/train", "KmsKeyId": KEY},
        "ResourceConfig": {
            "InstanceType": "ml.m5.xlarge",
            "InstanceCount": {"Get": "Parameters.Count"},
            "VolumeSizeInGB": 30,
            "VolumeKmsKeyId": KEY,
        },
        "RoleArn": ROLE,
        "StoppingCondition": {"MaxRuntimeInSeconds": 3600},
        "VpcConfig": {"SecurityGroupIds": ["sg-1"], "Subnets": ["${SubnetId}"]},
    },
    "RetryPolicies": [
        *RETRIES,
        {"ExceptionType": ["SageMaker.CAPACITY_ERROR"], "ExpireAfterMin": 60},
    ],
}
MODEL: JsonObject = {
    "Name": "CreateModel",
    "Type": "Model",
    "Arguments": {
        "ExecutionRoleArn": ROLE,
        "PrimaryContainer": {
            "Image": IMAGE,
            "ModelDataUrl": {"Get": "Steps.Train.ModelArtifacts.S3ModelArtifacts"},
            "Environment": {"SAGEMAKER_PROGRAM": "inference.py"},
        },
    },
    "RetryPolicies": RETRIES,
}
PACKAGE: JsonObject = {
    "Name": "Package",
    "Type": "Processing",
    "Description": "Puts the inference code into the artifact",
    "Arguments": {
        "AppSpecification": {"ImageUri": IMAGE, "ContainerArguments": ["--model", "/opt"]},
        "Environment": {"LOG_LEVEL": "20"},
        "ProcessingInputs": [
            {
                "InputName": "model",
                "S3Input": {
                    "S3Uri": {"Get": "Steps.CreateModel.PrimaryContainer.ModelDataUrl"},
                    "S3DataType": "S3Prefix",
                    "LocalPath": "/opt/ml/processing/input/model",
                },
            }
        ],
        "ProcessingOutputConfig": {
            "KmsKeyId": KEY,
            "Outputs": [
                {
                    "OutputName": "packaged",
                    "S3Output": {
                        "S3Uri": {
                            "Std:Join": {
                                "On": "/",
                                "Values": [
                                    "s3://${Bucket}",
                                    {"Get": "Execution.PipelineExecutionId"},
                                ],
                            }
                        },
                        "LocalPath": "/opt/ml/processing/output/model",
                        "S3UploadMode": "EndOfJob",
                    },
                }
            ],
        },
        "ProcessingResources": {
            "ClusterConfig": {
                "InstanceType": "ml.m5.xlarge",
                "InstanceCount": 1,
                "VolumeSizeInGB": 30,
                "VolumeKmsKeyId": KEY,
            }
        },
        "RoleArn": ROLE,
    },
    "CacheConfig": {"Enabled": True, "ExpireAfter": "P30D"},
    "PropertyFiles": [
        {"PropertyFileName": "Manifest", "OutputName": "packaged", "FilePath": "manifest.json"}
    ],
}
REGISTER: JsonObject = {
    "Name": "Registration-NA",
    "Type": "RegisterModel",
    "DependsOn": ["Package"],
    "Arguments": {
        "ModelPackageGroupName": "returns-risk",
        "ModelApprovalStatus": "PendingManualApproval",
        "InferenceSpecification": {
            "Containers": [
                {
                    "Image": IMAGE,
                    "ModelDataUrl": {
                        "Std:Join": {"On": "/", "Values": [{"Get": PACKAGED}, "model.tar.gz"]}
                    },
                }
            ],
            "SupportedContentTypes": ["text/csv"],
            "SupportedTransformInstanceTypes": ["ml.m5.large"],
        },
        "SamplePayloadUrl": "s3://${AssetBucketName}/${SamplePayloadKey}",
        "CustomerMetadataProperties": {
            "owner": "Überprüfung @ returns-risk",
            "sha256": {
                "Std:JsonGet": {
                    "PropertyFile": {"Get": "Steps.Package.PropertyFiles.Manifest"},
                    "Path": "sha256",
                }
            },
        },
    },
}
COPY: JsonObject = {
    "Name": "Registration-EU",
    "Type": "Lambda",
    "FunctionArn": "${RegistrationFunctionArn}",
    "Arguments": {"artifact": {"Get": PACKAGED}, "aws_region": "eu-west-1"},
    "OutputParameters": [{"OutputName": "arn", "OutputType": "String"}],
}
FAIL: JsonObject = {
    "Name": "Stop",
    "Type": "Fail",
    "Arguments": {
        "ErrorMessage": {"Get": "Steps.Registration-EU.OutputParameters['arn']"},
    },
}
GATE: JsonObject = {
    "Name": "Gate",
    "Type": "Condition",
    "DependsOn": [{"Step": "Registration-EU", "Trigger": "Any"}],
    "Arguments": {
        "Conditions": [
            {
                "Type": "Not",
                "Condition": {
                    "Type": "Or",
                    "Conditions": [
                        {
                            "Type": "Equals",
                            "LeftValue": {"Get": "Parameters.Count"},
                            "RightValue": 1,
                        }
                    ],
                },
            }
        ],
        "IfSteps": [FAIL],
        "ElseSteps": [],
    },
}
SOUND: JsonObject = {
    "Version": "2020-12-01",
    "Metadata": {},
    "Parameters": [
        {"Name": "Key", "Type": "String", "DefaultValue": "${EncryptionKeyArn}"},
        {"Name": "Count", "Type": "Integer", "DefaultValue": 1},
    ],
    "PipelineExperimentConfig": {"ExperimentName": {"Get": "Execution.PipelineName"}},
    "Steps": [TRAIN, MODEL, PACKAGE, REGISTER, COPY, GATE],
}

REMOVE = object()


@pytest.fixture
def sound_definition() -> JsonObject:
    """A definition with a step of each type that the app builds, and nothing to find."""
    copied: JsonObject = json.loads(json.dumps(SOUND))
    return copied


@pytest.fixture
def remove() -> object:
    """The value that makes ``lint_with`` remove a member."""
    return REMOVE


@pytest.fixture
def lint_with(sound_definition: JsonObject) -> Callable[[str, object], list[Finding]]:
    """Lint the sound definition with one value changed.

    The path has slashes; an item of a list is its index or its name: ``Steps/Train/Arguments``.
    """

    def lint_with(path: str, value: object) -> list[Finding]:
        *parents, last = path.split("/")
        target: Any = sound_definition
        for key in parents:
            target = target[_key(target, key)]
        if value is REMOVE:
            del target[_key(target, last)]
        elif isinstance(target, list) and last == "+":
            target.append(value)
        else:
            target[_key(target, last)] = value
        return lint(sound_definition)

    return lint_with


def _key(target: Any, key: str) -> str | int:
    if isinstance(target, dict):
        return key
    names = [entry.get("Name") if isinstance(entry, dict) else None for entry in target]
    return names.index(key) if key in names else int(key)
