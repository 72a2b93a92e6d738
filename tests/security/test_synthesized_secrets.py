"""Nothing secret is written: not from the environment, and nothing that looks like a secret."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests.security.secrets_scan import PLANTED, findings
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
