"""Everything that SageMaker is known to refuse of a pipeline, found before it is deployed."""

from __future__ import annotations

from typing import Final

from constructs_lib.compiled_pipeline import CompiledPipeline
from constructs_lib.configs import PipelineConfigs
from constructs_lib.linter import Finding, lint, lint_request

_GIVEN_BY_CLOUDFORMATION: Final = {
    "ClientRequestToken": "${Token}",
    "RoleArn": "${ExecutionRoleArn}",
}


def pipeline_findings(configs: PipelineConfigs, compiled: CompiledPipeline) -> list[Finding]:
    """List the findings of a compiled pipeline: its definition, and the request that creates it.

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
    return [*lint_request("CreatePipeline", request), *lint(compiled.definition)]
