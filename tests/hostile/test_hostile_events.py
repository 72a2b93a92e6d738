"""Events of any shape: the functions say in words what they expect."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from constructs_lib.jobs import load_test, register_model, start_release

SCALARS = st.none() | st.booleans() | st.integers() | st.text(max_size=12)
JSON = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=8,
)
MEMBERS = st.sampled_from(
    ["aws_region", "artifact_sha256", "destination_bucket", "model_artifact_uri", "region_code"]
)
STEP_EVENTS = st.fixed_dictionaries(
    {"action": st.sampled_from(["stage", "register", "delete", ""]) | JSON}
).flatmap(
    lambda event: st.dictionaries(MEMBERS | st.text(max_size=8), JSON, max_size=4).map(
        lambda members: {**members, **event}
    )
)
UPLOADS = st.fixed_dictionaries(
    {},
    optional={
        "time": JSON | st.just("2026-11-02T08:00:00Z"),
        "detail": JSON
        | st.fixed_dictionaries(
            {},
            optional={
                "bucket": JSON | st.just({"name": "models"}),
                "object": JSON | st.just({"key": "incoming/model.tar.gz"}),
            },
        ),
    },
)


@settings(deadline=None, max_examples=200)
@given(event=STEP_EVENTS)
def test_a_step_that_passes_too_little_is_told_what_is_missing(event: dict[str, Any]) -> None:
    with pytest.raises(register_model.RegistrationError, match=r"action|no value for"):
        register_model.handler(event, None)


@settings(deadline=None, max_examples=200)
@given(event=UPLOADS)
def test_an_event_that_is_no_upload_is_told_as_such(event: dict[str, Any]) -> None:
    with pytest.raises(start_release.UnknownEventError, match="Object Created"):
        start_release.Upload.from_event(event)


@settings(deadline=None, max_examples=100)
@given(action=JSON, package=st.sampled_from(["", None]))
def test_a_load_test_of_nothing_is_refused(action: Any, package: str | None) -> None:
    event = {"action": action, "model_package_arn": package}

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("boto3.client", lambda *_, **__: None)
        with pytest.raises(load_test.LoadTestError, match="model_package_arn"):
            load_test.handler(event, None)
