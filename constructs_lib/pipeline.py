"""The construct: a compiled pipeline definition becomes an ``AWS::SageMaker::Pipeline``."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

import jsii
from aws_cdk import ArnFormat, Fn, Resource
from aws_cdk import aws_iam as iam
from aws_cdk import aws_sagemaker as sagemaker
from aws_cdk.interfaces.aws_sagemaker import PipelineReference
from constructs import Construct

from constructs_lib.arns import arn_names
from constructs_lib.errors import ReleaseError

_VARIABLE: Final = re.compile(r"\$\{([^}!:]+)\}")


class UnknownVariableError(ReleaseError):
    """The definition holds a deploy-time variable that nobody gave a value."""


@jsii.implements(sagemaker.IPipeline)
class SageMakerPipeline(Resource):
    """A SageMaker Pipeline, as an L2 construct.

    Example::

        pipeline = SageMakerPipeline(
            self, "Pipeline",
            pipeline_name=compiled.name,
            definition_body=compiled.body,
            variables={"ArtifactBucketName": bucket.bucket_name, ...},
            role=execution_role,
        )
        pipeline.grant_start_pipeline_execution(orchestrator_role)

    It is an ``aws_sagemaker.IPipeline``: schedules and event rules accept it as their target.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        pipeline_name: str,
        definition_body: str,
        variables: Mapping[str, str],
        role: iam.IRole,
        description: str | None = None,
    ) -> None:
        """Create the pipeline.

        Args:
            scope: Parent construct.
            construct_id: Name below the parent.
            pipeline_name: Name in SageMaker. Changing it replaces the pipeline.
            definition_body: Pipeline definition (JSON) with ``${Name}`` for deploy-time values.
            variables: Value of each name, text or scalar CDK token. Unused ones are left out.
            role: Role that SageMaker assumes to run the steps.
            description: Shown in SageMaker Studio.

        Raises:
            UnknownVariableError: ``definition_body`` holds a name without a value.
        """
        super().__init__(scope, construct_id, physical_name=pipeline_name)
        self.role = role
        self._resource = sagemaker.CfnPipeline(
            self,
            "Resource",
            pipeline_name=pipeline_name,
            pipeline_description=description,
            pipeline_definition={
                "PipelineDefinitionBody": Fn.sub(
                    definition_body, _used_variables(definition_body, variables)
                )
            },
            role_arn=role.role_arn,
        )
        self._literal_name = pipeline_name
        self._pipeline_name = self._get_resource_name_attribute(self._resource.ref)
        self._pipeline_arn = self._arn_of(self._resource.ref)

    @property
    def pipeline_name(self) -> str:
        """The name of the pipeline (a token)."""
        return self._pipeline_name

    @property
    def pipeline_arn(self) -> str:
        """The ARN of the pipeline (a token)."""
        return self._pipeline_arn

    @property
    def pipeline_ref(self) -> PipelineReference:
        """The reference by which generated constructs know the pipeline."""
        return PipelineReference(pipeline_name=self._pipeline_name)

    def grant_start_pipeline_execution(self, grantee: iam.IGrantable) -> iam.Grant:
        """Allow a principal to start executions of this pipeline, and no other."""
        return iam.Grant.add_to_principal(
            grantee=grantee,
            actions=["sagemaker:StartPipelineExecution"],
            resource_arns=[self._arn_of(name) for name in arn_names(self._literal_name)],
        )

    def _arn_of(self, name: str) -> str:
        return self.stack.format_arn(
            service="sagemaker",
            resource="pipeline",
            resource_name=name,
            arn_format=ArnFormat.SLASH_RESOURCE_NAME,
        )


def _used_variables(definition_body: str, variables: Mapping[str, str]) -> dict[str, str]:
    used = sorted(set(_VARIABLE.findall(definition_body)))
    unknown = [name for name in used if name not in variables]
    if unknown:
        raise UnknownVariableError(
            f"The pipeline definition holds the variables {unknown}, which have no value."
            f" Known are {sorted(variables)}."
        )
    return {name: variables[name] for name in used}
