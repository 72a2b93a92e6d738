"""Which stacks the app has, and what each gets from the others."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from aws_cdk import Annotations, App, Environment, Stack

from constructs_lib.compilation.parent import CheckedPipeline, Compilation
from constructs_lib.compiled_pipeline import CompiledPipeline
from constructs_lib.configs import PipelineConfigs
from constructs_lib.findings import Finding
from constructs_lib.infrastructure.iam.data_locations import data_buckets
from constructs_lib.infrastructure.tags import tag_pipeline, tag_resources
from constructs_lib.regions import RegionCode
from constructs_lib.release.files import release_files
from constructs_lib.settings import PipelineOperations, Settings
from stacks.network import NetworkStack
from stacks.pipeline import PipelineStack
from stacks.registry import RegistryStack
from stacks.storage import StorageStack


def add_stacks(
    app: App,
    *,
    settings: Settings,
    pipelines: Mapping[str, PipelineConfigs],
    compilation: Compilation,
) -> list[Finding]:
    """Add all stacks.

    Args:
        app: The app.
        settings: Its settings.
        pipelines: Configs by the name of their folder.
        compilation: Gives the compiled pipelines, by the same names.

    Returns:
        What SageMaker would refuse of the pipelines, and what is likely a mistake.

    Raises:
        ReleaseError: A pipeline cannot be compiled, or cannot be deployed with these settings.
    """
    release = _ReleaseStacks(app, settings, pipelines)
    # What is above is done beside the compiler, which goes on beside what is below.
    for name, configs in pipelines.items():
        release.add_pipeline(name, configs, compilation[name])
    release.add_notifications()
    release.add_delivery()
    tag_resources(app, settings)
    return release.findings


class _ReleaseStacks:
    """The stacks of the app, as far as they have been added."""

    def __init__(
        self, app: App, settings: Settings, pipelines: Mapping[str, PipelineConfigs]
    ) -> None:
        """Add the stacks that all pipelines use."""
        self._app = app
        self._settings = settings
        self._home = Environment(account=settings.account, region=settings.home_region)
        self._storage = StorageStack(
            app,
            f"{settings.app_name}-storage",
            settings=settings,
            description="Model artifacts and their encryption key",
            env=self._home,
        )
        self._network = NetworkStack(
            app,
            f"{settings.app_name}-network",
            settings=settings,
            storage=self._storage,
            data_buckets=data_buckets(pipelines.values(), settings),
            jobs_talk_to_each_other=any(map(_trains_on_several_instances, pipelines.values())),
            description="Isolated subnets for the jobs of the model release pipelines",
            env=self._home,
        )
        used = {code for configs in pipelines.values() for code in configs.registration.regions}
        self._registries = {code: self._add_registry(code) for code in RegionCode if code in used}
        self._pipelines: dict[str, PipelineStack] = {}
        self._groups: dict[RegionCode, list[str]] = {code: [] for code in self._registries}
        self.findings: list[Finding] = []

    def _add_registry(self, code: RegionCode) -> RegistryStack:
        return RegistryStack(
            self._app,
            f"{self._settings.app_name}-registry-{code.lower()}",
            settings=self._settings,
            aws_region=code.aws_region,
            description=f"Registered models in {code} ({code.aws_region})",
            env=Environment(account=self._settings.account, region=code.aws_region),
        )

    def add_pipeline(self, name: str, configs: PipelineConfigs, checked: CheckedPipeline) -> None:
        """Add one pipeline's stack and its model package groups."""
        settings = self._settings
        compiled = checked.pipeline.with_default(
            "ModelApprovalStatus", settings.model_approval_status
        )
        stack = PipelineStack(
            self._app,
            f"{settings.app_name}-pipeline-{name.replace('_', '-')}",
            settings=settings,
            configs=configs,
            compiled=compiled,
            files=release_files(configs, compiled),
            network=self._network,
            storage=self._storage,
            description=f"Release pipeline {compiled.name}",
            env=self._home,
        )
        self._pipelines[compiled.name] = stack
        for code, request in compiled.registration_requests.items():
            self._registries[code].add_model_package_group(request.model_package_group_name)
            self._groups[code].append(request.model_package_group_name)
            stack.add_stack_dependency(self._registries[code])
        tag_pipeline(stack, compiled.name)
        self._add_operations(name, stack, compiled)
        _annotate(stack, checked.findings)
        self.findings += checked.findings

    def _add_operations(self, name: str, stack: PipelineStack, compiled: CompiledPipeline) -> None:
        operations = self._settings.operations(name)
        if operations == PipelineOperations():
            return
        # Here and below: an app that does not use it starts without half a second of imports.
        from stacks.operations import add_operations

        add_operations(
            stack,
            operations=operations,
            settings=self._settings,
            pipeline_name=compiled.name,
            definition=compiled.definition,
            storage=self._storage,
        )

    def add_notifications(self) -> None:
        """Tell of all pipelines from the home region; the others forward their events to it."""
        settings = self._settings
        if settings.notifications is None:
            return
        from stacks.notifications import ForwardingStack, NotificationStack

        notifications = NotificationStack(
            self._app,
            f"{settings.app_name}-notifications",
            settings=settings,
            notifications=settings.notifications,
            pipeline_names=sorted(self._pipelines),
            model_package_group_names=sorted(
                {name for each in self._groups.values() for name in each}
            ),
            storage=self._storage,
            description="Tells people of failed executions and of model packages to approve",
            env=self._home,
        )
        for stack in self._pipelines.values():
            stack.add_stack_dependency(notifications)
        for code, names in self._groups.items():
            if code != settings.home_code:
                ForwardingStack(
                    self._app,
                    f"{settings.app_name}-notifications-{code.lower()}",
                    settings=settings,
                    model_package_group_names=sorted(names),
                    description=f"Sends changes of model packages to {settings.home_region}",
                    env=Environment(account=settings.account, region=code.aws_region),
                )

    def add_delivery(self) -> None:
        """Let GitHub Actions deploy the app, where the settings ask for it."""
        settings = self._settings
        if settings.delivery is None or settings.environment is None:
            return
        from stacks.delivery import DeliveryStack

        regions = {settings.home_region, *(code.aws_region for code in self._registries)}
        DeliveryStack(
            self._app,
            f"{settings.app_name}-delivery",
            settings=settings,
            delivery=settings.delivery,
            github_environment=settings.environment,
            regions=sorted(regions),
            description=f"Lets {settings.delivery.repository} compare and deploy the app",
            env=self._home,
        )


def _trains_on_several_instances(configs: PipelineConfigs) -> bool:
    return configs.training is not None and configs.training.training_instance_count > 1


def _annotate(stack: Stack, findings: Iterable[Finding]) -> None:
    """Let ``cdk synth`` fail where SageMaker would."""
    for finding in findings:
        if finding.severity == "error":
            Annotations.of(stack).add_error(str(finding))
        else:
            Annotations.of(stack).add_warning_v2(f"model-release:{finding.path}", str(finding))
