"""Writes docs/policies/, what CloudFormation needs to deploy the app: ``make docs``.

The actions are those that the CloudFormation registry names for the handlers of the templates'
resource types (the schemas come with cfn-lint), and how the CDK's templates read the version of the
bootstrap stack. These policies allow them in any region; ``python -m docs.deployment_policy --app``
writes such as allow them in the regions that this app uses, to .local/policies/.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final

from constructs_lib.aws.resource_types import CUSTOM_RESOURCE, published_type, schema_of
from docs.used_regions import UsedRegions, wants_this_app
from docs.writing import ROOT, write_if_changed

FOLDER: Final = Path(__file__).with_name("policies")
_OF_THIS_APP: Final = ROOT / ".local" / "policies"
APP_NAME: Final = "model-release"
MAX_POLICY_CHARACTERS: Final = 6144
"""IAM User Guide, "IAM and AWS STS quotas": of a managed policy, without white space."""
RESOURCE_TYPES: Final = (
    "AWS::CloudWatch::Alarm",
    "AWS::CloudWatch::Dashboard",
    "AWS::EC2::FlowLog",
    "AWS::EC2::RouteTable",
    "AWS::EC2::SecurityGroup",
    "AWS::EC2::SecurityGroupEgress",
    "AWS::EC2::SecurityGroupIngress",
    "AWS::EC2::Subnet",
    "AWS::EC2::SubnetRouteTableAssociation",
    "AWS::EC2::VPC",
    "AWS::EC2::VPCEndpoint",
    "AWS::Events::Rule",
    "AWS::IAM::ManagedPolicy",
    "AWS::IAM::OIDCProvider",
    "AWS::IAM::Role",
    "AWS::KMS::Alias",
    "AWS::KMS::Key",
    "AWS::Lambda::Function",
    "AWS::Lambda::Permission",
    "AWS::Logs::LogGroup",
    "AWS::S3::Bucket",
    "AWS::S3::BucketPolicy",
    "AWS::SNS::Subscription",
    "AWS::SNS::Topic",
    "AWS::SNS::TopicPolicy",
    "AWS::SQS::Queue",
    "AWS::SQS::QueuePolicy",
    "AWS::SageMaker::ModelPackageGroup",
    "AWS::SageMaker::Pipeline",
    "AWS::Scheduler::Schedule",
    "AWS::Scheduler::ScheduleGroup",
    "AWS::StepFunctions::StateMachine",
    "Custom::Endpoints",
)
"""Every type in the app's templates, with everything switched on."""

_HANDLERS: Final = ("create", "read", "update", "delete")
_SERVICES: Final[dict[str, list[str]]] = {
    "cloudwatch": ["*"],
    "ec2": ["*"],
    "events": [f"arn:aws:events:*:*:rule/{APP_NAME}-*"],
    "iam": [
        f"arn:aws:iam::*:role/{APP_NAME}-*",
        f"arn:aws:iam::*:policy/{APP_NAME}-*",
        "arn:aws:iam::*:oidc-provider/token.actions.githubusercontent.com",
    ],
    "kms": ["*"],
    "lambda": [f"arn:aws:lambda:*:*:function:{APP_NAME}-*"],
    "logs": ["*"],
    "s3": [f"arn:aws:s3:::{APP_NAME}-*", "arn:aws:s3:::cdk-*-assets-*"],
    "sagemaker": ["*"],
    "scheduler": ["*"],
    "sns": [f"arn:aws:sns:*:*:{APP_NAME}-*"],
    "sqs": [f"arn:aws:sqs:*:*:{APP_NAME}-*"],
    "ssm": ["arn:aws:ssm:*:*:parameter/cdk-bootstrap/*"],
    "states": ["arn:aws:states:*:*:stateMachine:*-deployment"],
}
"""The services of the types, each with the resources that the app's names begin with. Handlers name
actions of others too, for features that the app does not use: S3 tables, file systems, streams."""
_GLOBAL: Final = {"iam"}
"""IAM User Guide, "AWS global condition context keys": of aws:RequestedRegion."""
_FILES: Final = {
    "deploy-data.json": ("ec2", "iam", "kms", "s3", "ssm"),
    "deploy-operations.json": (
        "cloudwatch",
        "events",
        "lambda",
        "logs",
        "sagemaker",
        "scheduler",
        "sns",
        "sqs",
        "states",
    ),
}
_ACTION: Final = re.compile(r"[a-z0-9]+:(?P<verb>[A-Z][a-z]+)[A-Za-z]+")
_READING: Final = {"Describe", "Get", "List"}
_OF_NOBODY: Final = re.compile(r"iam:(At|De)tach(Group|User)Policy")
"""The app has no groups and users to attach its policies to."""
_ASK: Final = "lambda:InvokeFunction"
"""AWS CloudFormation User Guide, "Custom resources": its function is invoked for the caller."""
_BOOTSTRAP_VERSION: Final = "ssm:GetParameters"


