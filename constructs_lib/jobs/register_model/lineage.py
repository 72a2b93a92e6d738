"""Lineage: tells SageMaker what the artifact of a version was made of.

SageMaker tracks every model package by itself, whoever creates it: artifacts of the version, of its
image and of its model, and their associations ("Amazon SageMaker AI-Created Tracking Entities" in
the developer guide). It cannot know where the model came from, because this function has copied
what Package wrote: that one association is made here, in the region of the version. So who asks
QueryLineage for the ascendants of a version finds the artifact that the execution was given and,
where the pipeline trained it, the training job.

An artifact is found by its URI, of which there is only one, and SageMaker's own is taken where it
is there. Making one that is there is an error ("Manually Create Tracking Entities"), so a repeated
call changes nothing.
"""

from __future__ import annotations

import hashlib
import logging
from typing import Any, Final

from botocore.exceptions import BotoCoreError, ClientError

from .errors import code_of

_TYPE: Final = "Model"
"""As SageMaker's own artifacts of models have it."""
_REFUSED: Final = "ValidationException"
"""What SageMaker answers, among others, for what is there already."""

logger = logging.getLogger(__name__)


def trace(released_uri: str, source_uri: str, sagemaker: Any) -> None:
    """Associate a released artifact with the one that it was made of.

    The version is registered by now: what fails here is logged, and nothing else.

    Args:
        released_uri: S3 URI of the artifact that the version names.
        source_uri: S3 URI of the artifact that was packaged.
        sagemaker: A client of the version's region that gives up soon.
    """
    try:
        source, released = (_artifact(uri, sagemaker) for uri in (source_uri, released_uri))
        _associate(source, released, sagemaker)
    except (BotoCoreError, ClientError) as error:
        logger.warning("The lineage of %s lacks %s: %s", released_uri, source_uri, error)


def _artifact(uri: str, sagemaker: Any) -> str:
    """Return the ARN of the artifact of a URI, which is made where there is none."""
    found = _find(uri, sagemaker)
    if found is not None:
        return found
    try:
        created = sagemaker.create_artifact(
            # Of the URI, so that of two that are made at the same time one is refused.
            ArtifactName=f"model-{hashlib.sha256(uri.encode()).hexdigest()}",
            Source={"SourceUri": uri},
            ArtifactType=_TYPE,
        )
    except ClientError as error:
        found = _find(uri, sagemaker) if code_of(error) == _REFUSED else None
        if found is None:
            raise
        return found
    return str(created["ArtifactArn"])


def _find(uri: str, sagemaker: Any) -> str | None:
    listed = sagemaker.list_artifacts(SourceUri=uri, MaxResults=1)["ArtifactSummaries"]
    return str(listed[0]["ArtifactArn"]) if listed else None


def _associate(source: str, released: str, sagemaker: Any) -> None:
    try:
        sagemaker.add_association(
            SourceArn=source, DestinationArn=released, AssociationType="DerivedFrom"
        )
    except ClientError as error:
        if code_of(error) != _REFUSED:
            raise
        logger.info("Not associated once more: %s", error)
