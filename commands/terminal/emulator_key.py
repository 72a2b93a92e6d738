"""The access key of a running embedded AWS: written when it starts, read by every other command."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Final

from commands.terminal import places
from commands.terminal.exit_codes import ExitCode
from constructs_lib.errors import ReleaseError

if TYPE_CHECKING:
    from pathlib import Path

    from constructs_lib.aws.handle import AccessKey

_FILE_NAME: Final = "emulator.json"
_FOR_THE_OWNER: Final = 0o600
_ID, _SECRET = "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"  # names of variables, no secrets


class EmulatorKeyError(ReleaseError):
    """Nothing tells the access key of an embedded AWS."""

    exit_code = ExitCode.AWS


def key_file() -> Path:
    """Where the running embedded AWS's URL and key are."""
    return places.STATE / _FILE_NAME


def write_key(endpoint_url: str, key: AccessKey) -> None:
    """Write where an embedded AWS answers, and its administrator's key, for the owner only."""
    path = key_file()
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)  # an earlier file keeps its mode
    document = {"endpoint": endpoint_url, "access_key_id": key.id, "secret_access_key": key.secret}
    with os.fdopen(
        os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _FOR_THE_OWNER), "w"
    ) as file:
        json.dump(document, file, indent=1)


def read_key(endpoint_url: str) -> AccessKey:
    """Find the key of the embedded AWS at a URL: in the environment, or where it was started.

    Raises:
        EmulatorKeyError: Neither tells it; says how to start one.
    """
    from constructs_lib.aws.handle import AccessKey

    if os.environ.get("AWS_ENDPOINT_URL") == endpoint_url and os.environ.get(_ID):
        return AccessKey(os.environ[_ID], os.environ.get(_SECRET, ""))
    document = _written()
    if document.get("endpoint") != endpoint_url:
        raise EmulatorKeyError(
            f"No embedded AWS answers at {endpoint_url}: {_what_runs(document.get('endpoint'))}."
            " Start one in another shell: release emulator. For one that was started in another"
            " folder, set the variables that it printed."
        )
    return AccessKey(document["access_key_id"], document["secret_access_key"])


def _what_runs(endpoint: str | None) -> str:
    if endpoint is None:
        return "none was started in this folder"
    return f"the one that was started in this folder is at {endpoint}"


def _written() -> dict[str, str]:
    """Read the key file; empty when it is missing or not as :func:`write_key` leaves it."""
    try:
        document = json.loads(key_file().read_text())
    except (OSError, ValueError):
        return {}
    known = ("endpoint", "access_key_id", "secret_access_key")
    whole = isinstance(document, dict) and all(isinstance(document.get(key), str) for key in known)
    return document if whole else {}
