"""What SageMaker is asked for: models, configurations and endpoints, named by what is in them.

Nothing here calls a service: the same requests are checked when the app is synthesized.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from typing import Any, Final

from .guardrails.alarms import alarm_names

Document = Mapping[str, Any]

_PREFIX_CHARACTERS: Final = 46
_DIGEST_CHARACTERS: Final = 16
"""With a hyphen between them, together 63: EntityName of the service."""
_LARGEST_BATCH_PERCENT: Final = 50
"""API reference, RollingUpdatePolicy, MaximumBatchSize."""
_CAPTURED: Final = ("Input", "Output")


def model_request(settings: Document, target: Document) -> dict[str, Any]:
    """Return the arguments of CreateModel for a version in a region, without tags."""
    container: dict[str, Any] = {"ModelPackageName": target["model_package_arn"]}
    if settings["model_environment"]:
        container["Environment"] = dict(settings["model_environment"])
    arguments = {
        "PrimaryContainer": container,
        "ExecutionRoleArn": target["role_arn"],
        "EnableNetworkIsolation": settings["is_isolated"],
    }
    return {"ModelName": _named(settings, arguments), **arguments}


def configuration_request(settings: Document, target: Document, model_name: str) -> dict[str, Any]:
    """Return the arguments of CreateEndpointConfig, without tags.

    No key is named beside instances with disks of their own (API reference, CreateEndpointConfig,
    KmsKeyId).
    """
    variant = {
        "VariantName": settings["variant_name"],
        "ModelName": model_name,
        "InstanceType": settings["instance_type"],
        "InitialInstanceCount": settings["instance_count"],
        "InitialVariantWeight": 1.0,
        "ModelDataDownloadTimeoutInSeconds": settings["download_timeout_seconds"],
        "ContainerStartupHealthCheckTimeoutInSeconds": settings["startup_timeout_seconds"],
    }
    if settings["inference_ami_version"]:
        variant["InferenceAmiVersion"] = settings["inference_ami_version"]
    arguments: dict[str, Any] = {"ProductionVariants": [variant]}
    if settings["encrypts_volumes"]:
        arguments["KmsKeyId"] = target["key_arn"]
    if settings["data_capture"]:
        arguments["DataCaptureConfig"] = _data_capture(settings["data_capture"], target)
    return {"EndpointConfigName": _named(settings, arguments), **arguments}


def endpoint_request(settings: Document, configuration_name: str) -> dict[str, Any]:
    """Return the arguments of CreateEndpoint: a first fleet has none to take over from."""
    return {
        "EndpointName": settings["endpoint_name"],
        "EndpointConfigName": configuration_name,
        "Tags": [{"Key": "release:pipeline", "Value": settings["pipeline_name"]}],
    }


def update_request(settings: Document, configuration_name: str) -> dict[str, Any]:
    """Return the arguments of UpdateEndpoint: as the settings say that traffic comes."""
    return _update(settings, configuration_name, settings["shift"])


def rollback_request(settings: Document, configuration_name: str) -> dict[str, Any]:
    """Return those of a person's rollback: at once, and watched."""
    return _update(settings, configuration_name, _at_once(settings["shift"]))


def return_request(settings: Document, configuration_name: str) -> dict[str, Any]:
    """Return those of taking back: at once, to what served well, and nothing is waited for."""
    shift = {**_at_once(settings["shift"]), "wait_seconds": 0}
    return _update({**settings, "termination_wait_seconds": 0}, configuration_name, shift)


def _at_once(shift: Document) -> dict[str, Any]:
    """Return the quickest shift that the instances are there for."""
    if shift["type"] == "ROLLING":
        return {**shift, "percentage": _LARGEST_BATCH_PERCENT}
    return {**shift, "type": "ALL_AT_ONCE", "percentage": None}


