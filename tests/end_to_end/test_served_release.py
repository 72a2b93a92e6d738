"""From an approved version to answers in three regions, back, and away: commands and workflow.

The tests run in this order on one deployment of the app by the CDK CLI.
"""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console
from typer.testing import CliRunner

from commands.program import app
from commands.terminal import places
from local.bootstrapping import bootstrap
from local.emulator import ACCOUNT_ID, EmbeddedAws
from local.rollback.inbox import Inbox, Mail
from tests.end_to_end.deployment import REGIONS, Deployment, example_with_another_scaling
from tests.example_pipeline import MODEL, copy_pipelines
from tests.waiting import wait_until

Release = Callable[..., Any]
WAVES = [["EU"], ["NA", "FE"]]
TOPIC = f"arn:aws:sns:us-east-1:{ACCOUNT_ID}:model-release-notifications"
REQUEST = {
    "order_amount": 1.0,
    "days_to_return": 1.0,
    "orders_last_year": 1.0,
    "returns_last_year": 1.0,
    "account_age_days": 1.0,
    "return_reason": "changed_mind",
    "customer_comment": "The box was empty",
}


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    """The app with endpoints for its pipeline, which has released a version."""
    folder = tmp_path_factory.mktemp("served")
    config = copy_pipelines(folder) / "returns_risk" / "config.json"
    document = json.loads(config.read_text())
    document["metadata"]["config_types"]["Endpoint"] = "EndpointConfig"
    sections = document["configuration"]["specific"]
    sections["Endpoint"] = {"waves": WAVES, "bake_seconds": 60}
    sections["Payload"]["verification_load_seconds"] = 1
    config.write_text(json.dumps(document, indent=1))
    with EmbeddedAws(log_file=folder / "emulator.log") as server:
        deployment = Deployment(
            server.handle,
            folder,
            Console(file=io.StringIO()),
            {"notifications": {"emails": ["ml@example.com"]}},
        )
        bootstrap(deployment.aws, REGIONS)
        deployment.deploy()
        assert deployment.release(str(MODEL)).failure_reason is None
        yield deployment


@pytest.fixture
def release(served: Deployment, monkeypatch: pytest.MonkeyPatch) -> Release:
    """Run a command that prints a document; returns it."""
    for name, value in served.aws.environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(places, "STATE", served.folder / "state")

    def run(*arguments: str, exit_code: int = 0) -> Any:
        result = CliRunner().invoke(app, [*arguments, "--json"])
        assert result.exit_code == exit_code, result.output
        return json.loads(result.stdout)

    return run


def _served(states: list[dict[str, Any]]) -> dict[str, tuple[str, int | None]]:
    return {each["region_code"]: (each["status"], each["version"]) for each in states}


def _everywhere(version: int) -> dict[str, tuple[str, int]]:
    return {code: ("InService", version) for wave in WAVES for code in wave}


def test_an_approved_version_answers_in_every_region(release: Release, tmp_path: Path) -> None:
    release("approve", "returns-risk", "--yes")

    deployed = release("deploy", "returns-risk")

    assert (deployed["result"], deployed["version"]) == ("deployed", 1)
    assert _served(deployed["regions"]) == _everywhere(1)
    assert not any(each["changed_by_hand"] or each["differs"] for each in deployed["regions"])
    assert all(each["since"] for each in deployed["regions"])
    page = Path(deployed["report"]).read_text()
    assert "Wave 2 of 2: NA, FE" in page
    (tmp_path / "request.json").write_text(json.dumps(REQUEST))
    answers = release("invoke", "returns-risk", str(tmp_path / "request.json"))
    assert [(each["region_code"], each["version"]) for each in answers] == [
        ("EU", 1),
        ("NA", 1),
        ("FE", 1),
    ]
    assert {json.loads(each["body"])["legacy-score"] for each in answers}


def test_a_version_that_serves_everywhere_is_not_deployed_again(release: Release) -> None:
    before = {each["since"] for each in release("endpoints", "returns-risk")}

    again = release("deploy", "returns-risk")

    assert again["result"] == "unchanged"
    assert {each["since"] for each in again["regions"]} == before


def _make_slow(served: Deployment, region: str) -> None:
    """Publish latencies of two seconds, of now and of the next seconds of this machine."""
    dimensions = {"EndpointName": "returns-risk", "VariantName": "AllTraffic"}
    begin = datetime.now(UTC)
    served.aws.client("cloudwatch", region).put_metric_data(
        Namespace="AWS/SageMaker",
        MetricData=[
            {
                "MetricName": "ModelLatency",
                "Dimensions": [{"Name": name, "Value": each} for name, each in dimensions.items()],
                "Timestamp": begin + timedelta(seconds=number / 20),
                "Value": 2_000_000.0,
                "Unit": "Microseconds",
            }
            for number in range(80)
        ],
    )


def _mails(inbox: Inbox, count: int) -> list[Mail]:
    """Wait for so many mails."""
    found: list[Mail] = []

    def are_there() -> bool:
        found.extend(inbox.read())
        return len(found) >= count

    wait_until(are_there, seconds=120)
    return found


