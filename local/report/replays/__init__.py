"""The page about a replay: where the answers of two versions differ, by how much, and latency."""

from __future__ import annotations

from local.report.replays.page import REPLAY_RECORD, write_replay, write_replay_report

__all__ = ["REPLAY_RECORD", "write_replay", "write_replay_report"]
