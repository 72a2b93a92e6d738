"""The AWS that a command talks to: the real one, or the embedded one."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any, Final
from urllib.parse import urlsplit

import typer

from commands.terminal import places
from commands.terminal.emulator_key import read_key
from commands.terminal.exit_codes import ExitCode
from commands.terminal.messages import say, tell
from commands.terminal.options import LOCAL_ENDPOINT, known_endpoint
from constructs_lib.aws.handle import AwsHandle
from constructs_lib.errors import ReleaseError
from constructs_lib.s3_layout import bucket_and_key
from constructs_lib.suggestions import suggestion

_EXPIRED: Final = "The credentials have expired: log in again ('aws sso login')."
_INVALID: Final = "The credentials are not valid: log in again ('aws sso login')."
_FORBIDDEN: Final = "Ask for the permission that the message names, or use another --profile."
_THROTTLED: Final = "AWS limits the rate of calls: wait a minute and try again."
_FIXES: Final = {
    "ExpiredToken": _EXPIRED,
    "ExpiredTokenException": _EXPIRED,
    "RequestExpired": _EXPIRED,
    "UnrecognizedClientException": _INVALID,
    "InvalidClientTokenId": _INVALID,
    "InvalidSignatureException": _INVALID,
    "SignatureDoesNotMatch": _INVALID,
    "AuthFailure": _INVALID,
    "AccessDenied": _FORBIDDEN,
    "AccessDeniedException": _FORBIDDEN,
    "UnauthorizedOperation": _FORBIDDEN,
    "Throttling": _THROTTLED,
    "ThrottlingException": _THROTTLED,
}
_NO_CREDENTIALS: Final = (
    "Set AWS_PROFILE or give --profile, log in ('aws sso login'), or give --local for the embedded"
    " AWS."
)
_NO_NETWORK: Final = (
    "Check the network; for the embedded AWS, start it in another shell: release emulator."
)

_DOMAINS_OF_AWS: Final = (".amazonaws.com", ".amazonaws.com.cn", ".api.aws")


class AwsCallError(ReleaseError):
    """AWS refused a call or did not answer it."""

    exit_code = ExitCode.AWS


class UnknownNameError(ReleaseError):
    """AWS has no pipeline, execution, step or version of that name."""


@dataclass(frozen=True)
class Aws:
    """Clients of one AWS, by default in the pipelines' home region."""

    home_region: str
    endpoint_url: str | None
    """URL of an embedded AWS; None is the real one."""
    profile: str | None = None

    @classmethod
    def chosen(cls, *, local: bool, profile: str | None, region: str | None) -> Aws:
        """Choose by a command's options and ``AWS_ENDPOINT_URL``, and say on stderr which it is."""
        endpoint_url = os.environ.get("AWS_ENDPOINT_URL") or (LOCAL_ENDPOINT if local else None)
        if endpoint_url:
            known_endpoint(endpoint_url)
        if endpoint_url and profile:
            raise typer.BadParameter(
                "--profile chooses a real account: it does not go with --local or AWS_ENDPOINT_URL"
            )
        aws = cls(region or places.read_settings().home_region, endpoint_url, profile)
        say(f"AWS: {aws}", err=True)
        return aws

    def __str__(self) -> str:
        """Name it for a person."""
        if self.endpoint_url:
            return f"embedded, {self.endpoint_url}, {self.home_region}"
        profile = self.profile or os.environ.get("AWS_PROFILE")
        return f"real, {f'profile {profile}, ' if profile else ''}{self.home_region}"

    @property
    def is_embedded(self) -> bool:
        """Whether nothing that happens there costs or lasts."""
        return self.endpoint_url is not None

    @property
    def is_chosen(self) -> bool:
        """Whether somebody has named it: what does not work of it is no choice of theirs."""
        return bool(self.endpoint_url or self.profile or os.environ.get("AWS_PROFILE"))

    def client(self, service: str, region: str | None = None) -> Any:
        """Make a boto3 client that retries, by default of the home region."""
        from botocore.config import Config

        config = Config(retries={"mode": "standard", "total_max_attempts": 5}, connect_timeout=10)
        with calls(f"Cannot use {service}"):
            client = self._handle.client(service, region, config)
        if not self.is_embedded:
            _tell_of_another_endpoint(service, client.meta.endpoint_url)
        return client

    @cached_property
    def _handle(self) -> AwsHandle:
        key = read_key(self.endpoint_url) if self.endpoint_url else None
        return AwsHandle(self.home_region, self.endpoint_url, key, self.profile)


