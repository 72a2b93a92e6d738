"""The pipeline builder that users of the earlier system know, over the functions of this one."""

from __future__ import annotations

import json
import logging
from dataclasses import replace
from pathlib import Path
from typing import Any

from constructs_lib.configs import BasePipelineConfig, PipelineConfigs
from constructs_lib.definition import ReleasePipeline, build_pipeline, registration_requests
from constructs_lib.deploy_time_values import DeployTimeValues
from constructs_lib.errors import ReleaseError
from constructs_lib.regions import DEFAULT_HOME_REGION, RegionNames
from constructs_lib.registration.execution_document import (
    fill_in_place,
    step_configs_of_deployed_pipeline,
)
from constructs_lib.registration.file import registration_file
from constructs_lib.steps.sdk import PipelineSession

logger = logging.getLogger(__name__)


class ModelPathError(ReleaseError, ValueError):
    """The path of a model artifact is not an S3 URI, or the pipeline takes none."""


class BSMPytorchPipelineBuilder:
    """Builds the release pipeline of a model that was trained elsewhere.

    Example::

        values = DeployTimeValues(artifact_bucket_name="my-artifacts")
        builder = BSMPytorchPipelineBuilder("pipelines/returns_risk/config.json", values=values)
        pipeline = builder.generate_pipeline("s3://bucket/model.tar.gz")
        document = builder.fill_execution_document(document)

    Its attributes are those of the earlier system's builder: ``configs`` by step key, each section
    once more by its name (``base_config``, ``payload_config`` and so on; what is assigned to one of
    these before the pipeline is generated counts), ``session``, ``role``, ``notebook_root``, and,
    once the pipeline is generated, ``registration_configs``: ``STEP_CONFIG`` by step name.

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
        home_region: str = DEFAULT_HOME_REGION,
        region_names: RegionNames | None = None,
    ) -> None:
        """Load the configs.

        Args:
            config_path: The config file.
            sagemaker_session: A pipeline session; by default one that reaches no network.
            role: ARN of the role that jobs run under; by default the deployment's.
            notebook_root: Folder that relative source folders start at; by default the file's.
            values: What a deployment supplies; by default ``${Name}`` variables.
            home_region: AWS region of the pipeline, its jobs and its models.
            region_names: What regions are called; by default as in the earlier system.

        Raises:
            ConfigFileError: Lists every problem of the file.
        """
        loaded = PipelineConfigs.load(config_path, root=notebook_root, region_names=region_names)
        self.home_region = home_region
        self._loaded = loaded
        sections = loaded.file.configs if loaded.file else {}
        self.configs: dict[str, BasePipelineConfig] = dict(sections)
        self.base_config = loaded.base
        self.model_config = loaded.model
        self.package_config = loaded.package
        self.registration_config = loaded.registration
        self.payload_config = loaded.payload
        self.session = sagemaker_session
        self.role = role
        self.notebook_root = notebook_root or Path.cwd()
        self.registration_configs: dict[str, dict[str, Any]] = {}
        self._values = values or DeployTimeValues()

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
            ModelPathError: The path does not start with ``s3://``, or the config has the pipeline
                train its model, so that it takes none.
        """
        self.validate_model_path(model_s3_path)
        configs = self._configs()
        if configs.training is not None:
            raise ModelPathError(
                f"The pipeline cannot release {model_s3_path}, because it trains its model: set"
                " train_in_pipeline of PytorchTraining to false. One that trains is compiled by"
                " constructs_lib.definition.compile_pipeline."
            )
        requests = registration_requests(configs)
        values = self._values
        pipeline = build_pipeline(
            configs,
            requests=requests,
            values=replace(values, job_role_arn=self.role) if self.role else values,
            home_region=self.home_region,
            model_s3_uri=model_s3_path,
            session=self.session,
        )
        self.registration_configs = step_configs_of_deployed_pipeline(
            json.loads(pipeline.definition()), lambda _: registration_file(requests.values())
        )
        return pipeline

    def _configs(self) -> PipelineConfigs:
        return replace(
            self._loaded,
            base=self.base_config,
            model=self.model_config,
            package=self.package_config,
            registration=self.registration_config,
            payload=self.payload_config,
        )

    def fill_execution_document(self, execution_document: dict[str, Any]) -> dict[str, Any]:
        """Fill in STEP_CONFIG of the registration steps, in the document itself; returns it.

        Raises:
            ValueError: :meth:`generate_pipeline` has not been called yet, or what would be filled
                in holds a value that only a deployment knows.
            KeyError: The document has no ``PIPELINE_STEP_CONFIGS``.
        """
        fill_in_place(execution_document, self.registration_configs)
        return execution_document
