"""The CDK's own stack in regions of an embedded AWS, as ``cdk bootstrap`` makes it there.

By one call for each region, of the template that the CDK CLI brings along: its own process takes
seconds, of which next to nothing is the stack. ``test_bootstrap_by_cli.py`` of
``tests/end_to_end/cdk_cli`` compares.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, Final

from botocore.exceptions import BotoCoreError, ClientError

from constructs_lib.aws.handle import AwsHandle
from constructs_lib.errors import ReleaseError
from local.cdk import CLI_PACKAGE

_TEMPLATE: Final = CLI_PACKAGE / "lib" / "api" / "bootstrap" / "bootstrap-template.yaml"
_STACK: Final = "CDKToolkit"
_PARAMETERS: Final = {
    "CloudFormationExecutionPolicies": "",
    "FileAssetsBucketKmsKeyId": "AWS_MANAGED_KEY",
    "PublicAccessBlockConfiguration": "true",
    "TrustedAccounts": "",
    "TrustedAccountsForLookup": "",
}
"""Those that the CLI gives when it is given none."""
_CAPABILITIES: Final = ("CAPABILITY_IAM", "CAPABILITY_NAMED_IAM", "CAPABILITY_AUTO_EXPAND")
_EXISTS: Final = "AlreadyExistsException"
_DONE: Final = frozenset({"CREATE_COMPLETE", "UPDATE_COMPLETE"})


class BootstrapError(ReleaseError):
    """A region is not bootstrapped; says why."""


def bootstrap(aws: AwsHandle, regions: Sequence[str]) -> None:
    """Create or update the CDK's own stack in each region, all at once.

    Args:
        aws: An embedded AWS: it answers when a stack is as it was to be.
        regions: AWS regions.

    Raises:
        BootstrapError: A stack failed, or there is no CDK CLI to take the template from.
    """
    try:
        template = _TEMPLATE.read_text(encoding="utf-8")
    except OSError as error:
        raise BootstrapError(
            f"The template of the CDK CLI cannot be read: {error}. Run 'make setup'."
        ) from error
    with ThreadPoolExecutor(max(len(regions), 1)) as at_once:
        list(at_once.map(partial(_bootstrap, aws, template), regions))


def _bootstrap(aws: AwsHandle, template: str, region: str) -> None:
    cloudformation = aws.client("cloudformation", region)
    try:
        _deploy(cloudformation, template)
        (stack,) = cloudformation.describe_stacks(StackName=_STACK)["Stacks"]
    except (BotoCoreError, ClientError) as error:
        raise BootstrapError(f"Cannot bootstrap {region}: {error}") from error
    if stack["StackStatus"] not in _DONE:
        reason = stack.get("StackStatusReason") or stack["StackStatus"]
        raise BootstrapError(f"Cannot bootstrap {region}: the stack {_STACK} failed: {reason}")


def _deploy(cloudformation: Any, template: str) -> None:
    request = {
        "StackName": _STACK,
        "TemplateBody": template,
        "Parameters": [
            {"ParameterKey": key, "ParameterValue": value} for key, value in _PARAMETERS.items()
        ],
        "Capabilities": list(_CAPABILITIES),
    }
    try:
        cloudformation.create_stack(**request)
    except ClientError as error:
        if error.response["Error"]["Code"] != _EXISTS:
            raise
        try:
            cloudformation.update_stack(**request)
        except ClientError as refused:
            if "No updates" not in refused.response["Error"]["Message"]:
                raise
