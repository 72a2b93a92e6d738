"""The figures that durations are calculated with, each with its source."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

_LOGS: Final = (
    "median of ten logs of jobs that their authors published between 2019 and 2025, from 'Starting"
    " the training job' on"
)


@dataclass(frozen=True)
class Figure:
    """A number that a duration depends on."""

    what: str
    value: float
    unit: str
    source: str


JOB_START: Final = Figure(
    "start of a job, until its container runs", 170, "s", f"{_LOGS}: 94 to 228 s"
)
BILLED_START: Final = Figure(
    "of which is paid, from 'Downloading' on", 50, "s", f"{_LOGS}, without the wait for instances"
)
REQUEST_RATE: Final = Figure(
    "S3, one request at a time",
    85,
    "MB/s",
    "Amazon S3 user guide, Performance design patterns: 85 to 90 MB/s",
)
SMALL_VOLUME: Final = Figure(
    "volume of at most 170 GB",
    134,
    "MB/s",
    "Amazon EBS user guide, General Purpose SSD volumes (gp2): 128 MiB/s",
)
LARGE_VOLUME: Final = Figure(
    "larger volume", 262, "MB/s", "Amazon EBS user guide, General Purpose SSD volumes: 250 MiB/s"
)
PACKAGING: Final = Figure(
    "packaging, of the packed model", 190, "MB/s", "`make bench-packaging`, set f32, on two cores"
)
UNPACKING: Final = Figure(
    "unpacking, of the packed model", 125, "MB/s", "Python's `tarfile`, set f32, on one core here"
)
SERVER_START: Final = Figure(
    "start of the container's server",
    28,
    "s",
    "decision 0017: the first answer of Ray Serve takes 20 to 35 s here",
)
FUNCTION: Final = Figure(
    "a function without what it copies",
    3,
    "s",
    "some 15 calls at 100 to 200 ms: Amazon S3 user guide, Performance design patterns",
)
FIGURES: Final = (
    JOB_START,
    BILLED_START,
    REQUEST_RATE,
    SMALL_VOLUME,
    LARGE_VOLUME,
    PACKAGING,
    UNPACKING,
    SERVER_START,
    FUNCTION,
)

SMALL_VOLUME_GB: Final = 170
"""Up to which a volume is a small one: Amazon EBS user guide, as above."""
PART_GB: Final = 0.268
"""Part of a copy of what does not fit one: ``jobs/register_model/artifacts.py``."""
LARGEST_PART_GB: Final = 5.368
PARTS_AT_ONCE: Final = 20
NETWORK_MB_S: Final = {"large": 94, "xlarge": 156, "2xlarge": 312, "4xlarge": 625}
"""Baseline of the sizes of m5 and c5, 0.75 to 5 Gbit/s.

Source: Amazon EC2 instance types guide, "Network specifications" of both families. Other sizes and
families are taken to have that of ``4xlarge``: their volume is slower than that.
"""
