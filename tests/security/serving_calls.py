"""The AWS calls around the serving of approved versions, derived from the deployed workflow."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from constructs_lib.jobs.deploy_model.guardrails.alarms import alarm_names, alarm_requests
from constructs_lib.jobs.deploy_model.guardrails.standing import standing_requests
from tests.security.calls import NEW, OWN, TLS, Call, Context, arn, pull_calls, via_s3
from tests.security.deployment import Resource
from tests.security.function_calls import FunctionCalls

_PASS: Context = {"iam:PassedToService": "sagemaker.amazonaws.com"}
_GRANT: Context = {"kms:GrantIsForAWSResource": "true"}
_ISOLATED: Context = {"sagemaker:NetworkIsolation": "true"}
_SCALED: Context = {
    "application-autoscaling:scalable-dimension": "sagemaker:variant:DesiredInstanceCount",
    "application-autoscaling:service-namespace": "sagemaker",
}
_DIGEST = "0123456789abcdef"
_DELIVERY = (
    "CreateLogDelivery",
    "DeleteLogDelivery",
    "DescribeLogGroups",
    "DescribeResourcePolicies",
    "GetLogDelivery",
    "ListLogDeliveries",
    "PutResourcePolicy",
    "UpdateLogDelivery",
)
"""AWS Step Functions Developer Guide, "Using CloudWatch Logs to log execution history"."""
_TRACES = (
    "GetSamplingRules",
    "GetSamplingTargets",
    "PutTelemetryRecords",
    "PutTraceSegments",
)
"""The same, "Permissions for X-Ray"."""


@dataclass(frozen=True, kw_only=True)
class WorkflowCalls:
    """What a workflow, its function and the endpoints that it makes call."""

    machine: Resource
    region: str
    """The home region."""
    key_arn: str
    other_key_arns: Sequence[str]
    """Keys that executions were given, which their releases at home are under."""
    registry_alias: str
    images: Mapping[str, str]
    functions: Mapping[str, Resource]

    def calls(self) -> Iterator[Call]:
        """Derive the calls of a deployment, of its way back and of what it leaves behind."""
        definition = json.loads(self.machine.properties["DefinitionString"])
        function = self.functions[definition["States"]["Resolve"]["Resource"]]
        settings = definition["States"]["Begin"]["Parameters"]["settings"]
        yield from self._workflow(function)
        role = function.properties["Role"]
        yield from self._deployment(role, settings)
        for target in (each for wave in settings["waves"] for each in wave):
            place = _ServedPlace(self, settings, target)
            yield from place.by_function(role)
            yield from place.by_endpoint()

    def _workflow(self, function: Resource) -> Iterator[Call]:
        role = self.machine.properties["RoleArn"]
        yield self.call(role, "lambda:InvokeFunction", function.arn)
        for service, names in (("logs", _DELIVERY), ("xray", _TRACES)):
            for name in names:
                yield self.call(role, f"{service}:{name}", "*")

    def _deployment(self, role: str, settings: Mapping[str, Any]) -> Iterator[Call]:
        """What is not of a region: earlier executions, and telling people."""
        yield self.call(role, "states:ListExecutions", self.machine.arn)
        execution = f"{self.machine.arn.replace(':stateMachine:', ':execution:')}:earlier"
        yield self.call(role, "states:DescribeExecution", execution)
        if settings["topic_arn"]:
            yield self.call(role, "sns:Publish", settings["topic_arn"], TLS)
            via_sns = {"kms:ViaService": f"sns.{self.region}.amazonaws.com"}
            for action in ("kms:Decrypt", "kms:GenerateDataKey"):
                yield self.call(role, action, self.key_arn, via_sns)
        if settings["autoscaling"]:
            scaling = "sagemaker.application-autoscaling.amazonaws.com"
            name = "AWSServiceRoleForApplicationAutoScaling_SageMakerEndpoint"
            account = self.machine.arn.split(":")[4]
            linked = f"arn:aws:iam::{account}:role/aws-service-role/{scaling}/{name}"
            yield self.call(role, "iam:CreateServiceLinkedRole", linked)

    def call(self, caller: str, action: str, resource: str, context: Context | None = None) -> Call:
        """Make a call."""
        return Call(
            by=self.machine.logical_id,
            caller=caller,
            action=action,
            resource=resource,
            context=context or {},
        )


@dataclass(frozen=True)
class _ServedPlace:
    """A region of the waves."""

    workflow: WorkflowCalls
    settings: Mapping[str, Any]
    target: Mapping[str, Any]

    @property
    def _region(self) -> str:
        return str(self.target["aws_region"])

    def _arn(self, resource: str) -> str:
        return arn("sagemaker", resource, self._region)

    def _objects(self, *keys: str) -> list[str]:
        prefix = self.settings["pipeline_name"]
        return [f"arn:aws:s3:::{self.target['bucket_name']}/{prefix}/{key}" for key in keys]

    def _key(self, caller: str, action: str, context: Context) -> Call:
        """Use the region's key, which policies know by its alias where it is not at home."""
        workflow = self.workflow
        if self._region == workflow.region:
            return workflow.call(caller, action, workflow.key_arn, context)
        key = arn("kms", workflow.key_arn.rpartition(":")[2], self._region)
        alias: Context = {"kms:ResourceAliases": [workflow.registry_alias]}
        return workflow.call(caller, action, key, {**context, **alias})

    def _read(self, caller: str) -> Iterator[Call]:
        """Read the release, or find by a list that an object is not there."""
        workflow, bucket = self.workflow, f"arn:aws:s3:::{self.target['bucket_name']}"
        for key in ("releases/1/model.tar.gz", "registration/1/payload.tar.gz"):
            for resource in self._objects(key):
                yield workflow.call(caller, "s3:GetObject", resource, {**TLS, **OWN})
                prefix = {"s3:prefix": resource.removeprefix(f"{bucket}/")}
                yield workflow.call(caller, "s3:ListBucket", bucket, {**TLS, **OWN, **prefix})
        yield self._key(caller, "kms:Decrypt", via_s3(self._region))
        if self._region == workflow.region:
            for other in workflow.other_key_arns:
                yield workflow.call(caller, "kms:Decrypt", other, via_s3(self._region))

    def by_function(self, role: str) -> Iterator[Call]:
        """What ``deploy_model/`` calls in the region."""
        call = self.workflow.call
        version = self._arn(f"model-package/{self.target['model_package_group_name']}/7")
        for action in ("DescribeModelPackage", "UpdateModelPackage"):
            yield call(role, f"sagemaker:{action}", version)
        yield call(role, "sagemaker:ListModelPackages", "*")
        yield from self._read(role)
        yield from self._changes(role)
        yield from self._guardrails(role)
        yield from self._scaling(role)

    def _changes(self, role: str) -> Iterator[Call]:
        call, name = self.workflow.call, self.settings["endpoint_name"]
        model = self._arn(f"model/{name[:46]}-{_DIGEST}")
        configuration = self._arn(f"endpoint-config/{name[:46]}-{_DIGEST}")
        endpoint = self._arn(f"endpoint/{name}")
        yield call(role, "sagemaker:CreateModel", model, _ISOLATED)
        yield call(role, "iam:PassRole", self.target["role_arn"], _PASS)
        yield call(role, "sagemaker:CreateEndpointConfig", configuration)
        for kind, resource in (("Model", model), ("EndpointConfig", configuration)):
            for verb in ("Delete", "Describe"):
                yield call(role, f"sagemaker:{verb}{kind}", resource)
            yield call(role, f"sagemaker:List{kind}s", "*")
            yield call(role, "sagemaker:AddTags", resource)
        for action in ("CreateEndpoint", "UpdateEndpoint"):
            for resource in (endpoint, configuration):
                yield call(role, f"sagemaker:{action}", resource)
        for action in ("AddTags", "DeleteEndpoint", "DescribeEndpoint", "InvokeEndpoint"):
            yield call(role, f"sagemaker:{action}", endpoint)
        if self.settings["encrypts_volumes"]:
            yield self._key(role, "kms:CreateGrant", _GRANT)

    def _guardrails(self, role: str) -> Iterator[Call]:
        """What it does with alarms, and what SageMaker reads of them in its name."""
        call, configuration = self.workflow.call, f"{self.settings['endpoint_name'][:46]}-{_DIGEST}"
        own = alarm_requests(self.settings, configuration) + standing_requests(self.settings)
        for name in (each["AlarmName"] for each in own):
            alarm = arn("cloudwatch", f"alarm:{name}", self._region)
            for action in ("DeleteAlarms", "PutMetricAlarm"):
                yield call(role, f"cloudwatch:{action}", alarm)
        for name in alarm_names(self.settings, configuration):
            alarm = arn("cloudwatch", f"alarm:{name}", self._region)
            yield call(role, "cloudwatch:DescribeAlarmHistory", alarm)
        for action in ("DescribeAlarms", "GetMetricStatistics"):
            yield call(role, f"cloudwatch:{action}", "*")

    def _scaling(self, role: str) -> Iterator[Call]:
        """What ends scaling, which the config may have asked for before, and what begins it."""
        call, name = self.workflow.call, self.settings["endpoint_name"]
        scales = bool(self.settings["autoscaling"])
        yield call(role, "application-autoscaling:DescribeScalingPolicies", "*")
        target = arn("application-autoscaling", f"scalable-target/{_DIGEST}", self._region)
        begun = ("PutScalingPolicy", "RegisterScalableTarget") if scales else ()
        for action in ("DeregisterScalableTarget", *begun):
            yield call(role, f"application-autoscaling:{action}", target, _SCALED)
        alarm = f"alarm:TargetTracking-endpoint/{name}/variant/AllTraffic-AlarmHigh-1"
        for action in ("DeleteAlarms", *(["PutMetricAlarm"] if scales else [])):
            resource = arn("cloudwatch", alarm, self._region)
            yield call(role, f"cloudwatch:{action}", resource)
        if scales:
            endpoint = self._arn(f"endpoint/{name}")
            yield call(role, "sagemaker:UpdateEndpointWeightsAndCapacities", endpoint)

    def by_endpoint(self) -> Iterator[Call]:
        """What SageMaker calls for the endpoint's containers."""
        call, role = self.workflow.call, self.target["role_arn"]
        yield from self._read(role)
        for action, resource in pull_calls(self.workflow.images[self._region]):
            yield call(role, action, resource)
        group = arn(
            "logs",
            f"log-group:/aws/sagemaker/Endpoints/{self.settings['endpoint_name']}",
            self._region,
        )
        yield call(role, "logs:CreateLogGroup", group)
        for action in ("logs:CreateLogStream", "logs:PutLogEvents"):
            yield call(role, action, f"{group}:log-stream:AllTraffic/i-1")
        configuration = f"{self.settings['endpoint_name'][:46]}-{_DIGEST}"
        for name in alarm_names(self.settings, configuration):
            alarm = arn("cloudwatch", f"alarm:{name}", self._region)
            yield call(role, "cloudwatch:DescribeAlarms", alarm)
        namespace = {"cloudwatch:namespace": "/aws/sagemaker/Endpoints"}
        yield call(role, "cloudwatch:PutMetricData", "*", namespace)
        if self.settings["encrypts_volumes"]:
            yield self._key(role, "kms:CreateGrant", _GRANT)
        if self.settings["data_capture"]:
            for resource in self._objects("captured/endpoint/AllTraffic/1.jsonl"):
                yield call(role, "s3:PutObject", resource, {**NEW, **TLS, **OWN})
            yield self._key(role, "kms:GenerateDataKey", via_s3(self._region))


