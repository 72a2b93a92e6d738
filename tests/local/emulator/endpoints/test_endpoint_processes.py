"""No process of an endpoint outlives it, however the embedded AWS ends."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from local.emulator import EmbeddedAws
from tests.local.emulator.endpoints.conftest import Served
from tests.waiting import wait_until

CODE = """
    import json, os

    def model_fn(model_dir):
        return None

    def transform_fn(model, data, content_type, accept):
        return json.dumps([os.environ["HOME"], os.getcwd()])
"""

HOUR = 3600


def is_used(folder: str) -> bool:
    """Whether a process runs in a folder of a fleet, or was started with a path in it."""
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if folder in (process / "cmdline").read_text():
                return True
        except (OSError, ValueError):
            continue
    return False


@pytest.fixture
def own() -> Iterator[EmbeddedAws]:
    """An embedded AWS that the test may kill."""
    with EmbeddedAws(permissions=False) as embedded:
        yield embedded


@pytest.fixture
def folder(own: EmbeddedAws) -> str:
    """Where the files of an endpoint in service are."""
    own.client("s3").create_bucket(Bucket="models")
    role = f"arn:aws:iam::{own.account_id}:role/any"
    endpoint = Served(own, "endpoint", "models", role)
    endpoint.create(endpoint.configuration(CODE))
    _, folder = json.loads(endpoint.invoke({})["Body"].read())
    root = folder.partition("/opt/ml/model")[0]
    assert is_used(root)
    return str(root)


def test_the_former_fleet_ends_after_its_time(served: Served) -> None:
    served.create(served.configuration(CODE))
    _, folder = json.loads(served.invoke({})["Body"].read())
    root = folder.partition("/opt/ml/model")[0]
    policy = {
        "TrafficRoutingConfiguration": {"Type": "ALL_AT_ONCE", "WaitIntervalInSeconds": 0},
        "TerminationWaitInSeconds": HOUR,
    }
    served.begin_update(served.version("two"), DeploymentConfig={"BlueGreenUpdatePolicy": policy})
    wait_until(lambda: b"two" in served.invoke({"x": 1})["Body"].read())

    is_there = is_used(root)
    described = served.describe()
    served.aws.house.advance_clock(HOUR)
    served.settled()

    assert (is_there, described["EndpointStatus"]) == (True, "Updating")
    [weight] = described["PendingDeploymentSummary"]["ProductionVariants"]
    assert (weight["CurrentWeight"], weight["DesiredWeight"]) == (1, 1)
    wait_until(lambda: not is_used(root))


def test_a_deleted_endpoint_leaves_nothing(own: EmbeddedAws, folder: str) -> None:
    Served(own, "endpoint", "models", "").delete()

    assert not is_used(folder)
    assert not Path(folder).exists()


def test_the_end_of_the_server_leaves_nothing(own: EmbeddedAws, folder: str) -> None:
    own.stop()

    wait_until(lambda: not is_used(folder))
    assert not Path(folder).exists()


def test_the_death_of_the_server_leaves_no_process(own: EmbeddedAws, folder: str) -> None:
    assert own._process is not None
    own._process.kill()

    wait_until(lambda: not is_used(folder))
    own.stop()
    assert not Path(folder).exists()
