"""Chooses and wires the steps of a pipeline, and compiles its definition.

    [Train] -> CreateModel -> Package -> [Verify] -> Stage-NA, Stage-EU, Stage-FE
                                                       |
                                                       +-> [Gate:] Registration-NA [-> LoadTest],
                                                                   Registration-EU, Registration-FE
                                                           [or VerificationFailed]

In brackets: only when configured. The gate, or else each Registration, waits for all Stage steps,
so that a model is registered in all regions or, when one of them cannot have it, in none.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from constructs_lib.compiled_pipeline import CompiledPipeline
from constructs_lib.configs import BasePipelineConfig, PipelineConfigs
from constructs_lib.deploy_time_values import (
    DYNAMIC_REFERENCE,
    DeployTimeValues,
    holds_variable,
)
from constructs_lib.errors import ReleaseError
from constructs_lib.language.canonical import canonical
from constructs_lib.regions import DEFAULT_HOME_REGION, RegionCode
from constructs_lib.registration.load_test_request import LoadTestRequestError, load_test_request
from constructs_lib.registration.request import RegistrationRequest, registration_request
from constructs_lib.release.payloads import shipped_payload, shipped_registration_file
from constructs_lib.s3_layout import folder_uri
from constructs_lib.serving import serving_profile
from constructs_lib.steps.context import StepContext
from constructs_lib.steps.gate import GateBuilder
from constructs_lib.steps.images import registered_image
from constructs_lib.steps.load_test import create_load_test_step
from constructs_lib.steps.model import PytorchModelStepBuilder
from constructs_lib.steps.packaging import MIMSPackagingStepBuilder, PackagedModel
from constructs_lib.steps.parameters import PipelineParameters
from constructs_lib.steps.policies import reuse_for_30_days
from constructs_lib.steps.registration import ModelRegistrationStepBuilder, Provenance
from constructs_lib.steps.sdk import (
    Pipeline,
    PipelineSession,
    Step,
    offline,
    offline_session,
)
from constructs_lib.steps.staging import StagedModel, StagingStepBuilder
from constructs_lib.steps.training import PytorchTrainingStepBuilder
from constructs_lib.steps.verification import VerificationStepBuilder, VerifiedModel


class DeployTimeVariableError(ReleaseError):
    """A config holds what CloudFormation would replace when it deploys the definition."""


class ReleasePipeline(Pipeline):  # type: ignore[misc]
    """The SDK's pipeline, compiled offline and without members that the service does not know."""

    registration_file: bytes
    """What is released beside it, and its steps know the digest of."""

    def definition(self) -> str:
        """Compile to canonical JSON: the same configs give the same text."""
        with offline():
            definition = json.loads(super().definition())
        # The SDK writes "MlflowConfig": null, which the service's schema does not know.
        definition = {name: value for name, value in definition.items() if value is not None}
        return canonical(definition)


def compile_pipeline(
    configs: PipelineConfigs,
    values: DeployTimeValues | None = None,
    *,
    home_region: str = DEFAULT_HOME_REGION,
) -> CompiledPipeline:
    """Compile the definition that is deployed. Reaches no network and needs no credentials.

    Args:
        configs: One model's configs.
        values: Deploy-time values; by default ``${Name}`` variables for CloudFormation.
        home_region: AWS region of the pipeline, its jobs and its models.

    Raises:
        ReleaseError: The configs name something that does not exist or cannot be deployed.
    """
    refuse_variables(configs)
    regions = [home_region, *(code.aws_region for code in configs.registration.regions)]
    if error := serving_profile(configs.model).missing_images(regions):
        raise error
    requests = registration_requests(configs)
    pipeline = build_pipeline(
        configs,
        requests=requests,
        values=values or DeployTimeValues(),
        home_region=home_region,
    )
    return CompiledPipeline(
        name=pipeline.name,
        body=pipeline.definition(),
        registration_requests=requests,
        registration_file=pipeline.registration_file.decode(),
    )


def registration_requests(configs: PipelineConfigs) -> dict[RegionCode, RegistrationRequest]:
    """Make the registration request of each configured region, each with its region's image."""
    return {
        code: registration_request(
            configs,
            code,
            registered_image(configs, code.aws_region),
        )
        for code in configs.registration.regions
    }


