"""The story of the demo: version 1 serves, version 2 comes, an alarm takes it back everywhere."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Mapping
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path, PurePath
from typing import Any, Final

from rich.console import Console
from rich.text import Text

from constructs_lib.aws.cloud_assembly import CloudAssembly
from constructs_lib.aws.handle import AwsHandle
from constructs_lib.confinement import SERVING_VARIABLE
from constructs_lib.endpoints.answers import CONTENT_TYPES
from constructs_lib.endpoints.deployment import DeploymentExecution
from constructs_lib.endpoints.state import ServedState, read_states
from constructs_lib.endpoints.workflow import Workflow, find_workflow
from constructs_lib.errors import ReleaseError
from constructs_lib.terminal.lines import print_fitted
from constructs_lib.terminal.paths import shown_path
from local.cdk import CdkCli
from local.demo import example_model, example_stack
from local.deployment import AppProcess, stack_output
from local.emulator import EmbeddedAws
from local.outcome import Release
from local.release import collect, deploy_app, doing, release
from local.report.evaluation import Evaluation, find_evaluation
from local.report.formats import number
from local.rollback.inbox import Inbox, Mail
from local.rollback.traffic import Traffic
from local.rollback.versions import EXPECTED_TPS, write_versions
from local.serving import approve, deploy, sample_request

_PER_SECOND: Final = 20.0 * EXPECTED_TPS
"""Requests in each region of the second wave."""
_LOGGED_WIDTH: Final = 120


class NotShownError(ReleaseError):
    """Something else happened than the demo is about."""


@dataclass(frozen=True)
class RollbackShown:
    """What happened."""

    deployment: DeploymentExecution
    states: tuple[ServedState, ...]
    """Who serves what in the end, in the order of the waves."""
    mail: Mail
    """What people were told."""
    report: Path

    def as_json(self) -> dict[str, Any]:
        """Return what ``--json`` prints."""
        return {
            "pipeline": self.deployment.settings.get("pipeline_name"),
            **self.deployment.as_json(),
            "regions": [each.as_json() for each in self.states],
            "notification": self.mail._asdict(),
            "report": str(shown_path(self.report)),
        }


def run_rollback_demo(folder: Path, console: Console) -> RollbackShown:
    """Show how a version that is slow under load is taken back from every region.

    Args:
        folder: Emptied; holds logs, records and pages afterwards.
        console: Where to tell.

    Raises:
        ReleaseError: A part of it failed, or something else happened than is to be shown.
    """
    model = example_model()
    shutil.rmtree(folder, ignore_errors=True)
    os.environ[SERVING_VARIABLE] = ""  # Ray Serve takes half a minute to start
    with (
        ThreadPoolExecutor(1) as beside,
        AppProcess(folder / "synthesis.log") as app,
        EmbeddedAws(log_file=folder / "emulator.log", prepare=True) as server,
    ):
        first, second = (
            app.synthesize(folder / version.name / "cdk.out", _context(version))
            for version in write_versions(model.parents[1], folder / "pipelines")
        )
        assembly = deploy_app(server.handle, first, folder, console)
        stack = example_stack(assembly)
        aws = replace(server.handle, region=assembly.region(stack))
        return _Story(aws, stack, model, folder, console, beside).told(second)


def _context(pipelines: Path) -> Mapping[str, Any]:
    """Return the app's settings: only the example, and a topic that tells people."""
    return {"model-release": {"pipelines_dir": str(pipelines.resolve()), "notifications": {}}}