@pytest.mark.parametrize("region", ["eu-west-1", "us-east-1"])
def test_people_are_told_of_a_standing_alarm_and_of_its_end(
    served: Deployment, region: str
) -> None:
    inbox = Inbox.subscribe(served.aws, TOPIC)
    inbox.read()

    _make_slow(served, region)

    told = _mails(inbox, 2)
    tripped, over = sorted(told, key=lambda mail: "no longer" in mail.subject)
    assert tripped.subject == f"returns-risk: latency is above the limit in {region}"
    for line in (
        "Pipeline:  returns-risk",
        f"Endpoint:  returns-risk ({region})",
        "Version:   1, by the last deployment that was recorded",
        "Alarm:     returns-risk-standing-latency",
        "Measured:  p99 of the model's latency: 2,000 ms; the limit is 200 ms",
        "  release rollback returns-risk",
    ):
        assert line in tripped.text.splitlines()
    assert over.subject == f"returns-risk: latency is no longer above the limit in {region}"
    assert "Measured:  no requests in the last minutes; the limit is 200 ms" in over.text


def test_people_are_not_told_of_an_alarm_of_a_deployment(served: Deployment) -> None:
    inbox = Inbox.subscribe(served.aws, TOPIC)
    inbox.read()
    cloudwatch = served.aws.client("cloudwatch", "eu-west-1")
    names = [each["AlarmName"] for each in cloudwatch.describe_alarms()["MetricAlarms"]]
    (name,) = [each for each in names if each.endswith("-latency") and "-standing-" not in each]

    for value in ("ALARM", "OK"):
        cloudwatch.set_alarm_state(AlarmName=name, StateValue=value, StateReason="tried")
    cloudwatch.set_alarm_state(
        AlarmName="returns-risk-standing-errors", StateValue="ALARM", StateReason="tried"
    )

    mails = _mails(inbox, 1)
    assert {"returns-risk-standing-errors" in mail.text for mail in mails} == {True}


def test_the_version_before_is_one_command_away(release: Release, served: Deployment) -> None:
    model = served.put_model("incoming/returns-risk/next.tar.gz", example_with_another_scaling())
    assert served.release(model).failure_reason is None
    release("approve", "returns-risk", "--yes")
    assert _served(release("deploy", "returns-risk")["regions"]) == _everywhere(2)

    back = release("rollback", "returns-risk")

    assert (back["result"], back["version"]) == ("rolled_back", 1)
    assert _served(release("endpoints", "returns-risk", "--watch")) == _everywhere(1)


def test_a_version_is_replayed_beside_the_one_that_serves(release: Release, tmp_path: Path) -> None:
    asked = {"observedContentType": "text/csv", "data": "1,2,3,4,5,new,no\n", "encoding": "CSV"}
    captured = json.dumps({"captureData": {"endpointInput": asked}, "eventVersion": "0"})
    requests = tmp_path / "requests.jsonl"
    requests.write_text(f"{json.dumps(REQUEST)}\n{captured}\n")

    replayed = release(
        *("replay", "returns-risk", "--version", "2", "--requests", str(requests)),
        *("--region", "EU"),
        exit_code=1,
    )

    assert replayed["region"] == "eu-west-1"
    assert (replayed["against"]["version"], replayed["against"]["why"]) == (
        1,
        "serves in EU, NA, FE",
    )
    counted = replayed["requests"]
    assert (counted["sent"], counted["agreeing"], counted["differing"]) == (2, 0, 2)
    (score,) = replayed["fields"]
    assert (score["name"], score["differing_count"]) == ("legacy-score", 2)
    assert 0 < score["largest_relative_difference"] < 0.1
    assert all(each["p50"] > 0 for each in replayed["latency_in_millisecond"].values())
    page = Path(replayed["report"]).read_text()
    assert "Version 2 answers 2 of 2 requests otherwise than version 1." in page
    own = release("replay", "returns-risk", "--version", "1", "--against", "2", exit_code=1)
    assert own["requests"]["from"] == "sample requests of version 1"
    assert own["requests"]["sent"] == 4


def test_approve_shows_what_the_registered_files_say_before_it_asks(release: Release) -> None:
    arguments = ["approve", "returns-risk", "--version", "2", "--comment", "Once more"]

    result = CliRunner().invoke(app, arguments, input="n\n")

    shown = " ".join(result.stderr.split())
    assert "Nothing changed." in shown
    assert "returns-risk version 2 in eu-west-1, us-east-1, us-west-2" in shown
    assert "Verification: passed (verification enforce): answered every payload" in shown
    assert "Different from version 1, which serves in EU, NA, FE:" in shown
    assert " artifact " in shown
    assert "Pickles: 1 read, nothing found (pickle_policy warn)." in shown
    assert "Not read" not in shown


def test_a_rejected_version_is_refused_to_a_rollback(release: Release) -> None:
    release("reject", "returns-risk", "--version", "2", "--yes")

    result = CliRunner().invoke(app, ["rollback", "returns-risk", "--to", "2"])

    assert "a rejected version never serves" in str(result.exception)


def test_undeploy_leaves_no_endpoint(release: Release, served: Deployment) -> None:
    gone = release("undeploy", "returns-risk", "--yes")

    assert gone["result"] == "undeployed"
    assert {each["status"] for each in gone["regions"]} == {"none"}
    for region in REGIONS:
        assert served.aws.client("sagemaker", region).list_endpoints()["Endpoints"] == []
