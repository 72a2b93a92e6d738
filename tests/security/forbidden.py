"""Calls that must be refused, derived from the deployment and from the calls that it needs."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator
from dataclasses import dataclass

from tests.security.calls import FROM_HERE, OVER, OWN, TLS, Call, Context
from tests.security.deployment import ACCOUNT, Resource
from tests.security.policies import ADMINISTRATOR, OTHER_ACCOUNT, STRANGER, AttachedPolicy
from tests.security.proof import Proof
from tests.security.service_calls import GITHUB, REPOSITORY, ServiceCalls, github_token

_OTHER_KEY = f"arn:aws:kms:us-east-1:{ACCOUNT}:key/99999999-2222-3333-4444-555555555555"
_OTHER_RULE = f"arn:aws:events:us-east-1:{ACCOUNT}:rule/another"
_SSE = "s3:x-amz-server-side-encryption"
_PASS: Context = {"iam:PassedToService": "sagemaker.amazonaws.com"}

_NO_ROLE_MAY: list[tuple[str, str, Context]] = [
    ("s3:GetObject", "arn:aws:s3:::another-bucket/model.tar.gz", TLS),
    ("s3:PutObject", "arn:aws:s3:::another-bucket/model.tar.gz", TLS),
    ("s3:GetObject", "{bucket}/another-pipeline/releases/1/model.tar.gz", TLS),
    ("s3:PutObject", "{bucket}/another-pipeline/releases/1/model.tar.gz", TLS),
    ("s3:PutObject", "{bucket}/incoming/returns-risk/model.tar.gz", TLS),
    ("s3:PutObject", "{registry}/another-pipeline/releases/1/model.tar.gz", TLS),
    ("s3:PutObject", "{logs}/2026-11-02", TLS),
    ("s3:GetObject", "{logs}/2026-11-02", TLS),
    ("s3:DeleteObject", "{bucket}/returns-risk/releases/1/model.tar.gz", TLS),
    ("s3:DeleteObject", "{registry}/returns-risk/releases/1/model.tar.gz", TLS),
    ("s3:DeleteObjectVersion", "{bucket}/returns-risk/releases/1/model.tar.gz", TLS),
    ("s3:DeleteBucket", "{bucket}", TLS),
    ("s3:DeleteBucket", "{registry}", TLS),
    ("s3:PutBucketPolicy", "{bucket}", TLS),
    ("s3:PutBucketPolicy", "{registry}", TLS),
    ("s3:DeleteBucketPolicy", "{bucket}", TLS),
    ("s3:PutBucketLogging", "{bucket}", TLS),
    ("s3:PutEncryptionConfiguration", "{bucket}", TLS),
    ("s3:PutBucketVersioning", "{bucket}", TLS),
    ("s3:PutLifecycleConfiguration", "{bucket}", TLS),
    ("s3:PutBucketPublicAccessBlock", "{bucket}", TLS),
    ("kms:Decrypt", _OTHER_KEY, {}),
    ("kms:ScheduleKeyDeletion", "{key}", {}),
    ("kms:DisableKey", "{key}", {}),
    ("kms:PutKeyPolicy", "{key}", {}),
    ("kms:CreateGrant", "{key}", {"kms:GrantIsForAWSResource": "false"}),
    ("iam:PassRole", "arn:aws:iam::{account}:role/Administrator", _PASS),
    ("iam:PassRole", "{role}", {"iam:PassedToService": "lambda.amazonaws.com"}),
    ("iam:PutRolePolicy", "{role}", {}),
    ("iam:AttachRolePolicy", "{role}", {}),
    ("iam:CreatePolicyVersion", "arn:aws:iam::{account}:policy/any", {}),
    ("sts:AssumeRole", "arn:aws:iam::{account}:role/Administrator", {}),
    ("lambda:InvokeFunction", "arn:aws:lambda:us-east-1:{account}:function:another", {}),
    ("lambda:UpdateFunctionCode", "{function}", {}),
    ("sagemaker:StartPipelineExecution", "arn:aws:sagemaker:{place}:pipeline/another", {}),
    ("sagemaker:UpdatePipeline", "{pipeline}", {}),
    ("sagemaker:DeletePipeline", "{pipeline}", {}),
    ("sagemaker:CreateModelPackage", "arn:aws:sagemaker:{place}:model-package/another/1", {}),
    ("sagemaker:DeleteModelPackage", "arn:aws:sagemaker:{place}:model-package/returns-risk/1", {}),
    (
        "sagemaker:DeleteModelPackageGroup",
        "arn:aws:sagemaker:{place}:model-package-group/returns-risk",
        {},
    ),
    ("sagemaker:DeleteArtifact", "arn:aws:sagemaker:{place}:artifact/any", {}),
    ("sagemaker:UpdateArtifact", "arn:aws:sagemaker:{place}:artifact/any", {}),
    ("sagemaker:CreateNotebookInstance", "arn:aws:sagemaker:{place}:notebook-instance/any", {}),
    ("ecr:PutImage", "arn:aws:ecr:{place}:repository/any", {}),
    ("logs:DeleteLogGroup", "arn:aws:logs:{place}:log-group:any", {}),
    ("logs:GetLogEvents", "arn:aws:logs:{place}:log-group:any:log-stream:1", {}),
    ("ec2:DeleteFlowLogs", "arn:aws:ec2:{place}:vpc-flow-log/fl-1", {}),
    ("ec2:ModifyVpcEndpoint", "arn:aws:ec2:{place}:vpc-endpoint/vpce-1", {}),
    ("ec2:AuthorizeSecurityGroupEgress", "arn:aws:ec2:{place}:security-group/sg-1", {}),
    ("cloudtrail:StopLogging", "arn:aws:cloudtrail:{place}:trail/any", {}),
    ("cloudwatch:PutMetricData", "*", {"cloudwatch:namespace": "Another"}),
    ("secretsmanager:GetSecretValue", "arn:aws:secretsmanager:{place}:secret:any-AbCdEf", {}),
    ("ssm:GetParameter", "arn:aws:ssm:{place}:parameter/any", {}),
    ("sns:Publish", "arn:aws:sns:{place}:another", TLS),
    ("sqs:ReceiveMessage", "arn:aws:sqs:{place}:another", TLS),
    ("events:PutEvents", "arn:aws:events:{place}:event-bus/another", {}),
]
"""What no role may do: action, resource and context."""

BY_ADMINISTRATORS = "other encryption, plain HTTP or writing over a release, by an administrator"
BY_EACH_ROLE = "what no step does, by each role"

_OTHER_CONDITIONS: Context = {
    "iam:PassedToService": "ec2.amazonaws.com",
    "kms:GrantIsForAWSResource": "false",
    "kms:ResourceAliases": ["alias/another"],
    "application-autoscaling:scalable-dimension": "dynamodb:table:ReadCapacityUnits",
    "application-autoscaling:service-namespace": "dynamodb",
    "cloudwatch:namespace": "Another",
    "s3:prefix": "another-pipeline/",
    "sagemaker:ModelApprovalStatus": "Approved",
    "sagemaker:NetworkIsolation": "false",
    "sagemaker:VpcSecurityGroupIds": ["sg-0123456789abcdef0"],
    "sagemaker:VpcSubnets": ["subnet-0123456789abcdef0"],
}
"""What a condition of a role's policy must refuse, by its key."""
_LEFT_OUT = ("s3:prefix", *(key for key in _OTHER_CONDITIONS if key.startswith("sagemaker:")))
"""Keys that a request may not have, where it does not say what they hold."""
_WHOLE_LISTS = ("sagemaker:VpcSecurityGroupIds", "sagemaker:VpcSubnets")
"""Keys of which every value must be allowed: another one beside those that are is refused."""
_ANY_NAME = re.compile(
    r"^arn:aws:(ec2:|application-autoscaling:|"
    r"sagemaker:[^:]*:[^:]*:(artifact/|(endpoint|endpoint-config|model)/sm-epc-))"
)
"""Resources that AWS names, so that a policy cannot tell them from others."""
_ANY_OF_THESE = ("GuardRole", "sagemaker:DescribeEndpoint")
"""Role and action: it looks for endpoints that the config does not name any more."""


