"""Training: only in pipelines whose config has a training section."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from constructs_lib.configs import PytorchTrainingConfig
from constructs_lib.s3_layout import folder_uri
from constructs_lib.service_model.instances import has_local_storage
from constructs_lib.serving.pytorch import pytorch_criteria
from constructs_lib.steps.context import StepContext
from constructs_lib.steps.earlier import refuse_earlier_arguments
from constructs_lib.steps.images import published_image
from constructs_lib.steps.policies import TRAINING_TIMEOUT, job_retries, reuse_for_30_days
from constructs_lib.steps.sdk import (
    CheckpointConfig,
    Compute,
    InputData,
    ModelTrainer,
    Networking,
    OutputDataConfig,
    StoppingCondition,
    TrainingStep,
)

_CODE_CHANNEL: Final = "code"


@refuse_earlier_arguments
@dataclass(frozen=True, kw_only=True)
class PytorchTrainingStepBuilder:
    """Builds the step that trains the model in the home region."""

    config: PytorchTrainingConfig
    context: StepContext

    def create_training_step(self, source_code_uri: str) -> TrainingStep:
        """Build ``Train``.

        Args:
            source_code_uri: S3 URI of the ``.tar.gz`` with the training entry point.
        """
        trainer = ModelTrainer(
            training_image=published_image(
                pytorch_criteria(
                    region=self.context.home_region,
                    framework_version=self.config.framework_version,
                    py_version=self.config.py_version,
                    instance_type=self.config.training_instance_type,
                    scope="training",
                )
            ),
            role=self.context.values.job_role_arn,
            sagemaker_session=self.context.session,
            compute=self._compute(),
            networking=self._networking(),
            stopping_condition=StoppingCondition(
                max_runtime_in_seconds=int(TRAINING_TIMEOUT.total_seconds())
            ),
            output_data_config=OutputDataConfig(
                s3_output_path=self.config.output_path,
                kms_key_id=self.context.parameters.encryption_key,
            ),
            checkpoint_config=self._checkpoints(),
            hyperparameters=self._hyperparameters(source_code_uri),
        )
        return TrainingStep(
            name="Train",
            step_args=trainer.train(
                input_data_config=[
                    InputData(
                        channel_name="training", data_source=folder_uri(self.config.input_path)
                    ),
                    InputData(channel_name=_CODE_CHANNEL, data_source=source_code_uri),
                ]
            ),
            cache_config=reuse_for_30_days(),
            retry_policies=job_retries(),
        )

    def _compute(self) -> Compute:
        compute = Compute(
            instance_type=self.config.training_instance_type,
            instance_count=self.config.training_instance_count,
            volume_size_in_gb=self.config.training_volume_size,
        )
        # Instances with local NVMe storage encrypt it in hardware and refuse a volume key.
        if not has_local_storage(self.config.training_instance_type):
            compute.volume_kms_key_id = self.context.parameters.encryption_key
        return compute

    def _networking(self) -> Networking:
        return Networking(
            subnets=[self.context.parameters.subnet],
            security_group_ids=[self.context.parameters.security_group],
            enable_network_isolation=self.config.enable_network_isolation,
            enable_inter_container_traffic_encryption=self.config.training_instance_count > 1,
        )

    def _checkpoints(self) -> CheckpointConfig | None:
        if self.config.checkpoint_path is None:
            return None
        return CheckpointConfig(
            s3_uri=self.config.checkpoint_path, local_path="/opt/ml/checkpoints"
        )

    def _hyperparameters(self, source_code_uri: str) -> dict[str, str]:
        # The PyTorch container's script mode reads these two. The SDK's own SourceCode would
        # upload a driver to S3 while the definition is being compiled. From a channel the script
        # is unpacked without Amazon S3, which an isolated container does not reach: see
        # download_and_extract of the SageMaker Training Toolkit, sagemaker_training/files.py.
        archive = source_code_uri.rpartition("/")[2]
        return {
            **self.config.sagemaker_hyperparameters(),
            "sagemaker_program": self.config.training_entry_point,
            "sagemaker_submit_directory": f"/opt/ml/input/data/{_CODE_CHANNEL}/{archive}",
        }
