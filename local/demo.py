"""The demo: deploys the app to an embedded AWS and releases the example model."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Final

from rich.console import Console

from local.deployment import stack_output
from local.emulator import EmbeddedAws
from local.release import LocalAws, deploy_app, release, show_packages
from local.runner import Execution, ExecutionStatus

_ROOT: Final = Path(__file__).resolve().parents[1]
_MODEL: Final = _ROOT / "pipelines" / "returns_risk" / "model" / "model.tar.gz"
_PIPELINE_STACK: Final = "model-release-pipeline-returns-risk"


def run_demo(folder: Path, console: Console) -> Execution:
    """Deploy the app, release the example model and show what was registered.

    Args:
        folder: Emptied; holds logs, records and the packaged model afterwards.
        console: Where to tell.

    Returns:
        The execution, failed or not.

    Raises:
        ReleaseError: A part before the execution failed; says which, why and where its log is.
    """
    shutil.rmtree(folder, ignore_errors=True)
    with EmbeddedAws(log_file=folder / "emulator.log") as server:
        aws = LocalAws(server.endpoint_url)
        deploy_app(aws, folder, console)
        pipeline_name = stack_output(aws.client("cloudformation"), _PIPELINE_STACK, "PipelineName")
        console.print()
        execution = release(
            pipeline_name, str(_MODEL), aws=aws, state_dir=folder / "executions", console=console
        )
        if execution.status is ExecutionStatus.SUCCEEDED:
            show_packages(execution, aws, console, save_model_to=folder / "model.tar.gz")
    return execution
