"""How tests are spread over processes: what shares something costly stays together."""

from __future__ import annotations

from pathlib import PurePosixPath

from xdist.scheduler import LoadFileScheduling

ROOMS = ("tests/security", "tests/synth", "tests/local/runner", "tests/local/emulator")
"""Their tests share syntheses of the app, or one embedded AWS: two processes would make two."""


class RoomScheduling(LoadFileScheduling):  # type: ignore[misc]
    """Gives a process a room or a file at a time, those of most tests first."""

    def _split_scope(self, nodeid: str) -> str:
        path = PurePosixPath(nodeid.partition("::")[0])
        return next((room for room in ROOMS if path.is_relative_to(room)), str(path))
