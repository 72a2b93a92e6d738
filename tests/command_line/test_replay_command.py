"""Which versions replay compares, and what it refuses before anything is read."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from typer.testing import Result

from commands.registry import registry
from commands.serving import former
from commands.serving.former import FormerVersion, former_version
from commands.terminal.aws import UnknownNameError
from commands.terminal.exit_codes import ExitCode
from constructs_lib.aws.registry import ListedVersion, ModelPackage
from constructs_lib.endpoints.state import ServedState
from constructs_lib.endpoints.workflow import Workflow
from constructs_lib.replay.requests import ReplayRequestsError
from constructs_lib.replay.version import ReplayedVersionError
from local.emulator import EmbeddedAws
from tests.command_line.registered_pipeline import NAME
from tests.model_packages import model_package


def test_a_version_is_not_replayed_against_itself(release: Callable[..., Result]) -> None:
    result = release("replay", NAME, "--version", "2", "--against", "2")

    assert result.exit_code == ExitCode.USAGE
    assert "both versions are 2" in " ".join(result.stderr.split())


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--version", "9"], "Nothing is registered as version 9. There are: 1, 2."),
        (["--version", "2", "--against", "7"], "Nothing is registered as version 7."),
        (["--version", "2", "--region", "us-west-2"], "does not register in us-west-2"),
        (
            ["--version", "2"],
            "Nothing else than version 2 of returns-risk serves, and no version before it is"
            " approved: name the one to compare with by --against.",
        ),
    ],
)
def test_a_version_that_there_is_not_is_told(
    release: Callable[..., Result], options: list[str], told: str
) -> None:
    result = release("replay", NAME, *options)

    assert isinstance(result.exception, UnknownNameError)
    assert told in str(result.exception)


def test_a_pipeline_that_registers_nothing_has_no_version(
    release: Callable[..., Result], embedded: EmbeddedAws
) -> None:
    fails = {"Name": "Fail", "Type": "Fail", "Arguments": {"ErrorMessage": "x"}}
    embedded.client("sagemaker").create_pipeline(
        PipelineName="registers-nothing",
        PipelineDefinition=json.dumps({"Version": "2020-12-01", "Steps": [fails]}),
        RoleArn="arn:aws:iam::123456789012:role/pipeline",
        ClientRequestToken="y" * 32,
    )

    result = release("replay", "registers-nothing", "--version", "2")

    assert isinstance(result.exception, UnknownNameError)
    assert "Nothing is registered as version 2. There are: none." in str(result.exception)


def test_requests_that_cannot_be_read_are_told_before_a_version_is(
    release: Callable[..., Result], tmp_path: Path
) -> None:
    for name in ("gone.jsonl", "gone.tar.gz"):
        arguments = ["--version", "2", "--against", "1", "--requests", str(tmp_path / name)]
        result = release("replay", NAME, *arguments)

        assert isinstance(result.exception, ReplayRequestsError)
        assert "No such file" in str(result.exception)


def test_a_version_without_an_artifact_is_refused(release: Callable[..., Result]) -> None:
    result = release("replay", NAME, "--version", "2", "--against", "1")

    assert isinstance(result.exception, ReplayedVersionError)
    assert "its model package names no artifact" in str(result.exception)


def _package(version: int, *, content: str | None = None, status: str = "Approved") -> ModelPackage:
    return model_package(
        version,
        arn=f"{version}",
        approval_status=status,
        metadata={"artifact_sha256": content or f"{version}"},
    )


def _state(region: str, version: int | None, content: str | None) -> ServedState:
    return ServedState(
        pipeline="p",
        endpoint="e",
        region_code={"us-east-1": "NA", "eu-west-1": "EU"}[region],
        aws_region=region,
        wave=1,
        status="InService",
        version=version,
        content=content,
    )


class _Clients:
    """An AWS of which only the registry is asked."""

    def client(self, _service: str, region: str) -> SimpleNamespace:
        return SimpleNamespace(meta=SimpleNamespace(region_name=region))


@pytest.fixture
def find(monkeypatch: pytest.MonkeyPatch) -> Callable[..., FormerVersion | None]:
    """Find what version 4 is to be compared with: 1 is rejected, 3 is pending."""
    known = {
        4: _package(4),
        3: _package(3, status="PendingManualApproval"),
        2: _package(2),
        1: _package(1, status="Rejected"),
    }
    listed = [ListedVersion(n, str(n), each.approval_status) for n, each in known.items()]
    monkeypatch.setattr(registry, "listed_versions", lambda *_: iter(listed))
    monkeypatch.setattr(registry, "describe_version", lambda _, arn: known[int(arn)])

    def look(*states: ServedState, chosen: int = 4) -> FormerVersion | None:
        workflow = Workflow("arn", {"pipeline_name": "p"}) if states else None
        monkeypatch.setattr(former, "workflow_if_any", lambda *_: workflow)
        monkeypatch.setattr(former, "read_states", lambda *_: list(states))
        aws: Any = _Clients()
        return former_version(aws, "p", known[chosen])

    return look


@pytest.mark.parametrize(
    ("states", "version", "why"),
    [
        ([_state("us-east-1", 1, "1"), _state("eu-west-1", 1, "1")], 1, "serves in NA, EU"),
        ([_state("eu-west-1", 9, "3")], 3, "serves in EU"),  # by content, not by number
        ([_state("eu-west-1", 3, "3"), _state("us-east-1", 1, "1")], 1, "serves in NA"),
        (
            [_state("us-east-1", 4, "4")],
            2,
            "is the newest approved one before it (no other one serves)",
        ),
        (
            [_state("eu-west-1", 3, None)],
            2,
            "is the newest approved one before it (no other one serves)",
        ),
        ([], 2, "is the newest approved one before it (nothing tells which one serves)"),
    ],
)
def test_the_version_to_compare_with_serves_or_was_approved_before(
    find: Callable[..., FormerVersion | None],
    states: list[ServedState],
    version: int,
    why: str,
) -> None:
    found = find(*states)

    assert found is not None
    assert (found.package.version, found.why) == (version, why)


def test_there_may_be_nothing_to_compare_with(find: Callable[..., FormerVersion | None]) -> None:
    assert find(chosen=2) is None
