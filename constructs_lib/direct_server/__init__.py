"""The direct server of a packaged model on this machine: its functions, called behind walls.

Verification calls the functions of a model in processes of its own job. Here those processes see
neither the user's files nor, unless they may, the network; see ``constructs_lib.confinement``.
"""

from __future__ import annotations

from constructs_lib.direct_server.calls import REQUEST_SECONDS, WalledCalls
from constructs_lib.direct_server.model import WalledModel

__all__ = ["REQUEST_SECONDS", "WalledCalls", "WalledModel"]
