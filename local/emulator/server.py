"""The server process of the embedded AWS: moto's services, ours for CloudFormation."""

from __future__ import annotations

import json
import logging
import os
import signal
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from threading import Thread
from typing import Any, Final

from moto.moto_server.werkzeug_app import MotoRequestHandler
from werkzeug.serving import make_server

from constructs_lib.aws.handle import AccessKey
from local.emulator.authorization.decisions import Decisions
from local.emulator.authorization.evaluator import Evaluator
from local.emulator.authorization.identities import Identities
from local.emulator.authorization.sessions import Sessions
from local.emulator.background import Background
from local.emulator.clients import Clients
from local.emulator.cloudformation.resources import act_as
from local.emulator.cloudformation.service import CloudFormation
from local.emulator.embedded import ACCOUNT_ID
from local.emulator.endpoints.artifact import ModelReader
from local.emulator.endpoints.faults import EndpointFaults
from local.emulator.endpoints.fleet import remove_files
from local.emulator.endpoints.invocations import Invocations
from local.emulator.endpoints.rollout import Rollout
from local.emulator.endpoints.service import EndpointService
from local.emulator.events.clock import Clock
from local.emulator.events.delivery import EventDelivery
from local.emulator.events.s3_events import install_s3_events
from local.emulator.events.sagemaker_events import SageMakerEvents
from local.emulator.functions.environments import end_environments
from local.emulator.functions.service import FunctionService
from local.emulator.gate import RequestGate
from local.emulator.house import House
from local.emulator.monitoring.alarms import AlarmWatch
from local.emulator.monitoring.metric_calls import MetricCalls
from local.emulator.network_validation import NetworkValidation
from local.emulator.pace import TIME_SCALE, Pace
from local.emulator.sagemaker.execution_steps import ExecutionSteps
from local.emulator.services import Dispatcher, Services
from local.emulator.workflows.executions import Workflows
from local.emulator.workflows.identities import WorkflowIdentities
from local.processes import kill_children

_HOST: Final = "127.0.0.1"


@dataclass(frozen=True)
class Started:
    """A server that accepts connections: where, and the administrator's key."""

    endpoint_url: str
    key: AccessKey

    def as_json(self) -> dict[str, str]:
        """Return what is printed of it as JSON."""
        return {
            "endpoint": self.endpoint_url,
            "access_key_id": self.key.id,
            "secret_access_key": self.key.secret,
        }


def _print(started: Started) -> None:
    sys.stdout.write(f"{json.dumps(started.as_json())}\n")
    sys.stdout.flush()


def serve(
    *,
    port: int,
    log_file: Path,
    permissions: bool = True,
    time_scale: float = TIME_SCALE,
    prepare: bool = False,
    stop_at_end_of_input: bool = False,
    on_ready: Callable[[Started], None] = _print,
) -> None:
    """Serve until SIGTERM or SIGINT; every request goes to the log.

    Args:
        port: 0 takes a free one.
        log_file: Appended to.
        permissions: Whether calls are decided by the deployed policies.
        time_scale: Seconds of a service's waits in one of this machine.
        prepare: Whether services are imported before somebody asks them.
        stop_at_end_of_input: Stop, too, when standard input ends: a process that starts this one
            with a pipe takes it along however it dies.
        on_ready: Called once connections are accepted; prints URL and key as JSON by default.
    """
    log_file.parent.mkdir(parents=True, exist_ok=True)
    logging.basicConfig(
        filename=log_file, level=logging.INFO, format="%(asctime)s %(name)s %(message)s"
    )
    sessions = Sessions(Identities(ACCOUNT_ID), Decisions(Evaluator(), is_on=permissions))
    server = make_server(_HOST, port, _not_yet, threaded=True, request_handler=MotoRequestHandler)
    os.environ.update(
        {
            "MOTO_IAM_LOAD_MANAGED_POLICIES": "true",
            # The only one: moto would look for the caller's in every partition.
            "MOTO_ACCOUNT_ID": ACCOUNT_ID,
            "MOTO_PORT": str(server.port),  # moto calls itself in places
        }
    )
    endpoint_url = f"http://localhost:{server.port}"
    server.app, dispatcher = _applications(endpoint_url, sessions, Pace(time_scale))
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _exit)
    if stop_at_end_of_input:
        Thread(target=_stop_at_end_of_input, daemon=True).start()
    on_ready(Started(endpoint_url, sessions.identities.administrator))
    sessions.decisions.prepare()
    if prepare:
        Thread(target=dispatcher.prepare, name="preparing", daemon=True).start()
    server.serve_forever()


def _applications(
    endpoint_url: str, sessions: Sessions, pace: Pace
) -> tuple[RequestGate, Dispatcher]:
    """Make what answers requests, and the part of it that finds the services."""
    CloudFormation.endpoint_url = endpoint_url
    act_as(sessions.identities.emulator)
    background, faults = Background(), EndpointFaults()
    delivery = EventDelivery(Clients(endpoint_url), sessions, background)
    clock, events = Clock(delivery, pace), SageMakerEvents(delivery, ExecutionSteps())
    rollout = Rollout(ModelReader(delivery.clients, sessions), pace, faults)
    endpoints = EndpointService(rollout, sessions, events.endpoint_changed)
    workflows = Workflows(WorkflowIdentities(endpoint_url, sessions), delivery, pace)
    services = Services(
        {
            "awslambda": [FunctionService(delivery.clients, sessions, background).install],
            "cloudwatch": [AlarmWatch(delivery, pace).install, MetricCalls(pace).install],
            "events": [delivery.install, clock.watch_rules],
            "s3": [partial(install_s3_events, delivery)],
            "sagemaker": [
                events.install,
                NetworkValidation(sessions.decisions).install,
                endpoints.install,
            ],
            "sagemakerruntime": [Invocations(ACCOUNT_ID, background).install],
            "scheduler": [clock.watch_schedules],
            "stepfunctions": [workflows.install],
        }
    )
    dispatcher = Dispatcher(services)
    house = House(sessions, background, clock, events, faults).application()
    gate = RequestGate(dispatcher, house, sessions.identities, sessions.decisions)
    return gate, dispatcher


def _not_yet(_environ: Any, _start_response: Any) -> Any:
    """Stand in for the application until the server, which has to be made first, has a port."""
    raise AssertionError("no connection is accepted yet")


def _stop_at_end_of_input() -> None:
    sys.stdin.read()
    _end()


def _exit(_signal: int, _frame: Any) -> None:
    _end()


def _end() -> None:
    end_environments()
    kill_children()
    remove_files()
    # Not SystemExit: tearing all of moto's modules down takes a second, and nothing is kept.
    os._exit(0)
