"""Faults around the local runner while it executes the deployed example pipeline."""

from __future__ import annotations

import io
import json
import os
import re
import signal
import subprocess
import sys
import tarfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Self

from benchmarks.faults.invariants import Registry
from benchmarks.faults.proxy import FaultProxy
from benchmarks.faults.scenarios import ScenarioResult, matching
from local.cdk import CdkCli
from local.deployment import stack_output
from local.emulator import ACCOUNT_ID, EmbeddedAws
from local.runner import (
    EmulatedAws,
    Execution,
    ExecutionStatus,
    StepExecution,
    start_execution,
)
from local.runner.records import OnEvent
from tests.example_pipeline import MODEL, copy_example

ROOT = Path(__file__).parents[2]
PIPELINE = "returns-risk"
REGIONS = {"NA": "us-east-1", "EU": "eu-west-1", "FE": "us-west-2"}
_LOAD_SECONDS = 1
_AT_ONCE = "two of one model, one of another"
_DEPLOYED = "another definition and code"
OBJECTIVE = "ReturnAbuseRisk"
"""What the example's config says its model is for."""
_ASSET = re.compile(r"s3://(cdk-[a-z0-9-]+)/([^\"/]+)")


@dataclass(frozen=True)
class RunnerFault:
    """Rules of the proxy for one execution, or the change of its record that kills the runner."""

    row: str
    label: str
    rules: tuple[Mapping[str, Any], ...] = ()
    killed_at: tuple[str, str] | None = None
    """A step and its status: the runner dies by SIGKILL when it records that."""


def _error(code: str, status: int, **members: Any) -> dict[str, Any]:
    return {"error": {"code": code, "status": status}, **members}


RUNNER_FAULTS: tuple[RunnerFault, ...] = (
    RunnerFault(
        "pipeline: calls throttled",
        "every fourth call of SageMaker and every sixth of S3",
        (
            _error("ThrottlingException", 400, service="sagemaker", sequence=[1, 3]),
            _error("SlowDown", 503, service="s3", sequence=[1, 5]),
        ),
    ),
    RunnerFault(
        "pipeline: calls answered with a 500",
        "every fourth call of SageMaker and of S3",
        (
            _error("InternalFailure", 500, service="sagemaker", sequence=[1, 3]),
            _error("InternalError", 500, service="s3", sequence=[1, 3]),
        ),
    ),
    RunnerFault(
        "pipeline: connections cut",
        "every fifth connection",
        ({"service": "*", "reset": True, "sequence": [1, 4]},),
    ),
    RunnerFault(
        "pipeline: connections cut",
        "every eighth answer of S3, in its middle",
        ({"service": "s3", "response": {"abort_frac": 0.5}, "sequence": [1, 7]},),
    ),
    RunnerFault(
        "pipeline: slow connections",
        "30 ms a call, 4 MB/s",
        ({"service": "*", "latency": 30, "response": {"bandwidth_kbps": 4000}},),
    ),
    RunnerFault(
        "pipeline: answer lost",
        "the first registration at home is served, its answer lost",
        (
            {
                "service": "sagemaker",
                "operation": "CreateModelPackage",
                "region": "us-east-1",
                "response": {"abort_bytes": 0},
                "times": 1,
            },
        ),
    ),
    RunnerFault(
        "pipeline: access denied",
        "registering in the second region",
        (
            _error(
                "AccessDeniedException",
                400,
                service="sagemaker",
                operation="CreateModelPackage",
                region="eu-west-1",
            ),
        ),
    ),
    RunnerFault(
        "pipeline: access denied",
        "copying to the third region",
        (
            {
                **matching("UploadPartCopy"),
                "resource": "us-west-2",
                **_error("AccessDenied", 403),
            },
        ),
    ),
    *(
        RunnerFault("pipeline: runner killed", f"when {step} is {status}", killed_at=(step, status))
        for step, status in (
            ("Package", "Succeeded"),
            ("Stage-EU", "Executing"),
            ("Registration-NA", "Executing"),
            ("Registration-NA", "Succeeded"),
            ("Registration-EU", "Succeeded"),
        )
    ),
)


