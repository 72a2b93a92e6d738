"""Which stacks the app has, and what each gets from the others."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from itertools import chain
from typing import TYPE_CHECKING

from aws_cdk import Annotations, App, Environment, Stack

from constructs_lib.compilation.parent import CheckedPipeline, Compilation
from constructs_lib.configs import PipelineConfigs
from constructs_lib.findings import Finding
from constructs_lib.infrastructure.iam.acknowledgements import acknowledged_later
from constructs_lib.infrastructure.iam.data_locations import data_buckets
from constructs_lib.infrastructure.tags import tag_app, tag_pipeline
from constructs_lib.regions import RegionCode
from constructs_lib.release.files import release_files
from constructs_lib.settings import PipelineOperations, Settings
from stacks.network import JobNetwork, NetworkStack, NetworkUse, given_network
from stacks.pipeline import PipelineRelease, PipelineStack
from stacks.registry import RegistryStack
from stacks.storage import StorageStack

if TYPE_CHECKING:
    from constructs_lib.infrastructure.serving.widgets import WatchedEndpoint
    from stacks.serving import ServingStack


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
    settings.refuse_unknown_pipelines(pipelines)
    with acknowledged_later(app):
        release = _ReleaseStacks(app, settings, pipelines)
        # What is above is done beside the compiler, which goes on beside what is below.
        for name, configs in pipelines.items():
            release.add_pipeline(name, configs, compilation[name])
        release.add_serving()
        release.add_notifications()
        release.add_forwarding()
        release.add_delivery()
    release.tag()
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
        # CloudFormation refuses to delete the stacks, where the settings ask for it.
        self._protection = settings.termination_protection
        self._storage = StorageStack(
            app,
            f"{settings.app_name}-storage",
            settings=settings,
            description="Model artifacts and their encryption key",
            termination_protection=self._protection,
            env=self._home,
        )
        self._network = given_network(settings) or self._create_network(pipelines.values())
        used = {code for configs in pipelines.values() for code in configs.registration.regions}
        ordered = settings.region_names.ordered(used)
        self._registries = {code: self._add_registry(code) for code in ordered}
        self._pipelines: dict[str, PipelineStack] = {}
        self._groups: dict[RegionCode, list[str]] = {code: [] for code in self._registries}
        self._served: dict[str, PipelineRelease] = {}
        self._serving: list[ServingStack] = []
        self._awaited: dict[RegionCode, list[str]] = {}
        self._alarms: dict[RegionCode, list[str]] = {}
        self.findings: list[Finding] = []

    def _create_network(self, pipelines: Collection[PipelineConfigs]) -> JobNetwork:
        stack = NetworkStack(
            self._app,
            f"{self._settings.app_name}-network",
            settings=self._settings,
            storage=self._storage,
            use=_network_use(self._settings, pipelines),
            description="Isolated subnets for the jobs of the model release pipelines",
            termination_protection=self._protection,
            env=self._home,
        )
        return stack.jobs

    def _add_registry(self, code: RegionCode) -> RegistryStack:
        return RegistryStack(
            self._app,
            f"{self._settings.app_name}-registry-{code.lower()}",
            settings=self._settings,
            aws_region=code.aws_region,
            description=f"Registered models in {code.shown}",
            termination_protection=self._protection,
            env=Environment(account=self._settings.account, region=code.aws_region),
        )

    def add_pipeline(self, name: str, configs: PipelineConfigs, checked: CheckedPipeline) -> None:
        """Add one pipeline's stack and its model package groups."""
        settings = self._settings
        compiled = checked.pipeline.with_default(
            "ModelApprovalStatus", settings.model_approval_status
        )
        release = PipelineRelease(
            configs=configs, compiled=compiled, files=release_files(configs, compiled)
        )
        stack = PipelineStack(
            self._app,
            f"{settings.app_name}-pipeline-{name.replace('_', '-')}",
            settings=settings,
            release=release,
            network=self._network,
            storage=self._storage,
            description=f"Release pipeline {compiled.name}",
            termination_protection=self._protection,
            env=self._home,
        )
        self._pipelines[compiled.name] = stack
        for code, request in compiled.registration_requests.items():
            self._registries[code].add_model_package_group(request.model_package_group_name)
            self._groups[code].append(request.model_package_group_name)
            stack.add_stack_dependency(self._registries[code])
        if configs.endpoint is not None:
            self._served[name] = release
        tag_pipeline(stack, compiled.name)
        self._add_operations(name, stack, release)
        _annotate(stack, checked.findings)
        self.findings += checked.findings

    def _add_operations(self, name: str, stack: PipelineStack, release: PipelineRelease) -> None:
        operations = self._settings.operations(name)
        if operations == PipelineOperations():
            return
        # Here and below: an app that does not use it starts without half a second of imports.
        from constructs_lib.infrastructure.operations import add_operations
        from constructs_lib.infrastructure.triggers import TriggeredPipeline

        compiled = release.compiled
        add_operations(
            stack,
            operations=operations,
            pipeline=TriggeredPipeline(
                construct=stack.pipeline, name=compiled.name, definition=compiled.definition
            ),
            artifact_bucket=self._storage.artifact_bucket,
            log_options=self._storage.log_options,
            topic_name=self._settings.topic_name if self._settings.notifications else None,
            endpoint=_watched(release.configs),
        )

    def add_serving(self) -> None:
        """Serve the approved versions of the pipelines whose configs ask for it."""
        if not self._served:
            return
        from constructs_lib.infrastructure.serving.names import refuse_shared_endpoints

        for folder, release in self._served.items():
            self._serving.append(self._serve(folder, release))
        stacks = self._serving
        refuse_shared_endpoints(each.pipeline for each in stacks)
        keyed = {code for each in stacks if each.pipeline.encrypts_volumes for code in each.regions}
        for code in self._settings.region_names.ordered(keyed):
            self._registries[code].allow_endpoints()

    def _serve(self, folder: str, release: PipelineRelease) -> ServingStack:
        from stacks.serving import ServingStack

        settings, compiled = self._settings, release.compiled
        stack = ServingStack(
            self._app,
            f"{settings.app_name}-serving-{folder.replace('_', '-')}",
            settings=settings,
            folder=folder,
            release=release,
            storage=self._storage,
            description=f"Serves approved versions of {compiled.name}",
            termination_protection=self._protection,
            env=self._home,
        )
        stack.add_stack_dependency(self._pipelines[compiled.name])
        tag_pipeline(stack, compiled.name)
        for code, request in compiled.registration_requests.items():
            if stack.starts_on_approval and code.aws_region in stack.pipeline.version_regions:
                self._awaited.setdefault(code, []).append(request.model_package_group_name)
        return stack

    def add_notifications(self) -> None:
        """Tell of all pipelines from the home region."""
        settings = self._settings
        if settings.notifications is None:
            return
        from stacks.notifications import NotificationStack, Watched

        for serving in self._serving:
            names = serving.standing_alarms()
            for code in serving.regions:
                self._alarms.setdefault(code, []).extend(names)
        notifications = NotificationStack(
            self._app,
            f"{settings.app_name}-notifications",
            settings=settings,
            notifications=settings.notifications,
            watched=Watched(
                pipeline_names=sorted(self._pipelines),
                model_package_group_names=sorted(set(chain(*self._groups.values()))),
                alarm_names=sorted(set(chain(*self._alarms.values()))),
            ),
            storage=self._storage,
            description="Tells people of failed executions and of model packages to approve",
            termination_protection=self._protection,
            env=self._home,
        )
        for stack in [*self._pipelines.values(), *self._serving]:
            stack.add_stack_dependency(notifications)

    def add_forwarding(self) -> None:
        """Let the other regions send home what is told of there, or what is waited for.

        One stack per region does both: two rules would have people told of everything twice.
        """
        is_told = self._settings.notifications is not None
        for code, names in (self._groups if is_told else self._awaited).items():
            if code != self._settings.home_code:
                self._forward(code, names)

    def _forward(self, code: RegionCode, group_names: Iterable[str]) -> None:
        from stacks.notifications import ForwardingStack

        settings = self._settings
        ForwardingStack(
            self._app,
            f"{settings.app_name}-notifications-{code.lower()}",
            home_region=settings.home_region,
            model_package_group_names=sorted(group_names),
            alarm_names=sorted(self._alarms.get(code, ())),
            description=f"Sends changes of model packages to {settings.home_region}",
            termination_protection=self._protection,
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
            termination_protection=self._protection,
            env=self._home,
        )

    def tag(self) -> None:
        """Say on every resource what it belongs to, and who answers for it."""
        tag_app(
            self._app,
            app_name=self._settings.app_name,
            environment=self._settings.environment,
            owner=self._settings.owner,
        )


