"""A job's container without a container: its folders re-rooted, its entry point a child process."""

from __future__ import annotations

import json
import re
import sys
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from threading import Event
from typing import Any, Final

from constructs_lib.confinement import confined, walled
from local.processes import ChildResult, run_child
from local.runner.aws import EmulatedAws, service_call
from local.runner.jobs.storage import child_path
from local.runner.language.definition import Step
from local.runner.language.errors import StepFailedError

PYTHON_COMMANDS: Final = frozenset({"python", "python3"})
"""The commands that stand for this interpreter."""

_HOST: Final = "algo-1"
_DAY_SECONDS: Final = 86_400
_MESSAGE_BYTES: Final = 1024
# A path of the container, not part of a longer path or of a URI.
_CONTAINER_PATH: Final = re.compile(r"(?<![\w./-])/opt/ml(?=/|$)")


@dataclass(frozen=True)
class StepRun:
    """One attempt of a step: what a step kind's function gets.

    ``name`` is the generated name of the job or model; ``execution_arn`` is the same at every
    attempt of the step; ``arguments`` are the resolved ones; ``tags`` are those of the pipeline;
    ``folder`` is for the attempt's files and does not exist yet.
    """

    step: Step
    name: str
    execution_arn: str
    tags: Sequence[Mapping[str, str]]
    arguments: Mapping[str, Any]
    aws: EmulatedAws
    folder: Path
    log_path: Path
    stopping: Event

    @property
    def client_token(self) -> str:
        """The idempotency token of the step in its execution."""
        return str(uuid.uuid5(uuid.NAMESPACE_URL, f"{self.execution_arn}#{self.step.name}"))

    @property
    def account(self) -> str:
        """The account of the execution."""
        return self.execution_arn.split(":")[4]

    def tagged(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """Add the pipeline's tags to a request that creates something: they go on to it."""
        tags = [*request.get("Tags", ()), *self.tags]
        return {**request, "Tags": tags} if tags else dict(request)

    def as_job(self, arn: str, role_arn: str, network: Mapping[str, Any]) -> StepRun:
        """Make the calls of the attempt's job: as the job's role, from the job's network.

        Args:
            arn: The job.
            role_arn: Its role.
            network: Its ``VpcConfig``, which may be empty.

        Raises:
            StepFailedError: SageMaker cannot assume the role.
        """
        with service_call():
            aws = self.aws.as_role(
                role_arn,
                name="SageMaker",
                source_arn=arn,
                subnet_ids=network.get("Subnets", ()),
            )
        return replace(self, aws=aws)


@dataclass(frozen=True)
class Container:
    """The file system of one job container, re-rooted in the attempt's folder."""

    run: StepRun

    def path(self, container_path: str) -> Path:
        """Where a path of the container lies on this machine."""
        return child_path(self.run.folder, container_path)

    def make_folder(self, container_path: str) -> Path:
        """Create a folder of the container."""
        path = self.path(container_path)
        path.mkdir(parents=True, exist_ok=True)
        return path

    def write_json(self, container_path: str, value: Any) -> None:
        """Write one of the files by which SageMaker tells a container its configuration."""
        path = self.path(container_path)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(value, indent=1), encoding="utf-8")

    def write_resource_config(self, container_path: str) -> dict[str, Any]:
        """Write the hosts of the job, which is this one."""
        config = {"current_host": _HOST, "hosts": [_HOST], "network_interface_name": "lo"}
        self.write_json(container_path, config)
        return config

    def relocate(self, text: str) -> str:
        """Replace the ``/opt/ml`` paths in an argument or variable by where they lie."""
        return _CONTAINER_PATH.sub(lambda _: str(self.path("/opt/ml")), text)

    def execute(
        self, command: Sequence[str], environment: Mapping[str, str], *, isolated: bool
    ) -> ChildResult:
        """Run the container's command until it ends or its time is over.

        A network-isolated container gets no access to AWS, and where the machine lets users have
        namespaces, to no network; there, no container sees the user's home. A user's own script,
        which is a single file, writes to the container's folders only.
        """
        executable, *arguments = (self.relocate(part) for part in command)
        own_script = arguments and arguments[0].endswith(".py")  # the app's own jobs are archives
        aws = {"AWS_REGION": self.run.aws.region} if isolated else self.run.aws.environment
        variables = {
            "HOME": str(self.make_folder("/root")),
            "TMPDIR": str(self.make_folder("/tmp")),  # noqa: S108 - the container's own
            **aws,
            **{name: self.relocate(str(value)) for name, value in environment.items()},
        }
        program = sys.executable if executable in PYTHON_COMMANDS else executable
        return run_child(
            walled([program, *arguments], self.run.folder, network=not isolated).command,
            environment=confined(variables, [self.run.folder]) if own_script else variables,
            folder=self.run.folder,
            log_path=self.run.log_path,
            timeout_seconds=max_runtime_seconds(self.run.arguments),
            stopping=self.run.stopping,
        )

    def message(self, container_path: str) -> str:
        """Return the first kilobyte of the file in which a script explains its end, if any."""
        path = self.path(container_path)
        if not path.is_file():
            return ""
        return path.read_bytes()[:_MESSAGE_BYTES].decode(errors="replace").strip()


def max_runtime_seconds(arguments: Mapping[str, Any]) -> int:
    """Return a job's time limit; a day unless its arguments say otherwise."""
    condition = arguments.get("StoppingCondition") or {}
    return int(condition.get("MaxRuntimeInSeconds", _DAY_SECONDS))


def check_result(result: ChildResult, run: StepRun, *, message: str) -> None:
    """Turn a job's end into the step's failure unless it succeeded.

    Raises:
        StepFailedError: the script exited with an error, or ran too long.
    """
    if result.timed_out:
        raise StepFailedError(
            "MaxRuntimeExceeded: the job was stopped after MaxRuntimeInSeconds "
            f"({max_runtime_seconds(run.arguments)} s)."
        )
    if result.exit_code != 0:
        explanation = message or result.last_error_line or "the script wrote no error"
        # As the script would have written it in a real container.
        explanation = explanation.replace(str(run.folder.resolve()), "")[:_MESSAGE_BYTES]
        raise StepFailedError(f"AlgorithmError: {explanation}, exit code: {result.exit_code}")


def refuse_several_instances(resources: Mapping[str, Any]) -> None:
    """Refuse a job that is spread over machines.

    Raises:
        StepFailedError: more than one instance is asked for.
    """
    count = resources.get("InstanceCount", 1)
    if count != 1:
        raise StepFailedError(
            f"InstanceCount is {count}, but the local runner runs a job on one machine only."
        )
