"""What every step of one pipeline shares."""

from __future__ import annotations

from dataclasses import dataclass

from constructs_lib.deploy_time_values import DeployTimeValues
from constructs_lib.regions import DEFAULT_HOME_REGION, RegionCode
from constructs_lib.s3_layout import SAMPLE_PAYLOAD, registration_files_prefix, releases_prefix
from constructs_lib.steps.parameters import PipelineParameters
from constructs_lib.steps.sdk import (
    ExecutionVariables,
    Join,
    NetworkConfig,
    PipelineSession,
    ProcessingInput,
    ProcessingOutput,
    ProcessingS3Input,
    ProcessingS3Output,
)


@dataclass(frozen=True, kw_only=True)
class StepContext:
    """The session, parameters and deploy-time values that the step builders work with."""

    pipeline_name: str
    session: PipelineSession
    parameters: PipelineParameters
    values: DeployTimeValues
    registration_digest: str
    """Digest of the sample payload and the registration request: names the folder of both."""
    home_region: str = DEFAULT_HOME_REGION
    """AWS region in which models are created and trained, and jobs run."""

    @property
    def release_folder(self) -> Join:
        """The folder of what one execution releases, in the home region's bucket."""
        bucket = self.values.artifact_bucket_name
        releases = f"s3://{bucket}/{releases_prefix(self.pipeline_name)}"
        return Join(on="/", values=[releases, ExecutionVariables.PIPELINE_EXECUTION_ID])

    def temporary_folder(self, step_name: str, *names: str) -> Join:
        """Return the folder that a step's job alone writes to, or one within it.

        Args:
            step_name: Name of the step.
            names: Folders within that of the step.
        """
        execution_id = ExecutionVariables.PIPELINE_EXECUTION_ID
        root = self.parameters.execution_temp_dir
        return Join(on="/", values=[root, execution_id, step_name, *names])

    @property
    def registration_folder(self) -> str:
        """The key of the folder of sample payload and registration request, in every bucket.

        Known before any execution, because execution documents tell it to load tests.
        """
        return registration_files_prefix(self.pipeline_name, self.registration_digest)

    def sample_payload_uri(self, code: RegionCode) -> str:
        """Return where a region's sample payload is, once it is staged."""
        return f"s3://{self.artifact_bucket_of(code)}/{self.registration_folder}/{SAMPLE_PAYLOAD}"

    def artifact_bucket_of(self, code: RegionCode) -> str:
        """Return the name of the bucket that holds a region's released artifacts."""
        if code.aws_region == self.home_region:
            return self.values.artifact_bucket_name
        return self.values.registry_bucket_names[code]

    def encryption_key_of(self, code: RegionCode) -> object:
        """Return the ARN of the KMS key of a region's releases, or of its alias."""
        if code.aws_region == self.home_region:
            return self.parameters.encryption_key
        return self.values.registry_key_arns[code]

    @property
    def vpc_config(self) -> dict[str, list[object]]:
        """``VpcConfig`` of a CreateModel request."""
        return {
            "SecurityGroupIds": [self.parameters.security_group],
            "Subnets": [self.parameters.subnet],
        }

    def isolated_network(self) -> NetworkConfig:
        """Network of a processing job that calls no AWS API: SageMaker moves its data."""
        return NetworkConfig(
            enable_network_isolation=True,
            security_group_ids=[self.parameters.security_group],
            subnets=[self.parameters.subnet],
        )


def s3_input(name: str, s3_uri: object, local_path: str) -> ProcessingInput:
    """Describe an S3 object or prefix that is downloaded before a processing job starts."""
    return ProcessingInput(
        input_name=name,
        s3_input=ProcessingS3Input(
            s3_uri=s3_uri,
            s3_data_type="S3Prefix",
            s3_input_mode="File",
            s3_data_distribution_type="FullyReplicated",
            local_path=local_path,
        ),
    )


def s3_output(name: str, s3_uri: object, local_path: str) -> ProcessingOutput:
    """Describe a folder that is uploaded after a processing job."""
    return ProcessingOutput(
        output_name=name,
        s3_output=ProcessingS3Output(
            s3_uri=s3_uri, s3_upload_mode="EndOfJob", local_path=local_path
        ),
    )
