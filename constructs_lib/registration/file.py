"""``registration.json``: what to register in each region, for the jobs and for people."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any, Final

from constructs_lib.regions import RegionCode
from constructs_lib.registration.model_package import model_package_template
from constructs_lib.registration.request import RegistrationRequest, RegistrationRequestError

SCHEMA_VERSION: Final = 1
"""Version of the registration file; ``jobs/register_model/`` reads the same one."""


def registration_file(
    requests: Iterable[RegistrationRequest],
    sample_requests: Mapping[str, Any] | None = None,
    serving: Mapping[str, Any] | None = None,
) -> bytes:
    """Write the requests of all regions as the canonical JSON of ``registration.json``.

    The same requests give the same bytes: CDK ships the file as an asset, named by its content.

    Args:
        requests: What to register, of each region.
        sample_requests: What Verify has to know of the user's own sample requests, if there are.
        serving: How the container is started, where it is not PyTorch's as it comes.
    """
    regions = {
        str(request.region_code): {
            "request": request.model_dump(mode="json"),
            "model_package_arguments": model_package_template(request),
        }
        for request in requests
    }
    document: dict[str, Any] = {"schema_version": SCHEMA_VERSION, "regions": regions}
    if sample_requests is not None:
        document["sample_requests"] = sample_requests
    if serving is not None:
        document["serving"] = serving
    text = json.dumps(document, sort_keys=True, indent=2, separators=(",", ": "))
    return f"{text}\n".encode("ascii")


def read_registration_file(content: bytes) -> dict[RegionCode, RegistrationRequest]:
    """Read what :func:`registration_file` wrote.

    Raises:
        RegistrationRequestError: It is not such a file, or one of another version.
    """
    try:
        document = json.loads(content)
        version = document["schema_version"]
        if version != SCHEMA_VERSION:
            raise RegistrationRequestError(
                f"The registration file has schema_version {version!r}, this app reads "
                f"{SCHEMA_VERSION}. Deploy the pipeline again with this version of the app."
            )
        requests = [
            RegistrationRequest.model_validate(region["request"])
            for region in document["regions"].values()
        ]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise RegistrationRequestError(f"Not a registration file: {error}") from error
    return {request.region: request for request in requests}
