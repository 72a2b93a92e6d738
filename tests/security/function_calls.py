"""The AWS calls of the app's Lambda functions, derived from what invokes them.

``test_function_calls.py`` runs the functions' scripts and compares.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from constructs_lib.language.step_calls import repository_arn
from tests.security.calls import (
    A_PART,
    NEW,
    OWN,
    TLS,
    Call,
    Context,
    arn,
    load_test_network_calls,
    location,
    pull_calls,
    via_s3,
)
from tests.security.deployment import Deployment, Resource
from tests.security.step_calls import staged


@dataclass(frozen=True, kw_only=True)
class FunctionCalls:
    """What one function calls."""

    function: Resource
    by: str
    """The step or the rule that invokes it."""
    region: str
    key_arn: str
    """The app's key in the function's own region."""

    def _call(self, action: str, resource: str, context: Context | None = None) -> Call:
        return Call(
            by=self.by,
            caller=self.function.properties["Role"],
            action=action,
            resource=resource,
            context=context or {},
        )

    def _arn(self, service: str, resource: str, region: str | None = None) -> str:
        return arn(service, resource, region or self.region)

    def _find(self, uri: str) -> Iterator[Call]:
        """Look at an object, or find by a list that it is not there."""
        bucket, key = location(uri)
        yield from self._list(uri)
        yield self._call("s3:GetObject", f"arn:aws:s3:::{bucket}/{key}", {**TLS, **OWN})

    def _list(self, uri: str) -> Iterator[Call]:
        """List what begins with a key."""
        bucket, prefix = location(uri)
        context = {**TLS, **OWN, "s3:prefix": prefix}
        yield self._call("s3:ListBucket", f"arn:aws:s3:::{bucket}", context)


@dataclass(frozen=True, kw_only=True)
class RegistrationCalls(FunctionCalls):
    """``register_model/``: stages in a region, or registers there."""

    registry_alias: str
    job_key_arn: str
    images: Mapping[str, str]
    """The image that is registered, by AWS region."""

    def calls(self, event: Mapping[str, Any]) -> Iterator[Call]:
        """Derive the calls that an event leads to."""
        region, group = event["aws_region"], event["model_package_group_name"]
        yield self._call("sagemaker:ListModelPackages", "*")
        package = self._arn("sagemaker", f"model-package/{group}/7", region)
        yield self._call("sagemaker:DescribeModelPackage", package)
        yield from self._claim_and_record(event)
        if event["action"] == "register":
            for uri in _uris(event):
                yield from self._read_copy(uri, region)
            status = {"sagemaker:ModelApprovalStatus": event["model_approval_status"]}
            yield self._call("sagemaker:CreateModelPackage", package, status)
            yield self._call("sagemaker:AddTags", package)
            for action in ("ecr:BatchGetImage", "ecr:DescribeImages"):
                yield self._call(action, repository_arn(self.images[region]))
            yield from self._trace(region)
            return
        for uri in _uris(event):
            yield from self._read(uri)
        for uri in staged(event).values():
            yield from self._write(uri, event)

    def _trace(self, region: str) -> Iterator[Call]:
        """Tell SageMaker's lineage what the version was made of."""
        yield self._call("sagemaker:ListArtifacts", "*")
        artifact = self._arn("sagemaker", "artifact/0123456789abcdef", region)
        for action in ("AddAssociation", "CreateArtifact"):
            yield self._call(f"sagemaker:{action}", artifact)

    def _read(self, uri: str) -> Iterator[Call]:
        """Read what a job has written."""
        yield from self._find(uri)
        for key_arn in {self.key_arn, self.job_key_arn}:
            yield self._call("kms:Decrypt", key_arn, via_s3(self.region))

    def _claim_and_record(self, event: Mapping[str, Any]) -> Iterator[Call]:
        """Claim the content for this execution, and record where it is registered."""
        releases = event["release_folder"].rpartition("/")[0]
        group, content = event["model_package_group_name"], event["artifact_sha256"]
        records = f"{releases}/registered/{group}/{event['aws_region']}"
        claims = f"{releases}/claims/{group}/{content}"
        for folder in (claims, records, f"{records}/{content}"):
            yield from self._list(f"{folder}/")
        for uri in (
            f"{claims}/1",
            f"{records}/{content}/0000000001",
            f"{records}/complete",
        ):
            yield from self._find(uri)
            put = "arn:aws:s3:::" + uri.removeprefix("s3://")
            yield self._call("s3:PutObject", put, {**NEW, **TLS, **OWN})
        for action in ("kms:Decrypt", "kms:GenerateDataKey"):
            yield self._call(action, self.key_arn, via_s3(self.region))
        execution = event["pipeline_execution_arn"]
        yield self._call("sagemaker:DescribePipelineExecution", execution)

    def _read_copy(self, uri: str, region: str) -> Iterator[Call]:
        """Read an object of a region's bucket, or find that it is not there."""
        if region == self.region:
            yield from self._read(uri)
            return
        yield from self._find(uri)
        yield self._use_registry_key(region, "kms:Decrypt")

    def _write(self, uri: str, event: Mapping[str, Any]) -> Iterator[Call]:
        region = event["aws_region"]
        yield from self._read_copy(uri, region)
        header = "s3:x-amz-server-side-encryption"
        encryption = {header: "aws:kms", f"{header}-aws-kms-key-id": event["kms_key_id"]}
        target = "arn:aws:s3:::" + uri.removeprefix("s3://")
        for context in ({**encryption, **NEW}, {**encryption, **A_PART}, NEW, A_PART):
            yield self._call("s3:PutObject", target, {**context, **TLS, **OWN})
        yield self._call("s3:AbortMultipartUpload", target, {**TLS, **OWN})
        for action in ("kms:GenerateDataKey", "kms:Decrypt"):
            if region == self.region:
                yield self._call(action, self.job_key_arn, via_s3(region))
            else:
                yield self._use_registry_key(region, action)

    def _use_registry_key(self, region: str, action: str) -> Call:
        key = self._arn("kms", self.key_arn.rpartition(":")[2], region)
        return self._call(
            action, key, {**via_s3(region), "kms:ResourceAliases": [self.registry_alias]}
        )


