"""Nothing secret is written: not from the environment, and nothing that looks like a secret.

``tests/end_to_end`` searches what a deployment and an execution leave behind, too.
"""

from __future__ import annotations

import io
import os
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

from tests.security.secrets_scan import PLANTED, findings, secrets_in
from tests.synth.app_copy import copy_app


def test_a_synthesis_writes_no_secret_of_its_environment(tmp_path: Path) -> None:
    folder = copy_app(tmp_path / "app")
    secrets = "".join(f"{name}={value}\n" for name, value in PLANTED.items())
    for place in ("", "pipelines", "pipelines/returns_risk", "pipelines/returns_risk/inference"):
        (folder / place / ".env").write_text(secrets)
    credentials = tmp_path / "credentials"
    credentials.write_text(f"[default]\n{secrets}")
    environment = {"AWS_SHARED_CREDENTIALS_FILE": str(credentials), **PLANTED}

    subprocess.run(
        [sys.executable, "app.py"],
        cwd=folder,
        env={**os.environ, **environment, "CDK_OUTDIR": str(tmp_path / "cdk.out")},
        check=True,
    )

    assert len(list((tmp_path / "cdk.out").glob("*.template.json"))) == 7
    assert findings(tmp_path / "cdk.out") == []


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
