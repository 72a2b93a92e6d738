"""What a version was made of, told to SageMaker, and never at the cost of a registration."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from botocore.exceptions import ClientError, ReadTimeoutError

from constructs_lib.jobs.register_model import handler, lineage
from constructs_lib.jobs.register_model.clients import LINEAGE_CONFIG, RegionClients
from tests.registration.region import BUCKET, Aws


def _edges(aws: Aws) -> set[tuple[str, str, str]]:
    """Return the associations of the region, with the URIs of their ends."""
    uris = {
        each["ArtifactArn"]: each["Source"]["SourceUri"]
        for each in aws.registry.list_artifacts()["ArtifactSummaries"]
    }
    return {
        (uris[each["SourceArn"]], each["AssociationType"], uris[each["DestinationArn"]])
        for each in aws.registry.list_associations()["AssociationSummaries"]
    }


def test_a_version_leads_to_what_its_artifact_was_made_of(
    event: dict[str, str], registration: dict[str, str], aws: Aws, staged: dict[str, str]
) -> None:
    handler(event, None)
    arn = handler(registration, None)["model_package_arn"]

    released = f"s3://{BUCKET}/{staged['model_artifact_uri']}"
    assert (registration["source_model_artifact_uri"], "DerivedFrom", released) in _edges(aws)
    assert (released, "ContributedTo", arn) in _edges(aws)
    made = aws.registry.list_artifacts(SourceUri=released)["ArtifactSummaries"]
    assert len(made) == 1  # SageMaker's own


def test_registering_again_traces_nothing_anew(
    event: dict[str, str], registration: dict[str, str], aws: Aws
) -> None:
    handler(event, None)
    handler(registration, None)
    before, artifacts = _edges(aws), aws.registry.list_artifacts()["ArtifactSummaries"]

    handler(registration, None)

    assert _edges(aws) == before
    assert aws.registry.list_artifacts()["ArtifactSummaries"] == artifacts


def test_a_version_whose_function_died_before_tracing_is_traced_by_the_next(
    event: dict[str, str],
    registration: dict[str, str],
    aws: Aws,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    handler(event, None)
    with monkeypatch.context() as dying:
        dying.setattr(f"{lineage.__package__}.registering.trace", _die)
        with pytest.raises(KeyboardInterrupt):
            handler(registration, None)
    assert "DerivedFrom" not in {kind for _, kind, _ in _edges(aws)}

    handler(registration, None)

    assert "DerivedFrom" in {kind for _, kind, _ in _edges(aws)}


def _die(*_: object) -> None:
    raise KeyboardInterrupt


FAILURES: Mapping[str, Exception] = {
    "denied": ClientError({"Error": {"Code": "AccessDeniedException"}}, "any"),
    "too many": ClientError({"Error": {"Code": "ResourceLimitExceeded"}}, "any"),
    "invalid": ClientError({"Error": {"Code": "ValidationException"}}, "any"),
    "no answer": ReadTimeoutError(endpoint_url="https://sagemaker"),
}


class Failing:
    """SageMaker, with one operation that fails."""

    def __init__(self, registry: Any, operation: str, failure: Exception) -> None:
        self._registry, self._operation, self._failure = registry, operation, failure

    def __getattr__(self, operation: str) -> Any:
        return self._fail if operation == self._operation else getattr(self._registry, operation)

    def _fail(self, **_: Any) -> None:
        raise self._failure


@pytest.mark.parametrize("operation", ["list_artifacts", "create_artifact", "add_association"])
@pytest.mark.parametrize("failure", FAILURES)
def test_what_fails_is_told_and_nothing_else(
    operation: str, failure: str, aws: Aws, caplog: pytest.LogCaptureFixture
) -> None:
    failing = Failing(aws.registry, operation, FAILURES[failure])

    with caplog.at_level(logging.INFO):
        lineage.trace("s3://released/model.tar.gz", "s3://given/model.tar.gz", failing)

    is_there = (operation, failure) == ("add_association", "invalid")
    told = "Not associated once more" if is_there else "The lineage of s3://released/model.tar.gz"
    assert told in caplog.text
    assert "DerivedFrom" not in {kind for _, kind, _ in _edges(aws)}


def test_a_registration_is_done_whatever_becomes_of_its_lineage(
    event: dict[str, str], registration: dict[str, str], aws: Aws, monkeypatch: pytest.MonkeyPatch
) -> None:
    for_region = RegionClients.for_region

    def clients(aws_region: str) -> RegionClients:
        made = for_region(aws_region)
        return replace(made, lineage=Failing(made.lineage, "list_artifacts", FAILURES["denied"]))

    monkeypatch.setattr(RegionClients, "for_region", clients)
    handler(event, None)
    arn = handler(registration, None)["model_package_arn"]

    assert [each["ModelPackageArn"] for each in aws.registered()] == [arn]


def test_an_artifact_that_is_made_meanwhile_is_taken(aws: Aws) -> None:
    uri = "s3://models/model.tar.gz"

    class Overtaken:
        """Lists nothing until it has been asked to create."""

        looks = 0

        def list_artifacts(self, **arguments: Any) -> Any:
            self.looks += 1
            if self.looks == 1:
                return {"ArtifactSummaries": []}
            return aws.registry.list_artifacts(**arguments)

        def create_artifact(self, **arguments: Any) -> Any:
            aws.registry.create_artifact(**arguments)
            return aws.registry.create_artifact(**arguments)

    arn = lineage._artifact(uri, Overtaken())

    (made,) = aws.registry.list_artifacts(SourceUri=uri)["ArtifactSummaries"]
    assert arn == made["ArtifactArn"]


def test_tracing_gives_up_long_before_a_step_does() -> None:
    # SageMaker Pipelines gives a Lambda step ten minutes.
    longest = LINEAGE_CONFIG.connect_timeout + LINEAGE_CONFIG.read_timeout
    assert longest * LINEAGE_CONFIG.retries["total_max_attempts"] <= 60