class Deployed:
    """The example pipeline, deployed by the CDK CLI to an embedded AWS of its own."""

    def __init__(self) -> None:
        """Prepare; entering the context deploys."""
        self.aws = EmbeddedAws()
        self.injected = 0
        """How many faults there were in the last execution that was to have some."""
        self._resources = ExitStack()
        self._models = 0

    def __enter__(self) -> Self:
        """Start and deploy."""
        with ExitStack() as resources:
            folder = TemporaryDirectory(prefix="faults-", ignore_cleanup_errors=True)
            self.folder = Path(resources.enter_context(folder))
            resources.enter_context(self.aws)
            self._write_pipeline()
            self.deploy()
            self._proxy = resources.enter_context(FaultProxy(self.aws.endpoint_url))
            self._lead_functions_through_the_proxy()
            self._resources = resources.pop_all()
        return self

    def __exit__(self, *_error: object) -> None:
        """Stop everything and remove the records."""
        self._resources.close()

    @property
    def registry(self) -> Registry:
        """Where the pipeline registers."""
        return Registry(self.aws.client, PIPELINE, REGIONS)

    def _write_pipeline(self) -> None:
        path = copy_example(self.folder / "pipelines" / "returns_risk")
        config = json.loads(path.read_text())
        payload = config["configuration"]["specific"]["Payload"]
        payload["verification_load_seconds"] = _LOAD_SECONDS
        # Many executions share this machine: its latency is not what is looked at.
        payload.update(max_latency_in_millisecond=5000, expected_tps=2)
        path.write_text(json.dumps(config))

    def deploy(self) -> None:
        """Deploy all stacks, with the config as it is in the folder."""
        cli = CdkCli(
            self.aws.environment(),
            log_file=self.folder / "cdk.log",
            app=f"{sys.executable} {ROOT / 'app.py'}",
            output=self.folder / "cdk.out",
        )
        cli.bootstrap(ACCOUNT_ID, REGIONS.values())
        settings = {"pipelines_dir": str(self.folder / "pipelines")}
        cli.deploy(context={"model-release": json.dumps(settings)})

    def _lead_functions_through_the_proxy(self) -> None:
        """Give functions its URL: the embedded AWS, which runs them, gives its own otherwise."""
        functions = self.aws.client("lambda")
        for function in functions.list_functions()["Functions"]:
            variables = function.get("Environment", {}).get("Variables", {})
            functions.update_function_configuration(
                FunctionName=function["FunctionName"],
                Environment={"Variables": {**variables, "AWS_ENDPOINT_URL": self._proxy.url}},
            )

    def change_pipeline(self) -> None:
        """Change the config and the inference code, to be deployed next."""
        example = self.folder / "pipelines" / "returns_risk"
        for name, old, new in (
            ("config.json", OBJECTIVE, "ReturnFraudRisk"),
            ("inference/inference.py", "\n", "\n# changed\n"),
        ):
            file = example / name
            file.write_text(file.read_text().replace(old, new, 1))

    def definition(self) -> str:
        """Return the deployed definition."""
        sagemaker = self.aws.client("sagemaker")
        body: str = sagemaker.describe_pipeline(PipelineName=PIPELINE)["PipelineDefinition"]
        return body

    def missing_assets(self, definition: str) -> Iterator[str]:
        """Name the assets of a definition that are gone."""
        s3 = self.aws.client("s3")
        for bucket, key in sorted(set(_ASSET.findall(definition))):
            if not s3.list_objects_v2(Bucket=bucket, Prefix=key)["KeyCount"]:
                yield f"the asset {key} of the definition of before is gone"

    def newest_objective(self, code: str) -> str:
        """Return the objective in the metadata of a region's newest model package."""
        newest = max(
            self.registry.packages(code), key=lambda package: int(package["ModelPackageVersion"])
        )
        objective: str = newest["CustomerMetadataProperties"]["model_objective"]
        return objective

    @cached_property
    def artifact_bucket(self) -> str:
        """The home region's bucket of artifacts."""
        stacks = self.aws.client("cloudformation")
        return stack_output(stacks, "model-release-storage", "ArtifactBucketName")

    @property
    def state_folder(self) -> Path:
        """Where the records of executions are."""
        return self.folder / "executions"

    def runner_aws(self) -> EmulatedAws:
        """Connect a runner's clients, whose calls go through the proxy."""
        endpoint = {"AWS_ENDPOINT_URL": self._proxy.url}
        return EmulatedAws.connect({**self.aws.environment(), **endpoint})

    def new_model(self) -> str:
        """Upload a model that was not released before; returns its S3 URI."""
        self._models += 1
        bucket = self.artifact_bucket
        key = f"incoming/{PIPELINE}/{self._models}/model.tar.gz"
        body = _example_with_another_file(f"{self._models}.txt")
        self.aws.client("s3").put_object(Bucket=bucket, Key=key, Body=body)
        return f"s3://{bucket}/{key}"

    def execute(self, model: str, on_event: OnEvent = lambda _execution, _step: None) -> Execution:
        """Execute the pipeline through the proxy; retries do not wait."""
        return start_execution(
            PIPELINE,
            {"ModelS3Uri": model},
            aws=self.runner_aws(),
            state_dir=self.state_folder,
            on_event=on_event,
            sleep=lambda _seconds: None,
        )

    def execute_under(self, rules: Sequence[Mapping[str, Any]], model: str) -> Execution:
        """Execute the pipeline, with faults from its start on."""
        remaining = [[dict(rule) for rule in rules]]

        def inject(_execution: Execution, _step: StepExecution | None) -> None:
            if remaining:
                self._proxy.inject(remaining.pop())

        execution = self.execute(model, inject)
        self.injected = self._proxy.fired()
        self._proxy.inject(())
        return execution

    def execute_and_kill(self, model: str, killed_at: tuple[str, str]) -> bool:
        """Execute in another process, which is killed; returns whether it was."""
        command = [sys.executable, "-m", "benchmarks.faults.runner_process"]
        result = subprocess.run(
            [*command, PIPELINE, model, str(self.state_folder), *killed_at],
            cwd=ROOT,
            env={**os.environ, **self.aws.environment()},
            capture_output=True,
            check=False,
        )
        return result.returncode == -signal.SIGKILL

    def executed_at_once(self, rules: Sequence[Mapping[str, Any]]) -> tuple[tuple[str, ...], int]:
        """Execute three times at once, twice for one new model and once for another.

        Returns:
            What is wrong then, and how many faults were injected.
        """
        models = [self.new_model(), self.new_model()]
        before = self.registry.contents()
        self._proxy.inject([dict(rule) for rule in rules])
        with ThreadPoolExecutor(3) as pool:
            executions = list(pool.map(self.execute, (models[0], models[1], models[0])))
        faults = self._proxy.fired() if rules else len(models)
        self._proxy.inject(())
        found = list(self.registry.violations())
        found += [str(each.failure_reason) for each in executions if each.failed_step is not None]
        found += _not_new(self, before, count=len(models))
        return tuple(found), faults


