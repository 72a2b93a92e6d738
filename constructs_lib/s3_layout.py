"""Where everything lies in the artifact buckets: every key and prefix.

    incoming/<pipeline>/<digest>-<name>                         a model that a command uploads
    incoming/<pipeline>/.../model.tar.gz                        one that may start an execution
    tmp/<pipeline>/<execution>/<step>/                          what a job writes; it expires
    <pipeline>/releases/<execution>/                            what an execution releases:
        model.tar.gz, manifest.json, evaluation.json
    <pipeline>/releases/claims/<group>/<digest>/<number>        who may register this content
    <pipeline>/releases/registered/<group>/<region>/<digest>/   where this content is registered
    <pipeline>/registration/<digest>/                           what is known before any execution:
        payload.tar.gz, registration.json
    <pipeline>/captured/<endpoint>/                             requests and answers that are kept

The buckets of the other regions hold releases and registration under the same keys. Nothing of
these two is ever written over: see :data:`WRITTEN_ONCE`.
"""

from __future__ import annotations

import re
from typing import Final

RESERVED_PREFIXES: Final = ("incoming", "tmp")
"""Prefixes of the artifact bucket that no pipeline has: for uploaded models and expiring files."""
INCOMING, TEMPORARY = RESERVED_PREFIXES

_RELEASES: Final = "releases"
_REGISTRATION: Final = "registration"
_CAPTURED: Final = "captured"
RESERVED_NAMES: Final = (*RESERVED_PREFIXES, _RELEASES, _REGISTRATION)
"""Names that no pipeline has: they would be taken for the folders."""
WRITTEN_ONCE: Final = (f"*/{_RELEASES}/*", f"*/{_REGISTRATION}/*")
"""Patterns of the keys that are written where there is none, of every pipeline."""

MODEL: Final = "model.tar.gz"
MANIFEST: Final = "manifest.json"
EVALUATION: Final = "evaluation.json"
SAMPLE_PAYLOAD: Final = "payload.tar.gz"
REGISTRATION_REQUEST: Final = "registration.json"
_FILE: Final = re.compile(r"\.[A-Za-z]\w*$")
"""How the name of a file ends, unlike that of a folder such as ``1.0.0``."""


def incoming_prefix(pipeline_name: str) -> str:
    """Return the prefix of the models that are given to a pipeline."""
    return f"{INCOMING}/{pipeline_name}"


def incoming_key(pipeline_name: str, digest: str, file_name: str) -> str:
    """Return the key of a model that is given to an execution, which names its content.

    It never ends in ``/model.tar.gz``, whatever the file's name: what starts executions for uploads
    waits for that, and would start a second one.
    """
    return f"{incoming_prefix(pipeline_name)}/{digest}-{file_name}"


def temporary_prefix(pipeline_name: str) -> str:
    """Return the prefix of what a pipeline's steps hand to each other."""
    return f"{TEMPORARY}/{pipeline_name}"


def releases_prefix(pipeline_name: str) -> str:
    """Return the prefix of what a pipeline's executions release."""
    return f"{pipeline_name}/{_RELEASES}"


def claims_prefix(pipeline_name: str) -> str:
    """Return the prefix of the claims on content that is to be registered."""
    return f"{releases_prefix(pipeline_name)}/claims"


def records_prefix(pipeline_name: str) -> str:
    """Return the prefix of the records of where content is registered."""
    return f"{releases_prefix(pipeline_name)}/registered"


def registration_prefix(pipeline_name: str) -> str:
    """Return the prefix of a pipeline's sample payloads and registration requests."""
    return f"{pipeline_name}/{_REGISTRATION}"


def registration_files_prefix(pipeline_name: str, digest: str) -> str:
    """Return the prefix of one sample payload and registration request, by their digest."""
    return f"{registration_prefix(pipeline_name)}/{digest}"


def captured_prefix(pipeline_name: str) -> str:
    """Return the prefix of the requests and answers that a pipeline's endpoints keep."""
    return f"{pipeline_name}/{_CAPTURED}"


def registered_prefixes(pipeline_name: str) -> tuple[str, str]:
    """Return the prefixes of everything that is registered of a pipeline."""
    return registration_prefix(pipeline_name), releases_prefix(pipeline_name)


def bucket_and_key(s3_uri: str) -> tuple[str, str]:
    """Split ``s3://bucket/key`` into bucket and key; the key is empty for a whole bucket.

    It is no URL: ``?``, ``#`` and ``%`` are characters of the key like any other.
    """
    bucket, _, key = s3_uri.removeprefix("s3://").partition("/")
    return bucket, key


def folder_uri(s3_uri: str) -> str:
    """End a location in ``/``, unless its last part is the name of a file.

    What SageMaker reads is a prefix: every object whose key begins with the text. Without its ``/``
    the folder ``train`` would bring ``training-of-others`` along.

    Args:
        s3_uri: ``s3://bucket/folder``, ``s3://bucket/folder/`` or ``s3://bucket/file.tar.gz``.
    """
    return s3_uri if s3_uri.endswith("/") or _FILE.search(s3_uri) else f"{s3_uri}/"
