from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.security.conftest import Synthesized

_LINT_WARNINGS = {
    "W3010": "The zones are named so that synthesis looks nothing up in the account",
    "W3005": "CDK names a function's role both in a property and as a dependency",
}
"""Rules of cfn-lint that are left out, each with its reason."""


@pytest.fixture(scope="module", params=["shipped", "extended"])
def synthesized(request: pytest.FixtureRequest) -> Synthesized:
    result: Synthesized = request.getfixturevalue(request.param)
    return result


def test_the_security_rule_packs_find_nothing(synthesized: Synthesized) -> None:
    found = {
        report["pluginName"]: [
            (violation["ruleName"], violation["violatingConstructs"][0]["constructPath"])
            for violation in report["violations"]
        ]
        for report in synthesized.report["pluginReports"]
    }

    assert found == {"AwsSolutions": [], "NIST.800.53.R5": []}


def test_every_accepted_finding_has_a_reason(synthesized: Synthesized) -> None:
    accepted = [
        violation
        for report in synthesized.report["pluginReports"]
        for violation in report["suppressedViolations"]
    ]

    assert accepted
    assert [each["ruleName"] for each in accepted if len(each["reason"].split()) < 4] == []


def test_cfn_lint_finds_nothing(synthesized: Synthesized) -> None:
    executable = Path(sys.executable).with_name("cfn-lint")
    command = [str(executable), "--format", "json", "--ignore-checks"]
    done = subprocess.run(
        [*command, *_LINT_WARNINGS, "--template", *map(str, synthesized.template_files)],
        capture_output=True,
        text=True,
    )

    found = [(each["Rule"]["Id"], each["Message"]) for each in json.loads(done.stdout or "[]")]
    assert found == []
    assert done.returncode == 0, done.stderr
