"""Ask: the version's sample requests are sent while it bakes, so that its alarms have data."""

from __future__ import annotations

import itertools
import logging
import math
import time
from collections.abc import Mapping
from typing import Any, Final

from ..endpoints import endpoint_state
from ..errors import FAILURES, DeploymentError, place_of
from ..trying import samples, send
from ..versions import target_version
from ..work import Work

_LONGEST_SECONDS: Final = 45.0
"""Of a call: what it cannot send in that time it does not send."""

logger = logging.getLogger(__name__)


def ask(
    work: Work, target: Mapping[str, Any], prepared: Mapping[str, str], turn_seconds: int
) -> dict[str, Any]:
    """Send the requests of one turn, one after the other, if the endpoint bakes.

    What comes of them is the alarms' to judge: nothing fails here.

    Args:
        work: What to work with.
        target: The region.
        prepared: What Prepare made.
        turn_seconds: How often this is called.

    Returns:
        ``requests``: how many were sent; ``failed``: how many of them were not answered well.
    """
    try:
        state = endpoint_state(work, target)
        if state is None or not (state.is_baking or state.serves(prepared["endpoint_config_name"])):
            return {"requests": 0, "failed": 0}
        _, payloads = samples(work, target, target_version(work, target))
    except (DeploymentError, *FAILURES) as error:
        logger.warning("%s: no sample requests are sent: %s", place_of(target), error)
        return {"requests": 0, "failed": 0}
    wanted = math.ceil(work.settings["bake_traffic_per_minute"] * turn_seconds / 60)
    end, sent, failed = time.monotonic() + _LONGEST_SECONDS, 0, 0
    for payload in itertools.islice(itertools.cycle(payloads), wanted):
        if time.monotonic() > end:
            break
        sent += 1
        try:
            send(work, target, payload)
        except FAILURES as error:
            failed += 1
            logger.warning("%s: a sample request has failed: %s", place_of(target), error)
    return {"requests": sent, "failed": failed}
