"""One endpoint: its state, what serves it, what is coming, and how it is described.

Source: DescribeEndpoint in the Amazon SageMaker API reference.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from threading import RLock
from typing import Any, Final, Protocol

from local.emulator.endpoints.capture import DataCapture
from local.emulator.endpoints.fleet import Fleet
from local.emulator.endpoints.policies import active_instances
from local.emulator.endpoints.stored import EndpointConfiguration
from local.emulator.endpoints.words import MOST_CHARACTERS, arn_of

CHANGING: Final = frozenset({"Creating", "Updating", "RollingBack", "Deleting"})
"""While one is so, no call may change it."""
SERVING: Final = frozenset({"InService", "Updating", "RollingBack", "UpdateRollbackFailed"})
"""While one is so, it answers."""


class Told(Protocol):
    """Hears of each new state of an endpoint, and of each step of its update."""

    def __call__(self, endpoint: ServedEndpoint, /, *, is_step: bool = False) -> None:
        """Hear of one."""


@dataclass
class RunningVariant:
    """A production variant of a deployment."""

    name: str
    instance_type: str
    image: str
    weight: float
    instance_count: int
    fleet: Fleet | None = None
    """None before it has started."""
    capture: DataCapture | None = None
    answered: int = 0

    @classmethod
    def of(cls, given: Mapping[str, Any], image: str) -> RunningVariant:
        """Begin as a configuration says."""
        return cls(
            name=given["VariantName"],
            instance_type=given["InstanceType"],
            image=image,
            weight=float(given.get("InitialVariantWeight", 1.0)),
            instance_count=given.get("InitialInstanceCount", 1),
        )


@dataclass
class Deployment:
    """A configuration that serves an endpoint, or comes to."""

    configuration: EndpointConfiguration
    variants: Sequence[RunningVariant]
    capture: Mapping[str, Any] | None = None
    """DataCaptureConfig: the configuration's, unless an update retains the former one."""
    status: str = "Creating"
    """Of its variants: ``Creating``, ``ActivatingTraffic``, ``Baking`` or ``Deleting``."""
    message: str = ""
    """What the status means in numbers."""
    since: Any = None
    """When the status began."""
    answered: int = 0

    @property
    def instance_count(self) -> int:
        """Of the variant that has the fewest."""
        return min(variant.instance_count for variant in self.variants)

    def stop(self) -> None:
        """End its processes."""
        for variant in self.variants:
            if variant.fleet is not None:
                variant.fleet.stop()

    def retire(self) -> None:
        """End its processes once they have answered what they were asked."""
        for variant in self.variants:
            if variant.fleet is not None:
                variant.fleet.retire()

    def variant(self, name: str | None) -> RunningVariant | None:
        """Return a variant by its name, or the one whose turn it is by the weights."""
        if name is not None:
            return next((each for each in self.variants if each.name == name), None)
        total = sum(each.weight for each in self.variants)
        if total <= 0:
            return None
        answered = sum(each.answered for each in self.variants) + 1
        return max(self.variants, key=lambda each: each.weight / total - (each.answered / answered))


