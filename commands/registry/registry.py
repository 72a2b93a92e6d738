"""The model packages of a pipeline, in every region that it registers in."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from itertools import groupby
from typing import Any, Final

from commands.terminal import places
from commands.terminal.aws import (
    Aws,
    AwsCallError,
    UnknownNameError,
    calls,
    read_definition,
    read_s3_object,
)
from commands.terminal.messages import tell
from constructs_lib.aws.registry import (
    ListedVersion,
    ModelPackage,
    describe_version,
    listed_versions,
    registration_places,
)
from constructs_lib.s3_layout import bucket_and_key
from constructs_lib.terminal.side_by_side import side_by_side

_MEDIAN: Final = "latency_p50_in_millisecond"
_READERS: Final = 8
_SHORT_SPAN: Final = 3


def groups(definition: dict[str, Any], home_region: str) -> dict[str, str]:
    """Return the model package group by the AWS region that a pipeline registers in."""
    found = registration_places(definition, home_region)
    return {place.region: place.group for place in found}


def packages(
    aws: Aws, pipeline: str, region: str | None, *, limit: int, versions: Iterable[int] = ()
) -> list[ModelPackage]:
    """Read versions of every region, or of one, newest first.

    Args:
        aws: Where the pipeline is deployed.
        pipeline: Its name.
        region: AWS region to look at; None is all.
        limit: So many versions per region, unless ``versions`` chooses.
        versions: The versions to read.

    Raises:
        UnknownNameError: There is no such pipeline, it does not register in the region, or no
            region has one of the versions.
        AwsCallError: AWS refused.
    """
    definition = definition_of(aws, pipeline)
    refuse_region(pipeline, region, groups(definition, aws.home_region))
    return versions_of(aws, definition, region, limit=limit, versions=versions)


def definition_of(aws: Aws, pipeline: str) -> dict[str, Any]:
    """Read the definition of a deployed pipeline, whose versions are to be read.

    Raises:
        UnknownNameError: There is no such pipeline in the region.
        AwsCallError: AWS refused.
    """
    try:
        return read_definition(aws, pipeline)
    except UnknownNameError as error:
        if aws.home_region == places.read_settings().home_region:
            raise
        raise UnknownNameError(
            f"{error} --region is where the pipeline itself is. For its versions that are"
            f" registered in {aws.home_region} only, give --in-region {aws.home_region} instead."
        ) from error


def refuse_region(pipeline: str, region: str | None, known: Iterable[str]) -> None:
    """Refuse a region, if one was chosen, that has no versions of a pipeline.

    Raises:
        UnknownNameError: Names those that have.
    """
    if region is not None and region not in known:
        raise UnknownNameError(
            f"{pipeline} does not register in {region}; it does in {', '.join(known)}."
        )


def versions_of(
    aws: Aws,
    definition: dict[str, Any],
    region: str | None = None,
    *,
    limit: int,
    versions: Iterable[int] = (),
) -> list[ModelPackage]:
    """Read versions as :func:`packages` does, of a definition that was read already."""
    wanted = set(versions)
    by_region = {
        each: (aws.client("sagemaker", each), group)
        for each, group in sorted(groups(definition, aws.home_region).items())
        if region in (None, each)
    }
    listing = [partial(_list, *place, limit, wanted) for place in by_region.values()]
    listed = side_by_side("Listing versions", listing)
    refuse_unknown(wanted, {each.version for found in listed for each in found})
    describing = [
        partial(describe, client, each.arn)
        for (client, _), found in zip(by_region.values(), listed, strict=True)
        for each in found
        if not wanted or each.version in wanted
    ]
    return side_by_side("Reading versions", describing)


def _list(sagemaker: Any, group: str, limit: int, wanted: set[int]) -> list[ListedVersion]:
    """List the newest, or until all that are wanted were seen."""
    seen: list[ListedVersion] = []
    missing = set(wanted)
    for each in list_versions(sagemaker, group):
        seen.append(each)
        missing.discard(each.version)
        if not missing if wanted else len(seen) == limit:
            break
    return seen


def list_versions(sagemaker: Any, group: str) -> Iterator[ListedVersion]:
    """Yield the versions of a group, the newest first; lists as many as are taken.

    Raises:
        AwsCallError: AWS refused.
    """
    with calls(f"Cannot list the packages of {group} in {sagemaker.meta.region_name}"):
        yield from listed_versions(sagemaker, group)


def version_of_number(sagemaker: Any, group: str, number: int) -> ModelPackage:
    """Find a version of a group by its number.

    Raises:
        UnknownNameError: There is none of that number; names those there are.
        AwsCallError: AWS refused.
    """
    seen = {}
    for each in list_versions(sagemaker, group):
        seen[each.version] = each.arn
        if each.version == number:
            break
    refuse_unknown({number}, set(seen))
    return describe(sagemaker, seen[number])


def version_of_content(
    sagemaker: Any, listed: Iterable[ListedVersion], content: str | None, number: int | None
) -> ModelPackage | None:
    """Find a version by its content; most regions have it under the same number.

    Args:
        sagemaker: A client of the region.
        listed: The versions of its group.
        content: SHA-256 of the artifact.
        number: That of the same version in another region.

    Raises:
        AwsCallError: AWS refused.
    """
    # The same number first: sorting leaves the others in their order.
    for each in sorted(listed, key=lambda each: each.version != number):
        package = describe(sagemaker, each.arn)
        if package.artifact_sha256 == content:
            return package
    return None


def refuse_unknown(wanted: set[int], known: set[int]) -> None:
    """Refuse a version that no region has.

    Raises:
        UnknownNameError: Names it, and those there are.
    """
    for version in sorted(wanted - known):
        raise UnknownNameError(
            f"Nothing is registered as version {version}."
            f" There are: {_spans(sorted(known)) or 'none'}."
        )


def _spans(versions: list[int]) -> str:
    """Write versions in order: ``1, 2``, or ``1 to 998, 1000``."""
    # What follows without a gap has the same difference to its place.
    spans = [
        [version for _, version in span]
        for _, span in groupby(enumerate(versions), lambda each: each[1] - each[0])
    ]
    return ", ".join(
        f"{span[0]} to {span[-1]}" if len(span) > _SHORT_SPAN else ", ".join(map(str, span))
        for span in spans
    )


def describe(sagemaker: Any, arn: str) -> ModelPackage:
    """Read a version.

    Raises:
        AwsCallError: AWS refused.
    """
    with calls(f"Cannot read {arn}"):
        return describe_version(sagemaker, arn)


def with_medians(aws: Aws, found: list[ModelPackage]) -> list[ModelPackage]:
    """Add the median latency, which only ``evaluation.json`` tells; without it if unreadable.

    The regions hold copies of one file under one key, so each release's is read once.
    """
    uris = {_key(each): (each.region, each.evaluation_uri) for each in found if each.evaluation_uri}
    clients = {region: aws.client("s3", region) for region in {each for each, _ in uris.values()}}
    medians = {}
    with ThreadPoolExecutor(_READERS) as pool:
        reading = {
            key: pool.submit(read_s3_object, clients[region], uri)
            for key, (region, uri) in uris.items()
        }
        for key, content in reading.items():
            try:
                medians[key] = _median(json.loads(content.result()))
            except (AwsCallError, ValueError) as error:
                tell("warning", f"a p50 is missing: {error}")
    return [
        replace(each, measured={_MEDIAN: median, **each.measured})
        if (median := medians.get(_key(each))) is not None
        else each
        for each in found
    ]


def _key(package: ModelPackage) -> str:
    return bucket_and_key(package.evaluation_uri or "")[1]


def _median(evaluation: Any) -> float | None:
    load = evaluation.get("load") if isinstance(evaluation, dict) else None
    median: float | None = (load or {}).get("latency_in_millisecond", {}).get("p50")
    return median


def set_approval(aws: Aws, package: ModelPackage, status: str, comment: str | None) -> None:
    """Approve or reject a version.

    Raises:
        AwsCallError: AWS refused.
    """
    request: dict[str, Any] = {"ModelPackageArn": package.arn, "ModelApprovalStatus": status}
    if comment:
        request["ApprovalDescription"] = comment
    if aws.is_embedded and package.metadata:
        # The embedded AWS forgets the metadata that an update does not repeat.
        request["CustomerMetadataProperties"] = package.metadata
    with calls(f"Cannot update {package.arn}"):
        aws.client("sagemaker", package.region).update_model_package(**request)
