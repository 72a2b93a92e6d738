"""The search for secrets finds those of an environment, and what looks like one.

What is searched: what a synthesis writes, in ``test_synthesized_secrets.py``, and what a deployment
and an execution leave behind, in ``tests/end_to_end``.
"""

from __future__ import annotations

import io
import tarfile
import zipfile
from pathlib import Path

import pytest

from tests.security.secrets_scan import PLANTED, findings, secrets_in


@pytest.mark.parametrize("name", PLANTED)
def test_a_planted_secret_would_be_found(name: str, tmp_path: Path) -> None:
    content = f"x = {PLANTED[name]!r}".encode()
    (tmp_path / "plain.json").write_bytes(content)
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        member = tarfile.TarInfo("code/settings.py")
        member.size = len(content)
        archive.addfile(member, io.BytesIO(content))
    (tmp_path / "model.tar.gz").write_bytes(packed.getvalue())
    with zipfile.ZipFile(tmp_path / "function.zip", "w") as zipped:
        zipped.writestr("inside.tar.gz", packed.getvalue())

    found = {line.partition(": ")[0] for line in findings(tmp_path)}

    assert {
        "plain.json",
        "model.tar.gz/code/settings.py",
        "function.zip/inside.tar.gz/code/settings.py",
    } <= found


@pytest.mark.parametrize(
    "text",
    [
        "AKIAIOSFODNN7EXAMPLE",
        "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
        "-----BEGIN RSA PRIVATE KEY-----",
        "ghp_0123456789abcdefghijABCDEFGHIJ012345",
        "xoxb-123456789012-abcdefghij",
        "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.c2ln",
        "postgres://release:hunter22@db/prod",
        '"db_password": "hunter2222"',
    ],
)
def test_what_looks_like_a_secret_is_found(text: str) -> None:
    assert list(secrets_in(f"{{{text}}}".encode()))


@pytest.mark.parametrize(
    "text",
    [
        "c9140a5b531af66fe73220804f9289e915faf52a3c9e696821ab47a2b67110c0",
        "UploadTriggerStartReleaseDeadLettersPolicy3F0B8A57",
        "arn:aws:iam::123456789012:role/model-release-pipeline-returns-risk-ExecutionRole605A040B",
        '"SecretToken": "${SecretToken}"',
        '"ClientToken": "ad3ee72a-ca52-5f0d-a296-d3966aff1862"',
    ],
)
def test_digests_and_names_are_no_secrets(text: str) -> None:
    assert list(secrets_in(text.encode())) == []