@dataclass(frozen=True, kw_only=True)
class StartDeploymentCalls(FunctionCalls):
    """``start_deployment.py``: starts a deployment of an approved version."""

    def calls(self, pattern: Mapping[str, Any]) -> Iterator[Call]:
        """Derive the calls that an event of the pattern leads to."""
        (group,) = pattern["detail"]["ModelPackageGroupName"]
        for each in pattern["detail"]["ModelPackageArn"]:
            region = each["prefix"].split(":")[3]
            version = self._arn("sagemaker", f"model-package/{group}/7", region)
            yield self._call("sagemaker:DescribeModelPackage", version)
        workflow = self.function.properties["Environment"]["Variables"]["WORKFLOW_ARN"]
        yield self._call("states:StartExecution", workflow)


@dataclass(frozen=True, kw_only=True)
class GuardCalls(FunctionCalls):
    """``guard_endpoints.py``: looks for endpoints that would be left behind."""

    def calls(self, properties: Mapping[str, Any]) -> Iterator[Call]:
        """Derive the calls that a request about the custom resource leads to."""
        for region in properties["Regions"]:
            endpoint = self._arn("sagemaker", f"endpoint/{properties['EndpointName']}", region)
            yield self._call("sagemaker:DescribeEndpoint", endpoint)