def build_pipeline(
    configs: PipelineConfigs,
    *,
    requests: Mapping[RegionCode, RegistrationRequest],
    values: DeployTimeValues,
    home_region: str = DEFAULT_HOME_REGION,
    model_s3_uri: str | None = None,
    session: PipelineSession | None = None,
) -> ReleasePipeline:
    """Choose and wire the steps.

    Args:
        configs: One model's configs.
        requests: What :func:`registration_requests` returned for them.
        values: Deploy-time values.
        home_region: AWS region of the pipeline, its jobs and its models.
        model_s3_uri: Default of the parameter ``ModelS3Uri``.
        session: A session of the caller's own; by default one that reaches no network.
    """
    name = configs.base.pipeline_name
    registration_file = shipped_registration_file(configs, requests.values())
    with offline():
        context = StepContext(
            pipeline_name=name,
            registration_digest=_registration_digest(configs, registration_file),
            session=session or offline_session(home_region),
            parameters=PipelineParameters.create(
                values,
                pipeline_name=name,
                has_training=configs.training is not None,
                model_s3_uri=model_s3_uri,
            ),
            values=values,
            home_region=home_region,
        )
        pipeline = ReleasePipeline(
            name=name,
            parameters=context.parameters.as_list(),
            steps=_steps(configs, requests, context),
            sagemaker_session=context.session,
        )
        pipeline.registration_file = registration_file
        return pipeline


def _steps(
    configs: PipelineConfigs,
    requests: Mapping[RegionCode, RegistrationRequest],
    context: StepContext,
) -> list[Step]:
    values = context.values
    train: Step | None = None
    artifact: object = context.parameters.model_s3_uri
    if configs.training is not None:
        train = PytorchTrainingStepBuilder(
            config=configs.training, context=context
        ).create_training_step(_code_uri(configs.training, values.training_code_key, values))
        artifact = train.properties.ModelArtifacts.S3ModelArtifacts

    model = PytorchModelStepBuilder(config=configs.model, context=context).create_model_step(
        artifact
    )
    source_artifact = model.properties.PrimaryContainer.ModelDataUrl
    packaged = MIMSPackagingStepBuilder(
        config=configs.package, context=context
    ).create_packaging_step(
        model_data=source_artifact,
        inference_code_uri=_code_uri(configs.model, values.inference_code_key, values),
        entry_point=serving_profile(configs.model).entry_point,
        serving_arguments=serving_profile(configs.model).packaging_arguments,
        # The cache compares URIs. Train writes each artifact to a new one; an artifact that a user
        # gives may be overwritten in place, and a reused result would register the old model.
        cache_config=reuse_for_30_days() if configs.training is not None else None,
    )
    provenance = Provenance(
        source_artifact_uri=source_artifact,
        training_job_arn=train.properties.TrainingJobArn if train else None,
    )
    return [
        *([train] if train else []),
        model,
        packaged.step,
        *_release_steps(configs, requests, packaged, provenance, context),
    ]


def _release_steps(
    configs: PipelineConfigs,
    requests: Mapping[RegionCode, RegistrationRequest],
    packaged: PackagedModel,
    provenance: Provenance,
    context: StepContext,
) -> list[Step]:
    """Verify the packaged model, stage it in every region, register it, and load-test it."""
    _refuse_load_test_elsewhere(configs, requests, context.home_region)
    verified = _verified(configs, packaged, list(requests), context)
    staged = StagingStepBuilder(requests=requests, context=context).create_staging_steps(
        packaged, verified
    )
    registrations = _Registrations(
        requests=requests,
        staged=staged,
        builder=ModelRegistrationStepBuilder(
            packaged=packaged, provenance=provenance, context=context
        ),
        gate=_gate(configs, packaged, verified, list(staged.values())),
        load_test=configs.payload.load_test_in_aws,
    )
    return [
        *([verified.step] if verified else []),
        *(each.step for each in staged.values()),
        *registrations.steps(),
    ]


