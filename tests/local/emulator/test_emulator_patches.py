"""The corrections of moto."""

from __future__ import annotations

import pytest
from moto.s3.responses import S3Response
from moto.sagemaker.responses import SageMakerResponse

from local.emulator.patches import apply_patches
from local.emulator.sagemaker.lineage import add_lineage


@pytest.mark.parametrize(
    ("service", "responses", "name"),
    [
        ("s3", S3Response, "put_object"),
        ("s3", S3Response, "_key_response_post"),
        ("sagemaker", SageMakerResponse, "create_model_package"),
    ],
)
def test_moto_is_corrected_once_in_a_process(service: str, responses: type, name: str) -> None:
    apply_patches(service)
    corrected = getattr(responses, name)

    apply_patches(service)
    add_lineage()

    assert getattr(responses, name) is corrected
