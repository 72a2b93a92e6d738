"""What Amazon SageMaker publishes of an endpoint at every invocation.

Source: "Monitor Amazon SageMaker AI with Amazon CloudWatch" in the developer guide: namespace
AWS/SageMaker; dimensions EndpointName and VariantName, and EndpointConfigName as a third one, which
tells the fleets of an update apart; latencies in microseconds.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

_NAMESPACE: Final = "AWS/SageMaker"
_CLIENT_ERRORS: Final = range(400, 500)
_MICROSECONDS: Final = "Microseconds"


@dataclass(frozen=True)
class InvocationRecord:
    """One invocation: who answered, with which status, and after how long."""

    endpoint_name: str
    variant_name: str
    configuration_name: str
    region: str
    status: int
    """Of the container."""
    seconds: float
    """Until the container answered."""
    overhead_seconds: float
    """Before it was asked."""
    instance_count: int

    def publish(self, account: str) -> None:
        """Add it to the metrics of its region."""
        from moto.cloudwatch.models import MetricDatum, cloudwatch_backends

        is_client = self.status in _CLIENT_ERRORS
        is_error = self.status != 200
        values = {
            "Invocations": (1.0, "None"),
            "Invocation4XXErrors": (float(is_client), "None"),
            "Invocation5XXErrors": (float(is_error and not is_client), "None"),
            "InvocationModelErrors": (float(is_error), "None"),
            "InvocationsPerInstance": (1.0 / max(self.instance_count, 1), "None"),
            "ModelLatency": (self.seconds * 1_000_000, _MICROSECONDS),
            "OverheadLatency": (self.overhead_seconds * 1_000_000, _MICROSECONDS),
        }
        data = cloudwatch_backends[account][self.region].metric_data
        for dimensions in self._dimensions():
            for name, (value, unit) in values.items():
                data.append(MetricDatum(_NAMESPACE, name, value, dimensions, None, unit))

    def _dimensions(self) -> list[list[dict[str, str]]]:
        both = [
            {"Name": "EndpointName", "Value": self.endpoint_name},
            {"Name": "VariantName", "Value": self.variant_name},
        ]
        of_fleet = {"Name": "EndpointConfigName", "Value": self.configuration_name}
        return [both, [*both, of_fleet]]
