"""InvokeEndpoint: which fleet answers, and how its answer, or its failure, is told.

Source: InvokeEndpoint in the Amazon SageMaker Runtime API reference; limits of its requests and
answers in its service model.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import unquote

from constructs_lib.jobs.verify_model.payloads import Payload
from constructs_lib.service_model import service_model
from local.emulator.background import Background
from local.emulator.endpoints.endpoint import Deployment, RunningVariant, ServedEndpoint
from local.emulator.endpoints.fleet import FleetEndedError, ModelAnswer, ModelFailedError
from local.emulator.endpoints.words import log_group_of
from local.emulator.monitoring.endpoint_metrics import InvocationRecord

_PREFIX: Final = "X-Amzn-SageMaker-"
_OCTETS: Final = "application/octet-stream"
_DEFAULT_ACCEPT: Final = "application/json"
_ANYTHING: Final = ("", "*/*")
"""What a toolkit's server takes for JSON."""
_NOT_UNDERSTOOD: Final = 415
_MOST_MESSAGE: Final = 2048

Answered = tuple[int, Mapping[str, str], bytes | str]


@dataclass(frozen=True)
class Invocations:
    """Answers InvokeEndpoint in place of moto, which answers the same to everything."""

    account: str
    background: Background

    def install(self) -> None:
        """Take over from moto."""
        from moto.sagemakerruntime.responses import SageMakerRuntimeResponse

        SageMakerRuntimeResponse.invoke_endpoint = lambda response: self.answer(
            response.region, response.path, response.headers, response.body
        )

    def answer(
        self, region: str, path: str, headers: Mapping[str, str], body: bytes | str
    ) -> Answered:
        """Answer one request."""
        arrived = time.monotonic()
        content = body.encode() if isinstance(body, str) else body
        name = unquote(path.split("/")[2])
        if len(content) > _most_bytes():
            message = f"The request has {len(content):,} bytes; {_most_bytes():,} are allowed."
            return _error(413, "ValidationError", {"Message": message})
        variant = headers.get(f"{_PREFIX}Target-Variant")
        endpoint = self._endpoint(region, name)
        while endpoint is not None and (chosen := endpoint.choose(variant)) is not None:
            with suppress(FleetEndedError):  # another one has taken its place
                return self._ask(endpoint, chosen, headers, content, arrived)
        what = f"Variant {variant} of endpoint" if endpoint and variant else "Endpoint"
        message = f"{what} {name} of account {self.account} not found."
        return _error(400, "ValidationError", {"Message": message})

    def _endpoint(self, region: str, name: str) -> ServedEndpoint | None:
        from moto.sagemaker.models import sagemaker_backends

        found: ServedEndpoint | None = sagemaker_backends[self.account][region].endpoints.get(name)
        return found

    def _ask(
        self,
        endpoint: ServedEndpoint,
        chosen: tuple[Deployment, RunningVariant],
        headers: Mapping[str, str],
        content: bytes,
        arrived: float,
    ) -> Answered:
        deployment, variant = chosen
        assert variant.fleet is not None  # noqa: S101  # it is in service
        began, payload = time.monotonic(), _payload(headers, content)

        def publish(status: int) -> None:
            InvocationRecord(
                endpoint_name=endpoint.endpoint_name,
                variant_name=variant.name,
                configuration_name=deployment.configuration.endpoint_config_name,
                region=endpoint.region,
                status=status,
                seconds=time.monotonic() - began,
                overhead_seconds=began - arrived,
                instance_count=variant.instance_count,
            ).publish(self.account)

        try:
            answer = variant.fleet.ask(payload)
            _refuse_large(answer)
        except ModelFailedError as error:
            if isinstance(error, FleetEndedError) and not endpoint.is_served_by(deployment):
                raise
            publish(error.status)
            return self._model_error(endpoint, error)
        publish(200)
        if variant.capture is not None and variant.capture.is_due():
            inference_id = headers.get(f"{_PREFIX}Inference-Id")
            self.background.do(variant.capture.keep, payload, answer, inference_id)
        told = {
            "Content-Type": answer.content_type,
            "x-Amzn-Invoked-Production-Variant": variant.name,
        }
        return 200, told, answer.body

    def _model_error(self, endpoint: ServedEndpoint, error: ModelFailedError) -> Answered:
        region, said = endpoint.region, str(error)
        group = log_group_of(endpoint.endpoint_name)
        whose = "client" if error.status == _NOT_UNDERSTOOD else "server"
        message = (
            f'Received {whose} error ({error.status}) from primary with message "{said}". See the'
            f" log group {group} in account {self.account}, region {region}, for more information."
        )
        members = {
            "Message": message[:_MOST_MESSAGE],
            "OriginalMessage": said[:_MOST_MESSAGE],
            "OriginalStatusCode": error.status,
            "LogStreamArn": f"arn:aws:logs:{region}:{self.account}:log-group:{group}",
        }
        return _error(424, "ModelError", members)


def _payload(headers: Mapping[str, str], content: bytes) -> Payload:
    kind, accept = headers.get("Content-Type") or _OCTETS, headers.get("Accept") or ""
    return Payload("invocation", content, kind, _DEFAULT_ACCEPT if accept in _ANYTHING else accept)


def _error(status: int, code: str, members: Mapping[str, Any]) -> Answered:
    # moto reads the status of an answer there
    headers = {"Content-Type": "application/json", "x-amzn-ErrorType": code, "status": str(status)}
    return status, headers, json.dumps(members)


def _most_bytes() -> int:
    return int(service_model("sagemaker-runtime").shape_for("BodyBlob").metadata["max"])


def _refuse_large(answer: ModelAnswer) -> None:
    if len(answer.body) > _most_bytes():
        message = f"The answer has {len(answer.body):,} bytes; {_most_bytes():,} are allowed."
        raise ModelFailedError(500, message)
