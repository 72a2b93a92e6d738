"""Custom resources: a function of the template answers for them, by CloudFormation's own protocol.

The function gets a request with a pre-signed URL, and puts its answer there. AWS waits an hour for
it; here the function is called and waited for, so what did not answer by its end never will.

Source: AWS CloudFormation User Guide, "Custom resource request and response reference" and
"AWS::CloudFormation::CustomResource"; the words of a failure are those of its events.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

from botocore.exceptions import ClientError

from constructs_lib.aws.resource_types import CUSTOM_RESOURCE
from local.emulator.cloudformation.errors import ProvisioningError
from local.emulator.cloudformation.handlers.s3 import create_bucket
from local.emulator.cloudformation.resources import (
    Context,
    Handler,
    Identity,
    Properties,
    Resource,
    is_missing,
)

_FUNCTION: Final = ":lambda:"
_ANSWERED: Final = ("PhysicalResourceId", "Status")


def _create(context: Context, properties: Properties) -> Identity:
    answer = _ask(context, "Create", properties, {})
    return _identity(answer)


def _update(context: Context, current: Resource, properties: Properties) -> Identity:
    answer = _ask(
        context,
        "Update",
        properties,
        {
            "PhysicalResourceId": current.physical_id,
            "OldResourceProperties": _as_texts(current.properties),
        },
    )
    return _identity(answer)


def _delete(context: Context, current: Resource) -> None:
    _ask(context, "Delete", current.properties, {"PhysicalResourceId": current.physical_id})


def _identity(answer: Mapping[str, Any]) -> Identity:
    return Identity(answer["PhysicalResourceId"], answer.get("Data") or {})


def _ask(
    context: Context, request_type: str, properties: Properties, more: Mapping[str, Any]
) -> Mapping[str, Any]:
    """Have the function answer a request; returns the answer.

    Raises:
        ProvisioningError: It says that it failed, or gives no answer.
    """
    function = properties["ServiceToken"]
    if _FUNCTION not in function:
        raise ProvisioningError(
            f"The embedded AWS asks functions about custom resources, and got {function}"
        )
    request_id = str(uuid.uuid4())
    with _place_of_answer(context, request_id) as (url, read):
        request = {
            "RequestType": request_type,
            "ResponseURL": url,
            "StackId": context.stack_id,
            "RequestId": request_id,
            "ResourceType": context.resource_type,
            "LogicalResourceId": context.logical_id,
            "ServiceToken": function,
            "ResourceProperties": _as_texts(properties),
            **more,
        }
        invoked = context.client("lambda").invoke(
            FunctionName=function, Payload=json.dumps(request)
        )
        return _checked(read(), request_id, invoked["Payload"].read())


def _checked(
    answer: Mapping[str, Any] | None, request_id: str, payload: bytes
) -> Mapping[str, Any]:
    if answer is None or any(name not in answer for name in _ANSWERED):
        raise ProvisioningError(
            "CloudFormation did not receive a response from your Custom Resource. Please check your"
            f" logs for requestId [{request_id}]. The function ended with"
            f" {payload.decode(errors='replace')[:500]}"
        )
    if answer["Status"] != "SUCCESS":
        raise ProvisioningError(
            f"Received response status [{answer['Status']}] from custom resource. Message returned:"
            f" {answer.get('Reason', '')} (RequestId: {request_id})"
        )
    return answer


@contextmanager
def _place_of_answer(context: Context, request_id: str) -> Iterator[tuple[str, Any]]:
    """Make a pre-signed URL, and what reads what was put there; both are gone afterwards."""
    s3 = context.client("s3")
    bucket = f"cloudformation-response-{request_id}"
    where = {"Bucket": bucket, "Key": "response"}
    create_bucket(s3, bucket, context.region)

    def read() -> Any:
        try:
            return json.loads(s3.get_object(**where)["Body"].read())
        except ClientError as error:
            if is_missing(error):
                return None
            raise

    try:
        yield s3.generate_presigned_url("put_object", Params=where), read
    finally:
        s3.delete_object(**where)
        s3.delete_bucket(Bucket=bucket)


def _as_texts(value: Any) -> Any:
    """Write numbers and truth values as CloudFormation does in requests: as texts."""
    if isinstance(value, Mapping):
        return {name: _as_texts(member) for name, member in value.items()}
    if isinstance(value, list):
        return [_as_texts(member) for member in value]
    return value if isinstance(value, str) else json.dumps(value)


HANDLERS: Final = {CUSTOM_RESOURCE: Handler(_create, _delete, _update)}
