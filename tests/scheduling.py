"""How tests are spread over processes: what shares something costly stays together."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import Any

from xdist.scheduler import LoadFileScheduling

ROOMS = (
    ("tests/security", "tests/synth"),
    ("tests/local/runner",),
    ("tests/local/emulator",),
    ("tests/house",),
)
"""Folders whose tests share CDK's Node process and syntheses of the app, one embedded AWS, or what
was read of each file of code: two processes would make two."""

LONG = (
    "tests/test_pipelines_of_ones_own.py",
    "tests/jobs/test_verify_over_http.py",
    "tests/command_line/test_move_command.py",
    "tests/configs/test_config_robustness.py",
    "tests/configs/test_config_saving.py",
    "tests/hostile/test_hostile_documents.py",
    "tests/hostile/test_hostile_events.py",
    "tests/linter/test_lint_robustness.py",
    "tests/command_line/test_make_torch.py",
    "tests/deployment/test_earlier_workflow.py",
    "tests/deployment/test_scaled_endpoints.py",
    "tests/deployment/test_standing_alarms.py",
    "tests/jobs/test_package_model_properties.py",
    "tests/local/test_bootstrapping.py",
    "tests/payloads/test_own_samples_answered.py",
)
"""Few tests that take long: begun last, one process would wait for the other to end them."""


class RoomScheduling(LoadFileScheduling):  # type: ignore[misc]
    """Gives a process a room or a file at a time: the long ones first, then those of most tests."""

    def _split_scope(self, nodeid: str) -> str:
        path = PurePosixPath(nodeid.partition("::")[0])
        rooms = (room for room in ROOMS if any(path.is_relative_to(folder) for folder in room))
        return " ".join(next(rooms, (str(path),)))

    def _assign_work_unit(self, node: Any) -> None:
        for scope in reversed(LONG):
            if scope in self.workqueue:
                self.workqueue.move_to_end(scope, last=False)
        super()._assign_work_unit(node)
