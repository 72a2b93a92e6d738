"""The synthesized app, and what its stacks tell once they are deployed."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any, Final, Self

from botocore.exceptions import BotoCoreError, ClientError

from constructs_lib.aws.cloud_assembly import CloudAssembly
from constructs_lib.errors import ReleaseError
from local.emulator import ACCOUNT_ID

_ROOT: Final = Path(__file__).resolve().parents[1]
_PROGRAM: Final = Path(__file__).with_name("synthesis_program.py")
_TOLD_BEFORE: Final = re.compile(r"\A(?:(?!error: ).*\n)*error: ")
"""Warnings before the error, and how that begins."""


class SynthesisError(ReleaseError):
    """The app does not synthesize; holds what it printed."""


class StackOutputError(ReleaseError):
    """A stack is not deployed, or has no such output."""


class AppProcess:
    """The app in a process of its own, which synthesizes as often as it is asked to.

    ::

        with AppProcess(folder / "synthesis.log") as app:
            first = app.synthesize(folder / "first")
            second = app.synthesize(folder / "second", {"model-release": settings})
            deploy(first.result())
    """

    def __init__(self, log_file: Path) -> None:
        """Prepare; the process starts when this is entered.

        Args:
            log_file: What the app prints is appended to it.
        """
        self._log_file = log_file
        self._in_turn = ThreadPoolExecutor(1)

    def __enter__(self) -> Self:
        """Start the process, which begins to import CDK."""
        environment = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("AWS_", "CDK_"))
        }
        self._log_file.parent.mkdir(parents=True, exist_ok=True)
        with self._log_file.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, str(_PROGRAM), str(_ROOT / "app.py")],
                cwd=_ROOT,
                env={**environment, "CDK_DEFAULT_ACCOUNT": ACCOUNT_ID},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )
        return self

    def __exit__(self, *_error: object) -> None:
        """End the process, whatever it is at."""
        self._process.kill()
        self._in_turn.shutdown(cancel_futures=True)
        self._process.communicate()

    def synthesize(
        self, folder: Path, context: Mapping[str, Any] | None = None
    ) -> Future[CloudAssembly]:
        """Run the app as the CDK CLI does with the embedded AWS, after what was asked for before.

        It reaches no network. A ``SynthesisError`` comes out of it if the app refuses its input.

        Args:
            folder: Where to write the cloud assembly.
            context: As ``cdk --context`` gives it, over that of ``cdk.json``.
        """
        own = {"CDK_OUTDIR": str(folder.absolute()), "CDK_CONTEXT_JSON": json.dumps(context or {})}
        return self._in_turn.submit(self._synthesize, folder, own)

    def _synthesize(self, folder: Path, variables: Mapping[str, str]) -> CloudAssembly:
        printed_before = self._log_file.stat().st_size
        if self._run(variables) != "0\n":
            with self._log_file.open("rb") as log:
                log.seek(printed_before)
                printed = log.read().decode(errors="replace")
            told = _TOLD_BEFORE.sub("", printed, count=1).strip()
            raise SynthesisError(told or f"The app has ended without a word; see {self._log_file}.")
        return CloudAssembly(folder)

    def _run(self, variables: Mapping[str, str]) -> str:
        assert self._process.stdin is not None  # noqa: S101  # both are pipes
        assert self._process.stdout is not None  # noqa: S101
        with suppress(BrokenPipeError):  # it has ended, and has printed why
            self._process.stdin.write(f"{json.dumps(variables)}\n")
            self._process.stdin.flush()
        return self._process.stdout.readline()


def stack_output(cloudformation: Any, stack: str, key: str) -> str:
    """Return an output of a deployed stack.

    Args:
        cloudformation: A client of the stack's region.
        stack: The stack's name.
        key: The output's key.

    Raises:
        StackOutputError: There is no such stack or output there.
    """
    try:
        (description,) = cloudformation.describe_stacks(StackName=stack)["Stacks"]
    except (BotoCoreError, ClientError) as error:
        raise StackOutputError(
            f"Cannot read the stack {stack!r} in {cloudformation.meta.region_name}: {error}."
            " Is it deployed there?"
        ) from error
    outputs = {each["OutputKey"]: each["OutputValue"] for each in description.get("Outputs", ())}
    if key not in outputs:
        raise StackOutputError(
            f"The stack {stack!r} has no output {key!r}. It has: {', '.join(outputs) or 'none'}."
        )
    value: str = outputs[key]
    return value
