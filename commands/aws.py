"""The AWS that a command talks to: the real one, or the embedded one."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any, Final

import typer

from commands import places
from commands.exit_codes import ExitCode
from commands.options import LOCAL_ENDPOINT
from constructs_lib.errors import ReleaseError

_FIXES: Final = {
    "ExpiredToken": "The credentials have expired: log in again.",
    "ExpiredTokenException": "The credentials have expired: log in again.",
    "UnrecognizedClientException": "The credentials are not valid: log in again.",
    "InvalidClientTokenId": "The credentials are not valid: log in again.",
    "AccessDenied": "Ask for the permission that the message names, or use another --profile.",
    "AccessDeniedException": "Ask for the permission that the message names, or use another"
    " --profile.",
    "ThrottlingException": "AWS limits the rate of calls: wait a minute and try again.",
    "Throttling": "AWS limits the rate of calls: wait a minute and try again.",
}
_NO_CREDENTIALS: Final = (
    "Set AWS_PROFILE or give --profile, log in ('aws sso login'), or give --local for the embedded"
    " AWS."
)


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
        if endpoint_url and profile:
            raise typer.BadParameter(
                "--profile chooses a real account: it does not go with --local or AWS_ENDPOINT_URL"
            )
        aws = cls(region or places.read_settings().home_region, endpoint_url, profile)
        typer.echo(f"AWS: {aws}", err=True)
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

    def client(self, service: str, region: str | None = None) -> Any:
        """Make a boto3 client that retries, by default of the home region."""
        import boto3
        from botocore.config import Config

        config = Config(retries={"mode": "standard", "total_max_attempts": 5}, connect_timeout=10)
        with calls(f"Cannot use {service}"):
            session = (
                boto3.Session("embedded", "embedded")
                if self.is_embedded
                else boto3.Session(profile_name=self.profile)
            )
            return session.client(
                service,
                region_name=region or self.home_region,
                endpoint_url=self.endpoint_url,
                config=config,
            )


@contextmanager
def calls(what: str) -> Iterator[None]:
    """Turn AWS's errors into one message with the likely fix.

    Args:
        what: Begins the message, for example ``Cannot list the packages``.

    Raises:
        AwsCallError: A call within failed.
    """
    from botocore.exceptions import (
        BotoCoreError,
        ClientError,
        EndpointConnectionError,
        NoCredentialsError,
        ProfileNotFound,
    )

    try:
        yield
    except ClientError as error:
        fix = _FIXES.get(error.response["Error"]["Code"], "")
        raise AwsCallError(f"{what}: {error}. {fix}".rstrip()) from error
    except (NoCredentialsError, ProfileNotFound) as error:
        raise AwsCallError(f"{what}: {error}. {_NO_CREDENTIALS}") from error
    except EndpointConnectionError as error:
        raise AwsCallError(
            f"{what}: {error} Check the network; for the embedded AWS, start it in another shell:"
            " release emulator."
        ) from error
    except BotoCoreError as error:
        raise AwsCallError(f"{what}: {error}.") from error


def read_definition(aws: Aws, pipeline: str) -> dict[str, Any]:
    """Read a deployed pipeline's definition.

    Raises:
        UnknownNameError: There is no such pipeline; lists those there are.
        AwsCallError: AWS refused.
    """
    sagemaker = aws.client("sagemaker")
    with calls(f"Cannot read the pipeline {pipeline!r}"):
        try:
            description = sagemaker.describe_pipeline(PipelineName=pipeline)
        except sagemaker.exceptions.ClientError as error:
            if not _says_unknown(error):
                raise
            pages = sagemaker.get_paginator("list_pipelines").paginate()
            names = [each["PipelineName"] for page in pages for each in page["PipelineSummaries"]]
            raise UnknownNameError(
                f"There is no pipeline {pipeline!r} in {aws.home_region}."
                f"{suggestion(pipeline, names)}"
            ) from error
    definition: dict[str, Any] = json.loads(description["PipelineDefinition"])
    return definition


def _says_unknown(error: Any) -> bool:
    code, message = error.response["Error"]["Code"], error.response["Error"]["Message"]
    return code in {"ResourceNotFound", "ResourceNotFoundException"} or (
        code == "ValidationException" and "not" in message and "AccessDenied" not in message
    )


def suggestion(name: str, known: list[str]) -> str:
    """Return a sentence that names the one that was meant, or all there are."""
    close = get_close_matches(name, known, n=1)
    if close:
        return f" Did you mean {close[0]!r}?"
    return f" There are: {', '.join(sorted(known)) or 'none'}."


def steps_of(definition: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield every step of a definition, those inside of conditions too."""
    yield from _steps(definition["Steps"])


def _steps(steps: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    for step in steps:
        yield step
        arguments = step.get("Arguments") or {}
        for branch in ("IfSteps", "ElseSteps"):
            yield from _steps(arguments.get(branch) or [])
