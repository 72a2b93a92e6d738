"""ML Lineage Tracking on the embedded AWS: what SageMaker makes by itself, and what one may add."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError

from local.emulator import EmbeddedAws

IMAGE = "763104351884.dkr.ecr.us-east-1.amazonaws.com/pytorch-inference:2.1.0"


def _made_of(sagemaker: Any, uri: str) -> set[tuple[str, str, str]]:
    """Return type, kind of association and URI of what a URI's artifact was made of."""
    (artifact,) = sagemaker.list_artifacts(SourceUri=uri)["ArtifactSummaries"]
    listed = sagemaker.list_associations(DestinationArn=artifact["ArtifactArn"])
    return {
        (
            each["SourceType"],
            each["AssociationType"],
            sagemaker.describe_artifact(ArtifactArn=each["SourceArn"])["Source"]["SourceUri"],
        )
        for each in listed["AssociationSummaries"]
    }


def _package(sagemaker: Any, name: str, model: str) -> str:
    container = {"Image": IMAGE, "ModelDataUrl": model}
    types = {"SupportedContentTypes": ["text/csv"], "SupportedResponseMIMETypes": ["text/csv"]}
    arn: str = sagemaker.create_model_package(
        ModelPackageName=name, InferenceSpecification={"Containers": [container], **types}
    )["ModelPackageArn"]
    return arn


def _artifact(sagemaker: Any, uri: str, **members: Any) -> str:
    arn: str = sagemaker.create_artifact(
        Source={"SourceUri": uri}, ArtifactType="Model", **members
    )["ArtifactArn"]
    return arn


def test_a_model_package_is_tracked_with_its_image_and_its_model(aws: EmbeddedAws) -> None:
    sagemaker = aws.client("sagemaker")
    first, second = (_package(sagemaker, f"tracked-{n}", "s3://b/tracked.tar.gz") for n in "12")

    for arn in (first, second):
        assert _made_of(sagemaker, arn) == {
            ("Image", "ContributedTo", IMAGE),
            ("Model", "ContributedTo", "s3://b/tracked.tar.gz"),
        }
    found = sagemaker.list_artifacts(SourceUri="s3://b/tracked.tar.gz", ArtifactType="Model")
    assert len(found["ArtifactSummaries"]) == 1


def test_artifacts_can_be_associated_once(aws: EmbeddedAws) -> None:
    sagemaker = aws.client("sagemaker")
    ends = {
        "SourceArn": _artifact(sagemaker, "s3://b/given.tar.gz"),
        "DestinationArn": _artifact(sagemaker, "s3://b/made.tar.gz"),
    }
    sagemaker.add_association(**ends, AssociationType="DerivedFrom")

    assert _made_of(sagemaker, "s3://b/made.tar.gz") == {
        ("Model", "DerivedFrom", "s3://b/given.tar.gz")
    }
    with pytest.raises(ClientError, match="already") as refused:
        sagemaker.add_association(**ends, AssociationType="DerivedFrom")
    assert refused.value.response["Error"]["Code"] == "ValidationException"


def test_there_is_one_artifact_of_a_source_and_of_a_name(aws: EmbeddedAws) -> None:
    sagemaker = aws.client("sagemaker")
    _artifact(sagemaker, "s3://b/only.tar.gz", ArtifactName="only")

    for uri, name in (("s3://b/only.tar.gz", "another"), ("s3://b/another.tar.gz", "only")):
        with pytest.raises(ClientError, match="already exists"):
            _artifact(sagemaker, uri, ArtifactName=name)


def test_what_is_not_there_is_not_found(aws: EmbeddedAws) -> None:
    sagemaker = aws.client("sagemaker")
    arn = _artifact(sagemaker, "s3://b/there.tar.gz")

    for missing in ({"SourceArn": f"{arn}0"}, {"DestinationArn": f"{arn}0"}):
        ends = {"SourceArn": arn, "DestinationArn": arn, **missing}
        with pytest.raises(ClientError) as refused:
            sagemaker.add_association(**ends)
        assert refused.value.response["Error"]["Code"] == "ResourceNotFound"
