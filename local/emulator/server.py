"""The server process of the embedded AWS: moto's services, ours for CloudFormation."""

from __future__ import annotations

import json
import logging
import os
import signal
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from threading import Thread
from typing import Any, Final
from xml.sax.saxutils import escape

from flask import Flask, Response, request
from moto.core.utils import convert_to_flask_response
from moto.moto_server.werkzeug_app import (
    BackendRequest,
    DomainDispatcherApplication,
    MotoRequestHandler,
    create_backend_app,
)
from werkzeug.exceptions import HTTPException
from werkzeug.serving import make_server

from local.emulator.cloudformation.service import CloudFormation
from local.emulator.patches import apply_patches

END_EXECUTION_PATH: Final = "/embedded/end-pipeline-execution"
"""Takes ``PipelineExecutionArn`` and ``PipelineExecutionStatus`` as JSON, signed for SageMaker."""
_HOST: Final = "127.0.0.1"


def _print_line(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def serve(
    *,
    port: int,
    log_file: Path,
    stop_at_end_of_input: bool = False,
    on_ready: Callable[[str], None] = _print_line,
) -> None:
    """Serve until SIGTERM or SIGINT; every request goes to the log.

    Args:
        port: 0 takes a free one.
        log_file: Appended to.
        stop_at_end_of_input: Stop, too, when standard input ends: a process that starts this one
            with a pipe takes it along however it dies.
        on_ready: Called with the URL once connections are accepted; prints it by default.
    """
    log_file.parent.mkdir(parents=True, exist_ok=True)
    logging.basicConfig(
        filename=log_file, level=logging.INFO, format="%(asctime)s %(name)s %(message)s"
    )
    application = DomainDispatcherApplication(_create_application)
    server = make_server(
        _HOST, port, application, threaded=True, request_handler=MotoRequestHandler
    )
    os.environ.update(
        {
            "MOTO_IAM_LOAD_MANAGED_POLICIES": "true",
            "MOTO_PORT": str(server.port),  # moto calls itself in places
        }
    )
    CloudFormation.endpoint_url = f"http://localhost:{server.port}"
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _exit)
    if stop_at_end_of_input:
        Thread(target=_stop_at_end_of_input, daemon=True).start()
    on_ready(CloudFormation.endpoint_url)
    server.serve_forever()


def _stop_at_end_of_input() -> None:
    sys.stdin.read()
    os._exit(0)


def _exit(_signal: int, _frame: Any) -> None:
    # Not SystemExit: tearing all of moto's modules down takes a second, and nothing is kept.
    os._exit(0)


def _create_application(service: str) -> Flask:
    if service == "cloudformation":
        application = _cloudformation_application()
    else:
        apply_patches(service)
        application = create_backend_app(service)
        if service == "sagemaker":
            application.add_url_rule(END_EXECUTION_PATH, view_func=_end_execution, methods=["POST"])
    application.register_error_handler(Exception, partial(_answer_defect, service))
    return application


def _end_execution() -> Response:
    """Do what SageMaker does by itself, for a runner that runs an execution in its place."""
    from moto.core.utils import utcnow
    from moto.sagemaker.models import get_pipeline_execution_from_arn, sagemaker_backends

    document = request.get_json(force=True)
    arn = document["PipelineExecutionArn"]
    region, account = arn.split(":")[3:5]
    pipelines = sagemaker_backends[account][region].pipelines
    execution = get_pipeline_execution_from_arn(pipelines, arn)
    execution.pipeline_execution_status = document["PipelineExecutionStatus"]
    execution.last_modified_time = utcnow()
    return Response(status=204)


def _answer_defect(service: str, error: Exception) -> Response:
    """Answer what moto, or this project, cannot do: once, readable by every SDK.

    An SDK retries a status of 500 for minutes, and cannot read the HTML that comes with it.
    """
    if isinstance(error, HTTPException):
        return Response(error.description, status=error.code)
    logging.getLogger(__name__).error("defect in %s", service, exc_info=error)
    message = f"The embedded AWS cannot do this ({service}): {type(error).__name__}: {error}"
    if "json" in request.headers.get("Content-Type", "") or "X-Amz-Target" in request.headers:
        body = json.dumps({"__type": "InternalFailure", "message": message})
        return Response(body, status=400, mimetype="application/json")
    detail = f"<Error><Code>InternalFailure</Code><Message>{escape(message)}</Message></Error>"
    form = {"ec2": "<Response><Errors>{}</Errors></Response>", "s3": "{}"}
    body = form.get(service, "<ErrorResponse>{}</ErrorResponse>").format(detail)
    return Response(body, status=400, mimetype="application/xml")


def _cloudformation_application() -> Flask:
    application = Flask("cloudformation")
    application.request_class = BackendRequest
    application.add_url_rule(
        "/", view_func=convert_to_flask_response(CloudFormation.dispatch), methods=["GET", "POST"]
    )
    return application
