"""Log streams of Amazon CloudWatch Logs: what functions and containers print, as their role may.

Sources: "Log groups and streams that Amazon SageMaker AI sends to Amazon CloudWatch Logs" in the
SageMaker developer guide; "Sending Lambda function logs to CloudWatch Logs" in that of Lambda.
"""

from __future__ import annotations

from dataclasses import dataclass

from local.emulator.authorization.decisions import Decisions
from local.emulator.authorization.identities import CallerIdentity
from local.emulator.authorization.uses import Use


@dataclass(frozen=True, kw_only=True)
class LogStream:
    """The stream of one process, in a group."""

    group: str
    name: str
    region: str
    identity: CallerIdentity
    """As whom it is written."""
    decisions: Decisions
    makes_group: bool = False
    """Whether the group is created, too; else nothing is kept where there is none."""

    def keep(self, content: bytes) -> None:
        """Add what was printed; what the role may not write is dropped without a word."""
        from moto.core.utils import unix_time_millis
        from moto.logs.models import logs_backends

        backend = logs_backends[self.identity.account][self.region]
        lines = content.decode(errors="replace").splitlines()
        is_there = self.group in backend.groups
        if not lines or not (is_there or self.makes_group) or not self._may():
            return
        if not is_there:
            backend.create_log_group(self.group, {})
        if self.name not in backend.groups[self.group].streams:
            backend.create_log_stream(self.group, self.name)
        now = int(unix_time_millis())
        events = [{"timestamp": now, "message": line or " "} for line in lines]
        backend.put_log_events(self.group, self.name, events)

    def _may(self) -> bool:
        group = f"arn:aws:logs:{self.region}:{self.identity.account}:log-group:{self.group}"
        stream = f"{group}:log-stream:{self.name}"
        uses = [Use("logs:CreateLogStream", stream), Use("logs:PutLogEvents", stream)]
        if self.makes_group:
            uses.append(Use("logs:CreateLogGroup", group))
        return all(
            self.decisions.denial(self.identity, use, region=self.region) is None for use in uses
        )
