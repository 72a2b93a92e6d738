"""Executions of the part of the example's definition that the registration function is in."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from types import MappingProxyType

from benchmarks.faults.definition import PIPELINE, ReleaseDecisions
from benchmarks.faults.world import HOME, Content, Faults, Functions, Outcome, World
from constructs_lib.regions import RegionCode
from constructs_lib.s3_layout import bucket_and_key

NO_FAULTS: Faults = MappingProxyType({})


class FunctionRelease:
    """One execution: its definition decides what is staged and registered, and with what.

    Each invocation is a process of its own. ``deployed`` executes the whole definition by the local
    runner, with the jobs and under the deployed policies.
    """

    def __init__(
        self,
        world: World,
        content: Content,
        functions: Functions | None = None,
        **parameters: str,
    ) -> None:
        """Start an execution, whose Package and Verify steps have been.

        Args:
            world: Where.
            content: What is released.
            functions: The process that runs the function; by default the world's first.
            parameters: Of the execution.
        """
        self.world = world
        self._functions = functions or world.functions
        self.content = content
        response = world.aws.client("sagemaker").start_pipeline_execution(PipelineName=PIPELINE)
        self.arn: str = response["PipelineExecutionArn"]
        self.outcomes: list[Outcome] = []
        self.decisions = ReleaseDecisions(
            content.definition,
            execution_arn=self.arn,
            parameters={"ModelS3Uri": content.source_uri, **parameters},
            results=content.results(),
        )
        for name, body in content.files().items():
            self.write(name, body)

    def write(self, name: str, content: bytes) -> None:
        """Write a file as its job does, where the definition has the function read it."""
        uri = self.decisions.arguments(f"Stage-{HOME}")[name]
        bucket, key = bucket_and_key(uri)
        self.world.aws.client("s3").put_object(Bucket=bucket, Key=key, Body=content)

    def run(self, faults: Faults = NO_FAULTS) -> list[Outcome]:
        """Execute what the definition executes, and end.

        Args:
            faults: By step.

        Returns:
            The outcomes of the steps that were executed, in their order.
        """
        while due := self.decisions.next_functions():
            self._invoke(due[0], faults)
        self.end()
        return self.outcomes

    def retry(self) -> None:
        """Let the execution, which has failed, go on as SageMaker's retry does."""
        self.world.aws.client("sagemaker").retry_pipeline_execution(
            PipelineExecutionArn=self.arn, ClientRequestToken=uuid.uuid4().hex
        )
        self.decisions.retry()
        self.outcomes.clear()

    def end(self) -> None:
        """End the execution, as the service does whatever happened."""
        has_failed = self.decisions.is_refused or not all(each.succeeded for each in self.outcomes)
        status = "Failed" if has_failed else "Succeeded"
        if not self.world.runner_aws.end_execution(self.arn, status):
            raise ConnectionError("The embedded AWS does not end executions.")

    def stage(self, code: RegionCode, faults: Faults = NO_FAULTS) -> Outcome:
        """Execute the Stage step of a region."""
        return self._invoke(f"Stage-{code}", faults)

    def register(self, code: RegionCode, faults: Faults = NO_FAULTS) -> Outcome:
        """Execute the Registration step of a region, whose Stage step has succeeded."""
        return self._invoke(f"Registration-{code}", faults)

    def _invoke(self, step: str, faults: Faults) -> Outcome:
        event: Mapping[str, str] = self.decisions.arguments(step)
        outcome = self.world.invoke(step, event, self._functions, **faults.get(step, {}))
        if outcome.succeeded:
            self.decisions.succeed(step, outcome.outputs)
        else:
            self.decisions.fail(step)
        self.outcomes.append(outcome)
        return outcome
