"""The calls that create, change, describe and delete endpoints.

A call answers at once; what it starts goes on in a thread of its own, and ends with the server.

Source: CreateEndpoint, UpdateEndpoint, UpdateEndpointWeightsAndCapacities, DescribeEndpoint and
DeleteEndpoint in the Amazon SageMaker API reference.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from threading import Thread
from typing import Any, Final

from local.emulator.authorization.sessions import NotTrustedError, ServiceCaller, Sessions
from local.emulator.authorization.uses import Use
from local.emulator.endpoints import policies
from local.emulator.endpoints.alarms import missing_alarms
from local.emulator.endpoints.endpoint import CHANGING, Deployment, ServedEndpoint, Told
from local.emulator.endpoints.listing import install_listings
from local.emulator.endpoints.rollout import Rollout
from local.emulator.endpoints.stored import (
    found_configuration,
    install_configurations,
    install_models,
)
from local.emulator.endpoints.words import (
    already_existing,
    found,
    in_progress,
    refused,
)
from local.emulator.sagemaker.validation import check_request, request_of

_RETAINED: Final = {"DesiredInstanceCount": "instance_count", "DesiredWeight": "weight"}


@dataclass(frozen=True)
class EndpointService:
    """Takes the calls over from moto; ``told`` hears of each new state of an endpoint."""

    rollout: Rollout
    sessions: Sessions
    told: Told

    def install(self) -> None:
        """Answer the calls."""
        from moto.core.responses import ActionResult, EmptyResult
        from moto.sagemaker.responses import SageMakerResponse as Answers

        install_models()
        install_configurations()
        install_listings()

        def create_endpoint(response: Any) -> Any:
            check_request("CreateEndpoint", request_of(response))
            arn = self._create(response.sagemaker_backend, request_of(response))
            return ActionResult({"EndpointArn": arn})

        def update_endpoint(response: Any) -> Any:
            check_request("UpdateEndpoint", request_of(response))
            arn = self._update(response.sagemaker_backend, request_of(response))
            return ActionResult({"EndpointArn": arn})

        def update_endpoint_weights_and_capacities(response: Any) -> Any:
            check_request("UpdateEndpointWeightsAndCapacities", request_of(response))
            arn = self._resize(response.sagemaker_backend, request_of(response))
            return ActionResult({"EndpointArn": arn})

        def describe_endpoint(response: Any) -> Any:
            name = response._get_param("EndpointName")
            return ActionResult(found_endpoint(response.sagemaker_backend, name).response_object)

        def delete_endpoint(response: Any) -> Any:
            self._delete(response.sagemaker_backend, response._get_param("EndpointName"))
            return EmptyResult()

        for answered in (
            create_endpoint,
            update_endpoint,
            update_endpoint_weights_and_capacities,
            describe_endpoint,
            delete_endpoint,
        ):
            setattr(Answers, answered.__name__, answered)

    def _create(self, backend: Any, request: Mapping[str, Any]) -> str:
        name = request["EndpointName"]
        configuration = found_configuration(backend, request["EndpointConfigName"])
        endpoint = ServedEndpoint(backend, name, request.get("Tags") or (), self.told)
        arn = endpoint.arn
        endpoint.coming = self.rollout.deployment(backend, configuration)
        if backend.endpoints.setdefault(name, endpoint) is not endpoint:
            raise already_existing(backend, "endpoint", name)
        self.told(endpoint)
        _begin(endpoint, self.rollout.create, backend, endpoint)
        return arn

    def _update(self, backend: Any, request: Mapping[str, Any]) -> str:
        endpoint = found_endpoint(backend, request["EndpointName"])
        configuration = found_configuration(backend, request["EndpointConfigName"])
        config = request.get("DeploymentConfig")
        if request.get("RetainDeploymentConfig"):
            config = endpoint.last_config
        if config is not None:
            policies.check(config)
            self._check_alarms(backend, configuration.variants, policies.rollback_alarms(config))
        coming = self.rollout.deployment(backend, configuration)
        with _changing(endpoint):
            serving = endpoint.serving
            if serving is None:
                raise refused(
                    f'Cannot update endpoint "{endpoint.arn}" with status'
                    f" {endpoint.endpoint_status}; DeleteEndpoint is the only operation that it"
                    " allows."
                )
            _check_variants(endpoint, serving, coming, config)
            if request.get("RetainAllVariantProperties"):
                _retain(serving, coming, request.get("ExcludeRetainedVariantProperties") or ())
            abandoned, endpoint.coming = endpoint.coming, coming
            endpoint.coming_since = _now()
            endpoint.shift(0.0)
            endpoint.set("Updating")
        if abandoned is not None:  # of a rollback that failed
            abandoned.stop()
        _begin(endpoint, self.rollout.update, backend, endpoint, config)
        return endpoint.arn

    def _check_alarms(
        self, backend: Any, variants: Iterable[Mapping[str, Any]], names: list[str]
    ) -> None:
        """Look at the alarms of an update with the execution roles, as the service does."""
        if not names:
            return
        region, account = backend.region_name, backend.account_id
        missing = missing_alarms(names, region, account)
        if missing:
            raise refused(f"Could not find CloudWatch alarm(s) {', '.join(missing)}.")
        for variant in variants:
            model = backend.describe_model(variant["ModelName"])
            caller = ServiceCaller(
                service="sagemaker.amazonaws.com", region=region, source_arn=model.arn
            )
            try:
                _, identity = self.sessions.of_role(model.execution_role_arn, caller, "SageMaker")
            except NotTrustedError as error:
                raise refused(str(error)) from error
            for name in names:
                alarm = f"arn:aws:cloudwatch:{region}:{account}:alarm:{name}"
                use = Use("cloudwatch:DescribeAlarms", alarm)
                denial = self.sessions.decisions.denial(identity, use, region=region)
                if denial is not None:
                    raise refused(denial.message)

    def _resize(self, backend: Any, request: Mapping[str, Any]) -> str:
        endpoint = found_endpoint(backend, request["EndpointName"])
        asked = request["DesiredWeightsAndCapacities"]
        with _changing(endpoint):
            known = {each.name for each in (endpoint.serving.variants if endpoint.serving else ())}
            for each in asked:
                if each["VariantName"] not in known:
                    raise refused(
                        f'The variant name(s) "{each["VariantName"]}" is/are not present within'
                        f' endpoint configuration "{endpoint.configuration_name}".'
                    )
            endpoint.set("Updating")
        wanted = {each["VariantName"]: each for each in asked}
        _begin(endpoint, self.rollout.resize, endpoint, wanted)
        return endpoint.arn

    def _delete(self, backend: Any, name: str) -> None:
        endpoint = found_endpoint(backend, name)
        with _changing(endpoint):
            endpoint.set("Deleting")
        forget = partial(backend.endpoints.pop, name, None)
        _begin(endpoint, self.rollout.remove, endpoint, forget)


class _changing:  # noqa: N801  # a context, as contextlib names them
    """Hold an endpoint that no other call is changing.

    Raises:
        AWSValidationException: One is.
    """

    def __init__(self, endpoint: ServedEndpoint) -> None:
        self._endpoint = endpoint

    def __enter__(self) -> None:
        self._endpoint.lock.acquire()
        if self._endpoint.endpoint_status in CHANGING:
            self._endpoint.lock.release()
            raise in_progress(self._endpoint.arn)

    def __exit__(self, *_error: object) -> None:
        self._endpoint.lock.release()


def found_endpoint(backend: Any, name: str) -> ServedEndpoint:
    """Find an endpoint.

    Raises:
        AWSValidationException: There is none.
    """
    endpoint: ServedEndpoint = found(backend, "endpoint", name, backend.endpoints)
    return endpoint


def _begin(endpoint: ServedEndpoint, work: Callable[..., object], *arguments: Any) -> None:
    Thread(target=_do, args=(endpoint, work, *arguments), daemon=True).start()


def _do(endpoint: ServedEndpoint, work: Callable[..., object], *arguments: Any) -> None:
    try:
        work(*arguments)
    except Exception as defect:
        logging.getLogger(__name__).exception("defect: endpoint %s", endpoint.endpoint_name)
        endpoint.set("Failed", f"The embedded AWS cannot do this: {defect!r}")


def _now() -> Any:
    from moto.core.utils import utcnow

    return utcnow()


def _check_variants(
    endpoint: ServedEndpoint,
    serving: Deployment,
    coming: Deployment,
    config: Mapping[str, Any] | None,
) -> None:
    """Refuse what an update cannot shift: source: "Exclusions" of deployment guardrails."""
    before = {each.name: each for each in serving.variants}
    if config is not None and {each.name for each in coming.variants} != set(before):
        raise refused(
            "The names of the production variants have to be the same for a deployment with a"
            f" DeploymentConfig: the endpoint has {', '.join(sorted(before))}."
        )
    for variant in coming.variants:
        former = before.get(variant.name)
        if former is not None and former.instance_type != variant.instance_type:
            _refuse_scaled(endpoint, variant.name)


def _refuse_scaled(endpoint: ServedEndpoint, variant: str) -> None:
    """Refuse another type of instance for a variant that is scaled automatically.

    Source: "Update endpoints that use automatic scaling" in the developer guide.
    """
    from moto.applicationautoscaling.models import applicationautoscaling_backends

    region, account = endpoint.region, endpoint.account
    name = f"endpoint/{endpoint.endpoint_name}/variant/{variant}"
    targets = applicationautoscaling_backends[account][region].targets.values()
    if any(name in of_dimension for of_dimension in targets):
        raise refused(
            f'The instance type of variant "{variant}" of endpoint "{endpoint.arn}" cannot be'
            " changed while it is registered as a scalable target of Application Auto Scaling;"
            " deregister it first."
        )


def _retain(serving: Deployment, coming: Deployment, excluded: Iterable[Mapping[str, str]]) -> None:
    left_out = {each["VariantPropertyType"] for each in excluded}
    before = {each.name: each for each in serving.variants}
    for variant in coming.variants:
        former = before.get(variant.name)
        for name, attribute in _RETAINED.items():
            if former is not None and name not in left_out:
                setattr(variant, attribute, getattr(former, attribute))
    if "DataCaptureConfig" not in left_out:
        coming.capture = serving.capture