def run(deployed: Deployed, fault: RunnerFault) -> ScenarioResult:
    """Release a new model under a fault, and once more without."""
    model = deployed.new_model()
    before = deployed.registry.contents()
    if fault.killed_at is not None:
        faults, first = int(deployed.execute_and_kill(model, fault.killed_at)), None
    else:
        first = deployed.execute_under(fault.rules, model)
        faults = deployed.injected
    found = [] if faults else ["nothing was injected"]
    found += [*deployed.registry.violations(), *_unreported(deployed, before, first)]
    second = deployed.execute(model)
    found += not_registered_once(deployed, before, second, "rerun")
    return ScenarioResult(
        f"{fault.row.partition(': ')[2]}: {fault.label}",
        faults=faults,
        survived=first is not None and first.status is ExecutionStatus.SUCCEEDED,
        violations=tuple(found),
        reasons=(first.failure_reason or "",) if first else (),
    )


def run_at_once(deployed: Deployed) -> ScenarioResult:
    """Execute the pipeline three times at once: twice for one new model, once for another."""
    violations, faults = deployed.executed_at_once(())
    return ScenarioResult(_AT_ONCE, faults, survived=True, violations=violations)


def run_during_deployment(deployed: Deployed) -> ScenarioResult:
    """Deploy another config and other inference code while an execution runs."""
    model = deployed.new_model()
    before = deployed.registry.contents()
    old = deployed.definition()
    deployments: list[str] = []

    def deploy(_execution: Execution, step: StepExecution | None) -> None:
        if step is not None and step.name == "Package" and not deployments:
            deployments.append(step.name)
            deployed.change_pipeline()
            deployed.deploy()

    execution = deployed.execute(model, deploy)
    found = [*deployed.registry.violations(), *_not_new(deployed, before, count=1)]
    if execution.failed_step is not None:
        found.append(str(execution.failure_reason))
    if deployed.definition() == old:
        found.append("the deployment did not change the definition")
    found += deployed.missing_assets(old)
    found += [
        f"{code}: the execution registered what was deployed after its start"
        for code in REGIONS
        if deployed.newest_objective(code) != OBJECTIVE
    ]
    return ScenarioResult(_DEPLOYED, 1, survived=True, violations=tuple(found))


