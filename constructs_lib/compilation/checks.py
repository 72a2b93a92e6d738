"""Everything that SageMaker is known to refuse of a pipeline, found before it is deployed."""

from __future__ import annotations

import dataclasses
from typing import Final

from constructs_lib.compiled_pipeline import CompiledPipeline
from constructs_lib.configs import PipelineConfigs
from constructs_lib.deployment.settings import ServingPlace, deployment_settings, serving_waves
from constructs_lib.findings import Finding
from constructs_lib.jobs.deploy_model.requests import (
    configuration_request,
    endpoint_request,
    model_request,
    update_request,
)
from constructs_lib.linter import lint, lint_request
from constructs_lib.registration.load_test_request import load_test_request
from constructs_lib.registration.model_package import model_package_arguments
from constructs_lib.registration.request import RegistrationRequest

_GIVEN_BY_CLOUDFORMATION: Final = {
    "ClientRequestToken": "${Token}",
    "RoleArn": "${ExecutionRoleArn}",
}
_GIVEN_BY_A_RELEASE: Final = {
    "JobName": "load-test",
    "RoleArn": "arn:aws:iam::123456789012:role/load-test",
}
_GIVEN_BY_THE_STACK: Final = ServingPlace(
    role_arn="arn:aws:iam::123456789012:role/serving",
    key_arn="arn:aws:kms:us-east-1:123456789012:key/1234abcd",
    bucket_name="releases",
)
_PACKAGE: Final = "arn:aws:sagemaker:us-east-1:123456789012:model-package/group/1"


def pipeline_findings(configs: PipelineConfigs, compiled: CompiledPipeline) -> list[Finding]:
    """List the findings of a compiled pipeline: its definition, and what is created of it.

    That is the pipeline itself, and a model package in each region.

    Args:
        configs: One model's configs.
        compiled: The pipeline compiled from them.
    """
    request = {
        "PipelineName": compiled.name,
        "PipelineDescription": configs.base.pipeline_description,
        "PipelineDefinition": compiled.body,
        **_GIVEN_BY_CLOUDFORMATION,
    }
    findings = [*lint_request("CreatePipeline", request), *lint(compiled.definition)]
    for registration in compiled.registration_requests.values():
        findings += registration_findings(registration)
    if configs.payload.load_test_in_aws:
        # The same in every region: only the home region's version is tested.
        findings += load_test_findings(next(iter(compiled.registration_requests.values())))
    if configs.endpoint is not None:
        findings += endpoint_findings(configs)
    return findings


def registration_findings(request: RegistrationRequest) -> list[Finding]:
    """List what CreateModelPackage would reject of a registration, or what is likely a mistake."""
    arguments = model_package_arguments(
        request,
        dict.fromkeys(request.value_names, "${KnownLater}"),
        lambda parts: "".join(map(str, parts)),
    )
    step = f"Registration-{request.region_code}"
    found = lint_request("CreateModelPackage", arguments)
    return [dataclasses.replace(finding, step=step) for finding in found]


def load_test_findings(request: RegistrationRequest) -> list[Finding]:
    """List what CreateInferenceRecommendationsJob would reject of a load test."""
    arguments = load_test_request(request)
    config = {**arguments["InputConfig"], "ModelPackageVersionArn": _PACKAGE}
    complete = {**arguments, **_GIVEN_BY_A_RELEASE, "InputConfig": config}
    found = lint_request("CreateInferenceRecommendationsJob", complete)
    return [dataclasses.replace(finding, step="LoadTest") for finding in found]


def endpoint_findings(configs: PipelineConfigs) -> list[Finding]:
    """List what SageMaker would reject of a deployment: the requests that its function makes.

    Args:
        configs: One model's configs, with a section ``Endpoint``.
    """
    waves = serving_waves(configs)
    settings = deployment_settings(
        configs,
        home_region=waves[0][0],
        places={region: _GIVEN_BY_THE_STACK for wave in waves for region in wave},
        topic_arn=None,
    )
    # The same in every region, but for names that the service takes.
    target = {**settings["waves"][0][0], "model_package_arn": _PACKAGE}
    model = model_request(settings, target)
    configuration = configuration_request(settings, target, model["ModelName"])
    name = configuration["EndpointConfigName"]
    requests = {
        "CreateModel": model,
        "CreateEndpointConfig": configuration,
        "CreateEndpoint": endpoint_request(settings, name),
        "UpdateEndpoint": update_request(settings, name),
    }
    return [
        dataclasses.replace(finding, step="Endpoint")
        for operation, arguments in requests.items()
        for finding in lint_request(operation, arguments)
    ]
