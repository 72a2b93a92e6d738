"""The services: moto's with corrections and parts of our own, and our CloudFormation."""

from __future__ import annotations

import gc
import json
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, partial
from typing import Any, Final
from xml.sax.saxutils import escape

from botocore.loaders import create_loader
from flask import Flask, Response, request
from moto.core import utils
from moto.core.utils import convert_to_flask_response
from moto.moto_server.werkzeug_app import (
    BackendRequest,
    DomainDispatcherApplication,
    create_backend_app,
)
from werkzeug.exceptions import HTTPException

from constructs_lib.aws.handle import AccessKey
from local.emulator.authorization.operations import read_model
from local.emulator.clients import Clients
from local.emulator.cloudformation.service import CloudFormation
from local.emulator.patches import apply_patches

_USED: Final = {
    **{name: name for name in ("sts", "s3", "cloudformation", "iam", "ssm", "ecr", "kms", "ec2")},
    **{name: name for name in ("logs", "sqs", "sns", "cloudwatch", "events", "stepfunctions")},
    "awslambda": "lambda",
    "sagemaker": "sagemaker",
    "sagemakerruntime": "sagemaker-runtime",
}
"""Services in the order in which they are asked: botocore's names by moto's."""
_ANY_REGION: Final = "us-east-1"


class Dispatcher(DomainDispatcherApplication):  # type: ignore[misc]  # moto is not type-checked
    """Finds the application of a request as moto does, but looks for each host only once.

    moto lists the folders of its services at each request, and lets the other requests wait.
    """

    def __init__(self, services: Services) -> None:
        """Know no host yet.

        Args:
            services: Make the applications.
        """
        super().__init__(services.create_application)
        self._found: dict[str | None, Any] = {}

    def prepare(self) -> None:
        """Import what an app's stacks and releases use, before they do, while nobody waits."""
        for service, name in _USED.items():
            with self.lock:
                if service not in self.app_instances:
                    self.app_instances[service] = self.create_app(service)
            read_model(name)
            Clients("http://localhost").client(name, _ANY_REGION, AccessKey("nobody", "nothing"))
        gc.freeze()  # it stays to the end

    def get_backend_for_host(self, host: str | None) -> Any:
        """Return moto's name of the service at a host; None for none."""
        if host not in self._found:
            self._found[host] = super().get_backend_for_host(host)
        return self._found[host]


@dataclass(frozen=True)
class Services:
    """Makes the WSGI application of each service; ``own`` takes parts of moto's services over."""

    own: Mapping[str, Sequence[Callable[[], None]]]
    """What takes over, by moto's name of the service."""

    def __post_init__(self) -> None:
        """Let moto read service models by one loader: each one looks through all models first."""
        utils.create_loader = cache(create_loader)

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
