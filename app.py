#!/usr/bin/env python3
"""The CDK app: every folder in ``pipelines/`` becomes one release pipeline.

python app.py        writes cdk.out; needs neither credentials nor a region nor a network
cdk deploy --all     deploys it
"""

from __future__ import annotations

import json
import logging
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from constructs_lib.infrastructure import quick_start

quick_start.prepare(is_program=__name__ == "__main__")

from constructs_lib.compilation.parent import CACHE_FOLDER, Compilation
from constructs_lib.configs.folder import load_pipelines
from constructs_lib.errors import ReleaseError
from constructs_lib.release.code_check import refuse_wrong_code
from constructs_lib.release.patches import IGNORE_UNPATCHED, tell_unpatched, today
from constructs_lib.settings import Settings, read_context
from constructs_lib.terminal.lines import TerminalHandler, fitted
from constructs_lib.terminal.paths import shown_path

if TYPE_CHECKING:
    from collections.abc import Mapping

    from aws_cdk import App

    from constructs_lib.findings import Finding

logger = logging.getLogger(__name__)

ROOT: Final = Path(__file__).parent
NO_CACHE: Final = "no-definition-cache"
"""Context key: ``cdk synth -c no-definition-cache=true`` compiles every definition anew."""


def build_app(outdir: str, context: Mapping[str, Any], **options: Any) -> tuple[App, list[Finding]]:
    """Make the app with all its stacks.

    Args:
        outdir: Folder that ``synth()`` writes.
        context: Context of ``cdk.json`` and of the command line.
        options: Further arguments of ``aws_cdk.App``.

    Returns:
        The app, and what SageMaker would refuse of its pipelines or is likely a mistake.

    Raises:
        ReleaseError: The settings, a pipeline's config or its inference code are wrong, or the
            settings refuse its containers.
    """
    settings = Settings.from_context(context.get)
    folder = shown_path(ROOT / settings.pipelines_dir)
    pipelines = load_pipelines(folder, settings.region_names)
    if not context.get(IGNORE_UNPATCHED):
        tell_unpatched(pipelines, settings.unpatched_containers, today())
        for warning in refuse_wrong_code(pipelines.values()):
            logger.warning("%s: %s", warning.place, warning.message)
    cache = None if context.get(NO_CACHE) else ROOT / CACHE_FOLDER
    with Compilation(pipelines, home_region=settings.home_region, cache=cache) as compilation:
        # Only now: definitions compile while the CDK is imported.
        from aws_cdk import App

        from stacks.app_stacks import add_stacks

        app = App(outdir=outdir, context=dict(context), tree_metadata=False, **options)
        findings = add_stacks(app, settings=settings, pipelines=pipelines, compilation=compilation)
    return app, findings


def main() -> int:
    """Synthesize; bad input ends with its message and exit code 1."""
    logging.lastResort = TerminalHandler()  # where nothing else is set up for the log
    try:
        app, _ = build_app(os.environ.get("CDK_OUTDIR", "cdk.out"), _context())
        # Only here: it is part of CDK.
        from constructs_lib.infrastructure.template_findings import synthesize

        synthesize(app)
    except ReleaseError as error:
        sys.stderr.write(f"{fitted(f'error: {error}', sys.stderr, hang=2)}\n")
        return 1
    return 0


def _context() -> dict[str, Any]:
    """Read the context as CDK does: that of ``cdk.json``, and over it that of the command line."""
    context = read_context(shown_path(ROOT / "cdk.json"))
    # Stack traces hold the name of a folder that is new each time; the CLI takes these two keys
    # from the app only.
    without_traces = ("aws:cdk:disable-creation-stack-traces", "aws:cdk:disable-stack-trace")
    of_cli = json.loads(os.environ.get("CDK_CONTEXT_JSON", "{}"))
    # Where the CLI writes a context that is too long for the environment.
    if overflow := os.environ.get("CONTEXT_OVERFLOW_LOCATION_ENV"):
        of_cli |= json.loads(Path(overflow).read_text())
    return {**context, **dict.fromkeys(without_traces, True), **of_cli}


if __name__ == "__main__":
    quick_start.run(main)
