"""Sessions that services open: of a role that trusts them, or of themselves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from constructs_lib.aws.handle import AccessKey
from local.emulator.authorization.decisions import Decisions
from local.emulator.authorization.identities import (
    CallerIdentity,
    CallOrigin,
    Identities,
    Kind,
)
from local.emulator.authorization.policies import vpc_of
from local.emulator.authorization.uses import Use


class NotTrustedError(Exception):
    """A role does not trust the service that would assume it."""


@dataclass(frozen=True, kw_only=True)
class ServiceCaller:
    """A service principal, and for which resource it acts."""

    service: str
    """Such as ``sagemaker.amazonaws.com``."""
    region: str
    source_arn: str | None = None

    def identity(self, account: str) -> CallerIdentity:
        """Who policies see."""
        context = {"aws:SourceAccount": account}
        if self.source_arn is not None:
            context["aws:SourceArn"] = self.source_arn
        return CallerIdentity(Kind.SERVICE, account, self.service, origin=CallOrigin(context))


@dataclass(frozen=True)
class Sessions:
    """Opens sessions; whether a role trusts a service is decided by its trust policy."""

    identities: Identities
    decisions: Decisions
    _of_services: dict[ServiceCaller, AccessKey] = field(default_factory=dict, init=False)

    def of_role(
        self, role_arn: str, caller: ServiceCaller, name: str, subnet_ids: Sequence[str] = ()
    ) -> tuple[AccessKey, CallerIdentity]:
        """Let a service assume a role.

        Args:
            role_arn: The role.
            caller: Who assumes it.
            name: Name of the session.
            subnet_ids: Where its calls come from, for a job or function in a VPC.

        Raises:
            NotTrustedError: The role does not trust the service, or does not exist.
        """
        self.require_trust(role_arn, caller)
        account = self.identities.account
        vpc_id = vpc_of(list(subnet_ids), caller.region, account) if subnet_ids else None
        return self.identities.add_role_session(
            role_arn, name, caller.region, CallOrigin(vpc_id=vpc_id)
        )

    def require_trust(self, role_arn: str, caller: ServiceCaller) -> None:
        """Refuse a service that could not assume a role now.

        Raises:
            NotTrustedError: The role does not trust the service, or does not exist.
        """
        identity = caller.identity(self.identities.account)
        use = Use("sts:AssumeRole", role_arn)
        denial = self.decisions.denial(identity, use, region=caller.region)
        if denial is not None:
            raise NotTrustedError(denial.message)

    def of_service(self, caller: ServiceCaller) -> AccessKey:
        """Let a service call by itself: resource policies decide."""
        if caller not in self._of_services:
            identity = caller.identity(self.identities.account)
            self._of_services[caller] = self.identities.add_session(identity)
        return self._of_services[caller]
