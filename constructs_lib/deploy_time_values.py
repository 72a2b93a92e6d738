"""What the pipeline definition cannot know before it is deployed."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

DYNAMIC_REFERENCE: Final = "{{resolve:"
"""How a reference to a parameter or a secret starts, which CloudFormation replaces anywhere."""


def variable_of_region(name: str, code: str) -> str:
    """Name the variable of a region: in one, CloudFormation takes letters and digits only.

    Args:
        name: What it holds, the same in all regions.
        code: What the region is called.
    """
    return f"{name}{code.replace('-', '')}"


class _VariablesOfRegions(dict[str, str]):
    """A variable for each region that is asked for, ``${Name}`` by the code of the region."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self._name = name

    def __missing__(self, code: str) -> str:
        return f"${{{variable_of_region(self._name, code)}}}"


@dataclass(frozen=True, kw_only=True)
class DeployTimeValues:
    """Names, ARNs and asset keys that only a deployment knows, as plain strings.

    By default each value is a CloudFormation ``Fn::Sub`` variable (``${ArtifactBucketName}``), so
    a definition compiles without CDK and is the very text that the template holds. Tests and tools
    may pass literals.
    """

    job_role_arn: str = "arn:${AWS::Partition}:iam::${AWS::AccountId}:role/${JobRoleName}"
    """The role that jobs and models run under. Has the form of a role ARN: with any other text, the
    SDK would call IAM."""
    artifact_bucket_name: str = "${ArtifactBucketName}"
    encryption_key_arn: str = "${EncryptionKeyArn}"
    subnet_id: str = "${SubnetId}"
    security_group_id: str = "${SecurityGroupId}"
    registration_function_arn: str = "${RegistrationFunctionArn}"
    load_test_function_arn: str = "${LoadTestFunctionArn}"
    registry_bucket_names: Mapping[str, str] = field(
        default_factory=lambda: _VariablesOfRegions("RegistryBucketName")
    )
    """The bucket that holds registered artifacts, by the code of each region other than home."""
    registry_key_arns: Mapping[str, str] = field(
        default_factory=lambda: _VariablesOfRegions("RegistryKeyArn")
    )
    """The KMS key of each of ``registry_bucket_names``."""
    asset_bucket_name: str = "${AssetBucketName}"
    asset_prefix: str = "${AssetPrefix}"
    """Where in that bucket the pipeline's files are, those of earlier deployments too."""
    packaging_script_key: str = "${PackagingScriptKey}"
    verification_script_key: str = "${VerificationScriptKey}"
    inference_code_key: str = "${InferenceCodeKey}"
    training_code_key: str = "${TrainingCodeKey}"
    sample_payload_key: str = "${SamplePayloadKey}"
    registration_request_key: str = "${RegistrationRequestKey}"
    """Of this file and of those above: below the prefix, which is what a job's file is called."""

    def asset_uri(self, key: str) -> str:
        """Return the S3 URI of the CDK asset with that key below the prefix."""
        return f"s3://{self.asset_bucket_name}/{self.asset_prefix}/{key}"


def variables_in(text: str) -> list[str]:
    """Name the variables in a text, ``${Name}`` each, in their order."""
    return list(dict.fromkeys(re.findall(r"\$\{[^}]*\}", text)))


def holds_variable(text: str) -> bool:
    """Tell whether CloudFormation replaces something in the text when it is deployed."""
    return "${" in text
