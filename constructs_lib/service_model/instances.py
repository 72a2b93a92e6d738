"""What instance types have beside CPU and memory."""

from __future__ import annotations

import re
from typing import Final

_FAMILY: Final = re.compile(r"ml\.(?P<family>[a-z]+\d+(?P<attributes>[a-z]*)(?:-[a-z0-9]+)?)\.\w+")

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
