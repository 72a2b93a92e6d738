"""Writes the cloud assembly, and reports what CloudFormation would refuse of whole templates."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from aws_cdk import Annotations, App, Stack

from constructs_lib.errors import ReleaseError
from constructs_lib.infrastructure.iam.acknowledgements import (
    tell_acknowledgements_to_rule_packs,
)
from constructs_lib.template_limits import template_problems

_REFUSED: Final = "ValidationFailed"


class RefusedAppError(ReleaseError):
    """The app has errors in its annotations, which CDK has printed."""


def synthesize(app: App) -> None:
    """Write the cloud assembly, with an error at each stack whose template is too large.

    A template's size is known once it is written. The error becomes part of the assembly with the
    next synthesis, so an app with such a stack is synthesized twice.

    Raises:
        RefusedAppError: There are errors, and no CDK command line that reports them.
    """
    tell_acknowledgements_to_rule_packs(app)
    _synthesize(app, force=False)
    problems = template_problems(Path(app.outdir))
    if not problems:
        return
    for stack in app.node.children:
        if isinstance(stack, Stack):
            for problem in problems.get(stack.template_file, ()):
                Annotations.of(stack).add_error(problem)
    _synthesize(app, force=True)


def _synthesize(app: App, *, force: bool) -> None:
    try:
        app.synth(force=force)
    except RuntimeError as error:  # jsii has no other
        if _REFUSED not in str(error):
            raise
        raise RefusedAppError("CDK refuses the app: its report says why.") from error
