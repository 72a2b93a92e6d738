"""Brings a configuration into service, step by step, or takes it back.

Source: "Deployment guardrails for updating models in production" in the SageMaker developer guide:
the new fleet gets traffic in steps; an alarm, or a fleet that does not start, sends all of it back
to the old one, and the endpoint is in service with its former configuration. That it has no
FailureReason then is what users of other tools report (hashicorp/terraform-provider-aws 48997).
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from local.emulator.endpoints.alarms import tripped_alarm
from local.emulator.endpoints.artifact import ModelReader, container_model
from local.emulator.endpoints.endpoint import Deployment, RunningVariant, ServedEndpoint
from local.emulator.endpoints.faults import EndpointFaults
from local.emulator.endpoints.fleet import Fleet
from local.emulator.endpoints.policies import (
    DeploymentConfig,
    capacity_words,
    rollback_alarms,
    shifts,
)
from local.emulator.endpoints.stored import EndpointConfiguration
from local.emulator.endpoints.words import NO_CAPACITY, CannotServeError
from local.emulator.pace import Pace

_STARTUP_SECONDS: Final = 600.0
"""ContainerStartupHealthCheckTimeoutInSeconds where a variant gives none."""
_RESIZING_SECONDS: Final = 120.0
"""What new instances take, of the service."""


class _TakenBackError(Exception):
    """A deployment that is not to go on; says why."""


@dataclass(frozen=True)
class Rollout:
    """Changes what serves endpoints; each call lasts as long as the change."""

    reader: ModelReader
    pace: Pace
    faults: EndpointFaults

    def deployment(self, backend: Any, configuration: EndpointConfiguration) -> Deployment:
        """Prepare a deployment of a configuration; nothing starts yet."""
        variants = []
        for given in configuration.variants:
            try:
                image = container_model(backend, given["ModelName"]).image
            except CannotServeError:
                image = ""  # told when it is to start
            variants.append(RunningVariant.of(given, image))
        return Deployment(configuration, variants, configuration.data_capture)

    def create(self, backend: Any, endpoint: ServedEndpoint) -> None:
        """Let a new endpoint come into service."""
        assert endpoint.coming is not None  # noqa: S101
        coming = endpoint.coming
        try:
            self._start(backend, endpoint, coming)
        except CannotServeError as error:
            coming.stop()
            endpoint.set("Failed", str(error))
            return
        with endpoint.lock:
            endpoint.serving, endpoint.coming = coming, None
        endpoint.set("InService")

    def update(
        self, backend: Any, endpoint: ServedEndpoint, config: DeploymentConfig | None
    ) -> None:
        """Let what is coming take the place of what serves, or go back."""
        assert endpoint.coming is not None  # noqa: S101
        coming = endpoint.coming
        try:
            self._start(backend, endpoint, coming)
            self._shift(endpoint, coming, config)
        except (CannotServeError, _TakenBackError) as error:
            logging.getLogger(__name__).warning("%s is taken back: %s", endpoint.arn, error)
            self._take_back(endpoint, coming)
            return
        with endpoint.lock:
            former, endpoint.serving, endpoint.coming = endpoint.serving, coming, None
            endpoint.last_config = config or endpoint.last_config
        endpoint.shift(0.0)
        if former is not None:
            former.retire()
        endpoint.set("InService")

    def resize(self, endpoint: ServedEndpoint, wanted: Mapping[str, Mapping[str, Any]]) -> None:
        """Change weights and counts of what serves."""
        assert endpoint.serving is not None  # noqa: S101
        self.pace.wait(_RESIZING_SECONDS)
        with endpoint.lock:
            for variant in endpoint.serving.variants:
                asked = wanted.get(variant.name, {})
                variant.weight = float(asked.get("DesiredWeight", variant.weight))
                variant.instance_count = asked.get("DesiredInstanceCount", variant.instance_count)
        endpoint.set("InService")

    def remove(self, endpoint: ServedEndpoint, forget: Callable[[], object]) -> None:
        """End all processes of an endpoint, and then the endpoint itself."""
        for deployment in (endpoint.serving, endpoint.coming):
            if deployment is not None:
                deployment.stop()
        forget()

    def _start(self, backend: Any, endpoint: ServedEndpoint, coming: Deployment) -> None:
        endpoint.advance("Creating", f"Launching {coming.instance_count} instance(s).")
        if self.faults.take(endpoint.arn, "no-capacity"):
            raise CannotServeError(NO_CAPACITY)
        for variant, given in zip(coming.variants, coming.configuration.variants, strict=True):
            model = container_model(backend, given["ModelName"])
            files = self.reader.read(model, variant.name, endpoint.endpoint_name)
            seconds = given.get("ContainerStartupHealthCheckTimeoutInSeconds", _STARTUP_SECONDS)
            fleet = Fleet(variant.name, files, seconds)
            fleet.start()
            variant.fleet = fleet
            if coming.capture is not None and coming.capture.get("EnableCapture"):
                name = endpoint.endpoint_name
                variant.capture = self.reader.capture(model, variant.name, name, coming.capture)

    def _shift(
        self, endpoint: ServedEndpoint, coming: Deployment, config: DeploymentConfig | None
    ) -> None:
        began = time.monotonic()
        for step in shifts(config, coming.instance_count):
            capacity = capacity_words(step, coming.instance_count)
            endpoint.advance("ActivatingTraffic", f"Activating traffic on {capacity}.")
            endpoint.shift(step.share)
            waits = f"{step.wait_seconds:g} seconds ({step.wait_name})"
            endpoint.advance("Baking", f"Baking for {waits} with traffic enabled on {capacity}.")
            self._bake(endpoint, step.wait_seconds, rollback_alarms(config), began)

    def _bake(
        self, endpoint: ServedEndpoint, seconds: float, alarms: list[str], began: float
    ) -> None:
        found: list[str] = []

        def is_tripped() -> bool:
            tripped = tripped_alarm(alarms, endpoint.region, endpoint.account, began)
            found.extend([tripped] if tripped else [])
            return bool(found)

        if not self.pace.wait(seconds, is_tripped):
            raise _TakenBackError(f"alarm {found[0]}")

    def _take_back(self, endpoint: ServedEndpoint, coming: Deployment) -> None:
        endpoint.advance("Deleting", f"Terminating {coming.instance_count} instance(s).")
        endpoint.set("RollingBack")
        if self.faults.take(endpoint.arn, "rollback-fails"):
            endpoint.set("UpdateRollbackFailed", NO_CAPACITY)
            return
        endpoint.shift(0.0)
        with endpoint.lock:
            endpoint.coming = None
        coming.retire()
        endpoint.set("InService")
