from __future__ import annotations

import re
from typing import Any

import pytest
from botocore.loaders import Loader

from constructs_lib.service_model.instances import (
    accelerator,
    has_gpu,
    has_local_storage,
    is_arm64,
)

ON_EBS = {
    *("c4", "c5", "c5n", "c6i", "c7i", "c7i-flex", "c8i", "c8i-flex"),
    *("m4", "m5", "m6i", "m7i", "m7i-flex", "m8i", "m8i-flex"),
    *("inf2", "p2", "p3", "r5", "r6i", "r7i", "r8i", "r8i-flex", "t3"),
}
WITH_LOCAL_STORAGE = {
    *("g4dn", "g5", "g6", "g6e", "g7", "g7e", "r5d", "trn1", "trn1n", "trn2"),
    *("p3dn", "p4d", "p4de", "p5", "p5e", "p5en", "p6-b200", "p6-b300", "p6e-gb200"),
}


def _families(*shape_names: str) -> set[str]:
    shapes: dict[str, Any] = Loader().load_service_model("sagemaker", "service-2")["shapes"]
    types = {value for name in shape_names for value in shapes[name]["enum"]}
    return {match[1] for value in types if (match := re.fullmatch(r"ml\.([^.]+)\.[^.]+", value))}


def test_every_family_that_runs_jobs_is_known() -> None:
    names = ("ProcessingInstanceType", "TrainingInstanceType", "TransformInstanceType")
    assert _families(*names) == ON_EBS | WITH_LOCAL_STORAGE


@pytest.mark.parametrize("family", sorted(WITH_LOCAL_STORAGE))
def test_families_with_disks_of_their_own(family: str) -> None:
    assert has_local_storage(f"ml.{family}.xlarge")


@pytest.mark.parametrize("family", sorted(ON_EBS))
def test_families_on_ebs(family: str) -> None:
    assert not has_local_storage(f"ml.{family}.xlarge")


@pytest.mark.parametrize("text", ["", "local", "${InstanceType}", "g5.xlarge"])
def test_other_texts_have_none(text: str) -> None:
    assert not has_local_storage(text)
    assert not is_arm64(text)
    assert not has_gpu(text)
    assert accelerator(text) is None


ARM64 = {
    *("c6g", "c6gd", "c6gn", "c7g", "c8g", "m6g", "m6gd", "m8g", "r6g", "r6gd", "r7gd", "r8g"),
    "p6e-gb200",
}
GPU = {
    *("g4dn", "g5", "g6", "g6e", "g7", "g7e", "p2", "p3", "p3dn", "p4d", "p4de", "p5", "p5e"),
    *("p5en", "p6-b200", "p6-b300", "p6e-gb200"),
}
ACCELERATORS = {
    "dl1": "deep learning accelerators of Intel or Qualcomm",
    "inf1": "AWS Inferentia",
    "inf2": "AWS Inferentia",
    "trn1": "AWS Trainium",
    "trn1n": "AWS Trainium",
    "trn2": "AWS Trainium",
}
KNOWN = _families("ProductionVariantInstanceType") | ON_EBS | WITH_LOCAL_STORAGE
"""Every family that serves models or runs jobs: a new one is to be looked at here."""


def test_every_family_with_processors_of_arm64_is_known_by_its_name() -> None:
    assert {family for family in KNOWN if is_arm64(f"ml.{family}.xlarge")} == ARM64
    for family in ("c9gn", "g5g", "hpc7g", "im4gn", "is4gen", "m7gd", "t4g", "x2gd"):
        assert is_arm64(f"ml.{family}.xlarge")


def test_every_family_with_gpus_is_known_by_its_name() -> None:
    assert {family for family in KNOWN if has_gpu(f"ml.{family}.xlarge")} == GPU
    assert has_gpu("ml.gr6.4xlarge")


def test_every_family_with_other_accelerators_is_known_by_its_name() -> None:
    found = {family: accelerator(f"ml.{family}.xlarge") for family in sorted(KNOWN)}

    assert {family: name for family, name in found.items() if name} == ACCELERATORS