@dataclass(frozen=True)
class ForbiddenCalls:
    """What must be refused in a deployment, by kind."""

    proof: Proof

    def by_kind(self) -> dict[str, list[Call]]:
        """Derive the calls."""
        return {
            BY_EACH_ROLE: list(self._by_no_role()),
            "a needed call on another resource or in another account": list(self._neighbours()),
            "a needed call under another condition": list(self._conditions()),
            "assuming a role by another service, account or repository": list(self._assume()),
            "writing over what is released, by each role": list(self._writing_over()),
            BY_ADMINISTRATORS: list(self._encryption()),
            "anything by another account": list(self._strangers()),
            "services on behalf of another resource or account": list(self._services()),
            "through an endpoint, to other buckets or by another account": list(self._endpoints()),
            "what a key policy allows nobody": list(self._keys()),
        }

    def _by_no_role(self) -> Iterator[Call]:
        names = {
            "account": ACCOUNT,
            "bucket": self.proof.artifact_bucket.arn,
            "function": self._first("AWS::Lambda::Function", "RegistrationFunction"),
            "key": self.proof.key.arn,
            "logs": self._first("AWS::S3::Bucket", "ArtifactBucketAccessLogs"),
            "pipeline": self.proof.pipeline.arn,
            "place": f"{self.proof.home}:{ACCOUNT}",
            "registry": f"arn:aws:s3:::model-release-registry-{ACCOUNT}-eu-west-1",
            "role": self.proof.execution_role.arn,
        }
        for role in self.proof.roles:
            for action, resource, context in _NO_ROLE_MAY:
                yield Call(
                    by=role.logical_id,
                    caller=role.arn,
                    action=action,
                    resource=resource.format(**names),
                    context=context,
                )

    def _first(self, kind: str, name: str) -> str:
        found = self.proof.deployment.of_type(kind)
        return next(each.arn for each in found if each.logical_id.startswith(name))

    def _needed_by_roles(self) -> Iterator[Call]:
        roles = {role.arn for role in self.proof.roles}
        return (call for call in self.proof.calls if call.caller in roles)

    def _neighbours(self) -> Iterator[Call]:
        for call in self._needed_by_roles():
            if call.resource == "*":
                continue
            if f":{ACCOUNT}:" in call.resource:
                there = call.resource.replace(ACCOUNT, OTHER_ACCOUNT)
                yield dataclasses.replace(call, resource=there, account=OTHER_ACCOUNT)
            named = "kms:ResourceAliases" in call.context or _ANY_NAME.match(call.resource)
            if not named and not self._may_look_at_any(call):
                for resource in _others(call.resource):
                    yield dataclasses.replace(call, resource=resource, in_vpc=False)

    def _may_look_at_any(self, call: Call) -> bool:
        role, action = _ANY_OF_THESE
        name = next(each.logical_id for each in self.proof.roles if each.arn == call.caller)
        return name.startswith(role) and call.action == action

    def _conditions(self) -> Iterator[Call]:
        for call in self._needed_by_roles():
            for key in sorted(call.context.keys() & _OTHER_CONDITIONS.keys()):
                context = {**call.context, key: _OTHER_CONDITIONS[key]}
                yield dataclasses.replace(call, context=context)
            for key in sorted(call.context.keys() & set(_WHOLE_LISTS)):
                beside = [*call.context[key], *_OTHER_CONDITIONS[key]]
                yield dataclasses.replace(call, context={**call.context, key: beside})
            for key in sorted(call.context.keys() & set(_LEFT_OUT)):
                context = {name: each for name, each in call.context.items() if name != key}
                yield dataclasses.replace(call, context=context)

    def _assume(self) -> Iterator[Call]:
        services = ("ec2", "events", "lambda", "sagemaker", "scheduler", "states", "vpc-flow-logs")
        calls = ServiceCalls(self.proof.deployment)
        for role in self.proof.roles:
            assume = Call(
                by=role.logical_id,
                caller="",
                action="sts:AssumeRole",
                resource=role.arn,
                context=FROM_HERE,
            )
            own = "" if _is_for_github(role) else calls.assuming_service(role)
            for service in services:
                name = f"{service}.amazonaws.com"
                if name != own:
                    yield dataclasses.replace(assume, caller=name)
            if own and service_tells_its_account(own):
                elsewhere: Context = {"aws:SourceAccount": OTHER_ACCOUNT}
                yield dataclasses.replace(assume, caller=own, context=elsewhere)
            if not own:
                yield from _other_tokens(role)

    def _writing_over(self) -> Iterator[Call]:
        """Write what exists: claims and releases of this pipeline, at home and elsewhere."""
        home = f"{self.proof.artifact_bucket.arn}/returns-risk"
        registry = f"arn:aws:s3:::model-release-registry-{ACCOUNT}-eu-west-1/returns-risk"
        for role in self.proof.roles:
            for resource in (
                f"{home}/releases/1/model.tar.gz",
                f"{home}/releases/claims/returns-risk/digest/1",
                f"{home}/registration/1/payload.tar.gz",
                f"{registry}/releases/1/manifest.json",
            ):
                yield Call(
                    by=role.logical_id,
                    caller=role.arn,
                    action="s3:PutObject",
                    resource=resource,
                    context={**TLS, **OVER},
                )

    def _encryption(self) -> Iterator[Call]:
        plain: Context = {"aws:SecureTransport": "false"}
        for policy in self.proof.policies:
            arn = policy.owner.arn
            if policy.kind == "bucket":
                yield _by_administrator("s3:PutObject", f"{arn}/object", plain)
                yield _by_administrator("s3:GetObject", f"{arn}/object", plain)
                yield _by_administrator("s3:ListBucket", arn, plain)
                if "LoggingConfiguration" in policy.owner.properties:
                    yield from self._other_encryption(policy)
            elif policy.kind == "topic":
                yield _by_administrator("sns:Publish", arn, plain)
            elif policy.kind == "queue":
                yield _by_administrator("sqs:SendMessage", arn, plain)

    def _other_encryption(self, policy: AttachedPolicy) -> Iterator[Call]:
        headers: list[Context] = [
            {_SSE: "AES256"},
            {_SSE: "aws:kms:dsse"},
            {_SSE: "aws:kms", f"{_SSE}-aws-kms-key-id": _OTHER_KEY},
            {_SSE: "aws:kms"},  # under the key that AWS manages
            {f"{_SSE}-customer-algorithm": "AES256"},
        ]
        for header in headers:
            context = {**TLS, **header}
            yield _by_administrator("s3:PutObject", f"{policy.owner.arn}/object", context)
        for key in ("releases/1/model.tar.gz", "registration/1/payload.tar.gz"):
            released = f"{policy.owner.arn}/returns-risk/{key}"
            yield _by_administrator("s3:PutObject", released, {**TLS, **OVER})

    def _strangers(self) -> Iterator[Call]:
        actions = {
            "bucket": ("s3:GetObject", "s3:PutObject"),
            "key": ("kms:Decrypt", "kms:GenerateDataKey", "kms:PutKeyPolicy"),
            "topic": ("sns:Publish", "sns:Subscribe"),
            "queue": ("sqs:SendMessage", "sqs:ReceiveMessage"),
            "function": ("lambda:InvokeFunction",),
            "trust": ("sts:AssumeRole",),
        }
        for policy in self.proof.policies:
            suffix = "/object" if policy.kind == "bucket" else ""
            for action in actions.get(policy.kind, ()):
                yield Call(
                    by="another account",
                    caller=STRANGER,
                    action=action,
                    resource=policy.owner.arn + suffix,
                    context=TLS,
                )

    def _services(self) -> Iterator[Call]:
        others: Context = {
            "aws:SourceArn": _OTHER_RULE,
            "aws:SourceAccount": OTHER_ACCOUNT,
            "kms:EncryptionContext:aws:logs:arn": f"arn:aws:logs:us-east-1:{ACCOUNT}:log-group:any",
        }
        for call in self.proof.calls:
            if call.caller.endswith(".amazonaws.com") and not call.action.startswith("sts:"):
                for key in call.context.keys() & others.keys():
                    yield dataclasses.replace(call, context={**call.context, key: others[key]})

    def _endpoints(self) -> Iterator[Call]:
        assets = f"arn:aws:s3:::cdk-hnb659fds-assets-{ACCOUNT}-{self.proof.home}/any"
        for call in self.proof.calls:
            if not call.in_vpc:
                continue
            powerful = dataclasses.replace(call, caller=ADMINISTRATOR)
            context = {**call.context, "aws:PrincipalAccount": OTHER_ACCOUNT}
            yield dataclasses.replace(powerful, context=context)
            if call.action.startswith("s3:"):
                for resource in list(_others(call.resource))[:1]:
                    yield dataclasses.replace(powerful, resource=resource)
        for action in ("s3:PutObject", "s3:DeleteObject"):
            call = _by_administrator(action, assets, {**TLS, **OWN})
            yield dataclasses.replace(call, in_vpc=True)

    def _keys(self) -> Iterator[Call]:
        for key in self.proof.deployment.of_type("AWS::KMS::Key"):
            for action in ("kms:ReplicateKey", "kms:Sign", "kms:ImportKeyMaterial"):
                yield _by_administrator(action, key.arn, {})
            context: Context = {"kms:GrantIsForAWSResource": "false"}
            yield _by_administrator("kms:CreateGrant", key.arn, context)


