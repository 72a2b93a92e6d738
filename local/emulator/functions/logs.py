"""What functions print, in their log group: where it exists and their role may write there."""

from __future__ import annotations

import secrets
from dataclasses import dataclass

from local.emulator.authorization.decisions import Decisions
from local.emulator.authorization.identities import CallerIdentity
from local.emulator.authorization.uses import Use


def new_stream(version: str) -> str:
    """Name the stream of a process that runs a version of a function."""
    from moto.core.utils import utcnow

    return f"{utcnow():%Y/%m/%d}/[{version}]{secrets.token_hex(16)}"


@dataclass(frozen=True)
class FunctionLog:
    """The log group of a function."""

    group: str
    region: str
    account: str

    def keep(
        self, content: bytes, stream: str, identity: CallerIdentity, decisions: Decisions
    ) -> None:
        """Add what an invocation printed to a stream; Lambda drops it without saying so."""
        from moto.core.utils import unix_time_millis
        from moto.logs.models import logs_backends

        backend = logs_backends[self.account][self.region]
        lines = content.decode(errors="replace").splitlines()
        if (
            not lines
            or self.group not in backend.groups
            or not self._may(stream, identity, decisions)
        ):
            return
        if stream not in backend.groups[self.group].streams:
            backend.create_log_stream(self.group, stream)
        now = int(unix_time_millis())
        events = [{"timestamp": now, "message": line} for line in lines]
        backend.put_log_events(self.group, stream, events)

    def _may(self, stream: str, identity: CallerIdentity, decisions: Decisions) -> bool:
        group = f"arn:aws:logs:{self.region}:{self.account}:log-group:{self.group}"
        uses = (
            Use("logs:CreateLogStream", f"{group}:log-stream:{stream}"),
            Use("logs:PutLogEvents", f"{group}:log-stream:{stream}"),
        )
        return all(decisions.denial(identity, use, region=self.region) is None for use in uses)
