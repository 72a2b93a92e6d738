"""Everything that SageMaker is known to refuse of a pipeline, found before it is deployed."""

from __future__ import annotations

from typing import Final

from constructs_lib.compiled_pipeline import CompiledPipeline
from constructs_lib.configs import PipelineConfigs
from constructs_lib.findings import Finding
from constructs_lib.linter import lint, lint_request
from constructs_lib.registration.request import registration_findings

_GIVEN_BY_CLOUDFORMATION: Final = {
    "ClientRequestToken": "${Token}",
    "RoleArn": "${ExecutionRoleArn}",
}


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
        # The definition has the request of the home region, too.
        told = {(finding.step, finding.message) for finding in findings}
        findings += [
            finding
            for finding in registration_findings(registration)
            if (finding.step, finding.message) not in told
        ]
    return findings