@dataclass(frozen=True, kw_only=True)
class _Registrations:
    """What follows the Stage steps, all of which are waited for."""

    requests: Mapping[RegionCode, RegistrationRequest]
    staged: Mapping[RegionCode, StagedModel]
    builder: ModelRegistrationStepBuilder
    gate: GateBuilder | None
    """None when what was measured keeps nobody from registering."""
    load_test: bool

    def steps(self) -> list[Step]:
        """Register in every region where the model is within its limits."""
        if self.gate is None:
            return self._register(after=list(self.staged.values()))
        # The gate has waited for every region.
        return [self.gate.create_gate(self._register(after=()))]

    def _register(self, *, after: Sequence[StagedModel]) -> list[Step]:
        return [
            step
            for code, request in self.requests.items()
            for step in self._register_and_test(request, self.staged[code], after)
        ]

    def _register_and_test(
        self, request: RegistrationRequest, staged: StagedModel, after: Sequence[StagedModel]
    ) -> list[Step]:
        context = self.builder.context
        step = self.builder.create_step(request, staged, after=after)
        if not self.load_test or request.aws_region != context.home_region:
            return [step]
        load_test_request(request)  # refuses now what the service would refuse after a release
        function_arn = context.values.load_test_function_arn
        return [step, create_load_test_step(step, function_arn=function_arn, context=context)]


def _refuse_load_test_elsewhere(
    configs: PipelineConfigs, requests: Mapping[RegionCode, RegistrationRequest], home_region: str
) -> None:
    regions = [request.aws_region for request in requests.values()]
    if configs.payload.load_test_in_aws and home_region not in regions:
        raise LoadTestRequestError(
            f"load_test_in_aws tests the version registered in the home region {home_region}, but"
            f" the model is registered in {', '.join(regions)} only. Add the home region to the"
            " registration regions, or turn load_test_in_aws off."
        )


def _verified(
    configs: PipelineConfigs,
    packaged: PackagedModel,
    region_codes: Sequence[RegionCode],
    context: StepContext,
) -> VerifiedModel | None:
    if configs.payload.verification == "off":
        return None
    return VerificationStepBuilder(
        model=configs.model, package=configs.package, payload=configs.payload, context=context
    ).create_verification_step(packaged, region_codes=region_codes)


def _gate(
    configs: PipelineConfigs,
    packaged: PackagedModel,
    verified: VerifiedModel | None,
    staged: Sequence[StagedModel],
) -> GateBuilder | None:
    if verified is None or configs.payload.verification != "enforce":
        return None
    return GateBuilder(payload=configs.payload, packaged=packaged, verified=verified, staged=staged)


def _registration_digest(configs: PipelineConfigs, registration_file: bytes) -> str:
    content = shipped_payload(configs) + registration_file
    return hashlib.sha256(content).hexdigest()[:16]


def _code_uri(config: BasePipelineConfig, asset_key: str, values: DeployTimeValues) -> str:
    source = config.get_source_dir()
    return folder_uri(source) if isinstance(source, str) else values.asset_uri(asset_key)


def refuse_variables(configs: PipelineConfigs) -> None:
    """Refuse configs whose text CloudFormation would replace when the definition is deployed.

    Raises:
        DeployTimeVariableError: Names the section and the text.
    """
    sections = [value for value in vars(configs).values() if isinstance(value, BasePipelineConfig)]
    for config in sections:
        for text in _texts(config.model_dump(mode="json")):
            if holds_variable(text):
                raise DeployTimeVariableError(
                    f"Section {config.STEP_KEY} holds {text!r}. CloudFormation takes '${{' for the"
                    " start of a variable: write it without the brace or the dollar sign."
                )
            if DYNAMIC_REFERENCE in text:
                raise DeployTimeVariableError(
                    f"Section {config.STEP_KEY} holds {text!r}. CloudFormation would replace"
                    f" {DYNAMIC_REFERENCE!r} by the value of a parameter or a secret, for everybody"
                    " to read in the pipeline: write it without the braces."
                )


def _texts(node: object) -> Iterator[str]:
    if isinstance(node, str):
        yield node
    elif isinstance(node, dict):
        yield from (text for item in node.items() for text in _texts(item))
    elif isinstance(node, (list, tuple)):
        yield from (text for item in node for text in _texts(item))
