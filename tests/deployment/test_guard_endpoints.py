"""What keeps a stack from being deleted: answered as CloudFormation asks."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from types import SimpleNamespace
from typing import Any

import pytest

from benchmarks.faults.serving.endpoints import in_region, throttled
from benchmarks.faults.serving.world import PIPELINE, REGIONS, ServingWorld
from constructs_lib.jobs import guard_endpoints
from tests.deployment.conftest import Deploy

PROPERTIES = {
    "PipelineFolder": "returns_risk",
    "EndpointName": PIPELINE,
    "Regions": list(REGIONS.values()),
}


class Receiver(HTTPServer):
    """Takes the answers that CloudFormation would take."""

    def __init__(self) -> None:
        """Listen on a free port."""
        self.answers: list[tuple[str, dict[str, Any]]] = []
        super().__init__(("127.0.0.1", 0), _Answers)


class _Answers(BaseHTTPRequestHandler):
    def do_PUT(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        assert isinstance(self.server, Receiver)
        self.server.answers.append((self.headers["Content-Type"], json.loads(body)))
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """A server of this machine."""
    receiver = Receiver()
    threading.Thread(target=receiver.serve_forever, daemon=True).start()
    yield receiver
    receiver.shutdown()
    receiver.server_close()


def _asked(receiver: Receiver, kind: str, **members: Any) -> dict[str, Any]:
    event = {
        "RequestType": kind,
        "ResponseURL": f"http://127.0.0.1:{receiver.server_port}/answer",
        "StackId": "stack",
        "RequestId": "request",
        "LogicalResourceId": "Guard",
        "ResourceProperties": PROPERTIES,
        **members,
    }
    guard_endpoints.handler(event, SimpleNamespace(log_stream_name="stream"))
    content_type, answer = receiver.answers.pop()
    assert content_type == ""  # the address is signed without one
    return answer


def test_it_is_made_without_a_look(world: ServingWorld, receiver: Receiver) -> None:
    answer = _asked(receiver, "Create")

    assert answer == {
        "Status": "SUCCESS",
        "Reason": "See the log stream",
        "PhysicalResourceId": "Guard",
        "StackId": "stack",
        "RequestId": "request",
        "LogicalResourceId": "Guard",
    }
    assert world.services.calls == []


def test_it_goes_where_there_is_no_endpoint(world: ServingWorld, receiver: Receiver) -> None:
    assert _asked(receiver, "Delete", PhysicalResourceId="made")["PhysicalResourceId"] == "made"
    assert {each.region for each in world.services.calls} == set(REGIONS.values())


def test_it_stays_while_there_is_an_endpoint_and_names_the_command(
    world: ServingWorld, deploy: Deploy, receiver: Receiver
) -> None:
    world.register()
    deploy()

    answer = _asked(receiver, "Delete", PhysicalResourceId="made")

    assert answer["Status"] == "FAILED"
    assert "returns-risk in eu-west-1, returns-risk in us-east-1" in answer["Reason"]
    assert answer["Reason"].endswith("release undeploy returns_risk")
    deploy("undeploy")
    assert _asked(receiver, "Delete")["Status"] == "SUCCESS"


def test_a_name_or_a_region_is_not_given_up_while_there_is_an_endpoint(
    world: ServingWorld, deploy: Deploy, receiver: Receiver
) -> None:
    world.register()
    deploy()
    less = {**PROPERTIES, "Regions": ["us-east-1"]}

    assert _asked(receiver, "Update", OldResourceProperties=less)["Status"] == "SUCCESS"
    answer = _asked(receiver, "Update", ResourceProperties=less, OldResourceProperties=PROPERTIES)

    assert answer["Status"] == "FAILED"
    assert "returns-risk in eu-west-1, returns-risk in us-west-2" in answer["Reason"]


def test_what_it_cannot_find_out_is_a_refusal(world: ServingWorld, receiver: Receiver) -> None:
    world.services.fault = in_region("eu-west-1", throttled)

    answer = _asked(receiver, "Delete")

    assert answer["Status"] == "FAILED"
    assert "cannot be found out: " in answer["Reason"]
    assert "Rate exceeded" in answer["Reason"]
