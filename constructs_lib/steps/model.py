"""CreateModel: proves that the artifact exists and can be a model."""

from __future__ import annotations

from dataclasses import dataclass

from constructs_lib.configs import PytorchModelCreationConfig
from constructs_lib.serving import serving_profile
from constructs_lib.steps.context import StepContext
from constructs_lib.steps.earlier import refuse_earlier_arguments
from constructs_lib.steps.images import serving_image
from constructs_lib.steps.policies import api_retries
from constructs_lib.steps.sdk import ModelBuilder, ModelStep


@refuse_earlier_arguments
@dataclass(frozen=True, kw_only=True)
class PytorchModelStepBuilder:
    """Builds the step that creates a SageMaker model in the home region."""

    config: PytorchModelCreationConfig
    context: StepContext

    def create_model_step(self, model_data: object) -> ModelStep:
        """Build ``CreateModel``.

        Args:
            model_data: S3 URI of ``model.tar.gz``: text, a parameter or another step's property.
        """
        region = self.context.home_region
        model = ModelBuilder(
            image_uri=serving_image(self.config, region),
            s3_model_data_url=model_data,
            env_vars=serving_profile(self.config).environment(region),
            role_arn=self.context.values.job_role_arn,
            instance_type=self.config.inference_instance_type,
            sagemaker_session=self.context.session,
            model_path=None,  # it would make a folder in the /tmp of all users
        )
        # ModelBuilder has no arguments for these two; it passes on the attributes.
        model.vpc_config = self.context.vpc_config
        model._enable_network_isolation = True
        return ModelStep(
            name="CreateModel",
            step_args=model.build(),
            retry_policies=api_retries(),
        )