def _uris(event: Mapping[str, Any]) -> list[str]:
    """List the objects that the function opens; where a model came from is recorded only."""
    return [
        value
        for name, value in event.items()
        if str(value).startswith("s3://")
        and name.endswith("_uri")
        and not name.startswith("source_")
    ]


@dataclass(frozen=True, kw_only=True)
class StartReleaseCalls(FunctionCalls):
    """``start_release.py``: starts an execution for an upload."""

    def calls(self, pattern: Mapping[str, Any]) -> Iterator[Call]:
        """Derive the calls that an event of the pattern leads to."""
        (bucket,) = pattern["detail"]["bucket"]["name"]
        for key in pattern["detail"]["object"]["key"]:
            name = key if isinstance(key, str) else key["wildcard"].replace("*", "2026-11-02")
            yield from self._find(f"s3://{bucket}/{name}")
        name = self.function.properties["Environment"]["Variables"]["PIPELINE_NAME"]
        for action in ("ListPipelineExecutions", "StartPipelineExecution"):
            yield self._call(f"sagemaker:{action}", self._arn("sagemaker", f"pipeline/{name}"))


@dataclass(frozen=True, kw_only=True)
class NotifyCalls(FunctionCalls):
    """``notify.py``: tells people of an event."""

    def calls(self, pattern: Mapping[str, Any]) -> Iterator[Call]:
        """Derive the calls that an event of the pattern leads to."""
        for pipeline in pattern["detail"].get("pipelineArn", []):
            for action in ("DescribePipelineExecution", "ListPipelineExecutionSteps"):
                execution = f"{pipeline}/execution/abcdefghijkl"
                yield self._call(f"sagemaker:{action}", execution)
        topic = self.function.properties["Environment"]["Variables"]["TOPIC_ARN"]
        yield self._call("sns:Publish", topic, TLS)
        via_sns = {"kms:ViaService": f"sns.{self.region}.amazonaws.com"}
        for action in ("kms:Decrypt", "kms:GenerateDataKey"):
            yield self._call(action, self.key_arn, via_sns)


