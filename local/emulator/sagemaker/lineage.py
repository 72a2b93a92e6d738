"""ML Lineage Tracking, which moto lacks: artifacts, and what they were made of.

Sources: "Amazon SageMaker AI-Created Tracking Entities" and "Manually Create Tracking Entities" in
the developer guide, and the API reference. Contexts, actions and trial components are left out.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cache, wraps
from threading import Lock
from typing import Any, Final

_CONTRIBUTED: Final = "ContributedTo"
_tracking: Final = Lock()


@dataclass(frozen=True)
class _Lineage:
    """The tracking entities of an account in a region."""

    account: str
    region: str
    artifacts: dict[str, dict[str, Any]] = field(default_factory=dict)
    """What DescribeArtifact answers, by ARN."""
    associations: dict[tuple[str, str], dict[str, Any]] = field(default_factory=dict)
    """Members of AssociationSummary, by source and destination."""

    @classmethod
    def of(cls, backend: Any) -> _Lineage:
        """Return what is kept with moto's backend of an account and a region."""
        kept: _Lineage = backend.__dict__.setdefault(
            "lineage", cls(backend.account_id, backend.region_name)
        )
        return kept

    def create(self, source_uri: str, kind: str, **members: Any) -> str:
        """Create an artifact, whose ARN is made of its source.

        Raises:
            AWSValidationException: There is one of the source or the name.
        """
        from moto.core.utils import utcnow
        from moto.sagemaker.exceptions import AWSValidationException

        digest = artifact_digest(source_uri)
        arn = f"arn:aws:sagemaker:{self.region}:{self.account}:artifact/{digest}"
        name = members.setdefault("ArtifactName", digest)
        names = {each["ArtifactName"] for each in self.artifacts.values()}
        if arn in self.artifacts or name in names:
            raise AWSValidationException(f"Artifact {name} of {source_uri} already exists.")
        times = dict.fromkeys(("CreationTime", "LastModifiedTime"), utcnow())
        self.artifacts[arn] = {
            **members,
            "ArtifactArn": arn,
            "ArtifactType": kind,
            "Source": {"SourceUri": source_uri},
            **times,
        }
        return arn

    def find(self, source_uri: str | None) -> Iterator[dict[str, Any]]:
        """List the artifacts, the newest first."""
        for artifact in reversed(list(self.artifacts.values())):
            if source_uri in (None, artifact["Source"]["SourceUri"]):
                yield artifact

    def find_or_create(self, source_uri: str, kind: str) -> str:
        """Return the one artifact of a source, as SageMaker reuses what there is."""
        for artifact in self.find(source_uri):
            return str(artifact["ArtifactArn"])
        return self.create(source_uri, kind)

    def described(self, arn: str) -> dict[str, Any]:
        """Describe an artifact.

        Raises:
            ResourceNotFound: There is none.
        """
        from moto.sagemaker.exceptions import ResourceNotFound

        if arn not in self.artifacts:
            raise ResourceNotFound(f"Artifact {arn} does not exist.")
        return self.artifacts[arn]

    def associate(self, source: str, destination: str, kind: str) -> None:
        """Associate two artifacts.

        Raises:
            AWSValidationException: They are associated.
            ResourceNotFound: There is no such artifact.
        """
        from moto.core.utils import utcnow
        from moto.sagemaker.exceptions import AWSValidationException

        ends = {"Source": self.described(source), "Destination": self.described(destination)}
        if (source, destination) in self.associations:
            raise AWSValidationException(f"{source} is associated with {destination} already.")
        self.associations[source, destination] = {
            **{f"{end}Arn": artifact["ArtifactArn"] for end, artifact in ends.items()},
            **{f"{end}Name": artifact["ArtifactName"] for end, artifact in ends.items()},
            **{f"{end}Type": artifact["ArtifactType"] for end, artifact in ends.items()},
            "AssociationType": kind,
            "CreationTime": utcnow(),
        }

    def track(self, package_arn: str, containers: Iterable[dict[str, Any]]) -> None:
        """Track a new model package, its images and its models."""
        arn = self.find_or_create(package_arn, "ModelPackage")
        for container in containers:
            for member, kind in (("Image", "Image"), ("ModelDataUrl", "Model")):
                if uri := container.get(member):
                    part = self.find_or_create(uri, kind)
                    if (part, arn) not in self.associations:
                        self.associate(part, arn, _CONTRIBUTED)


def artifact_digest(source_uri: str) -> str:
    """Return the end of an artifact's ARN: ``HashOfArtifactSource`` in IAM's reference."""
    return hashlib.sha256(source_uri.encode()).hexdigest()[:32]


@cache
def add_lineage() -> None:
    """Answer the calls on artifacts and associations, and track model packages."""
    from moto.core.responses import ActionResult
    from moto.sagemaker.exceptions import AWSValidationException
    from moto.sagemaker.responses import SageMakerResponse as Answers

    create = Answers.create_model_package

    @wraps(create)
    def create_model_package(response: Any) -> Any:
        answer = create(response)
        specification = response._get_param("InferenceSpecification") or {}
        with _tracking:
            _Lineage.of(response.sagemaker_backend).track(
                answer.result["ModelPackageArn"], specification.get("Containers", ())
            )
        return answer

    def create_artifact(response: Any) -> Any:
        names = ("ArtifactName", "Properties", "MetadataProperties")
        given = {name: response._get_param(name) for name in names}
        source = response._get_param("Source") or {}
        if "SourceUri" not in source:
            raise AWSValidationException("Source.SourceUri is missing.")
        with _tracking:
            arn = _Lineage.of(response.sagemaker_backend).create(
                source["SourceUri"],
                response._get_param("ArtifactType"),
                **{name: value for name, value in given.items() if value is not None},
            )
        return ActionResult({"ArtifactArn": arn})

    def describe_artifact(response: Any) -> Any:
        lineage = _Lineage.of(response.sagemaker_backend)
        return ActionResult(lineage.described(response._get_param("ArtifactArn")))

    def list_artifacts(response: Any) -> Any:
        found = _Lineage.of(response.sagemaker_backend).find(response._get_param("SourceUri"))
        kind = response._get_param("ArtifactType")
        listed = [each for each in found if kind in (None, each["ArtifactType"])]
        return ActionResult({"ArtifactSummaries": listed})

    def add_association(response: Any) -> Any:
        ends = {name: response._get_param(name) for name in ("SourceArn", "DestinationArn")}
        kind = response._get_param("AssociationType")
        with _tracking:
            _Lineage.of(response.sagemaker_backend).associate(
                ends["SourceArn"], ends["DestinationArn"], kind
            )
        return ActionResult(ends)

    def list_associations(response: Any) -> Any:
        asked = {
            name: value
            for name in ("SourceArn", "DestinationArn", "AssociationType")
            if (value := response._get_param(name)) is not None
        }
        listed = [
            each
            for each in list(_Lineage.of(response.sagemaker_backend).associations.values())
            if all(each[name] == value for name, value in asked.items())
        ]
        return ActionResult({"AssociationSummaries": listed})

    for answered in (
        create_model_package,
        create_artifact,
        describe_artifact,
        list_artifacts,
        add_association,
        list_associations,
    ):
        setattr(Answers, answered.__name__, answered)
