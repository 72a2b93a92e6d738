"""The synthesized app, and what its stacks tell once they are deployed."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from botocore.exceptions import BotoCoreError, ClientError

from constructs_lib.aws.cloud_assembly import CloudAssembly
from constructs_lib.errors import ReleaseError
from local.emulator import ACCOUNT_ID

_ROOT: Final = Path(__file__).resolve().parents[1]
_TOLD_BEFORE: Final = re.compile(r"\A(?:(?!error: ).*\n)*error: ")
"""Warnings before the error, and how that begins."""


class SynthesisError(ReleaseError):
    """The app does not synthesize; holds what it printed."""


class StackOutputError(ReleaseError):
    """A stack is not deployed, or has no such output."""


def synthesize(folder: Path, context: Mapping[str, Any] | None = None) -> CloudAssembly:
    """Run the app as the CDK CLI does with the embedded AWS; reaches no network.

    Args:
        folder: Where to write the cloud assembly.
        context: As ``cdk --context`` gives it, over that of ``cdk.json``.

    Raises:
        SynthesisError: The app refuses its input.
    """
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "CDK_"))
    }
    given = {} if context is None else {"CDK_CONTEXT_JSON": json.dumps(context)}
    own = {"CDK_OUTDIR": str(folder), "CDK_DEFAULT_ACCOUNT": ACCOUNT_ID, **given}
    result = subprocess.run(
        [sys.executable, "app.py"],
        cwd=_ROOT,
        env={**environment, **own},
        capture_output=True,
        text=True,
        check=False,
    )
    if result.returncode:
        raise SynthesisError(_TOLD_BEFORE.sub("", result.stderr, count=1).strip())
    return CloudAssembly(folder)


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
