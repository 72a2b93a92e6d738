"""What a resource handler is: create, update and delete one type through the service's own API."""

from __future__ import annotations

import secrets
import string
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

from botocore.exceptions import BotoCoreError, ClientError

from constructs_lib.aws.handle import AccessKey, AwsHandle
from local.emulator.clients import ONE_ATTEMPT, WAIT_FOR_FUNCTIONS
from local.emulator.cloudformation.errors import ProvisioningError

Properties = Mapping[str, Any]

_NAME_SUFFIX_LENGTH: Final = 12
_NAME_ALPHABET: Final = string.ascii_uppercase + string.digits


@dataclass(frozen=True)
class Place:
    """The account and region that a stack lives in, and where its services answer."""

    account_id: str
    region: str
    endpoint_url: str

    def client(self, service: str) -> Any:
        """Return the boto3 client of ``service``."""
        return _client(service, self.region, self.endpoint_url)


@dataclass(frozen=True)
class Context:
    """Which resource of which stack a handler works on."""

    place: Place
    stack_name: str
    stack_id: str
    logical_id: str
    resource_type: str

    @property
    def region(self) -> str:
        """The region of the stack."""
        return self.place.region

    def client(self, service: str) -> Any:
        """Return the boto3 client of ``service`` in the stack's region."""
        return self.place.client(service)

    def generated_name(self, max_length: int = 64) -> str:
        """Return a name as CloudFormation makes one: stack, logical id, random suffix."""
        suffix = "".join(secrets.choice(_NAME_ALPHABET) for _ in range(_NAME_SUFFIX_LENGTH))
        prefix = f"{self.stack_name}-{self.logical_id}"[: max_length - len(suffix) - 1]
        return f"{prefix.rstrip('-')}-{suffix}"


@dataclass(frozen=True)
class Identity:
    """What the rest of the template can see of a resource."""

    physical_id: str
    """What ``Ref`` returns."""
    attributes: Properties
    """What ``Fn::GetAtt`` returns, by attribute name."""


@dataclass(frozen=True)
class Resource:
    """A resource that exists: its identity and the properties it was last given."""

    logical_id: str
    type: str
    identity: Identity
    properties: Properties
    retained: bool
    """Whether its deletion policy keeps it when it leaves the stack."""

    @property
    def physical_id(self) -> str:
        """What ``Ref`` returns."""
        return self.identity.physical_id


@dataclass(frozen=True)
class Handler:
    """Create, update and delete of one resource type.

    A type without ``update`` has no property that can change in place: the registry's schema
    declares all of them create-only.
    """

    create: Callable[[Context, Properties], Identity]
    delete: Callable[[Context, Resource], None]
    update: Callable[[Context, Resource, Properties], Identity] | None = None
    applied: frozenset[str] | None = None
    """The properties that the handler applies; None: all that the schema knows."""


def refuse_unapplied(what: str, properties: Properties, applied: Iterable[str]) -> None:
    """Raise ``ProvisioningError`` for properties that would silently not be applied."""
    others = sorted(properties.keys() - set(applied))
    if others:
        raise ProvisioningError(
            f"The embedded AWS does not apply {', '.join(others)} of {what}; "
            f"it applies {', '.join(sorted(applied))}"
        )


@contextmanager
def undone_on_failure(delete: Callable[[], Any]) -> Iterator[None]:
    """Delete what was just created when the steps that complete it fail."""
    try:
        yield
    except (BotoCoreError, ClientError, ProvisioningError):
        delete()
        raise


def is_missing(error: ClientError) -> bool:
    """Return whether a service answered that the thing asked for does not exist."""
    code, message = error.response["Error"]["Code"], error.response["Error"]["Message"]
    words = ("NotFound", "NoSuch", "NonExistent", "404")
    return any(word in code for word in words) or "does not exist" in message


_CALLER: Final[dict[str, AccessKey]] = {}


@cache
def _client(service: str, region: str, endpoint_url: str) -> Any:
    config = ONE_ATTEMPT.merge(WAIT_FOR_FUNCTIONS)
    return AwsHandle(region, endpoint_url, _CALLER["key"]).client(service, config=config)


def act_as(key: AccessKey) -> None:
    """Set whose calls the handlers make: those of the embedded AWS itself."""
    _CALLER["key"] = key