@dataclass(frozen=True, kw_only=True)
class LoadTestCalls(FunctionCalls):
    """``load_test.py``: starts a load test and records its result; and what the test does."""

    job_key_arn: str
    image: str
    artifact_uris: tuple[str, ...]

    def calls(self, event: Mapping[str, Any]) -> Iterator[Call]:
        """Derive the calls that the start of a test leads to, also those later on."""
        package = event["model_package_arn"]
        variables = self.function.properties["Environment"]["Variables"]
        job_role, schedule_role = variables["JOB_ROLE_ARN"], variables["SCHEDULE_ROLE_ARN"]
        yield from self._function(package, variables)
        yield from self._as(schedule_role, self._schedule(variables["DEAD_LETTERS_ARN"]))
        yield from self._as(job_role, self._job(package, job_role))

    def _as(self, role: str, calls: Iterator[Call]) -> Iterator[Call]:
        for call in calls:
            yield Call(
                by=call.by,
                caller=role,
                action=call.action,
                resource=call.resource,
                context=call.context,
            )

    def _function(self, package: str, variables: Mapping[str, str]) -> Iterator[Call]:
        name = f"{variables['JOB_NAME_PREFIX']}-7-01234567"
        job = self._arn("sagemaker", f"inference-recommendations-job/{name}")
        for verb in ("Create", "Describe"):
            yield self._call(f"sagemaker:{verb}InferenceRecommendationsJob", job)
        for action in ("DescribeModelPackage", "UpdateModelPackage"):
            yield self._call(f"sagemaker:{action}", package)
        schedule = self._arn("scheduler", f"schedule/{variables['SCHEDULE_GROUP']}/{name}")
        for action in ("CreateSchedule", "DeleteSchedule"):
            yield self._call(f"scheduler:{action}", schedule)
        passed = {"JOB_ROLE_ARN": "sagemaker", "SCHEDULE_ROLE_ARN": "scheduler"}
        for variable, service in passed.items():
            to = {"iam:PassedToService": f"{service}.amazonaws.com"}
            yield self._call("iam:PassRole", variables[variable], to)

    def _schedule(self, dead_letters: str) -> Iterator[Call]:
        yield self._call("lambda:InvokeFunction", self.function.arn)
        yield self._call("sqs:SendMessage", dead_letters, TLS)

    def _job(self, package: str, role: str) -> Iterator[Call]:
        for kind in ("model", "endpoint-config", "endpoint"):
            made = self._arn("sagemaker", f"{kind}/sm-epc-0123")
            name = "".join(part.capitalize() for part in kind.split("-"))
            place = self._place() if kind == "model" else {}
            yield self._call(f"sagemaker:Create{name}", made, place)
            for verb in ("Delete", "Describe"):
                yield self._call(f"sagemaker:{verb}{name}", made)
            yield self._call("sagemaker:AddTags", made)
        endpoint = self._arn("sagemaker", "endpoint/sm-epc-0123")
        yield self._call("sagemaker:InvokeEndpoint", endpoint)
        yield self._call("sagemaker:DescribeModelPackage", package)
        yield self._call("iam:PassRole", role, {"iam:PassedToService": "sagemaker.amazonaws.com"})
        for uri in self.artifact_uris:
            yield from self._find(uri)
        for key_arn in {self.key_arn, self.job_key_arn}:
            yield self._call("kms:Decrypt", key_arn, via_s3(self.region))
        if key_arn := self.function.properties["Environment"]["Variables"].get("VOLUME_KEY_ARN"):
            grant = {"kms:GrantIsForAWSResource": "true"}
            yield self._call("kms:CreateGrant", key_arn, grant)
        for action, resource in (*pull_calls(self.image), *load_test_network_calls(self.region)):
            yield self._call(action, resource)
        for kind in ("Endpoints", "InferenceRecommendationsJobs"):
            group = self._arn("logs", f"log-group:/aws/sagemaker/{kind}/sm-epc-0123")
            yield self._call("logs:CreateLogGroup", group)
            for action in ("logs:CreateLogStream", "logs:PutLogEvents"):
                yield self._call(action, f"{group}:log-stream:1")
            namespace = {"cloudwatch:namespace": f"/aws/sagemaker/{kind}"}
            yield self._call("cloudwatch:PutMetricData", "*", namespace)

    def _place(self) -> Context:
        """Where tested models run."""
        variables = self.function.properties["Environment"]["Variables"]
        return {
            "sagemaker:VpcSecurityGroupIds": [variables["SECURITY_GROUP_ID"]],
            "sagemaker:VpcSubnets": variables["SUBNET_IDS"].split(","),
        }


def runtime_calls(deployment: Deployment) -> Iterator[Call]:
    """Derive what AWS Lambda itself does with the role of each function."""
    for function in deployment.of_type("AWS::Lambda::Function"):
        properties, region = function.properties, deployment.regions[function.stack]
        stream = f"log-group:{properties['LoggingConfig']['LogGroup']}:log-stream:1"
        actions = {
            "logs:CreateLogStream": arn("logs", stream, region),
            "logs:PutLogEvents": arn("logs", stream, region),
        }
        if "DeadLetterConfig" in properties:
            actions["sqs:SendMessage"] = properties["DeadLetterConfig"]["TargetArn"]
        for action, resource in actions.items():
            yield Call(
                by=function.logical_id,
                caller=properties["Role"],
                action=action,
                resource=resource,
                context=TLS if action.startswith("sqs:") else {},
            )
