"""Findings of the security rule packs that are accepted, each with its reason beside the resource.

The rules are those of cdk-nag; ``tests/security/test_rule_packs.py`` applies them. Nothing but a
rule pack reads what is accepted, and telling the CDK takes a third of a pipeline's calls. So an app
tells it once it has rule packs, and not before.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Final, TypeAlias
from weakref import WeakKeyDictionary

from aws_cdk import Acknowledgment, App, Validations
from constructs import IConstruct

Reasons: TypeAlias = Mapping[str, str]

_RULE_PACKS: Final = "cdk_nag"
"""The module that has them."""
_KEPT: Final[WeakKeyDictionary[App, list[Callable[[], None]]]] = WeakKeyDictionary()
_KEEPING: Final[ContextVar[list[Callable[[], None]] | None]] = ContextVar("keeping", default=None)


def acknowledge(construct: IConstruct, reasons: Reasons | Callable[[], Reasons]) -> None:
    """Accept findings of a construct: at once, or with those that its app keeps.

    Args:
        construct: The construct; what is below it is included.
        reasons: Why each finding is accepted, by ``<rule pack>-<rule>``; or what returns it.
    """

    def tell() -> None:
        given = reasons() if callable(reasons) else reasons
        Validations.of(construct).acknowledge(
            *(
                Acknowledgment(id=f"{rule.split('-')[0]}::{rule}", reason=reason)
                for rule, reason in given.items()
            )
        )

    kept = _KEEPING.get()
    if kept is None:
        tell()
    else:
        kept.append(tell)


@contextmanager
def acknowledged_later(app: App) -> Iterator[None]:
    """Keep what is accepted meanwhile, until the app is judged."""
    token = _KEEPING.set(_KEPT.setdefault(app, []))
    try:
        yield
    finally:
        _KEEPING.reset(token)


def tell_acknowledgements(app: App) -> None:
    """Tell the CDK what is accepted in an app: call it when you add rule packs to one.

    An app that :mod:`constructs_lib.infrastructure.template_findings` synthesizes needs no call.
    """
    for tell in _KEPT.pop(app, ()):
        tell()


def tell_acknowledgements_to_rule_packs(app: App) -> None:
    """Tell it where this process has loaded rule packs, which then may judge the app."""
    if _RULE_PACKS in sys.modules:
        tell_acknowledgements(app)
