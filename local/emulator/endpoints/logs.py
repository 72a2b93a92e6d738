"""What the containers of an endpoint print, in its log group: as far as the model's role may.

Source: "Log groups and streams that Amazon SageMaker AI sends to Amazon CloudWatch Logs" in the
developer guide: ``/aws/sagemaker/Endpoints/NAME``, a stream for each variant and instance. What the
role may not write is dropped without a word.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass

from local.emulator.authorization.decisions import Decisions
from local.emulator.authorization.identities import CallerIdentity
from local.emulator.authorization.uses import Use


@dataclass(frozen=True)
class EndpointLog:
    """The log stream of a fleet."""

    endpoint_name: str
    stream: str
    region: str
    identity: CallerIdentity
    decisions: Decisions

    @classmethod
    def of_variant(
        cls,
        endpoint_name: str,
        variant: str,
        region: str,
        identity: CallerIdentity,
        decisions: Decisions,
    ) -> EndpointLog:
        """Make the stream of a new fleet."""
        stream = f"{variant}/i-{secrets.token_hex(8)}"
        return cls(endpoint_name, stream, region, identity, decisions)

    def keep(self, content: bytes) -> None:
        """Add what was printed."""
        from moto.core.utils import unix_time_millis
        from moto.logs.models import logs_backends

        lines = content.decode(errors="replace").splitlines()
        if not lines or not self._may():
            return
        backend = logs_backends[self.identity.account][self.region]
        group = f"/aws/sagemaker/Endpoints/{self.endpoint_name}"
        if group not in backend.groups:
            backend.create_log_group(group, {})
        if self.stream not in backend.groups[group].streams:
            backend.create_log_stream(group, self.stream)
        now = int(unix_time_millis())
        events = [{"timestamp": now, "message": line or " "} for line in lines]
        backend.put_log_events(group, self.stream, events)

    def _may(self) -> bool:
        account = self.identity.account
        group = f"arn:aws:logs:{self.region}:{account}:log-group:"
        group += f"/aws/sagemaker/Endpoints/{self.endpoint_name}"
        uses = (
            Use("logs:CreateLogGroup", group),
            Use("logs:CreateLogStream", f"{group}:log-stream:{self.stream}"),
            Use("logs:PutLogEvents", f"{group}:log-stream:{self.stream}"),
        )
        return all(
            self.decisions.denial(self.identity, use, region=self.region) is None for use in uses
        )
