"""Runs single steps: whether to, from the cache or anew, with retries, and what to record."""

from __future__ import annotations

import re
import secrets
import shutil
import string
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from threading import Event
from typing import Any, Final

from local.processes import ProcessStoppedError
from local.runner.aws import EmulatedAws
from local.runner.cache import EarlierResult, cache_key, find_cached
from local.runner.jobs.containers import StepRun
from local.runner.jobs.functions import invoke_function
from local.runner.jobs.models import create_model, register_model
from local.runner.jobs.processing import read_property_files, run_processing_job
from local.runner.jobs.training import run_training_job
from local.runner.language.conditions import all_hold
from local.runner.language.definition import Step, StepType
from local.runner.language.errors import (
    ExecutionStoppedError,
    ReferenceResolutionError,
    StepFailedError,
)
from local.runner.language.graph import Dependencies
from local.runner.language.parameters import to_text
from local.runner.language.references import StepScope, resolve
from local.runner.language.retries import RetryPolicy, matching_policy
from local.runner.records import Execution, ExecutionRecorder, StepStatus, now

_MAX_NAME_LENGTH: Final = 63
_RANDOM_CHARACTERS: Final = 10


def _evaluate_conditions(run: StepRun) -> dict[str, Any]:
    return {"Outcome": all_hold(run.arguments["Conditions"])}


def _fail(run: StepRun) -> dict[str, Any]:
    raise StepFailedError(to_text(run.arguments.get("ErrorMessage", "")))


_KINDS: Final[Mapping[StepType, Callable[[StepRun], dict[str, Any]]]] = {
    StepType.CONDITION: _evaluate_conditions,
    StepType.FAIL: _fail,
    StepType.LAMBDA: invoke_function,
    StepType.MODEL: create_model,
    StepType.PROCESSING: run_processing_job,
    StepType.REGISTER_MODEL: register_model,
    StepType.TRAINING: run_training_job,
}
_WITH_LOG: Final = frozenset({StepType.LAMBDA, StepType.PROCESSING, StepType.TRAINING})


