"""The pipeline builder that users of the earlier system know, over the functions of this one."""

from __future__ import annotations

import json
import logging
from dataclasses import replace
from pathlib import Path
from typing import Any

from constructs_lib.configs import PipelineConfigs
from constructs_lib.definition import ReleasePipeline, build_pipeline, registration_requests
from constructs_lib.deploy_time_values import DeployTimeValues
from constructs_lib.errors import ReleaseError
from constructs_lib.registration.execution_document import (
    fill_execution_document,
    step_configs_of_deployed_pipeline,
)
from constructs_lib.registration.file import registration_file
from constructs_lib.steps.sdk import PipelineSession

logger = logging.getLogger(__name__)


class ModelPathError(ReleaseError, ValueError):
    """The path of a model artifact is not an S3 URI."""


class BSMPytorchPipelineBuilder:
    """Builds the release pipeline of a model that was trained elsewhere.

    Example::

        builder = BSMPytorchPipelineBuilder("pipelines/returns_risk/config.json")
        pipeline = builder.generate_pipeline("s3://bucket/model.tar.gz")
        document = builder.fill_execution_document(document)

    The CDK app does not need it: it compiles the same pipeline with
    :func:`constructs_lib.definition.compile_pipeline`.
    """

    def __init__(
        self,
        config_path: str | Path,
        sagemaker_session: PipelineSession | None = None,
        role: str | None = None,
        notebook_root: Path | None = None,
        *,
        values: DeployTimeValues | None = None,
    ) -> None:
        """Load the configs.

        Args:
            config_path: The config file.
            sagemaker_session: A pipeline session; by default one that reaches no network.
            role: ARN of the execution role; by default the deployment's.
            notebook_root: Folder that relative source folders start at; by default the file's.
            values: What a deployment supplies; by default ``${Name}`` variables.

        Raises:
            ConfigFileError: Lists every problem of the file.
        """
        self.configs = PipelineConfigs.load(config_path, root=notebook_root)
        self._session = sagemaker_session
        values = values or DeployTimeValues()
        self._values = replace(values, execution_role_arn=role) if role else values
        self._step_configs: dict[str, dict[str, Any]] = {}

    def validate_model_path(self, model_s3_path: str) -> None:
        """Check that a model artifact's path can be one.

        Raises:
            ModelPathError: It does not start with ``s3://``.
        """
        if not model_s3_path.startswith("s3://"):
            raise ModelPathError(
                f"The model path {model_s3_path!r} is not an S3 URI: it must start with 's3://'."
                " Upload the model.tar.gz to S3 and pass its URI."
            )
        if not model_s3_path.endswith(".tar.gz"):
            logger.warning("The model path %s does not end with .tar.gz", model_s3_path)

    def generate_pipeline(self, model_s3_path: str) -> ReleasePipeline:
        """Build the pipeline with the artifact as the default of ``ModelS3Uri``.

        Raises:
            ModelPathError: The path does not start with ``s3://``.
        """
        self.validate_model_path(model_s3_path)
        requests = registration_requests(self.configs)
        pipeline = build_pipeline(
            self.configs,
            requests=requests,
            values=self._values,
            model_s3_uri=model_s3_path,
            session=self._session,
        )
        self._step_configs = step_configs_of_deployed_pipeline(
            json.loads(pipeline.definition()), lambda _: registration_file(requests.values())
        )
        return pipeline

    def fill_execution_document(self, execution_document: dict[str, Any]) -> dict[str, Any]:
        """Return the document with the registration steps' STEP_CONFIG filled in.

        Raises:
            ValueError: :meth:`generate_pipeline` has not been called yet.
            KeyError: The document has no ``PIPELINE_STEP_CONFIGS``.
        """
        return fill_execution_document(execution_document, self._step_configs)
