"""Stage: compares what the jobs have written, and writes the release."""

from __future__ import annotations

import hashlib
import logging
import time
from collections.abc import Mapping
from typing import Any, Final

from .artifacts import PackagedArtifact, put_artifact
from .claims import claim, lost_to
from .clients import RegionClients
from .errors import RegistrationError, working_on
from .events import NONE, Copy, Staging
from .objects import ObjectContent, as_json, encryption, put_new, read
from .records import find_model_package, uris_of

# Of the ten minutes of a Lambda step, this leaves most for copying.
LONGEST_WAIT_SECONDS: Final = 240
POLL_SECONDS: Final = 5

logger = logging.getLogger(__name__)


def stage(staging: Staging, clients: RegionClients) -> dict[str, str]:
    """Prove what the region needs, and put it in place.

    Returns:
        ``state``: ``staged``, ``registered`` or ``refused``; ``registered``: ARN of the model
        package of the same content, or ``none``; and the files' URIs.
    """
    files = staging.files()
    uris = {"evaluation_uri": NONE, **{name: copy.destination.uri for name, copy in files.items()}}
    if staging.is_refused:
        logger.info("The model failed its verification: nothing is copied")
        return {"state": "refused", "registered": NONE, **uris}
    found = find_or_claim(staging, clients)
    if found is not None:
        arn = found["ModelPackageArn"]
        logger.info("The same content is registered as %s", arn)
        return {"state": "registered", "registered": arn, **uris, **uris_of(found)}
    _write(staging, files, clients)
    return {"state": "staged", "registered": NONE, **uris}


def find_or_claim(staging: Staging, clients: RegionClients) -> dict[str, Any] | None:
    """Find a model package of the content, or make sure that no other execution registers it.

    Raises:
        RegistrationError: Another execution goes on for longer than this one can wait, or has taken
            the content over from this one.
    """
    deadline = time.monotonic() + LONGEST_WAIT_SECONDS
    found = _found(staging, clients)
    while found is None:
        with working_on(staging, f"claiming the content in {staging.claims.uri}"):
            standing = claim(staging, clients)
        # After the claim: so it sees whatever the execution before has registered.
        found = _found(staging, clients)
        if found is not None or standing.rival is None:
            return found
        with working_on(staging, "waiting for another execution that registers the same content"):
            if standing.is_lost:
                raise lost_to(standing.rival)
            if time.monotonic() > deadline:
                raise RegistrationError(f"{standing.rival} still runs.")
        logger.info("%s is registering the same content: waiting for it", standing.rival)
        time.sleep(POLL_SECONDS)
    return found


def _found(staging: Staging, clients: RegionClients) -> dict[str, Any] | None:
    group = staging.model_package_group_name
    with working_on(staging, f"looking for the content in the model package group {group}"):
        return find_model_package(staging, clients)


def _write(staging: Staging, files: Mapping[str, Copy], clients: RegionClients) -> None:
    """Write the release, all of which is proven before any of it is written."""
    small = {name: copy for name, copy in files.items() if name != "model_artifact_uri"}
    contents = {}
    for name, copy in small.items():
        with working_on(staging, f"reading {copy.source.uri}"):
            contents[name] = read(clients.home_s3, copy.source)
            _refuse_forgery(staging, name, copy, contents)
    packaged = _packaged(files, contents)
    artifact = files["model_artifact_uri"]
    with working_on(staging, _putting(artifact)):
        put_artifact(artifact, packaged, clients=clients, kms_key_id=staging.kms_key_id)
    for name, copy in small.items():
        with working_on(staging, _putting(copy)):
            _put(copy, contents[name], clients, staging.kms_key_id)


def _putting(copy: Copy) -> str:
    return f"putting {copy.source.uri} in place as {copy.destination.uri}"


def _packaged(files: Mapping[str, Copy], contents: Mapping[str, ObjectContent]) -> PackagedArtifact:
    name = "packaging_manifest_uri"
    return PackagedArtifact.from_manifest(as_json(files[name].source, contents[name].body))


def _put(copy: Copy, content: ObjectContent, clients: RegionClients, kms_key_id: str) -> None:
    if put_new(clients.s3, copy.destination, content, **encryption(kms_key_id)):
        return
    if read(clients.s3, copy.destination).body != content.body:
        raise RegistrationError(
            "There is such an object with another content, and what is released is never written"
            " over. A new execution has a place of its own."
        )


def _refuse_forgery(
    staging: Staging, name: str, copy: Copy, contents: Mapping[str, ObjectContent]
) -> None:
    """Compare a file that a job has written with what the pipeline knows of it.

    Raises:
        RegistrationError: It is of something else.
    """
    body = contents[name].body
    if name == "packaging_manifest_uri":
        _refuse_other_manifest(staging, as_json(copy.source, body))
    elif name == "evaluation_uri":
        _refuse_other_evaluation(staging, as_json(copy.source, body))
    elif name == "sample_payload_uri":
        _refuse_other_registration_files(staging, contents)


def _refuse_other_manifest(staging: Staging, manifest: Mapping[str, Any]) -> None:
    for member in ("sha256", "code_sha256"):
        expected = staging.artifact_sha256 if member == "sha256" else staging.code_sha256
        if manifest[member] != expected:
            raise RegistrationError(
                f"Its {member} is {manifest[member]}; Package wrote {expected}. Was it replaced?"
            )


def _refuse_other_evaluation(staging: Staging, evaluation: Mapping[str, Any]) -> None:
    verified, verdict = evaluation["artifact"]["sha256"], evaluation["verdict"]
    if verified != staging.artifact_sha256:
        raise RegistrationError(
            f"It is of an artifact with the SHA-256 {verified}; the packaged one has "
            f"{staging.artifact_sha256}."
        )
    if verdict != staging.verdict:
        raise RegistrationError(
            f"Its verdict is {verdict!r}; Verify wrote {staging.verdict!r}. Was it replaced?"
        )


def _refuse_other_registration_files(
    staging: Staging, contents: Mapping[str, ObjectContent]
) -> None:
    payload, request = contents["sample_payload_uri"], contents["registration_request_uri"]
    found = hashlib.sha256(payload.body + request.body).hexdigest()
    expected = staging.registration_folder.rpartition("/")[2]
    if not found.startswith(expected):
        raise RegistrationError(
            f"With registration.json it has the SHA-256 {found}; the deployed files have one that"
            f" starts with {expected}. Were they replaced?"
        )
