"""Models and endpoint configurations: one per name, told as they were given.

moto replaces what has the name already, knows few instance types, and drops what it does not use.

Source: CreateModel, CreateEndpointConfig, DescribeModel and DescribeEndpointConfig in the Amazon
SageMaker API reference.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import wraps
from typing import Any, Final

from local.emulator.endpoints.words import already_existing, arn_of, found, refused
from local.emulator.sagemaker.validation import check_request, request_of

_CONFIG_MEMBERS: Final = (
    "AsyncInferenceConfig",
    "DataCaptureConfig",
    "EnableNetworkIsolation",
    "ExecutionRoleArn",
    "ExplainerConfig",
    "KmsKeyId",
    "MetricsConfig",
    "ShadowProductionVariants",
    "VpcConfig",
)
_SERVES_NOTHING: Final = ("AsyncInferenceConfig", "ExplainerConfig", "ShadowProductionVariants")
"""What an endpoint of the embedded AWS would drop without saying so."""


class EndpointConfiguration:
    """What CreateEndpointConfig was given, among moto's endpoint configurations."""

    def __init__(self, backend: Any, request: Mapping[str, Any]) -> None:
        """Keep a request."""
        from moto.core.utils import utcnow

        self.endpoint_config_name: str = request["EndpointConfigName"]
        self.arn = arn_of(backend, "endpoint-config", self.endpoint_config_name)
        self.variants: list[Mapping[str, Any]] = request["ProductionVariants"]
        self.tags: list[dict[str, str]] = list(request.get("Tags") or ())
        self.creation_time = utcnow()
        self._others = {name: request[name] for name in _CONFIG_MEMBERS if name in request}

    @property
    def data_capture(self) -> Mapping[str, Any] | None:
        """What is captured of requests and answers, if that was asked for."""
        capture: Mapping[str, Any] | None = self._others.get("DataCaptureConfig")
        return capture

    @property
    def response_object(self) -> dict[str, Any]:
        """What DescribeEndpointConfig answers."""
        return {
            **self.summary(),
            "ProductionVariants": [
                {"InitialVariantWeight": 1.0, **variant} for variant in self.variants
            ],
            **self._others,
        }

    def summary(self) -> dict[str, Any]:
        """Return what ListEndpointConfigs answers."""
        return {
            "EndpointConfigName": self.endpoint_config_name,
            "EndpointConfigArn": self.arn,
            "CreationTime": self.creation_time,
        }


def found_configuration(backend: Any, name: str) -> EndpointConfiguration:
    """Find a configuration.

    Raises:
        AWSValidationException: There is none.
    """
    one: EndpointConfiguration = found(backend, "endpoint-config", name, backend.endpoint_configs)
    return one


def install_models() -> None:
    """Take the calls on models over from moto."""
    from moto.core.responses import ActionResult, EmptyResult
    from moto.sagemaker.responses import SageMakerResponse as Answers

    create, describe = Answers.create_model, Answers.describe_model

    @wraps(create)
    def create_model(response: Any) -> Any:
        backend, request = response.sagemaker_backend, request_of(response)
        check_request("CreateModel", request)
        name = request["ModelName"]
        if name in backend._models:
            raise already_existing(backend, "model", name)
        for container in (request.get("PrimaryContainer") or {}, *request.get("Containers", ())):
            _check_package(backend, container.get("ModelPackageName"))
        return create(response)

    @wraps(describe)
    def describe_model(response: Any) -> Any:
        backend, name = response.sagemaker_backend, response._get_param("ModelName")
        found(backend, "model", name, backend._models)
        members = describe(response).result.items()
        return ActionResult({name: value for name, value in members if value not in ({}, [])})

    def delete_model(response: Any) -> Any:
        backend, name = response.sagemaker_backend, response._get_param("ModelName")
        found(backend, "model", name, backend._models)
        backend._models.pop(name, None)
        return EmptyResult()

    for answered in (create_model, describe_model, delete_model):
        setattr(Answers, answered.__name__, answered)


def install_configurations() -> None:
    """Take the calls on endpoint configurations over from moto."""
    from moto.core.responses import ActionResult, EmptyResult
    from moto.sagemaker.responses import SageMakerResponse as Answers

    def create_endpoint_config(response: Any) -> Any:
        backend, request = response.sagemaker_backend, request_of(response)
        check_request("CreateEndpointConfig", request)
        name = request["EndpointConfigName"]
        if name in backend.endpoint_configs:
            raise already_existing(backend, "endpoint-config", name)
        _check_variants(backend, request)
        configuration = EndpointConfiguration(backend, request)
        backend.endpoint_configs[name] = configuration
        return ActionResult({"EndpointConfigArn": configuration.arn})

    def describe_endpoint_config(response: Any) -> Any:
        name = response._get_param("EndpointConfigName")
        return ActionResult(found_configuration(response.sagemaker_backend, name).response_object)

    def delete_endpoint_config(response: Any) -> Any:
        """Delete it even while an endpoint serves it: the service warns of that, and does it."""
        backend, name = response.sagemaker_backend, response._get_param("EndpointConfigName")
        found_configuration(backend, name)
        del backend.endpoint_configs[name]
        return EmptyResult()

    for answered in (create_endpoint_config, describe_endpoint_config, delete_endpoint_config):
        setattr(Answers, answered.__name__, answered)


def _check_package(backend: Any, arn: str | None) -> None:
    """Refuse a package that nobody has approved: what the guide asks for before it is deployed.

    Source: "Deploy a Model from the Registry" in the developer guide. How the service words it is
    not documented.
    """
    if arn is None:
        return
    status = backend.describe_model_package(arn).model_approval_status
    if status not in (None, "Approved"):
        raise refused(f'Cannot create a model from model package "{arn}", which is {status}.')


def _check_variants(backend: Any, request: Mapping[str, Any]) -> None:
    variants = request["ProductionVariants"]
    names = [variant["VariantName"] for variant in variants]
    for name in names:
        if names.count(name) > 1:
            raise refused(f'The variant name "{name}" was non-unique within the request.')
    for variant in variants:
        if variant.get("ServerlessConfig") or not variant.get("InstanceType"):
            raise refused(
                f"Production variant {variant['VariantName']} has no InstanceType: the embedded AWS"
                " has endpoints of instances only."
            )
        found(backend, "model", str(variant.get("ModelName")), backend._models)
    dropped = [name for name in _SERVES_NOTHING if request.get(name)]
    if dropped:
        raise refused(f"The embedded AWS has no endpoints with {' and '.join(dropped)}.")