Run = Callable[[Deployed], ScenarioResult]
MORE: Sequence[tuple[str, str, Run]] = (
    ("pipeline: executed at once", _AT_ONCE, run_at_once),
    ("pipeline: deployed while it runs", _DEPLOYED, run_during_deployment),
)
"""Scenarios without faults, by the row of the table that they belong in and their label."""


def _not_new(
    deployed: Deployed, before: Mapping[str, Sequence[str]], *, count: int
) -> Iterator[str]:
    """Name what is wrong with what is new in the registries, which is to be ``count`` contents."""
    after = deployed.registry.contents()
    new = {code: sorted(set(after[code]) - set(before[code])) for code in REGIONS}
    if any(len(digests) != count for digests in new.values()):
        yield f"new in the registries, instead of {count} contents each: {new}"
    if len(set(map(tuple, new.values()))) > 1:
        yield f"the regions differ: {new}"


def _unreported(
    deployed: Deployed, before: Mapping[str, list[str]], execution: Execution | None
) -> Iterator[str]:
    if execution is None:
        return
    after = deployed.registry.contents()
    missing = [code for code in REGIONS if len(after[code]) == len(before[code])]
    failed = {step.name for step in execution.steps if step.status == "Failed"}
    if missing and execution.status is ExecutionStatus.SUCCEEDED:
        yield f"{', '.join(missing)}: not registered, and the execution succeeded"
    if len(missing) < len(REGIONS):
        for code in missing:
            if f"Registration-{code}" not in failed:
                yield f"{code}: not registered as the others are, and no step of it failed"


def not_registered_once(
    deployed: Deployed, before: Mapping[str, Sequence[str]], execution: Execution, what: str
) -> Iterator[str]:
    """Name what is wrong after an execution that is to succeed and register one content."""
    if execution.status is not ExecutionStatus.SUCCEEDED:
        yield f"the {what} failed: {execution.failure_reason}"
    yield from deployed.registry.violations()
    yield from deployed.registry.untraced()
    yield from _not_new(deployed, before, count=1)


def _example_with_another_file(name: str) -> bytes:
    content = io.BytesIO()
    with (
        tarfile.open(MODEL) as source,
        tarfile.open(fileobj=content, mode="w:gz") as target,
    ):
        for member in source:
            target.addfile(member, source.extractfile(member))
        target.addfile(tarfile.TarInfo(name))
    return content.getvalue()