def _update(settings: Document, configuration_name: str, shift: Document) -> dict[str, Any]:
    """Return the arguments of UpdateEndpoint.

    What autoscaling has made of the number of instances stays, and nothing else of the former
    variant: capturing of data is the new configuration's (API reference, UpdateEndpoint).
    """
    retained: dict[str, Any] = {"RetainAllVariantProperties": False}
    if settings["autoscaling"]:
        excluded = ("DataCaptureConfig", "DesiredWeight")
        retained = {
            "RetainAllVariantProperties": True,
            "ExcludeRetainedVariantProperties": [
                {"VariantPropertyType": each} for each in excluded
            ],
        }
    policy = _rolling if shift["type"] == "ROLLING" else _blue_green
    deployment = policy(settings, shift)
    # Without a wait SageMaker watches nothing.
    alarms = alarm_names(settings, configuration_name) if shift["wait_seconds"] else []
    if alarms:
        deployment["AutoRollbackConfiguration"] = {
            "Alarms": [{"AlarmName": each} for each in alarms]
        }
    return {
        "EndpointName": settings["endpoint_name"],
        "EndpointConfigName": configuration_name,
        **retained,
        "DeploymentConfig": deployment,
    }


def _blue_green(settings: Document, shift: Document) -> dict[str, Any]:
    routing: dict[str, Any] = {
        "Type": shift["type"],
        "WaitIntervalInSeconds": shift["wait_seconds"],
    }
    size = {"CANARY": "CanarySize", "LINEAR": "LinearStepSize"}.get(shift["type"])
    if size is not None:
        routing[size] = _capacity(shift)
    return {
        "BlueGreenUpdatePolicy": {
            "TrafficRoutingConfiguration": routing,
            "TerminationWaitInSeconds": settings["termination_wait_seconds"],
            "MaximumExecutionTimeoutInSeconds": settings["maximum_execution_timeout_seconds"],
        }
    }


def _rolling(settings: Document, shift: Document) -> dict[str, Any]:
    """Return a policy that takes back in batches, too: for more instances there is no room."""
    return {
        "RollingUpdatePolicy": {
            "MaximumBatchSize": _capacity(shift),
            "WaitIntervalInSeconds": shift["wait_seconds"],
            "MaximumExecutionTimeoutInSeconds": settings["maximum_execution_timeout_seconds"],
            "RollbackMaximumBatchSize": _capacity(shift),
        }
    }


def _capacity(shift: Document) -> dict[str, Any]:
    return {"Type": "CAPACITY_PERCENT", "Value": shift["percentage"]}


def tags(settings: Document, target: Document, content: str) -> list[dict[str, str]]:
    """Return the tags of a model and of a configuration."""
    values = {
        "release:pipeline": settings["pipeline_name"],
        "release:content": content,
        "release:version": str(target["version"]),
    }
    return [{"Key": name, "Value": value} for name, value in values.items()]


def is_own_name(settings: Document, name: str) -> bool:
    """Tell whether a model or a configuration is named as those of this endpoint are."""
    digest = f"[0-9a-f]{{{_DIGEST_CHARACTERS}}}"
    return re.fullmatch(f"{re.escape(name_prefix(settings))}{digest}", name) is not None


def name_prefix(settings: Document) -> str:
    """Return how the names of models and configurations of this endpoint begin."""
    return f"{settings['endpoint_name'][:_PREFIX_CHARACTERS]}-"


def _named(settings: Document, arguments: Document) -> str:
    text = json.dumps(arguments, sort_keys=True, separators=(",", ":"))
    digest = hashlib.sha256(text.encode()).hexdigest()[:_DIGEST_CHARACTERS]
    return f"{name_prefix(settings)}{digest}"


def _data_capture(capture: Document, target: Document) -> dict[str, Any]:
    return {
        "EnableCapture": True,
        "InitialSamplingPercentage": capture["percentage"],
        "DestinationS3Uri": f"s3://{target['bucket_name']}/{capture['prefix']}",
        "KmsKeyId": target["key_arn"],
        "CaptureOptions": [{"CaptureMode": mode} for mode in _CAPTURED],
    }
