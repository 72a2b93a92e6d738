"""The construct: a compiled pipeline definition becomes an ``AWS::SageMaker::Pipeline``."""

from __future__ import annotations

import json
import re
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import jsii
from aws_cdk import ArnFormat, Resource, Stack, Token
from aws_cdk import aws_iam as iam
from aws_cdk import aws_s3_assets as s3_assets
from aws_cdk import aws_sagemaker as sagemaker
from aws_cdk.interfaces.aws_sagemaker import PipelineReference
from constructs import Construct

from constructs_lib.arns import arn_names
from constructs_lib.errors import ReleaseError
from constructs_lib.template_limits import MAX_TEMPLATE_BYTES

MOST_INLINE_BYTES: Final = MAX_TEMPLATE_BYTES * 3 // 4
"""Size in the template up to which a definition stands there; the rest is for other resources."""
_VARIABLE: Final = re.compile(r"\$\{([^}!:]+)\}")
_ANY_VARIABLE: Final = re.compile(r"\$\{(!?)([^}!]+)\}")


class UnknownVariableError(ReleaseError):
    """The definition holds a deploy-time variable that nobody gave a value."""


class DefinitionTooLargeError(ReleaseError):
    """The definition fits no template and holds what only the deployment knows."""


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

    A definition that would make the template too large is deployed from S3. CloudFormation fills in
    no variables there, so each of them needs a value that is known when the app is synthesized.
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
            DefinitionTooLargeError: It fits no template, and a value is known to the deployment
                only.
        """
        super().__init__(scope, construct_id, physical_name=pipeline_name)
        self.role = role
        self._resource = sagemaker.CfnPipeline(
            self,
            "Resource",
            pipeline_name=pipeline_name,
            pipeline_description=description,
            pipeline_definition=self._definition(definition_body, variables),
            role_arn=role.role_arn,
        )
        self._literal_name = pipeline_name
        self._pipeline_name = self._get_resource_name_attribute(self._resource.ref)

    @property
    def pipeline_name(self) -> str:
        """The name of the pipeline (a token)."""
        return self._pipeline_name

    @property
    def pipeline_arn(self) -> str:
        """The ARN of the pipeline (a token)."""
        return self._arn_of(self._resource.ref)

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

    def _definition(self, body: str, variables: Mapping[str, str]) -> dict[str, Any]:
        """Render the property that holds the definition, or the place in S3 where it is."""
        values = _used_variables(body, variables)
        size = len(json.dumps(body))
        if size <= MOST_INLINE_BYTES:
            # What ``Fn.sub`` makes: that would send the definition to Node in a call of its own.
            return {"PipelineDefinitionBody": {"Fn::Sub": [body, values]}}
        literals = _literals(self.stack, values)
        unknown = sorted({name for _, name in _ANY_VARIABLE.findall(body)} - literals.keys())
        if unknown:
            raise DefinitionTooLargeError(
                f"The pipeline definition takes {size} bytes of the template, at most"
                f" {MOST_INLINE_BYTES} fit. In S3 it can hold no value that only the deployment"
                f" knows, and these are such: {', '.join(unknown)}. Make the definition smaller, or"
                " give these as text: with a stack of a fixed account and region, and names of"
                " your own."
            )
        asset = self._upload(
            _ANY_VARIABLE.sub(
                lambda match: f"${{{match[2]}}}" if match[1] else literals[match[2]], body
            )
        )
        location = {"Bucket": asset.s3_bucket_name, "Key": asset.s3_object_key}
        return {"PipelineDefinitionS3Location": location}

    def _upload(self, definition: str) -> s3_assets.Asset:
        # CDK copies the file at once, so the folder need not outlive this.
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "definition.json"
            path.write_text(definition, encoding="utf-8")
            return s3_assets.Asset(self, "Definition", path=str(path))

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


def _literals(stack: Stack, values: Mapping[str, str]) -> dict[str, str]:
    """Return the values that are known when the app is synthesized, CloudFormation's own too."""
    own = {
        "AWS::AccountId": stack.account,
        "AWS::Partition": stack.partition,
        "AWS::Region": stack.region,
        "AWS::StackName": stack.stack_name,
        "AWS::URLSuffix": stack.url_suffix,
    }
    known = {name: value for name, value in own.items() if not Token.is_unresolved(value)}
    for name, value in values.items():
        text = _text(stack.resolve(value), known)
        if text is not None:
            known[name] = text
    return known


def _text(value: Any, known: Mapping[str, str]) -> str | None:
    """Evaluate a resolved value, as far as no resource has to exist for it."""
    match value:
        case str():
            return value
        case {"Ref": str(name)}:
            return known.get(name)
        case {"Fn::Sub": str(text)} if {name for _, name in _ANY_VARIABLE.findall(text)} <= set(
            known
        ):
            return _ANY_VARIABLE.sub(lambda match: known[match[2]], text)
        case {"Fn::Join": [str(separator), list(parts)]}:
            known_parts = [each for part in parts if (each := _text(part, known)) is not None]
            return separator.join(known_parts) if len(known_parts) == len(parts) else None
    return None
