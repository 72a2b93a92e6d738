from __future__ import annotations

import re
from typing import Any

import pytest
from botocore.loaders import Loader

from constructs_lib.service_model.instances import has_local_storage

ON_EBS = {
    *("c4", "c5", "c5n", "c6i", "c7i", "c7i-flex", "c8i", "c8i-flex"),
    *("m4", "m5", "m6i", "m7i", "m7i-flex", "m8i", "m8i-flex"),
    *("inf2", "p2", "p3", "r5", "r6i", "r7i", "r8i", "r8i-flex", "t3"),
}
WITH_LOCAL_STORAGE = {
    *("g4dn", "g5", "g6", "g6e", "g7", "g7e", "r5d", "trn1", "trn1n", "trn2"),
    *("p3dn", "p4d", "p4de", "p5", "p5e", "p5en", "p6-b200", "p6-b300", "p6e-gb200"),
}


def _families_of_jobs() -> set[str]:
    shapes: dict[str, Any] = Loader().load_service_model("sagemaker", "service-2")["shapes"]
    names = ("ProcessingInstanceType", "TrainingInstanceType", "TransformInstanceType")
    types = {value for name in names for value in shapes[name]["enum"]}
    return {match[1] for value in types if (match := re.fullmatch(r"ml\.([^.]+)\.[^.]+", value))}


def test_every_family_that_runs_jobs_is_known() -> None:
    assert _families_of_jobs() == ON_EBS | WITH_LOCAL_STORAGE


@pytest.mark.parametrize("family", sorted(WITH_LOCAL_STORAGE))
def test_families_with_disks_of_their_own(family: str) -> None:
    assert has_local_storage(f"ml.{family}.xlarge")


@pytest.mark.parametrize("family", sorted(ON_EBS))
def test_families_on_ebs(family: str) -> None:
    assert not has_local_storage(f"ml.{family}.xlarge")


@pytest.mark.parametrize("text", ["", "local", "${InstanceType}", "g5.xlarge"])
def test_other_texts_have_none(text: str) -> None:
    assert not has_local_storage(text)
