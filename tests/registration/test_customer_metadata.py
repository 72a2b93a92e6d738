from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from constructs_lib.linter import lint_request
from constructs_lib.registration.model_package import customer_metadata
from constructs_lib.registration.request import RegistrationRequestError


def metadata_of(text: str) -> object:
    return customer_metadata(identifiers={}, texts={"model_objective": text}).get("model_objective")


def test_identifiers_and_allowed_text_are_kept_exactly() -> None:
    identifiers = {"registration_request": "s3://bucket/a=b/registration.json"}
    texts = {"model_owner": "Team Größe: a/b_c.d+e-f@g"}
    assert customer_metadata(identifiers=identifiers, texts=texts) == {**identifiers, **texts}


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ('Abuse of returns, "empty box" {v2}', "Abuse of returns empty box v2"),
        ("two\nlines\t and  spaces ", "two lines and spaces"),
        ("e\u0301te\u0301", "été"),
        ("x" * 300, "x" * 253 + "..."),
        ("?!", None),
    ],
)
def test_other_characters_of_text_become_spaces(text: str, kept: str | None) -> None:
    assert metadata_of(text) == kept


@pytest.mark.parametrize("value", ["1.0.0,rc1", "", "x" * 257, "{rc1}"])
def test_an_identifier_that_cannot_be_kept_is_an_error(value: str) -> None:
    with pytest.raises(RegistrationRequestError, match="pipeline_version is '") as failure:
        customer_metadata(identifiers={"pipeline_version": value}, texts={})
    assert "1 to 256 letters, digits, spaces" in str(failure.value)


@pytest.mark.parametrize("known_later", [object(), "s3://${AssetBucketName}/${Key}"])
def test_values_of_the_deployment_and_the_run_are_passed_on(known_later: object) -> None:
    metadata = customer_metadata(identifiers={"a": known_later}, texts={})
    assert metadata == {"a": known_later}


@given(st.text())
def test_the_service_takes_whatever_is_left_of_a_text(text: str) -> None:
    metadata = customer_metadata(identifiers={"region": "NA"}, texts={"model_objective": text})
    arguments = {"ModelPackageGroupName": "group", "CustomerMetadataProperties": metadata}
    assert lint_request("CreateModelPackage", arguments) == []
