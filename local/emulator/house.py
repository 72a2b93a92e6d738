"""Calls of this project's own: what AWS does by itself, for runners in its place and for tests."""

from __future__ import annotations

from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from flask import Flask, Response, jsonify, request

from local.emulator.authorization.sessions import NotTrustedError, ServiceCaller, Sessions
from local.emulator.gate import HOUSE_PATH


@dataclass(frozen=True)
class House:
    """The calls, as a WSGI application; only the administrator gets here."""

    sessions: Sessions

    def application(self) -> Flask:
        """Make the application."""
        application = Flask("house")
        for name, view in {
            "end-pipeline-execution": _end_execution,
            "sessions": self._open_session,
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


def _end_execution() -> Response:
    """Take ``PipelineExecutionArn`` and ``PipelineExecutionStatus``: an execution has ended."""
    from moto.core.utils import utcnow
    from moto.sagemaker.models import get_pipeline_execution_from_arn, sagemaker_backends

    document: dict[str, Any] = request.get_json(force=True)
    arn = document["PipelineExecutionArn"]
    region, account = arn.split(":")[3:5]
    pipelines = sagemaker_backends[account][region].pipelines
    execution = get_pipeline_execution_from_arn(pipelines, arn)
    execution.pipeline_execution_status = document["PipelineExecutionStatus"]
    execution.last_modified_time = utcnow()
    return Response(status=HTTPStatus.NO_CONTENT)
