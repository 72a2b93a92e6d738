"""The function's entry point."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from .clients import RegionClients
from .errors import RegistrationError
from .events import Registration, Staging
from .registering import register
from .staging import stage

logging.getLogger(__package__).setLevel(logging.INFO)


def handler(event: Mapping[str, Any], _context: object) -> dict[str, Any]:
    """Do the work of a pipeline step.

    Args:
        event: ``action``, and the members of :class:`Staging` or :class:`Registration`.

    Returns:
        ``statusCode`` and the step's outputs, all of the region's own.

    Raises:
        RegistrationError: The step fails, with this message as its reason.
    """
    action = event.get("action")
    outputs: dict[str, str]
    if action == "stage":
        staging = Staging.from_event(event)
        outputs = stage(staging, RegionClients.for_region(staging.aws_region))
    elif action == "register":
        registration = Registration.from_event(event)
        outputs = register(registration, RegionClients.for_region(registration.aws_region))
    else:
        raise RegistrationError(f"The action is {action!r}; allowed are 'stage' and 'register'.")
    return {"statusCode": 200, **outputs}
