"""The calls of AWS services around the pipelines, derived from the resources of the templates.

Sources: Amazon CloudWatch Logs User Guide, "Encrypt log data in CloudWatch Logs using KMS"; Amazon
VPC User Guide, "IAM role for publishing flow logs to CloudWatch Logs"; Amazon S3 User Guide,
"Permissions for log delivery"; Amazon SNS Developer Guide, "Enable compatibility between event
sources from AWS services and encrypted topics"; Amazon EventBridge User Guide, "Using
resource-based policies".
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from tests.security.calls import FROM_HERE, TLS, Call, Context, arn
from tests.security.deployment import ACCOUNT, Deployment, Resource
from tests.security.policies import ADMINISTRATOR

_LOGS_USE_OF_KEYS = (
    "kms:Decrypt",
    "kms:Encrypt",
    "kms:GenerateDataKey",
    "kms:GenerateDataKeyWithoutPlaintext",
    "kms:ReEncryptFrom",
    "kms:ReEncryptTo",
)
GITHUB = "token.actions.githubusercontent.com"
REPOSITORY = "acme/models"
_GITHUB_JOBS = {"DeployRole": "environment:dev", "DiffRole": "pull_request"}
_THROUGH_ENDPOINTS = {
    "logs": ("logs:PutLogEvents", "log-group:/aws/sagemaker/TrainingJobs:log-stream:job/algo-1"),
    "sts": ("sts:DecodeAuthorizationMessage", "*"),
}
"""What a training script calls through the endpoint of a service, to try its policy."""


@dataclass(frozen=True)
class ServiceCalls:
    """What AWS services and the CDK CLI do around the pipelines."""

    deployment: Deployment

    def calls(self) -> Iterator[Call]:
        """Derive them from every resource that lets a service do something."""
        derive = {
            "AWS::CloudWatch::Alarm": self._alarm,
            "AWS::EC2::FlowLog": self._flow_log,
            "AWS::EC2::VPCEndpoint": self._endpoint,
            "AWS::Events::Rule": self._rule,
            "AWS::IAM::Role": self._role,
            "AWS::KMS::Key": self._key,
            "AWS::Logs::LogGroup": self._log_group,
            "AWS::S3::Bucket": self._bucket,
            "AWS::Scheduler::Schedule": self._schedule,
        }
        for resource in self.deployment.resources:
            if resource.type in derive:
                yield from derive[resource.type](resource)

    def _region(self, resource: Resource) -> str:
        return self.deployment.regions[resource.stack]

    def _alarm(self, alarm: Resource) -> Iterator[Call]:
        for topic_arn in alarm.properties.get("AlarmActions", []):
            topic = self.deployment.by_arn[topic_arn]
            uses = {"sns:Publish": topic_arn}
            uses |= dict.fromkeys(
                ("kms:Decrypt", "kms:GenerateDataKey"), topic.properties["KmsMasterKeyId"]
            )
            for action, resource in uses.items():
                context = {**FROM_HERE, **(TLS if action == "sns:Publish" else {})}
                yield _call(alarm, "cloudwatch.amazonaws.com", action, resource, context)

    def _flow_log(self, flow_log: Resource) -> Iterator[Call]:
        group = flow_log.properties["LogGroupName"]
        name = arn("logs", f"log-group:{group}", self._region(flow_log))
        role = flow_log.properties["DeliverLogsPermissionArn"]
        yield _call(flow_log, role, "logs:DescribeLogStreams", f"{name}:*")
        for action in ("logs:CreateLogStream", "logs:PutLogEvents"):
            yield _call(flow_log, role, action, f"{name}:log-stream:eni-1")

    def _endpoint(self, endpoint: Resource) -> Iterator[Call]:
        service = endpoint.properties["ServiceName"].rpartition(".")[2]
        if service == "s3":
            return  # the jobs' own calls go through it
        action, resource = _THROUGH_ENDPOINTS[service]
        name = arn(service, resource, self._region(endpoint)) if resource != "*" else "*"
        yield Call(
            by=endpoint.logical_id,
            caller=ADMINISTRATOR,
            action=action,
            resource=name,
            context={"aws:PrincipalAccount": ACCOUNT},
            in_vpc=True,
        )

    def _rule(self, rule: Resource) -> Iterator[Call]:
        source = {"aws:SourceArn": rule.arn}
        for target in rule.properties["Targets"]:
            if "RoleArn" in target:
                yield _call(rule, target["RoleArn"], "events:PutEvents", target["Arn"])
            else:
                invoke = ("lambda:InvokeFunction", target["Arn"])
                yield _call(rule, "events.amazonaws.com", *invoke, source)
            if "DeadLetterConfig" in target:
                send = ("sqs:SendMessage", target["DeadLetterConfig"]["Arn"])
                yield _call(rule, "events.amazonaws.com", *send, {**source, **TLS})

    def _schedule(self, schedule: Resource) -> Iterator[Call]:
        target = schedule.properties["Target"]
        start = ("sagemaker:StartPipelineExecution", target["Arn"])
        yield _call(schedule, target["RoleArn"], *start)
        send = ("sqs:SendMessage", target["DeadLetterConfig"]["Arn"])
        yield _call(schedule, target["RoleArn"], *send, TLS)

    def _log_group(self, group: Resource) -> Iterator[Call]:
        name = group.arn.removesuffix(":*")
        context = {"kms:EncryptionContext:aws:logs:arn": name}
        for action in _LOGS_USE_OF_KEYS:
            service = f"logs.{self._region(group)}.amazonaws.com"
            yield _call(group, service, action, group.properties["KmsKeyId"], context)

    def _bucket(self, bucket: Resource) -> Iterator[Call]:
        if "LoggingConfiguration" not in bucket.properties:
            return  # holds the access logs itself
        logs = bucket.properties["LoggingConfiguration"]["DestinationBucketName"]
        target = f"arn:aws:s3:::{logs}/2026-11-02-00-00-00-0123"
        context = {"aws:SourceArn": bucket.arn, **FROM_HERE, **TLS}
        yield _call(bucket, "logging.s3.amazonaws.com", "s3:PutObject", target, context)

    def _key(self, key: Resource) -> Iterator[Call]:
        """What CloudFormation does to make the key."""
        made = ["kms:DescribeKey", "kms:PutKeyPolicy", "kms:CreateAlias"]
        if key.properties["EnableKeyRotation"]:
            made.append("kms:EnableKeyRotation")
        if "Tags" in key.properties:
            made.append("kms:TagResource")
        for action in made:
            yield _call(key, ADMINISTRATOR, action, key.arn)

    def _role(self, role: Resource) -> Iterator[Call]:
        """The service that assumes a role; for GitHub Actions also what the role is for."""
        (statement,) = role.properties["AssumeRolePolicyDocument"]["Statement"]
        if statement["Action"] == "sts:AssumeRoleWithWebIdentity":
            yield from self._github(role)
            return
        service = self.assuming_service(role)
        yield _call(role, service, "sts:AssumeRole", role.arn, FROM_HERE)

    def assuming_service(self, role: Resource) -> str:
        """Tell which service assumes a role, from the resource that gives the service the role."""
        users = {
            "AWS::EC2::FlowLog": "vpc-flow-logs",
            "AWS::Events::Rule": "events",
            "AWS::Lambda::Function": "lambda",
            "AWS::SageMaker::Pipeline": "sagemaker",
            "AWS::Scheduler::Schedule": "scheduler",
            "AWS::StepFunctions::StateMachine": "states",
        }
        found = {
            users[each.type]
            for each in self.deployment.resources
            if each.type in users and role.arn in _roles_of(each)
        }
        for pipeline in self.deployment.of_type("AWS::SageMaker::Pipeline"):
            definition = pipeline.properties["PipelineDefinition"]["PipelineDefinitionBody"]
            if f'"{role.arn}"' in definition:  # of its jobs
                found.add("sagemaker")
        for machine in self.deployment.of_type("AWS::StepFunctions::StateMachine"):
            if f'"{role.arn}"' in machine.properties["DefinitionString"]:  # of endpoints
                found.add("sagemaker")
        for function in self.deployment.of_type("AWS::Lambda::Function"):
            variables = function.properties.get("Environment", {}).get("Variables", {})
            if role.arn == variables.get("JOB_ROLE_ARN"):
                found.add("sagemaker")
            if role.arn == variables.get("SCHEDULE_ROLE_ARN"):
                found.add("scheduler")
        (service,) = found
        return f"{service}.amazonaws.com"

    def _github(self, role: Resource) -> Iterator[Call]:
        provider = f"arn:aws:iam::{ACCOUNT}:oidc-provider/{GITHUB}"
        yield Call(
            by=role.logical_id,
            caller=provider,
            action="sts:AssumeRoleWithWebIdentity",
            resource=role.arn,
            context=github_token(role),
        )
        kinds = ["lookup"]
        if role.logical_id.startswith("Deploy"):
            kinds += ["deploy", "file-publishing"]
        for kind in kinds:
            for name in sorted(self.deployment.bootstrap_roles[kind]):
                yield _call(role, role.arn, "sts:AssumeRole", name)


def github_token(role: Resource) -> dict[str, str | list[str]]:
    """The claims of the token of the job that a role of GitHub Actions is for."""
    (job,) = (job for name, job in _GITHUB_JOBS.items() if role.logical_id.startswith(name))
    return {
        f"{GITHUB}:aud": "sts.amazonaws.com",
        f"{GITHUB}:sub": f"repo:{REPOSITORY}:{job}",
    }


def _roles_of(resource: Resource) -> set[Any]:
    properties = resource.properties
    return {
        properties.get("DeliverLogsPermissionArn"),
        properties.get("Role"),
        properties.get("RoleArn"),
        properties.get("Target", {}).get("RoleArn"),
        *(target.get("RoleArn") for target in properties.get("Targets", [])),
    }


def _call(
    resource: Resource, caller: str, action: str, on: str, context: Context | None = None
) -> Call:
    return Call(
        by=resource.logical_id, caller=caller, action=action, resource=on, context=context or {}
    )
