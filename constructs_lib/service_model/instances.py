"""What instance types are made of, by their names: processors, accelerators, local disks.

Source of the names: Amazon EC2 Instance Types guide, "Naming conventions". The letters before the
generation are the series, those after it the processor and what else there is: ``c7gn``.
"""

from __future__ import annotations

import re
from typing import Final

_FAMILY: Final = re.compile(
    r"ml\.(?P<family>(?P<series>[a-z]+)\d+(?P<attributes>[a-z]*)(?:-(?P<option>[a-z0-9]+))?)\.\w+"
)
_GRAVITON: Final = "g"
_GRACE: Final = "gb"
"""NVIDIA's processor, beside its GPUs: ``p6e-gb200``."""
_GPU_SERIES: Final = frozenset(["g", "gr", "p"])
_ACCELERATORS: Final = {
    "dl": "deep learning accelerators of Intel or Qualcomm",
    "f": "FPGAs",
    "inf": "AWS Inferentia",
    "trn": "AWS Trainium",
    "vt": "video transcoders",
}
"""By the series."""

_STORAGE_WITHOUT_D_IN_THE_NAME: Final = frozenset(
    [
        *["dl1", "g5", "g6", "g6e", "g7", "g7e", "gr6", "i3en"],
        *["p5", "p5e", "p5en", "p6-b200", "p6-b300", "p6e-gb200", "trn1", "trn1n", "trn2"],
    ]
)


def has_local_storage(instance_type: str) -> bool:
    """Tell whether an ``ml.`` instance type stores data on disks of its own (NVMe), not on EBS.

    Such disks are encrypted in hardware, and SageMaker refuses a ``VolumeKmsKeyId`` beside such a
    type (API reference of ``ResourceConfig`` and ``ProcessingClusterConfig``). By EC2's naming
    convention a ``d`` after the generation stands for them (``g4dn``, ``p3dn``, ``r5d``); the
    accelerated and storage-optimized families of newer generations have them without it.

    A text that is no ``ml.`` instance type, such as a pipeline variable, has none.
    """
    match = _FAMILY.fullmatch(instance_type)
    if match is None:
        return False
    return "d" in match["attributes"] or match["family"] in _STORAGE_WITHOUT_D_IN_THE_NAME


def is_arm64(instance_type: str) -> bool:
    """Tell whether the processors of an ``ml.`` instance type are of arm64: Graviton or Grace."""
    match = _FAMILY.fullmatch(instance_type)
    if match is None:
        return False
    return _GRAVITON in match["attributes"] or (match["option"] or "").startswith(_GRACE)


def has_gpu(instance_type: str) -> bool:
    """Tell whether an ``ml.`` instance type has GPUs."""
    match = _FAMILY.fullmatch(instance_type)
    return match is not None and match["series"] in _GPU_SERIES


def accelerator(instance_type: str) -> str | None:
    """Name what an ``ml.`` instance type computes with that is neither CPU nor GPU, if it does."""
    match = _FAMILY.fullmatch(instance_type)
    return _ACCELERATORS.get(match["series"]) if match is not None else None
