"""The clients of the embedded AWS, and how its errors become step failures."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import urlsplit

from boto3.exceptions import RetriesExceededError
from botocore.config import Config
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectionError,  # noqa: A004 - botocore's, no relation of the built-in one
    HTTPClientError,
    IncompleteReadError,
    ParamValidationError,
)
from urllib3.exceptions import HTTPError

from constructs_lib.aws.handle import AccessKey, AwsHandle
from constructs_lib.language.step_calls import NeededCall
from local.emulator.clients import ONE_ATTEMPT, WAIT_FOR_FUNCTIONS
from local.emulator.house_calls import HouseCalls
from local.runner.language.errors import (
    CallDeniedError,
    EmulatedAwsError,
    RoleNotAssumedError,
    StepFailedError,
)
from local.runner.language.retries import (
    CAPACITY_ERROR,
    JOB_INTERNAL_ERROR,
    RESOURCE_LIMIT,
    SERVICE_FAULT,
    THROTTLING,
)

_KEY: Final = "AWS_ACCESS_KEY_ID"
_SECRET: Final = "AWS_SECRET_ACCESS_KEY"  # noqa: S105 - the name of a variable
_TOKEN: Final = "AWS_SESSION_TOKEN"  # noqa: S105 - the name of a variable
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


@dataclass(frozen=True)
class EmulatedAws:
    """Clients of one embedded AWS, in the pipeline's region, with the calls of one identity.

    ``environment`` holds the ``AWS_*`` variables of that identity; jobs get those of their role.
    ``administrator`` opens sessions of roles; None is the administrator itself.
    """

    environment: Mapping[str, str]
    region: str
    administrator: EmulatedAws | None = None

    @classmethod
    def connect(cls, environment: Mapping[str, str]) -> EmulatedAws:
        """Connect to ``AWS_ENDPOINT_URL`` in ``AWS_REGION`` with the credentials there.

        Raises:
            EmulatedAwsError: a variable is missing, or the endpoint is not on this machine.
        """
        variables = {name: text for name, text in environment.items() if name.startswith("AWS_")}
        _check_local_endpoint(variables)
        region = variables.get("AWS_REGION") or variables.get("AWS_DEFAULT_REGION")
        if not (region and variables.get(_KEY) and variables.get(_SECRET)):
            raise EmulatedAwsError(
                f"AWS_REGION, {_KEY} and {_SECRET} must be set for the embedded AWS: to the values"
                " that 'release emulator' printed."
            )
        return cls({**variables, "AWS_REGION": region, "AWS_DEFAULT_REGION": region}, region)

    @cached_property
    def sagemaker(self) -> Any:
        """A client that does not retry: the steps' retry policies decide."""
        return self._client("sagemaker", ONE_ATTEMPT)

    @cached_property
    def lambda_(self) -> Any:
        """A client that does not retry, and waits as long as a function may run."""
        return self._client("lambda", ONE_ATTEMPT.merge(WAIT_FOR_FUNCTIONS))

    @cached_property
    def s3(self) -> Any:
        """A client that retries as boto3 does."""
        return self._client("s3", None)

    def _client(self, service: str, config: Config | None) -> Any:
        return self._handle.client(service, config=config)

    @property
    def _handle(self) -> AwsHandle:
        key = AccessKey(
            self.environment[_KEY], self.environment[_SECRET], self.environment.get(_TOKEN)
        )
        return AwsHandle(self.region, self.environment["AWS_ENDPOINT_URL"], key)

    def as_role(
        self, role_arn: str, *, name: str, source_arn: str, subnet_ids: Sequence[str] = ()
    ) -> EmulatedAws:
        """Let SageMaker assume a role, as it does for executions and jobs.

        Args:
            role_arn: The role, whose trust policy is asked.
            name: Name of the session.
            source_arn: The pipeline or job.
            subnet_ids: Where the calls come from, for a job in a VPC.

        Raises:
            RoleNotAssumedError: The role does not trust SageMaker, or does not exist.
        """
        administrator = self.administrator or self
        response = administrator._call_house(
            "sessions",
            {
                "RoleArn": role_arn,
                "Service": "sagemaker.amazonaws.com",
                "Region": self.region,
                "SessionName": name,
                "SourceArn": source_arn,
                "SubnetIds": list(subnet_ids),
            },
        )
        if response.status_code not in (HTTPStatus.OK, HTTPStatus.FORBIDDEN):
            raise HTTPClientError(error=f"{response.status_code} from the embedded AWS")
        document = json.loads(response.content)
        if response.status_code == HTTPStatus.FORBIDDEN:
            raise RoleNotAssumedError(f"SageMaker cannot assume {role_arn}: {document['Message']}")
        keys = {
            _KEY: document["AccessKeyId"],
            _SECRET: document["SecretAccessKey"],
            _TOKEN: document["SessionToken"],
        }
        return EmulatedAws({**self.environment, **keys}, self.region, administrator)

    def check_allowed(self, calls: Iterable[NeededCall]) -> None:
        """Ask whether this identity may make calls that nothing here has a use for.

        Raises:
            CallDeniedError: It may not; in the words of AWS.
        """
        uses = [
            {"Action": each.action, "Resource": each.resource, "Context": dict(each.context)}
            for each in calls
        ]
        document = {"AccessKeyId": self.environment[_KEY], "Region": self.region, "Uses": uses}
        response = (self.administrator or self)._call_house("decisions", document)
        if response.status_code != HTTPStatus.OK:
            raise HTTPClientError(error=f"{response.status_code} from the embedded AWS")
        if denials := json.loads(response.content)["Denials"]:
            raise CallDeniedError(f"AccessDeniedException: {denials[0]}")

    def end_execution(self, arn: str, status: str) -> bool:
        """Tell how an execution ended; whether the embedded AWS, and no other, took note."""
        document = {"PipelineExecutionArn": arn, "PipelineExecutionStatus": status}
        try:
            response = self._call_house("end-pipeline-execution", document)
        except BotoCoreError:
            return False
        return bool(response.status_code == HTTPStatus.NO_CONTENT)

    def tell_of_step(self, execution_arn: str, step: Mapping[str, Any]) -> None:
        """Tell how a step is, as PipelineExecutionStep of the API has it.

        Only who is told of steps depends on it: nothing fails when the answer does not come.
        """
        with suppress(BotoCoreError):
            document = {"PipelineExecutionArn": execution_arn, "Step": step}
            self._call_house("pipeline-execution-steps", document)

    def _call_house(self, name: str, document: Mapping[str, Any]) -> Any:
        key = AccessKey(self.environment[_KEY], self.environment[_SECRET])
        return HouseCalls(self.environment["AWS_ENDPOINT_URL"], key).call(name, document)


def _check_local_endpoint(variables: Mapping[str, str]) -> None:
    endpoint_url = variables.get("AWS_ENDPOINT_URL", "")
    if urlsplit(endpoint_url).hostname not in _LOCAL_HOSTS:
        raise EmulatedAwsError(
            f"AWS_ENDPOINT_URL is '{endpoint_url}', but must be an embedded AWS on this machine, "
            "such as http://localhost:5000. To run a pipeline on AWS, start it there: "
            "aws sagemaker start-pipeline-execution."
        )


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
    except (CallDeniedError, ParamValidationError, RoleNotAssumedError) as error:
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
