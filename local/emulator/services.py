"""The services: moto's with corrections and parts of our own, and our CloudFormation."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from xml.sax.saxutils import escape

from flask import Flask, Response, request
from moto.core.utils import convert_to_flask_response
from moto.moto_server.werkzeug_app import BackendRequest, create_backend_app
from werkzeug.exceptions import HTTPException

from local.emulator.cloudformation.service import CloudFormation
from local.emulator.patches import apply_patches


@dataclass(frozen=True)
class Services:
    """Makes the WSGI application of each service; ``own`` takes parts of moto's services over."""

    own: Mapping[str, Sequence[Callable[[], None]]]
    """What takes over, by moto's name of the service."""

    def create_application(self, service: str) -> Flask:
        """Make the application of a service, named as moto names it; called once for each."""
        if service == "cloudformation":
            application = _cloudformation_application()
        else:
            apply_patches(service)
            for take_over in self.own.get(service, ()):
                take_over()
            application = create_backend_app(service)
        application.register_error_handler(Exception, partial(_answer_defect, service))
        return application


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