@dataclass(frozen=True)
class _Story:
    """Tells it, chapter by chapter."""

    aws: AwsHandle
    stack: str
    model: Path
    folder: Path
    console: Console
    beside: Executor

    def told(self, coming: Future[CloudAssembly]) -> RollbackShown:
        """Tell all of it; ``coming`` is the app with version 2's inference code."""
        workflow = self._workflow()
        inbox = Inbox.subscribe(self.aws, str(workflow.settings["topic_arn"]))
        self.console.print()
        made = self._released(1)
        approve(self.aws, made.packages)
        serving = self.beside.submit(self._serve_first, workflow)
        self._deploy_code(coming)
        slower = self._released(2)
        self._wait_for_first(serving, workflow)
        approve(self.aws, slower.packages)
        self.console.print()
        with self._traffic(workflow, slower) as traffic:
            deployment, page = deploy(self.aws, workflow, self.folder / "deployments", self.console)
            states = tuple(read_states(self.aws, workflow))
        mail = _about(inbox.read(), deployment)
        shown = RollbackShown(deployment, states, mail, page)
        _check(shown, workflow)
        self._tell_end(shown, traffic)
        return shown

    def _workflow(self) -> Workflow:
        pipeline = self.aws.client("sagemaker").describe_pipeline(PipelineName=self._pipeline_name)
        workflow = find_workflow(self.aws, self._pipeline_name, pipeline["PipelineArn"])
        if workflow is None:
            raise NotShownError("The example pipeline has no endpoints in this app.")
        return workflow

    @property
    def _pipeline_name(self) -> str:
        return stack_output(self.aws.client("cloudformation"), self.stack, "PipelineName")

    @contextmanager
    def _quietly(self, name: str) -> Iterator[Console]:
        """Make a console that writes to a file."""
        with (self.folder / f"{name}.log").open("a", encoding="utf-8") as file:
            yield Console(file=file, width=_LOGGED_WIDTH)

    def _released(self, version: int) -> Release:
        """Release a version, and tell how it was verified."""
        what = f"Verified and registered version {version} in every region"
        with (
            doing(f"Releasing version {version}", what, self.console),
            self._quietly(f"release-{version}") as quiet,
        ):
            execution = release(
                self._pipeline_name,
                str(self.model),
                aws=self.aws,
                state_dir=self.folder / "executions",
                console=quiet,
            )
            save_to = self.folder / f"model-{version}.tar.gz"
            made = collect(execution, self.aws, quiet, save_model_to=save_to)
        if not made.packages:
            raise NotShownError(f"Version {version} was not registered: {execution.failure_reason}")
        self._say(_verified(made))
        return made

    def _serve_first(self, workflow: Workflow) -> DeploymentExecution:
        with self._quietly("deployment-1") as quiet:
            deployment, _ = deploy(self.aws, workflow, self.folder / "deployments", quiet)
        return deployment

    def _wait_for_first(self, serving: Future[DeploymentExecution], workflow: Workflow) -> None:
        codes = ", ".join(region.code for region in workflow.regions)
        with doing("Deploying version 1", f"Version 1 serves in {codes}", self.console):
            first = serving.result()
        if not first.has_succeeded:
            raise NotShownError(f"Version 1 does not serve: {first.failure}")

    def _deploy_code(self, coming: Future[CloudAssembly]) -> None:
        what = "Deploying version 1's endpoints, and version 2's inference code"
        done = "Deployed version 2's inference code, beside version 1's endpoints"
        with doing(what, done, self.console) as tell:
            assembly, log = coming.result(), self.folder / "version-2" / "cdk.log"
            cdk = CdkCli(self.aws.environment, log, app=str(assembly.folder), on_line=tell)
            cdk.deploy_only(self.stack)

    def _traffic(self, workflow: Workflow, made: Release) -> Traffic:
        asked = [region for region in workflow.regions if region.wave > 1]
        others = [region.code for region in workflow.regions if region.wave == 1]
        self._say(
            f"Traffic: {_PER_SECOND:.0f} requests a second in"
            f" {' and '.join(region.code for region in asked)} each;"
            f" it is night in {' and '.join(others)}",
        )
        name, request = sample_request(self.aws, made.packages[0])
        return Traffic(
            self.aws,
            workflow.endpoint,
            [region.aws_region for region in asked],
            request,
            CONTENT_TYPES[PurePath(name).suffix],
            _PER_SECOND,
        )

    def _tell_end(self, shown: RollbackShown, traffic: Traffic) -> None:
        self.console.print(f"Deployment report: {shown_path(shown.report)}", soft_wrap=True)
        self.console.print()
        for state in shown.states:
            count, failed = traffic.answered[state.aws_region], traffic.failed[state.aws_region]
            asked = f"{count:,} requests answered, {failed:,} failed" if count else "nobody asked"
            self._say(
                Text.assemble(
                    (f"{state.region_code}  {state.aws_region}  version {state.version}", "bold"),
                    f"  {asked}",
                )
            )
        self.console.print("\nWhat people were told:")
        for line in (f"Subject: {shown.mail.subject}", "", *shown.mail.text.splitlines()):
            print_fitted(self.console, Text(f"  {line}".rstrip()), hang=2)

    def _say(self, text: str | Text) -> None:
        print_fitted(self.console, Text(text) if isinstance(text, str) else text, hang=2)


def _verified(made: Release) -> str:
    found = find_evaluation(made.execution.steps)
    if found is None or not isinstance(found[1], Evaluation):
        return ""
    verdict, gate = found[1].verdict, found[1].gate
    latency = number(gate.latency_p99_in_millisecond, "ms")
    limit = number(found[1].limits.get("max_latency_in_millisecond"), "ms")
    rate = number(gate.achieved_tps)
    return f"  {verdict}: latency p99 {latency} (at most {limit}) at {rate} requests a second"


def _about(mails: list[Mail], deployment: DeploymentExecution) -> Mail:
    """Find the notification of a deployment.

    Raises:
        NotShownError: Nobody was told.
    """
    found = [mail for mail in mails if deployment.arn in mail.text]
    if not found:
        raise NotShownError(f"Nobody was told of the deployment {deployment.id}.")
    return found[-1]


def _check(shown: RollbackShown, workflow: Workflow) -> None:
    """Refuse to have shown what did not happen.

    Raises:
        NotShownError: Tells what happened instead.
    """
    deployment = shown.deployment
    if deployment.has_succeeded:
        raise NotShownError("Version 2 was deployed: no alarm has tripped.")
    first = {region.code for region in workflow.regions if region.wave == 1}
    tried = {task.region for task in deployment.tasks if task.action == "try" and task.outcome}
    if not first <= tried:
        raise NotShownError(f"Version 2 did not get beyond the first wave: {deployment.failure}")
    if "alarm" not in (deployment.failure or ""):
        raise NotShownError(f"Version 2 was taken back by no alarm: {deployment.failure}")
    others = [f"{each.region_code}: {each.version}" for each in shown.states if each.version != 1]
    if others:
        raise NotShownError(f"Not every region is on version 1 again: {', '.join(others)}.")
