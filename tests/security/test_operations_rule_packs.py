"""The security rule packs and cfn-lint on triggers, monitoring and notifications."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.security.conftest import Synthesized, _synthesize


@pytest.fixture(scope="module")
def operated(tmp_path_factory: pytest.TempPathFactory) -> Synthesized:
    """The app with everything around a pipeline switched on, and deployed from GitHub."""
    schedule = {"expression": "rate(7 days)", "parameters": {"ModelS3Uri": "s3://b/model.tar.gz"}}
    operations = {"start_on_upload": True, "schedule": schedule, "monitoring": True}
    return _synthesize(
        tmp_path_factory.mktemp("operated"),
        pipelines={"returns_risk": operations},
        notifications={"emails": ["ml@example.com"]},
        environment="dev",
        delivery={"repository": "acme/models"},
    )


def test_the_security_rule_packs_find_nothing(operated: Synthesized) -> None:
    found = {
        report["pluginName"]: [
            (violation["ruleName"], violation["violatingConstructs"][0]["constructPath"])
            for violation in report["violations"]
        ]
        for report in operated.report["pluginReports"]
    }

    assert found == {"AwsSolutions": [], "NIST.800.53.R5": []}


def test_cfn_lint_finds_nothing(operated: Synthesized) -> None:
    executable = Path(sys.executable).with_name("cfn-lint")
    command = [str(executable), "--format", "json", "--ignore-checks", "W3010", "W3005"]
    done = subprocess.run(
        [*command, "--template", *map(str, operated.template_files)],
        capture_output=True,
        text=True,
    )

    assert json.loads(done.stdout or "[]") == [], done.stdout
    assert done.returncode == 0, done.stderr