class ServedEndpoint:
    """An endpoint, among moto's endpoints; ``told`` hears of each new state."""

    def __init__(
        self, backend: Any, name: str, tags: Sequence[Mapping[str, str]], told: Told
    ) -> None:
        """Begin to be created."""
        from moto.core.utils import utcnow

        self.endpoint_name = name
        self.arn: str = arn_of(backend, "endpoint", name)
        self.tags = [dict(tag) for tag in tags]
        self.endpoint_status = "Creating"
        self.failure_reason: str | None = None
        self.creation_time = self.last_modified_time = utcnow()
        self.lock = RLock()
        self.serving: Deployment | None = None
        self.coming: Deployment | None = None
        self.share = 0.0
        """Of the traffic, how much what is coming gets."""
        self.coming_since: Any = None
        self.last_config: Mapping[str, Any] | None = None
        self._told = told

    def set(self, status: str, reason: str | None = None) -> None:
        """Change the state, and tell of it."""
        from moto.core.utils import utcnow

        with self.lock:
            self.endpoint_status = status
            self.failure_reason = reason and reason[:MOST_CHARACTERS]
            self.last_modified_time = utcnow()
        self._told(self)

    def advance(self, status: str, message: str) -> None:
        """Change the state of what is coming, and tell of that."""
        from moto.core.utils import utcnow

        with self.lock:
            if self.coming is None:
                return
            self.coming.status, self.coming.message = status, message
            self.coming.since = utcnow()
        self._told(self, is_step=True)

    @property
    def region(self) -> str:
        """Where it is."""
        return self.arn.split(":")[3]

    @property
    def account(self) -> str:
        """Whose it is."""
        return self.arn.split(":")[4]

    @property
    def configuration_name(self) -> str:
        """The configuration that serves, or is the first to."""
        deployment = self.serving or self.coming
        return deployment.configuration.endpoint_config_name if deployment else ""

    @property
    def variant_names(self) -> list[str]:
        """The production variants that serve, or are the first to."""
        deployment = self.serving or self.coming
        return [variant.name for variant in deployment.variants] if deployment else []

    def is_served_by(self, deployment: Deployment) -> bool:
        """Whether a deployment still gets traffic."""
        with self.lock:
            return deployment is self.serving or deployment is self.coming

    def choose(self, variant: str | None) -> tuple[Deployment, RunningVariant] | None:
        """Choose which fleet answers the next request: by turns, so that shares come out."""
        with self.lock:
            deployments = [each for each in (self.serving, self.coming) if each is not None]
            if self.endpoint_status not in SERVING or not deployments:
                return None
            deployment = deployments[0]
            if len(deployments) > 1 and self._is_turn_of_coming(*deployments):
                deployment = deployments[1]
            chosen = deployment.variant(variant)
            if chosen is None or chosen.fleet is None:
                return None
            deployment.answered += 1
            chosen.answered += 1
            return deployment, chosen

    def _is_turn_of_coming(self, serving: Deployment, coming: Deployment) -> bool:
        answered = serving.answered + coming.answered + 1
        return self.share > 0 and coming.answered < self.share * answered

    def shift(self, share: float) -> None:
        """Give what is coming a share of the traffic, from now on."""
        with self.lock:
            self.share = share
            for deployment in (self.serving, self.coming):
                if deployment is not None:
                    deployment.answered = 0

    def summary(self) -> dict[str, Any]:
        """Return what ListEndpoints answers."""
        return {
            "EndpointName": self.endpoint_name,
            "EndpointArn": self.arn,
            "CreationTime": self.creation_time,
            "LastModifiedTime": self.last_modified_time,
            "EndpointStatus": self.endpoint_status,
        }

    @property
    def response_object(self) -> dict[str, Any]:
        """What DescribeEndpoint answers."""
        with self.lock:
            return dict(self._described())

    def _described(self) -> Iterator[tuple[str, Any]]:
        yield from self.summary().items()
        yield "EndpointConfigName", self.configuration_name
        if self.failure_reason is not None:
            yield "FailureReason", self.failure_reason
        if self.serving is not None:
            yield "ProductionVariants", self._variants(self.serving, 1 - self.share)
            if self.serving.capture is not None:
                yield "DataCaptureConfig", _capture(self.serving.capture)
        if self.coming is not None and self.serving is not None:
            yield "PendingDeploymentSummary", self._pending(self.coming)
        if self.last_config is not None:
            yield "LastDeploymentConfig", self.last_config

    def _pending(self, coming: Deployment) -> dict[str, Any]:
        variants = self._variants(coming, self.share)
        for told, variant in zip(variants, coming.variants, strict=True):
            told["InstanceType"] = variant.instance_type
            told["CurrentInstanceCount"] = active_instances(self.share, variant.instance_count)
            state = {"Status": coming.status, "StartTime": coming.since or self.coming_since}
            told["VariantStatus"] = [
                {**state, "StatusMessage": coming.message} if coming.message else state
            ]
        return {
            "EndpointConfigName": coming.configuration.endpoint_config_name,
            "ProductionVariants": variants,
            "StartTime": self.coming_since,
        }

    def _variants(self, deployment: Deployment, share: float) -> list[dict[str, Any]]:
        return [
            {
                "VariantName": variant.name,
                "DeployedImages": [
                    {
                        "SpecifiedImage": variant.image,
                        "ResolvedImage": variant.image,
                        "ResolutionTime": self.creation_time,
                    }
                ],
                "CurrentWeight": round(variant.weight * share, 6),
                "DesiredWeight": variant.weight,
                "CurrentInstanceCount": variant.instance_count if variant.fleet else 0,
                "DesiredInstanceCount": variant.instance_count,
            }
            for variant in deployment.variants
        ]


def _capture(config: Mapping[str, Any]) -> dict[str, Any]:
    is_on = config.get("EnableCapture", False)
    return {
        "EnableCapture": is_on,
        "CaptureStatus": "Started" if is_on else "Stopped",
        "CurrentSamplingPercentage": config["InitialSamplingPercentage"],
        "DestinationS3Uri": config["DestinationS3Uri"],
        "KmsKeyId": config.get("KmsKeyId", ""),
    }
