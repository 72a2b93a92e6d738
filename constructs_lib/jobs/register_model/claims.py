"""Which execution may register a content: a history that nobody can change.

Each claim is an object of its own, ``1``, ``2`` and so on, that names an execution and is written
on the condition that there is none. The last one counts as long as its execution runs; then another
execution may write the next. Who is in the history and not its end has lost its claim for good: a
retried execution cannot register what another one has, in the meantime.

Nobody removes a claim, so an execution that was killed leaves nothing to clean up.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final, NamedTuple

from botocore.exceptions import ClientError

from .clients import RegionClients
from .errors import RegistrationError, code_of
from .events import Work
from .objects import ObjectContent, S3Object, list_objects, put_new, read

_RUNNING: Final = ("Executing", "Stopping")
"""Statuses of executions that may still register."""
_NO_EXECUTION: Final = ("ResourceNotFound", "ValidationException")
"""What SageMaker answers when the pipeline was deleted since, or the claim names none."""


class Claim(NamedTuple):
    """That an execution may register a content, from a time on."""

    execution_arn: str
    since: datetime


class Standing(NamedTuple):
    """How an execution stands to the content that it is about to register."""

    rival: str | None
    """The execution that has to end, or to register the content, first."""
    is_lost: bool = False
    """Whether the claim was this execution's, and is another's by now."""


def claim(work: Work, clients: RegionClients) -> Standing:
    """Claim the content for this execution, unless another one that runs has, or has had it."""
    own = work.pipeline_execution_arn
    while True:
        holders = [each.execution_arn for each in history(work, clients.home_s3)]
        if holders and holders[-1] != own:
            if own in holders:
                return Standing(holders[-1], is_lost=True)
            if is_running(holders[-1], clients.home_sagemaker):
                return Standing(holders[-1])
        elif holders:
            # It may have been retried just before this execution took over.
            before = [each for each in holders[-2:-1] if is_running(each, clients.home_sagemaker)]
            return Standing(next(iter(before), None))
        # Whoever is overtaken here looks again: by another execution, or by this one, when the
        # answer to an attempt was lost.
        put_new(clients.home_s3, _numbered(work, len(holders) + 1), _naming(own))


def refuse_lost_claim(work: Work, clients: RegionClients) -> None:
    """Let only the execution register that the last claim names.

    Raises:
        RegistrationError: It is another one, or there is none.
    """
    claims = history(work, clients.home_s3)
    holder = claims[-1].execution_arn if claims else "none"
    if holder != work.pipeline_execution_arn:
        raise lost_to(holder)


def lost_to(holder: str) -> RegistrationError:
    """Say who has taken the content over."""
    return RegistrationError(
        f"the content was taken over by another execution ({holder}) after this one had failed, so"
        " that this one can register it no more, retried or not. A new execution can."
    )


def history(work: Work, s3: Any) -> list[Claim]:
    """Return the claims of the content, from the first to the last."""
    written = list_objects(s3, work.claims)
    files = sorted(written, key=lambda file: int(file.name))
    return [Claim(read(s3, file).body.decode(), written[file]) for file in files]


def is_running(execution_arn: str, sagemaker: Any) -> bool:
    """Tell whether an execution may still register."""
    execution = describe_execution(execution_arn, sagemaker)
    return execution.get("PipelineExecutionStatus") in _RUNNING


def last_active(execution_arn: str, sagemaker: Any) -> datetime | None:
    """Return when an execution that has ended was last active; None for one that may still be."""
    execution = describe_execution(execution_arn, sagemaker)
    if execution.get("PipelineExecutionStatus") in _RUNNING:
        return None
    return execution.get("LastModifiedTime")


def describe_execution(execution_arn: str, sagemaker: Any) -> dict[str, Any]:
    """Describe an execution; one that is gone has no members."""
    try:
        described: dict[str, Any] = sagemaker.describe_pipeline_execution(
            PipelineExecutionArn=execution_arn
        )
    except ClientError as error:
        if code_of(error) in _NO_EXECUTION:
            return {}
        raise
    return described


def _numbered(work: Work, number: int) -> S3Object:
    return work.claims.within(str(number))


def _naming(execution_arn: str) -> ObjectContent:
    return ObjectContent(execution_arn.encode(), "text/plain")