@dataclass(frozen=True)
class StepRunner:
    """Runs the steps of one execution; ``visit`` is called from several threads.

    ``reusable`` are the pipeline's earlier executions, for step caching; ``tags`` are the
    pipeline's.
    """

    aws: EmulatedAws
    steps: Mapping[str, Step]
    dependencies: Dependencies
    recorder: ExecutionRecorder
    reusable: tuple[Execution, ...]
    tags: Sequence[Mapping[str, str]]
    stopping: Event
    sleep: Callable[[float], object]

    def visit(self, name: str) -> None:
        """Run a step unless something speaks against it; record how it ended either way."""
        step = self.steps[name]
        if self._status(name) is StepStatus.SUCCEEDED:
            return  # before the execution was retried
        if reason := self._why_not(step):
            self.recorder.update_step(name, reason=reason)
            return
        self.recorder.update_step(name, status=StepStatus.STARTING, start_time=now())
        try:
            self._run_or_reuse(step)
        except StepFailedError as failure:
            self._end(step, StepStatus.FAILED, reason=failure.reason)
        except (ExecutionStoppedError, ProcessStoppedError):
            self._end(step, StepStatus.STOPPED, reason="The execution was stopped.")

    def _end(self, step: Step, status: StepStatus, **changes: Any) -> None:
        self.recorder.update_step(step.name, status=status, end_time=now(), **changes)

    def _why_not(self, step: Step) -> str | None:
        if self.stopping.is_set():
            return "The execution was stopped."
        for other in self.steps.values():
            if other.type is StepType.FAIL and self._status(other.name) is StepStatus.FAILED:
                return f"Fail step '{other.name}' ended the execution."
        for dependency in sorted(self.dependencies[step.name]):
            status = self._status(dependency)
            if status is not StepStatus.SUCCEEDED:
                state = "was not executed" if status is StepStatus.NOT_EXECUTED else "failed"
                return f"Step '{dependency}', which it waits for, {state}."
        if step.branch is not None:
            outcome = self.recorder.step(step.branch.step).properties["Outcome"]
            if outcome is not step.branch.outcome:
                return f"Condition '{step.branch.step}' was {to_text(outcome)}."
        return None

    def _status(self, name: str) -> StepStatus:
        return self.recorder.step(name).status

    def _run_or_reuse(self, step: Step) -> None:
        arguments = self._resolved_arguments(step, job_name="")
        key = cache_key(step, arguments)
        self.recorder.update_step(
            step.name, status=StepStatus.EXECUTING, arguments=arguments, cache_key=key
        )
        if earlier := self._earlier_result(step, key):
            results: dict[str, Any] = {
                "properties": earlier.step.properties,
                "property_files": earlier.step.property_files,
                "cache_hit": earlier.execution_arn,
            }
        else:
            properties = self._run_with_retries(step)
            results = {
                "properties": properties,
                "property_files": read_property_files(self.aws, step, properties),
            }
        self._end(step, StepStatus.SUCCEEDED, reason=None, **results)

    def _earlier_result(self, step: Step, key: str | None) -> EarlierResult | None:
        if key is None or step.cache_expires_after is None:
            return None
        return find_cached(self.reusable, key, ended_after=now() - step.cache_expires_after)

    def _run_with_retries(self, step: Step) -> dict[str, Any]:
        begin = now()
        retries: Counter[RetryPolicy] = Counter()
        while True:
            try:
                return self._attempt(step, number=retries.total() + 1)
            except StepFailedError as failure:
                policy = matching_policy(step.retry_policies, failure.exception_type)
                elapsed_seconds = (now() - begin).total_seconds()
                if policy is None or not policy.allows(
                    retries=retries[policy], elapsed_seconds=elapsed_seconds
                ):
                    raise
                self.recorder.update_step(
                    step.name,
                    reason=f"Retried after: {failure.reason}",
                    retry_reasons=(
                        *self.recorder.step(step.name).retry_reasons,
                        failure.reason,
                    ),
                )
                self.sleep(policy.delay_seconds(retries[policy]))
                retries[policy] += 1
                if self.stopping.is_set():
                    raise ExecutionStoppedError from failure

    def _attempt(self, step: Step, *, number: int) -> dict[str, Any]:
        folder = self.recorder.folder
        name = _generated_name(self.recorder.execution.id, step.name)
        run = StepRun(
            step=step,
            name=name,
            execution_arn=self.recorder.arn,
            tags=self.tags,
            arguments=self._resolved_arguments(step, job_name=name),
            aws=self.aws,
            folder=folder / "jobs" / f"{step.name}-{number}",
            log_path=folder / "logs" / f"{step.name}.log",
            stopping=self.stopping,
        )
        self.recorder.update_step(
            step.name,
            attempt_count=number,
            arguments=run.arguments,
            log_path=run.log_path if step.type in _WITH_LOG else None,
        )
        properties = _KINDS[step.type](run)
        # A failed attempt's folder stays, to look into; what a job made is in S3.
        shutil.rmtree(run.folder, ignore_errors=True)
        return properties

    def _resolved_arguments(self, step: Step, *, job_name: str) -> dict[str, Any]:
        execution = self.recorder.execution
        finished = [item for item in execution.steps if item.status is StepStatus.SUCCEEDED]
        scope = StepScope(
            step=step.name,
            parameters=execution.parameters,
            variables=_execution_variables(execution, job_name),
            properties={item.name: item.properties for item in finished},
            property_files={item.name: item.property_files for item in finished},
        )
        try:
            arguments: dict[str, Any] = resolve(dict(step.arguments), scope)
        except ReferenceResolutionError as error:
            raise StepFailedError(str(error)) from error
        return arguments


def _generated_name(execution_id: str, step_name: str) -> str:
    """Make a name as the service does for jobs and models: unique, at most 63 characters."""
    alphabet = string.ascii_lowercase + string.digits
    suffix = "".join(secrets.choice(alphabet) for _ in range(_RANDOM_CHARACTERS))
    prefix = f"pipelines-{execution_id}-{re.sub('[^A-Za-z0-9]+', '-', step_name)}"
    return f"{prefix[: _MAX_NAME_LENGTH - len(suffix) - 1].rstrip('-')}-{suffix}"


def _execution_variables(execution: Execution, job_name: str) -> dict[str, str]:
    return {
        "PipelineName": execution.pipeline_name,
        "PipelineArn": execution.pipeline_arn,
        "PipelineExecutionId": execution.id,
        "PipelineExecutionArn": execution.arn,
        "StartDateTime": _iso_milliseconds(execution.start_time),
        "CurrentDateTime": _iso_milliseconds(now()),
        "ProcessingJobName": job_name,
        "TrainingJobName": job_name,
    }


def _iso_milliseconds(time: datetime) -> str:
    return time.isoformat(timespec="milliseconds").replace("+00:00", "Z")
