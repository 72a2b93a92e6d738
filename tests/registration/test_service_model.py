from __future__ import annotations

import pytest
from botocore.loaders import Loader

from constructs_lib.service_model import matches_pattern


@pytest.mark.parametrize(
    ("text", "is_allowed"),
    [
        ("Détection 数据 42/7_a.b:c=d+e-f@g", True),
        ("a,b", False),
        ('"quoted"', False),
        ("{braces}", False),
        ("e\u0301 in two", False),
        ("tab\t", False),
        ("\u00bd\u2028", True),
    ],
)
def test_unicode_categories_of_patterns_are_understood(text: str, is_allowed: bool) -> None:
    assert matches_pattern("CustomerMetadataValue", text) is is_allowed


def test_every_pattern_of_the_service_model_can_be_checked() -> None:
    shapes = Loader().load_service_model("sagemaker", "service-2")["shapes"]
    with_pattern = [name for name, shape in shapes.items() if "pattern" in shape]
    assert len(with_pattern) > 200
    for name in with_pattern:
        matches_pattern(name, "any text")


_ARN = "arn:aws:sagemaker:us-east-1:123456789012:model-package/returns-risk/1"