def _watched(configs: PipelineConfigs) -> WatchedEndpoint | None:
    """Return what a dashboard shows of the endpoints, if there are any."""
    if configs.endpoint is None:
        return None
    from constructs_lib.configs.guardrails.rules import Guardrails
    from constructs_lib.deployment.settings import VARIANT_NAME, endpoint_name, serving_waves
    from constructs_lib.infrastructure.serving.widgets import WatchedEndpoint

    guardrails = Guardrails.of(configs.endpoint, configs.model, configs.payload)
    return WatchedEndpoint(
        name=endpoint_name(configs),
        variant_name=VARIANT_NAME,
        aws_regions=[region for wave in serving_waves(configs) for region in wave],
        latency_milliseconds=guardrails.latency_milliseconds,
        error_rate=guardrails.error_rate,
    )


def _network_use(settings: Settings, pipelines: Collection[PipelineConfigs]) -> NetworkUse:
    return NetworkUse(
        data_buckets=data_buckets(pipelines, settings.additional_s3_prefixes),
        jobs_talk_to_each_other=any(map(_trains_on_several_instances, pipelines)),
        endpoints_are_tested=any(_is_load_tested(each, settings) for each in pipelines),
    )


def _is_load_tested(configs: PipelineConfigs, settings: Settings) -> bool:
    return configs.payload.load_test_in_aws and settings.home_code in configs.registration.regions


def _trains_on_several_instances(configs: PipelineConfigs) -> bool:
    return configs.training is not None and configs.training.training_instance_count > 1


def _annotate(stack: Stack, findings: Iterable[Finding]) -> None:
    """Let ``cdk synth`` fail where SageMaker would."""
    for finding in findings:
        if finding.severity == "error":
            Annotations.of(stack).add_error(str(finding))
        else:
            Annotations.of(stack).add_warning_v2(f"model-release:{finding.path}", str(finding))
