"""Try: the version's sample requests are sent to its endpoint, and compared as Verify compares."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from botocore.exceptions import ClientError

from ..common.errors import JobError
from ..register_model.objects import S3Object, read, read_json
from ..verify_model.answers.excerpts import excerpt
from ..verify_model.answers.expected import check_expected
from ..verify_model.answers.responses import ResponseError, check_response
from ..verify_model.payloads import Payload, read_payloads
from .errors import DeploymentError, place_of, working_on
from .versions import Version, target_version
from .work import Work

MOST_ANSWERS: Final = 10
EXCERPT_CHARACTERS: Final = 160
"""What the execution's history is told: a state's output has at most 256 KiB."""
_DONE: Final = 200


def try_answers(
    work: Work, target: Mapping[str, Any], prepared: Mapping[str, str]
) -> dict[str, Any]:
    """Send each sample request, and compare its answer with what is declared and expected.

    Where verification is not enforced, an answer that differs is told and changes nothing else.

    Returns:
        ``answers``: ``payload``, ``status``, ``milliseconds``, ``excerpt`` and, where it differs,
        ``problem``; of the first requests. ``tried``: how many there were.

    Raises:
        DeploymentError: The endpoint does not answer, or not as it has to.
    """
    where = place_of(target)
    with working_on(where, f"trying version {target['version']}, by {prepared['model_name']}"):
        version = target_version(work, target)
        request, payloads = samples(work, target, version)
        answers = [_ask(work, target, payload, request) for payload in payloads]
    wrong = [each for each in answers if "problem" in each]
    if wrong and work.settings["verification"] == "enforce":
        more = f" ({len(wrong)} of {len(answers)} requests)" if len(wrong) > 1 else ""
        raise DeploymentError(
            f"{where}: version {target['version']} does not answer as it did when it was verified:"
            f" {wrong[0]['payload']} {wrong[0]['problem']}{more}"
        )
    return {"answers": answers[:MOST_ANSWERS], "tried": len(answers)}


def samples(
    work: Work, target: Mapping[str, Any], version: Version
) -> tuple[Mapping[str, Any], list[Payload]]:
    """Read what is declared of a version's answers, and its sample requests.

    Raises:
        DeploymentError: The archive of requests is none.
    """
    s3 = work.clients.s3(target["aws_region"])
    uri = version.metadata["registration_request"]
    document = read_json(s3, S3Object.from_uri(uri))
    request: Mapping[str, Any] = document["regions"][target["region_code"]]["request"]
    archive = read(s3, S3Object.from_uri(version.package["SamplePayloadUrl"])).body
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "payload.tar.gz"
        path.write_bytes(archive)
        try:
            return request, read_payloads(path, request, document.get("sample_requests"))
        except JobError as error:
            raise DeploymentError(f"{place_of(target)}: {error}") from error


def send(work: Work, target: Mapping[str, Any], payload: Payload) -> tuple[bytes, str]:
    """Send a request to the endpoint of a region; return the body and the type of its answer."""
    told = work.clients.runtime(target["aws_region"]).invoke_endpoint(
        EndpointName=work.endpoint_name,
        Body=payload.body,
        ContentType=payload.content_type,
        Accept=payload.accept,
    )
    return told["Body"].read(), told.get("ContentType", "")


def _ask(
    work: Work, target: Mapping[str, Any], payload: Payload, request: Mapping[str, Any]
) -> dict[str, Any]:
    started = time.monotonic()
    try:
        body, content_type = send(work, target, payload)
        status = _DONE
        problem = _problem(body, content_type, payload, request)
    except ClientError as error:
        # The container's own answer; all else means that nothing has answered.
        if "OriginalStatusCode" not in error.response:
            raise
        status = int(error.response["OriginalStatusCode"])
        body = str(error.response.get("OriginalMessage", error)).encode()
        problem = f"is answered with status {status}"
    return {
        "payload": str(payload),
        "status": status,
        "milliseconds": round(1000 * (time.monotonic() - started)),
        "excerpt": excerpt(body)[:EXCERPT_CHARACTERS],
        **({"problem": problem} if problem else {}),
    }


def _problem(
    body: bytes, content_type: str, payload: Payload, request: Mapping[str, Any]
) -> str | None:
    variables = request["output_variables"]
    try:
        records = check_response(body, content_type, payload, variables)
        if payload.expected is not None:
            names = [name for name, _ in variables]
            check_expected(records, payload.expected, names, payload.name)
    except ResponseError as error:
        return f"{error}."
    return None
