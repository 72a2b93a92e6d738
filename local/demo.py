"""The demo: deploys the app to an embedded AWS, releases the example model, and serves it."""

from __future__ import annotations

import os
import shutil
from concurrent.futures import Future
from dataclasses import replace
from pathlib import Path
from typing import Final

from rich.console import Console

from constructs_lib.aws.cloud_assembly import CloudAssembly
from constructs_lib.confinement import SERVING_VARIABLE
from constructs_lib.errors import ReleaseError
from local.deployment import AppProcess, stack_output
from local.emulator import EmbeddedAws
from local.outcome import Release
from local.release import collect, deploy_app, release
from local.serving import serve

_ROOT: Final = Path(__file__).resolve().parents[1]
_MODEL: Final = "pipelines/returns_risk/model/model.tar.gz"
_STACK_SUFFIX: Final = "-pipeline-returns-risk"
_ANOTHER_MODEL: Final = (
    "To release another model on an embedded AWS: release emulator, and in another shell"
    " release deploy-local and release run NAME --model MODEL."
)


class NoExampleError(ReleaseError):
    """The app does not hold the example pipeline."""


def run_demo(folder: Path, console: Console) -> Release:
    """Deploy the app, release the example model, show what was registered, and let it answer.

    Args:
        folder: Emptied; holds logs, records and the packaged model afterwards.
        console: Where to tell.

    Returns:
        What came of the execution, failed or not.

    Raises:
        ReleaseError: A part before or after the execution failed; says which, why and where its
            log is.
    """
    model = example_model()
    shutil.rmtree(folder, ignore_errors=True)
    # It is to be quick: Ray Serve takes half a minute to start. What is told says so.
    os.environ[SERVING_VARIABLE] = ""
    with AppProcess(folder / "synthesis.log") as app:
        coming = app.synthesize(folder / "cdk.out")
        return _shown(model, coming, folder, console)


def _shown(model: Path, coming: Future[CloudAssembly], folder: Path, console: Console) -> Release:
    with EmbeddedAws(log_file=folder / "emulator.log", prepare=True) as server:
        assembly = deploy_app(server.handle, coming, folder, console)
        stack = example_stack(assembly)
        aws = replace(server.handle, region=assembly.region(stack))
        pipeline_name = stack_output(aws.client("cloudformation"), stack, "PipelineName")
        console.print()
        execution = release(
            pipeline_name, str(model), aws=aws, state_dir=folder / "executions", console=console
        )
        made = collect(execution, aws, console, save_model_to=folder / "model.tar.gz")
        serve(made, aws, folder / "deployments", console)
        if made.packages:
            console.print("\nNext: a model of your own, see docs/first-hour.md", highlight=False)
        return made


def example_model() -> Path:
    """Return the model of the example pipeline, which lies in the pipeline's folder.

    Raises:
        NoExampleError: It is not there.
    """
    model = _ROOT / _MODEL
    if not model.is_file():
        raise NoExampleError(
            f"The demo releases the example pipeline, whose model {_MODEL} is not there."
            f" {_ANOTHER_MODEL}"
        )
    return model


def example_stack(assembly: CloudAssembly) -> str:
    """Name the stack of the example pipeline, whatever the app is called.

    Raises:
        NoExampleError: The app does not hold it.
    """
    stacks = [name for name in assembly.stack_names if name.endswith(_STACK_SUFFIX)]
    if not stacks:
        raise NoExampleError(
            "The demo releases the example pipeline returns_risk, which this app does not have."
            f" It has the stacks {', '.join(assembly.stack_names)}. {_ANOTHER_MODEL}"
        )
    return stacks[0]