def needed_actions(resource_type: str) -> Iterator[str]:
    """Yield what CloudFormation needs to create, read, change and delete a resource."""
    if published_type(resource_type) == CUSTOM_RESOURCE:
        yield _ASK
        return
    handlers = schema_of(resource_type)["handlers"]
    for name in _HANDLERS:
        for action in handlers.get(name, {}).get("permissions", ()):
            known = action.partition(":")[0] in _SERVICES and _ACTION.fullmatch(action)
            if known and not _OF_NOBODY.fullmatch(action):
                yield action


def policies(
    resource_types: Iterable[str] = RESOURCE_TYPES,
    regions: Sequence[str] = (),
    app_name: str = APP_NAME,
) -> dict[str, dict[str, Any]]:
    """Return the policies by file name, each with a statement per service.

    Args:
        resource_types: What is deployed.
        regions: AWS regions that it is deployed to; none: any.
        app_name: What the names of its resources begin with.

    Actions that read stand as ``Describe*``, ``Get*`` and ``List*``: the handlers' own lists of
    them grow with every feature of a service, and a policy has a largest size.
    """
    needed = {_widened(each) for type_ in resource_types for each in needed_actions(type_)}
    actions = sorted({*needed, _BOOTSTRAP_VERSION})
    return {
        name: {
            "Version": "2012-10-17",
            "Statement": [_statement(service, actions, regions, app_name) for service in services],
        }
        for name, services in _FILES.items()
    }


def _statement(
    service: str, actions: Iterable[str], regions: Sequence[str], app_name: str
) -> dict[str, Any]:
    # A global service is called in a region of its own, whatever is deployed where.
    is_limited = regions and service not in _GLOBAL
    within = {"StringEquals": {"aws:RequestedRegion": list(regions)}}
    return {
        "Sid": service.capitalize(),
        "Effect": "Allow",
        "Action": [action for action in actions if action.startswith(f"{service}:")],
        "Resource": [each.replace(APP_NAME, app_name) for each in _SERVICES[service]],
        **({"Condition": within} if is_limited else {}),
    }


def _widened(action: str) -> str:
    match = _ACTION.fullmatch(action)
    if match is None or match["verb"] not in _READING:
        return action
    return f"{action.partition(':')[0]}:{match['verb']}*"


def files(
    folder: Path = FOLDER, regions: Sequence[str] = (), app_name: str = APP_NAME
) -> dict[Path, str]:
    """Return what each file has to hold.

    Args:
        folder: Where they are.
        regions: AWS regions that is deployed to; none: any.
        app_name: What the names of resources begin with.
    """
    return {
        folder / name: json.dumps(policy, indent=2) + "\n"
        for name, policy in policies(regions=regions, app_name=app_name).items()
    }


def main(arguments: Sequence[str] | None = None) -> None:
    """Write the files that are not current, or those of this app."""
    if wants_this_app(__doc__, arguments):
        used = UsedRegions.of_this_app()
        wanted = files(_OF_THIS_APP, [each.aws_region for each in used.all], used.app_name)
    else:
        wanted = files()
    for path, text in wanted.items():
        write_if_changed(path, text)


if __name__ == "__main__":
    main()