def service_tells_its_account(service: str) -> bool:
    """Tell whether a service says for whom it assumes a role; AWS Lambda does not."""
    return service != "lambda.amazonaws.com"


def _is_for_github(role: Resource) -> bool:
    (statement,) = role.properties["AssumeRolePolicyDocument"]["Statement"]
    return "Federated" in statement["Principal"]


def _other_tokens(role: Resource) -> Iterator[Call]:
    """Tokens of other repositories, jobs and audiences."""
    token = github_token(role)
    subject = str(token[f"{GITHUB}:sub"])
    others = {
        f"{GITHUB}:aud": ["https://github.com/acme"],
        f"{GITHUB}:sub": [
            subject.replace(REPOSITORY, f"{REPOSITORY}-fork"),
            subject.replace(REPOSITORY, "stranger/models"),
            f"repo:{REPOSITORY}:ref:refs/heads/main",
            f"repo:{REPOSITORY}:environment:another",
        ],
    }
    for key, values in others.items():
        for value in values:
            yield Call(
                by=role.logical_id,
                caller=f"arn:aws:iam::{ACCOUNT}:oidc-provider/{GITHUB}",
                action="sts:AssumeRoleWithWebIdentity",
                resource=role.arn,
                context={**token, key: value},
            )


def _by_administrator(action: str, resource: str, context: Context) -> Call:
    return Call(
        by="administrator",
        caller=ADMINISTRATOR,
        action=action,
        resource=resource,
        context=context,
    )


def _others(arn: str) -> Iterator[str]:
    """Name other resources of the same type: for an object also another one in the bucket."""
    prefix, _, resource = arn.partition(":::") if ":s3:::" in arn else ("", "", "")
    if prefix:
        bucket, slash, key = resource.partition("/")
        yield f"{prefix}:::another-bucket{slash}{key}"
        if key:
            yield f"{prefix}:::{bucket}/another/secret.bin"
        return
    *start, name = arn.split(":", 5)
    kind = re.match(r"((log-group|function|stateMachine|execution|alarm):|[a-z-]+/)?", name)
    assert kind is not None
    rest = name[kind.end() :]
    tail = rest[len(re.split(r"[:/]" if "log-group" not in kind[0] else ":", rest)[0]) :]
    yield ":".join([*start, f"{kind[0]}another{tail}"])
