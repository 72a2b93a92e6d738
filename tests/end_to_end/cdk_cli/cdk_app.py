"""A CDK app with the resource types of the embedded AWS, in two regions, in three variants.

Usage: ``cdk_app.py FOLDER`` writes the assemblies ``first``, ``changed`` and ``unknown-type``.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from aws_cdk import (
    App,
    CfnOutput,
    CfnResource,
    Duration,
    Environment,
    Fn,
    RemovalPolicy,
    Stack,
    Tags,
    aws_cloudwatch,
    aws_ec2,
    aws_events,
    aws_events_targets,
    aws_iam,
    aws_kms,
    aws_lambda,
    aws_logs,
    aws_s3,
    aws_sagemaker,
    aws_sns,
    aws_sqs,
    aws_ssm,
)
from constructs import Construct

ACCOUNT = "123456789012"
HOME = Environment(account=ACCOUNT, region="us-east-1")
OTHER = Environment(account=ACCOUNT, region="eu-west-1")


class Network(Stack):
    """A VPC with isolated subnets, endpoints, security groups with rules, and a flow log."""

    def __init__(self, scope: Construct, name: str) -> None:
        super().__init__(scope, name, env=HOME)
        self.vpc = aws_ec2.Vpc(
            self,
            "Vpc",
            ip_addresses=aws_ec2.IpAddresses.cidr("10.0.0.0/20"),
            availability_zones=["us-east-1a", "us-east-1b"],
            nat_gateways=0,
            restrict_default_security_group=False,
            subnet_configuration=[
                aws_ec2.SubnetConfiguration(
                    name="isolated", subnet_type=aws_ec2.SubnetType.PRIVATE_ISOLATED, cidr_mask=24
                )
            ],
        )
        self.jobs = aws_ec2.SecurityGroup(
            self, "Jobs", vpc=self.vpc, allow_all_outbound=False, description="jobs"
        )
        endpoints = aws_ec2.SecurityGroup(
            self, "Endpoints", vpc=self.vpc, allow_all_outbound=False, description="endpoints"
        )
        self.jobs.connections.allow_to(endpoints, aws_ec2.Port.tcp(443))
        self.jobs.add_egress_rule(aws_ec2.Peer.ipv4("10.0.0.0/20"), aws_ec2.Port.tcp(443))
        s3 = self.vpc.add_gateway_endpoint("S3", service=aws_ec2.GatewayVpcEndpointAwsService.S3)
        s3.add_to_policy(
            aws_iam.PolicyStatement(
                actions=["s3:GetObject"], resources=["*"], principals=[aws_iam.AnyPrincipal()]
            )
        )
        api = self.vpc.add_interface_endpoint(
            "Api",
            service=aws_ec2.InterfaceVpcEndpointAwsService.SAGEMAKER_API,
            security_groups=[endpoints],
            open=False,
        )
        api.add_to_policy(
            aws_iam.PolicyStatement(
                actions=["sagemaker:*"], resources=["*"], principals=[aws_iam.AnyPrincipal()]
            )
        )
        logs = aws_logs.LogGroup(
            self,
            "FlowLogs",
            retention=aws_logs.RetentionDays.ONE_WEEK,
            removal_policy=RemovalPolicy.DESTROY,
        )
        self.vpc.add_flow_log(
            "Flow", destination=aws_ec2.FlowLogDestination.to_cloud_watch_logs(logs)
        )


class Storage(Stack):
    """A key, an access log bucket, a bucket with everything on, and a model package group."""

    def __init__(self, scope: Construct, name: str, env: Environment, *, changed: bool) -> None:
        super().__init__(scope, name, env=env)
        self.key = aws_kms.Key(
            self, "Key", enable_key_rotation=True, removal_policy=RemovalPolicy.DESTROY
        )
        self.key.add_alias(f"alias/{name.lower()}")
        logs = aws_s3.Bucket(
            self,
            "AccessLogs",
            block_public_access=aws_s3.BlockPublicAccess.BLOCK_ALL,
            encryption=aws_s3.BucketEncryption.S3_MANAGED,
            enforce_ssl=True,
            object_ownership=aws_s3.ObjectOwnership.BUCKET_OWNER_ENFORCED,
            removal_policy=RemovalPolicy.DESTROY,
        )
        self.bucket = aws_s3.Bucket(
            self,
            "Artifacts",
            bucket_name=f"{name.lower()}-artifacts-{env.region}",
            block_public_access=aws_s3.BlockPublicAccess.BLOCK_ALL,
            bucket_key_enabled=True,
            encryption=aws_s3.BucketEncryption.KMS,
            encryption_key=self.key,
            enforce_ssl=True,
            event_bridge_enabled=False,
            lifecycle_rules=[
                aws_s3.LifecycleRule(
                    abort_incomplete_multipart_upload_after=Duration.days(1),
                    expiration=Duration.days(60 if changed else 30),
                    prefix="tmp/",
                ),
                aws_s3.LifecycleRule(noncurrent_version_expiration=Duration.days(7)),
            ],
            server_access_logs_bucket=logs,
            server_access_logs_prefix="artifacts/",
            versioned=True,
            removal_policy=RemovalPolicy.DESTROY,
        )
        self.group = aws_sagemaker.CfnModelPackageGroup(
            self, "Models", model_package_group_name=f"{name}-models"
        )
        aws_ssm.StringParameter(
            self, "Value", parameter_name=f"/{name}/value", string_value="2" if changed else "1"
        )


class Release(Stack):
    """A pipeline, its role, a function from an asset, and what watches them."""

    def __init__(
        self, scope: Construct, name: str, network: Network, storage: Storage, *, changed: bool
    ) -> None:
        super().__init__(scope, name, env=HOME)
        boundary = aws_iam.ManagedPolicy(
            self,
            "Boundary",
            statements=[aws_iam.PolicyStatement(actions=["logs:PutLogEvents"], resources=["*"])],
        )
        role = aws_iam.Role(
            self,
            "Role",
            assumed_by=aws_iam.ServicePrincipal("sagemaker.amazonaws.com"),
            inline_policies={
                "jobs": aws_iam.PolicyDocument(
                    statements=[
                        aws_iam.PolicyStatement(actions=["sagemaker:CreateModel"], resources=["*"])
                    ]
                )
            },
            managed_policies=[boundary],
        )
        storage.bucket.grant_read_write(role)
        function = aws_lambda.Function(
            self,
            "Function",
            code=aws_lambda.Code.from_asset(str(Path(__file__).parent / "function")),
            handler="function.handler",
            runtime=aws_lambda.Runtime.PYTHON_3_12,
            memory_size=512 if changed else 256,
            timeout=Duration.minutes(5),
            environment={"BUCKET": storage.bucket.bucket_name},
        )
        body = {
            "Version": "2020-12-01",
            "Parameters": [],
            "Steps": [
                {
                    "Name": "Register",
                    "Type": "Lambda",
                    "FunctionArn": "${FunctionArn}",
                    "Arguments": {"bucket": "${Bucket}", "literal": "${!Kept}"},
                    "Note": "changed" if changed else "first",
                }
            ],
        }
        pipeline = aws_sagemaker.CfnPipeline(
            self,
            "Pipeline",
            pipeline_name=f"{name}-pipeline",
            pipeline_definition={
                "PipelineDefinitionBody": Fn.sub(
                    json.dumps(body),
                    {
                        "FunctionArn": function.function_arn,
                        "Bucket": storage.bucket.bucket_name,
                    },
                )
            },
            role_arn=role.role_arn,
        )
        pipeline.node.add_dependency(role)
        queue = aws_sqs.Queue(self, "Queue", enforce_ssl=True)
        topic = aws_sns.Topic(self, "Topic")
        topic.add_to_resource_policy(
            aws_iam.PolicyStatement(
                actions=["sns:Publish"],
                principals=[aws_iam.ServicePrincipal("events.amazonaws.com")],
                resources=[topic.topic_arn],
            )
        )
        aws_sns.Subscription(
            self,
            "Subscription",
            topic=topic,
            protocol=aws_sns.SubscriptionProtocol.SQS,
            endpoint=queue.queue_arn,
        )
        aws_events.Rule(
            self,
            "Rule",
            event_pattern=aws_events.EventPattern(source=["aws.sagemaker"]),
            targets=[
                aws_events_targets.LambdaFunction(function),
                aws_events_targets.SqsQueue(queue),
            ],
        )
        function.metric_errors().create_alarm(
            self, "Alarm", threshold=2 if changed else 1, evaluation_periods=1
        )
        aws_cloudwatch.Dashboard(
            self,
            "Dashboard",
            widgets=[[aws_cloudwatch.GraphWidget(left=[function.metric_errors()])]],
        )
        CfnOutput(self, "PipelineName", value=pipeline.ref)
        CfnOutput(self, "SecurityGroup", value=network.jobs.security_group_id)


def synthesize(folder: Path, *, changed: bool = False, unknown_type: bool = False) -> None:
    """Write one variant of the app to ``folder``."""
    app = App(
        builtin_cloud_formation_validation=False,
        outdir=str(folder),
        context={"@aws-cdk/aws-s3:serverAccessLogsUseBucketPolicy": True},
    )
    network = Network(app, "Network")
    storage = Storage(app, "Home", HOME, changed=changed)
    Storage(app, "Other", OTHER, changed=changed)
    release = Release(app, "Release", network, storage, changed=changed)
    Tags.of(app).add("project", "emulator")
    if unknown_type:
        CfnResource(release, "Unknown", type="AWS::Unheard::Of")
    app.synth()


if __name__ == "__main__":
    parent = Path(sys.argv[1])
    synthesize(parent / "first")
    synthesize(parent / "changed", changed=True)
    synthesize(parent / "unknown-type", changed=True, unknown_type=True)
