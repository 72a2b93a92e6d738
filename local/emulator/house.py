"""Calls of this project's own: what AWS does by itself, for runners in its place and for tests."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final

from flask import Flask, Response, jsonify, request

from local.emulator.authorization.policies import key_arn
from local.emulator.authorization.sessions import NotTrustedError, ServiceCaller, Sessions
from local.emulator.authorization.uses import Use
from local.emulator.background import Background
from local.emulator.endpoints.faults import EndpointFaults
from local.emulator.events.clock import Clock
from local.emulator.events.sagemaker_events import SageMakerEvents
from local.emulator.house_calls import HOUSE_PATH
from local.emulator.sagemaker.execution_steps import find_execution

_SETTLE_SECONDS: Final = 300.0


@dataclass(frozen=True)
class House:
    """The calls, as a WSGI application; only the administrator gets here."""

    sessions: Sessions
    background: Background
    clock: Clock
    events: SageMakerEvents
    faults: EndpointFaults

    def application(self) -> Flask:
        """Make the application."""
        application = Flask("house")
        for name, view in {
            "clock": self._turn_clock,
            "decisions": self._decide,
            "endpoint-faults": self._ask_for_fault,
            "end-pipeline-execution": self._end_execution,
            "pipeline-execution-steps": self._tell_of_step,
            "pipeline-executions": _list_executions,
            "sessions": self._open_session,
            "settle": self._settle,
        }.items():
            application.add_url_rule(
                HOUSE_PATH + name, endpoint=name, view_func=view, methods=["POST"]
            )
        return application

    def _open_session(self) -> Response | tuple[Response, HTTPStatus]:
        """Let a service assume a role, for a job, function or pipeline."""
        document = request.get_json(force=True)
        caller = ServiceCaller(
            service=document["Service"],
            region=document["Region"],
            source_arn=document.get("SourceArn"),
        )
        try:
            key, _ = self.sessions.of_role(
                document["RoleArn"], caller, document["SessionName"], document.get("SubnetIds", ())
            )
        except NotTrustedError as error:
            return jsonify(Message=str(error)), HTTPStatus.FORBIDDEN
        return jsonify(AccessKeyId=key.id, SecretAccessKey=key.secret, SessionToken=key.token)

    def _decide(self) -> Response:
        """Tell which uses a session may not make, of services that nothing here has a use for.

        Takes ``AccessKeyId``, ``Region`` and ``Uses``, each with ``Action``, ``Resource`` and
        ``Context``; answers their ``Denials`` in the words of AWS.
        """
        document = request.get_json(force=True)
        found = self.sessions.identities.find(document["AccessKeyId"])
        if found is None:
            return jsonify(Denials=["The security token included in the request is expired"])
        _, identity = found
        denials = (
            self.sessions.decisions.denial(
                identity,
                _use(each, document["Region"], identity.account),
                region=document["Region"],
            )
            for each in document["Uses"]
        )
        return jsonify(Denials=[each.message for each in denials if each is not None])

    def _end_execution(self) -> Response:
        """Take ``PipelineExecutionArn`` and ``PipelineExecutionStatus``: an execution has ended."""
        from moto.core.utils import utcnow

        document = request.get_json(force=True)
        arn = document["PipelineExecutionArn"]
        execution = find_execution(arn)
        before = execution.pipeline_execution_status
        execution.pipeline_execution_status = document["PipelineExecutionStatus"]
        execution.last_modified_time = utcnow()
        self.events.execution_changed(arn, before)
        return Response(status=HTTPStatus.NO_CONTENT)

    def _tell_of_step(self) -> Response:
        """Take ``PipelineExecutionArn`` and ``Step``, a PipelineExecutionStep of the API."""
        document = request.get_json(force=True)
        self.events.step_changed(document["PipelineExecutionArn"], document["Step"])
        return Response(status=HTTPStatus.NO_CONTENT)

    def _turn_clock(self) -> Response:
        """Take ``AdvanceSeconds``: turn the clock of schedules; answers what was due until then."""
        due = self.clock.advance(request.get_json(force=True)["AdvanceSeconds"])
        return jsonify(Now=self.clock.now.isoformat(), Due=due)

    def _ask_for_fault(self) -> Response | tuple[Response, HTTPStatus]:
        """Take ``EndpointArn`` and ``Fault``: let something happen to an endpoint once."""
        document = request.get_json(force=True)
        try:
            self.faults.ask(document["EndpointArn"], document["Fault"])
        except ValueError as error:
            return jsonify(Message=str(error)), HTTPStatus.BAD_REQUEST
        return Response(status=HTTPStatus.NO_CONTENT)

    def _settle(self) -> Response:
        """Wait until events are delivered and functions have ended; tells whether they have."""
        return jsonify(Settled=self.background.settle(_SETTLE_SECONDS))


def _use(document: Mapping[str, Any], region: str, account: str) -> Use:
    """Read a use; requests name keys by id or alias, too."""
    action, resource = document["Action"], document["Resource"]
    if action.startswith("kms:"):
        resource = key_arn(resource, region, account)
    return Use(action, resource, document["Context"])


def _list_executions() -> Response:
    """Answer the executions that are to be run, in all regions: whoever started them."""
    from moto.sagemaker.models import sagemaker_backends

    executions = [
        execution
        for account in list(sagemaker_backends.values())
        for backend in list(account.values())
        for pipeline in list(backend.pipelines.values())
        for execution in list(pipeline.pipeline_executions.values())
    ]
    arns = [each.arn for each in executions if each.pipeline_execution_status == "Executing"]
    return jsonify(PipelineExecutionArns=arns)
