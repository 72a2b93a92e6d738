"""Who there is: the administrator, the emulator itself, sessions of roles and of services, users.

Source: "IAM JSON policy elements: Principal" and "Temporary security credentials" in the IAM user
guide.
"""

from __future__ import annotations

import secrets
import string
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import Enum
from typing import Any, Final

from constructs_lib.aws.handle import AccessKey

_KEY_ALPHABET: Final = string.ascii_uppercase + string.digits
_KEY_PREFIX: Final = "EMBEDDED"
"""Not AWS's: nobody, and no scanner for secrets, takes it for a key of an account."""
_KEY_LENGTH: Final = 20
"""As long as AWS's, by which moto finds a key in a request."""
_SECRET_LENGTH: Final = 40


def random_key() -> AccessKey:
    """Make a long-term key that nobody can guess."""
    length = _KEY_LENGTH - len(_KEY_PREFIX)
    key = "".join(secrets.choice(_KEY_ALPHABET) for _ in range(length))
    alphabet = string.ascii_letters + string.digits
    secret = "".join(secrets.choice(alphabet) for _ in range(_SECRET_LENGTH))
    return AccessKey(f"{_KEY_PREFIX}{key}", secret)


def administrator_arn(account: str) -> str:
    """Name the administrator, as policies and refusals do."""
    return f"arn:aws:iam::{account}:user/Administrator"


class Kind(Enum):
    """What kind of identity calls."""

    EMULATOR = "emulator"
    """The embedded AWS itself, about which nobody decides."""
    ADMINISTRATOR = "administrator"
    """People: all is allowed that no resource's policy denies."""
    ROLE = "role"
    USER = "user"
    SERVICE = "service"


@dataclass(frozen=True)
class CallOrigin:
    """Where a session's calls come from, and for which resource they are made.

    ``context`` holds the values of condition keys that follow from it.
    """

    context: Mapping[str, str] = field(default_factory=dict)
    vpc_id: str | None = None


@dataclass(frozen=True)
class CallerIdentity:
    """Who calls. ``arn`` is what a resource's policy names, of a service its principal."""

    kind: Kind
    account: str
    arn: str
    role_arn: str | None = None
    origin: CallOrigin = field(default_factory=CallOrigin)

    @property
    def is_checked(self) -> bool:
        """Whether calls are decided at all."""
        return self.kind is not Kind.EMULATOR


@dataclass(frozen=True)
class _Known:
    key: AccessKey
    identity: CallerIdentity
    expiration: datetime | None = None


class Identities:
    """Every access key that the embedded AWS takes, and whose it is."""

    def __init__(self, account: str) -> None:
        """Make the keys of the administrator and of the emulator itself."""
        self.account = account
        self.administrator, self.emulator = random_key(), random_key()
        arn = administrator_arn(account)
        self._known = {
            self.administrator.id: _Known(
                self.administrator, CallerIdentity(Kind.ADMINISTRATOR, account, arn)
            ),
            self.emulator.id: _Known(self.emulator, CallerIdentity(Kind.EMULATOR, account, arn)),
        }

    def find(self, access_key_id: str) -> tuple[AccessKey, CallerIdentity] | None:
        """Find a key and whose it is; None for one that never was, or has expired."""
        known = (
            self._known.get(access_key_id) or _assumed_role(access_key_id) or _user(access_key_id)
        )
        if known is None or _is_over(known.expiration):
            return None
        return known.key, known.identity

    def add_role_session(
        self, role_arn: str, name: str, region: str, origin: CallOrigin
    ) -> tuple[AccessKey, CallerIdentity]:
        """Open a session of a role; whether the role trusts the caller was decided before."""
        from moto.sts.models import sts_backends

        session = sts_backends[self.account]["aws"].assume_role(
            region_name=region,
            role_session_name=name,
            role_arn=role_arn,
            policy="",
            duration=3600,
            external_id="",
        )
        # The service would renew the session's credentials before they are over.
        known = replace(_of_session(session, origin), expiration=None)
        self._known[known.key.id] = known
        return known.key, known.identity

    def add_session(self, identity: CallerIdentity) -> AccessKey:
        """Make a key for an identity that has none yet."""
        key = random_key()
        self._known[key.id] = _Known(key, identity)
        return key


def _is_over(expiration: datetime | None) -> bool:
    from moto.core.utils import utcnow

    return expiration is not None and expiration < utcnow()


def _of_session(session: Any, origin: CallOrigin) -> _Known:
    identity = CallerIdentity(Kind.ROLE, session.account_id, session.arn, session.role_arn, origin)
    key = AccessKey(session.access_key_id, session.secret_access_key, session.session_token)
    return _Known(key, identity, session.expiration)


def _assumed_role(access_key_id: str) -> _Known | None:
    """Find a session that was opened through AWS STS."""
    from moto.sts.models import sts_backends

    for account in list(sts_backends.values()):
        session = account["aws"].get_assumed_role_from_access_key(access_key_id)
        if session is not None:
            return _of_session(session, CallOrigin())
    return None


def _user(access_key_id: str) -> _Known | None:
    from moto.iam.models import iam_backends

    for account in list(iam_backends.values()):
        for user in account["aws"].users.values():
            for key in user.access_keys:
                if key.access_key_id == access_key_id and key.status == "Active":
                    identity = CallerIdentity(Kind.USER, user.account_id, user.arn)
                    return _Known(AccessKey(access_key_id, key.secret_access_key), identity)
    return None
