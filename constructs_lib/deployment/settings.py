"""The settings of a pipeline's deployments: one JSON document, made when the app is synthesized.

    deployment_settings(configs, home_region="us-east-1", places=places, topic_arn=None)

The workflow hands it to each of its functions, which know nothing else of the config.
``jobs/deploy_model/`` reads it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from constructs_lib.configs import EndpointConfig, PipelineConfigs
from constructs_lib.configs.guardrails.rules import Guardrails
from constructs_lib.errors import ReleaseError
from constructs_lib.registration.request import model_package_group_name
from constructs_lib.s3_layout import captured_prefix
from constructs_lib.service_model.instances import has_local_storage
from constructs_lib.serving import serving_profile

SCHEMA_VERSION: Final = 1
VARIANT_NAME: Final = "AllTraffic"
"""The one variant. Blue/green needs the same name in the former and the new configuration."""


class NoEndpointError(ReleaseError):
    """The config has no section ``Endpoint``, or a region of its waves has no place to serve."""


@dataclass(frozen=True, kw_only=True)
class ServingPlace:
    """What an endpoint of a region works with; values may be tokens of CDK."""

    role_arn: str
    """Role of the endpoint's container."""
    key_arn: str
    """KMS key of the region's released artifacts; encrypts volumes and captured data."""
    bucket_name: str
    """Bucket of the region's released artifacts."""


def deployment_settings(
    configs: PipelineConfigs,
    *,
    home_region: str,
    places: Mapping[str, ServingPlace],
    topic_arn: str | None,
) -> dict[str, Any]:
    """Make the settings of a pipeline's deployments.

    Args:
        configs: One model's configs, with a section ``Endpoint``.
        home_region: AWS region of the workflow.
        places: What an endpoint works with, by AWS region; of every region of the waves.
        topic_arn: Topic of the app's notifications, if it has one.

    Raises:
        NoEndpointError: See above.
    """
    endpoint = endpoint_of(configs)
    model = configs.model
    instance_type = endpoint_instance_type(configs)
    guardrails = Guardrails.of(endpoint, model, configs.payload)
    return {
        "schema_version": SCHEMA_VERSION,
        "pipeline_name": configs.base.pipeline_name,
        "endpoint_name": endpoint_name(configs),
        "home_region": home_region,
        "lead_region": lead_region(configs, home_region),
        "waves": _waves(configs, places),
        "instance_type": instance_type,
        "instance_count": endpoint.instance_count,
        "encrypts_volumes": not has_local_storage(instance_type),
        "inference_ami_version": serving_profile(model).inference_ami_version(instance_type),
        "model_environment": {},
        "variant_name": VARIANT_NAME,
        "autoscaling": _autoscaling(endpoint),
        "data_capture": _data_capture(configs),
        "kept_versions": endpoint.kept_versions,
        "shift": _shift(guardrails),
        "alarms": _alarms(guardrails),
        "bake_seconds": endpoint.bake_seconds,
        "bake_traffic_per_minute": endpoint.bake_traffic,
        "termination_wait_seconds": endpoint.termination_wait_seconds,
        "maximum_execution_timeout_seconds": guardrails.timeout_seconds,
        "startup_timeout_seconds": model.container_startup_health_check_timeout,
        "download_timeout_seconds": model.data_download_timeout,
        "verification": configs.payload.verification,
        "topic_arn": topic_arn,
        "is_isolated": True,
    }


def endpoint_of(configs: PipelineConfigs) -> EndpointConfig:
    """Return the section ``Endpoint``.

    Raises:
        NoEndpointError: There is none.
    """
    if configs.endpoint is None:
        raise NoEndpointError(
            f"The pipeline {configs.base.pipeline_name} serves nothing: its config has no section"
            f' {EndpointConfig.STEP_KEY}. Add "{EndpointConfig.STEP_KEY}":'
            f' "{EndpointConfig.__name__}" to metadata.config_types, and deploy it.'
        )
    return configs.endpoint


def endpoint_name(configs: PipelineConfigs) -> str:
    """Return the name of the endpoint in each region."""
    return endpoint_of(configs).endpoint_name or configs.base.pipeline_name


def endpoint_instance_type(configs: PipelineConfigs) -> str:
    """Return the instance type of the endpoints."""
    return endpoint_of(configs).instance_type or configs.model.inference_instance_type


def serving_waves(configs: PipelineConfigs) -> list[list[str]]:
    """Return the AWS regions of each wave."""
    waves = endpoint_of(configs).waves_of(configs.registration.regions)
    return [[code.aws_region for code in wave] for wave in waves]


def lead_region(configs: PipelineConfigs, home_region: str) -> str:
    """Return the AWS region whose group's numbers name versions: home, if registered there."""
    if home_region in {code.aws_region for code in configs.registration.regions}:
        return home_region
    return serving_waves(configs)[0][0]


def _waves(
    configs: PipelineConfigs, places: Mapping[str, ServingPlace]
) -> list[list[dict[str, str]]]:
    group = model_package_group_name(configs.base.pipeline_name)
    waves = endpoint_of(configs).waves_of(configs.registration.regions)
    missing = {code.shown for wave in waves for code in wave if code.aws_region not in places}
    if missing:
        raise NoEndpointError(f"There is no place to serve in {', '.join(sorted(missing))}.")
    return [
        [
            {
                "region_code": str(code),
                "aws_region": code.aws_region,
                "model_package_group_name": group,
                **vars(places[code.aws_region]),
            }
            for code in wave
        ]
        for wave in waves
    ]


def _autoscaling(endpoint: EndpointConfig) -> dict[str, int] | None:
    if endpoint.max_instance_count is None or endpoint.invocations_per_instance is None:
        return None
    return {
        "min_capacity": endpoint.instance_count,
        "max_capacity": endpoint.max_instance_count,
        "invocations_per_instance": endpoint.invocations_per_instance,
    }


def _data_capture(configs: PipelineConfigs) -> dict[str, Any] | None:
    percentage = endpoint_of(configs).data_capture_percentage
    if not percentage:
        return None
    return {"percentage": percentage, "prefix": captured_prefix(configs.base.pipeline_name)}


def _shift(guardrails: Guardrails) -> dict[str, Any]:
    """Return how an update moves traffic, in the service's words.

    Where ``wait_seconds`` is 0, SageMaker watches nothing: the workflow has to.
    """
    shift = guardrails.shift
    return {
        "type": shift.kind.upper(),
        "percentage": shift.percentage,
        "wait_seconds": shift.wait_seconds,
    }


def _alarms(guardrails: Guardrails) -> dict[str, Any]:
    rate = guardrails.error_rate
    return {
        "latency_milliseconds": guardrails.latency_milliseconds,
        "error_rate_percent": None if rate is None else round(100 * rate, 6),
        "names": list(guardrails.alarm_names),
    }
