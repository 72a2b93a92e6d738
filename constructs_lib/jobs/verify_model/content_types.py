"""The content types that the serving toolkit knows."""

from __future__ import annotations

CSV, JSON, NPY = "text/csv", "application/json", "application/x-npy"
TEXT_TYPES = (JSON, CSV)
