"""What can go wrong in AWS and never would here: asked for by tests, once each.

``no-capacity``: the next fleet of an endpoint gets no instances. ``rollback-fails``: the next
update that is taken back is not, so two configurations serve.
"""

from __future__ import annotations

from collections import Counter
from threading import Lock
from typing import Final

FAULTS: Final = ("no-capacity", "rollback-fails")


class EndpointFaults:
    """Which faults are to happen, by the ARN of the endpoint."""

    def __init__(self) -> None:
        """Begin with none."""
        self._asked: Counter[tuple[str, str]] = Counter()
        self._lock = Lock()

    def ask(self, endpoint_arn: str, fault: str) -> None:
        """Let a fault happen once; of :data:`FAULTS`.

        Raises:
            ValueError: There is no such fault.
        """
        if fault not in FAULTS:
            raise ValueError(f"'{fault}' is no fault of an endpoint; there are {', '.join(FAULTS)}")
        with self._lock:
            self._asked[endpoint_arn, fault] += 1

    def take(self, endpoint_arn: str, fault: str) -> bool:
        """Tell whether a fault is to happen now; it does not happen again."""
        with self._lock:
            if self._asked[endpoint_arn, fault] == 0:
                return False
            self._asked[endpoint_arn, fault] -= 1
            return True
