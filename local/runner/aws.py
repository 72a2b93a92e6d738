"""The clients of the embedded AWS, and how its errors become step failures."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import urlsplit

import boto3
from boto3.exceptions import RetriesExceededError
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectionError,  # noqa: A004 - botocore's, no relation of the built-in one
    HTTPClientError,
    IncompleteReadError,
    ParamValidationError,
)
from botocore.httpsession import URLLib3Session
from urllib3.exceptions import HTTPError

from local.runner.language.errors import EmulatedAwsError, StepFailedError
from local.runner.language.retries import (
    CAPACITY_ERROR,
    JOB_INTERNAL_ERROR,
    RESOURCE_LIMIT,
    SERVICE_FAULT,
    THROTTLING,
)

# As in local.emulator.server, which would import all of moto.
_END_EXECUTION_PATH: Final = "/embedded/end-pipeline-execution"
_LOCAL_HOSTS: Final = frozenset({"localhost", "127.0.0.1", "::1"})
_THROTTLING_CODES: Final = frozenset(
    {
        "RequestLimitExceeded",
        "SlowDown",
        "Throttling",
        "ThrottlingException",
        "TooManyRequestsException",
    }
)
_ERROR_CODES: Final = {
    **dict.fromkeys(_THROTTLING_CODES, THROTTLING),
    "ResourceLimitExceeded": RESOURCE_LIMIT,
    "CapacityError": CAPACITY_ERROR,
    "InsufficientCapacityError": CAPACITY_ERROR,
}

NO_ANSWER: Final = (
    ConnectionError,
    HTTPClientError,
    HTTPError,
    IncompleteReadError,
    RetriesExceededError,
)
"""The client's errors when a service cannot be reached or breaks off."""

# One request per call: retrying is what the steps' retry policies decide.
_NO_CLIENT_RETRIES: Final = Config(retries={"total_max_attempts": 1})


@dataclass(frozen=True)
class EmulatedAws:
    """Clients of one embedded AWS, in the pipeline's region.

    ``environment`` holds the ``AWS_*`` variables that job scripts and functions get too.
    """

    environment: Mapping[str, str]
    region: str
    sagemaker: Any
    lambda_: Any
    s3: Any

    @classmethod
    def connect(cls, environment: Mapping[str, str]) -> EmulatedAws:
        """Make the clients from ``AWS_ENDPOINT_URL``, ``AWS_REGION`` and the credentials there.

        Raises:
            EmulatedAwsError: a variable is missing, or the endpoint is not on this machine.
        """
        variables = {name: text for name, text in environment.items() if name.startswith("AWS_")}
        endpoint_url = _local_endpoint(variables)
        region = variables.get("AWS_REGION") or variables.get("AWS_DEFAULT_REGION")
        key_id, secret = (
            variables.get("AWS_ACCESS_KEY_ID"),
            variables.get("AWS_SECRET_ACCESS_KEY"),
        )
        if not (region and key_id and secret):
            raise EmulatedAwsError(
                "AWS_REGION, AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY must be set for the "
                "embedded AWS; any non-empty credentials do."
            )
        session = boto3.Session(
            aws_access_key_id=key_id,
            aws_secret_access_key=secret,
            aws_session_token=variables.get("AWS_SESSION_TOKEN"),
            region_name=region,
        )

        def client(service: str, config: Config | None = None) -> Any:
            return session.client(service, endpoint_url=endpoint_url, config=config)

        return cls(
            environment={**variables, "AWS_REGION": region, "AWS_DEFAULT_REGION": region},
            region=region,
            sagemaker=client("sagemaker", _NO_CLIENT_RETRIES),
            lambda_=client("lambda", _NO_CLIENT_RETRIES),
            s3=client("s3"),
        )

    def end_execution(self, arn: str, status: str) -> bool:
        """Tell how an execution ended; whether the embedded AWS, and no other, took note."""
        body = json.dumps({"PipelineExecutionArn": arn, "PipelineExecutionStatus": status})
        request = AWSRequest(
            "POST",
            self.environment["AWS_ENDPOINT_URL"].rstrip("/") + _END_EXECUTION_PATH,
            data=body,
        )
        credentials = Credentials(
            self.environment["AWS_ACCESS_KEY_ID"], self.environment["AWS_SECRET_ACCESS_KEY"]
        )
        SigV4Auth(credentials, "sagemaker", self.region).add_auth(request)
        try:
            return bool(URLLib3Session().send(request.prepare()).status_code == 204)
        except BotoCoreError:
            return False


def _local_endpoint(variables: Mapping[str, str]) -> str:
    endpoint_url = variables.get("AWS_ENDPOINT_URL", "")
    if urlsplit(endpoint_url).hostname not in _LOCAL_HOSTS:
        raise EmulatedAwsError(
            f"AWS_ENDPOINT_URL is '{endpoint_url}', but must be an embedded AWS on this machine, "
            "such as http://localhost:5000. To run a pipeline on AWS, start it there: "
            "aws sagemaker start-pipeline-execution."
        )
    return endpoint_url


@contextmanager
def service_call() -> Iterator[None]:
    """Turn the error of a call to a service into the step's failure, classified for retries."""
    try:
        yield
    except ClientError as error:
        code, message = error.response["Error"]["Code"], error.response["Error"]["Message"]
        raise StepFailedError(
            f"ClientError: {code}: {message}", exception_type=_exception_type(error)
        ) from error
    except ParamValidationError as error:
        raise StepFailedError(f"ClientError: {error}") from error
    except NO_ANSWER as error:
        raise StepFailedError(f"ServiceFault: {error}", exception_type=SERVICE_FAULT) from error


@contextmanager
def job_data_transfer() -> Iterator[None]:
    """Turn a service's faults while a job's data moves into the job's internal error."""
    try:
        with service_call():
            yield
    except StepFailedError as failure:
        if failure.exception_type not in {SERVICE_FAULT, THROTTLING}:
            raise
        raise StepFailedError(
            f"InternalServerError: {failure.reason}", exception_type=JOB_INTERNAL_ERROR
        ) from failure


def _exception_type(error: ClientError) -> str | None:
    if error.response["ResponseMetadata"].get("HTTPStatusCode", 400) >= 500:
        return SERVICE_FAULT
    return _ERROR_CODES.get(error.response["Error"]["Code"])


def without_nulls(value: Any) -> Any:
    """Drop the members that are null: in a request, null means absent."""
    if isinstance(value, dict):
        return {name: without_nulls(item) for name, item in value.items() if item is not None}
    if isinstance(value, list):
        return [without_nulls(item) for item in value]
    return value


def response_properties(response: Mapping[str, Any]) -> dict[str, Any]:
    """Return the members of a Describe* response as JSON values; times become ISO 8601 texts."""
    members = {name: item for name, item in response.items() if name != "ResponseMetadata"}
    properties: dict[str, Any] = json.loads(json.dumps(members, default=_iso_time))
    return properties


def _iso_time(value: object) -> str:
    if not isinstance(value, datetime):
        raise TypeError(f"{type(value).__name__} has no JSON form")
    return value.astimezone(UTC).isoformat()