@cache
def _tell_of_another_endpoint(service: str, endpoint_url: str) -> None:
    """Say once that what answers for a service is not AWS, whatever the command's first line says.

    AWS's own endpoints, those of a VPC too, are below ``amazonaws.com`` or ``api.aws``.
    """
    host = urlsplit(endpoint_url).hostname or ""
    if not host.endswith(_DOMAINS_OF_AWS):
        tell(
            "warning",
            f"{service} is not that of AWS: your environment or AWS configuration sets its"
            f" endpoint to {endpoint_url} (AWS_ENDPOINT_URL_..., endpoint_url).",
        )


@contextmanager
def calls(what: str) -> Iterator[None]:
    """Turn AWS's errors into one message with the likely fix.

    Args:
        what: Begins the message, for example ``Cannot list the packages``.

    Raises:
        AwsCallError: A call within failed.
    """
    from botocore import exceptions

    try:
        yield
    except exceptions.ClientError as error:
        fix = _FIXES.get(error.response["Error"]["Code"], "")
        raise AwsCallError(f"{what}: {error}. {fix}".rstrip()) from error
    except (
        exceptions.NoCredentialsError,
        exceptions.PartialCredentialsError,
        exceptions.CredentialRetrievalError,
        exceptions.SSOError,
        exceptions.LoginError,
        exceptions.TokenRetrievalError,
    ) as error:
        raise AwsCallError(f"{what}: {_sentence(error)} {_NO_CREDENTIALS}") from error
    except exceptions.ProfileNotFound as error:
        raise AwsCallError(f"{what}: {_sentence(error)}{_other_profiles(str(error))}") from error
    except (exceptions.ConnectionError, exceptions.HTTPClientError) as error:
        raise AwsCallError(f"{what}: {_sentence(error)} {_NO_NETWORK}") from error
    except exceptions.BotoCoreError as error:
        raise AwsCallError(f"{what}: {_sentence(error)}") from error


def _other_profiles(told: str) -> str:
    """Name the profiles that there are, beside the one that an error tells of."""
    import botocore.session

    session = botocore.session.Session(session_vars={"profile": (None, None, None, None)})
    asked_for = told.partition("(")[2].partition(")")[0]
    return f"{suggestion(asked_for, session.available_profiles)} Make one: aws configure sso."


def _sentence(error: Exception) -> str:
    return f"{str(error).rstrip('.')}."


def read_definition(aws: Aws, pipeline: str) -> dict[str, Any]:
    """Read a deployed pipeline's definition.

    Raises:
        UnknownNameError: There is no such pipeline; names those there are.
        AwsCallError: AWS refused.
    """
    definition: dict[str, Any] = json.loads(read_pipeline(aws, pipeline)["PipelineDefinition"])
    return definition


def read_pipeline(aws: Aws, pipeline: str) -> dict[str, Any]:
    """Read the description of a deployed pipeline.

    Raises:
        UnknownNameError: There is no such pipeline; names those there are.
        AwsCallError: AWS refused.
    """
    sagemaker = aws.client("sagemaker")
    with calls(f"Cannot read the pipeline {pipeline!r}"):
        try:
            description: dict[str, Any] = sagemaker.describe_pipeline(PipelineName=pipeline)
        except sagemaker.exceptions.ClientError as error:
            if not _says_unknown(error):
                raise
            pages = sagemaker.get_paginator("list_pipelines").paginate()
            names = [each["PipelineName"] for page in pages for each in page["PipelineSummaries"]]
            raise UnknownNameError(
                f"There is no pipeline {pipeline!r} in {aws.home_region}."
                f"{suggestion(pipeline, names) if names else _nothing_deployed(aws)}"
            ) from error
    return description


def _nothing_deployed(aws: Aws) -> str:
    how = "release deploy-local" if aws.is_embedded else "cdk deploy --all"
    return f" None is deployed there: {how}, or give another --region."


def _says_unknown(error: Any) -> bool:
    code, message = error.response["Error"]["Code"], error.response["Error"]["Message"]
    return code in {"ResourceNotFound", "ResourceNotFoundException"} or (
        code == "ValidationException" and "not" in message and "AccessDenied" not in message
    )


def read_s3_object(s3: Any, s3_uri: str) -> bytes:
    """Read an object.

    Args:
        s3: A client of the object's region.
        s3_uri: Where it is.

    Raises:
        AwsCallError: It is missing, or AWS refused.
    """
    bucket, key = bucket_and_key(s3_uri)
    with calls(f"Cannot read {s3_uri}"):
        content: bytes = s3.get_object(Bucket=bucket, Key=key)["Body"].read()
    return content
