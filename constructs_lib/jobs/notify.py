"""Tells people of failed executions, of model packages to approve, and of alarms of endpoints.

The Lambda function between Amazon EventBridge and the topic of notifications. An input transformer
could not do it: the event of a failed execution names neither the step nor the reason, and a
transformer sets no subject. It needs nothing but the standard library and boto3.

Sources of the events' members: Amazon SageMaker Developer Guide, "Events that Amazon SageMaker AI
sends to Amazon EventBridge"; Amazon CloudWatch User Guide, "Alarm events and EventBridge".
"""

from __future__ import annotations

import json
import logging
import math
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple
from urllib.parse import quote

import boto3
from botocore.config import Config

EXECUTION_CHANGE: Final = "SageMaker Model Building Pipeline Execution Status Change"
PACKAGE_CHANGE: Final = "SageMaker Model Package State Change"
ALARM_CHANGE: Final = "CloudWatch Alarm State Change"

_CLIENT_CONFIG: Final = Config(retries={"mode": "standard", "total_max_attempts": 6})
_SUBJECT_CHARACTERS: Final = 99
"""Amazon SNS API Reference, Publish: a subject has "less than 100 characters"."""
_MESSAGE_BYTES: Final = 262_144
"""The same: a message has at most 256 KB."""
_UNTOLD_FIELDS: Final = {"CustomerMetadataProperties", "ModelLifeCycle"}
"""Of a model package; load tests and deployments write there what became of a version."""
_CONSOLE_PAGES: Final = {"processing-job": "processing-jobs", "training-job": "jobs"}
_LOG_GROUPS: Final = {
    "processing-job": "/aws/sagemaker/ProcessingJobs",
    "training-job": "/aws/sagemaker/TrainingJobs",
}
_SERVED: Final = re.compile(r"Pipeline: (\S+)\. Version: (\d+)\.")
"""What Record of a deployment writes into the description of a standing alarm."""

logger = logging.getLogger(__name__)
logger.setLevel(logging.INFO)


class UnknownEventError(Exception):
    """The event is none that anybody is to be told of."""


@dataclass(frozen=True)
class Message:
    """What a person gets."""

    subject: str
    text: str


class JudgedMetric(NamedTuple):
    """What a standing alarm compares with its limit, in words."""

    kind: str
    what: str
    factor: float
    """A number of the metric is multiplied by it, and written in ``form`` with ``unit``."""
    form: str
    unit: str

    def told(self, number: float) -> str:
        """Write a number of the metric."""
        return f"{self.factor * number:{self.form}} {self.unit}"


_JUDGED: Final = {
    "ModelLatency": JudgedMetric("latency", "p99 of the model's latency", 0.001, ",.0f", "ms"),
    "Invocation5XXErrors": JudgedMetric("error rate", "failed requests (5XX)", 100, ".3g", "%"),
}
"""By the metrics' names, in microseconds and as a share: Amazon SageMaker AI Developer Guide,
"Amazon SageMaker AI metrics in Amazon CloudWatch"."""


def handler(event: Mapping[str, Any], _context: object) -> dict[str, str]:
    """Publish a message about an event: the function's entry point.

    Args:
        event: A status change of a pipeline execution, a state change of a model package, or one of
            a standing alarm.

    Returns:
        ``subject`` of what was published; nothing where only metadata has changed.

    Raises:
        UnknownEventError: The event is of another kind.
    """
    if _is_about_metadata(event):
        logger.info("Nobody is told: only metadata has changed.")
        return {}
    message = message_about(event, boto3.client("sagemaker", config=_CLIENT_CONFIG))
    boto3.client("sns", config=_CLIENT_CONFIG).publish(
        TopicArn=os.environ["TOPIC_ARN"],
        Subject=_subject(message.subject),
        Message=_cut(message.text),
    )
    logger.info("Published: %s", message.subject)
    return {"subject": message.subject}


def _is_about_metadata(event: Mapping[str, Any]) -> bool:
    """Tell whether a package changed in nothing but metadata: its approval is as it was."""
    changed = set(event.get("detail", {}).get("UpdatedModelPackageFields") or ())
    return bool(changed) and changed <= _UNTOLD_FIELDS


def message_about(event: Mapping[str, Any], sagemaker: Any) -> Message:
    """Write the message about an event.

    Args:
        event: See :func:`handler`.
        sagemaker: SageMaker client of the pipelines' region.
    """
    kind = event["detail-type"]
    if kind == EXECUTION_CHANGE:
        return _about_execution(event["detail"], sagemaker)
    if kind == PACKAGE_CHANGE:
        return _about_package(event["detail"])
    if kind == ALARM_CHANGE:
        return _about_alarm(event["detail"], _region(event["resources"][0]))
    raise UnknownEventError(f"Nobody is told of {kind!r}.")


def _about_execution(detail: Mapping[str, Any], sagemaker: Any) -> Message:
    arn = detail["pipelineExecutionArn"]
    status = detail["currentPipelineExecutionStatus"]
    region, pipeline = _region(arn), arn.split("/")[1]
    execution = sagemaker.describe_pipeline_execution(PipelineExecutionArn=arn)
    steps = list(_failed_steps(sagemaker, arn))
    at = f" at {', '.join(step['StepName'] for step in steps)}" if steps else ""
    lines = [
        f"Pipeline:  {pipeline} ({region})",
        f"Execution: {arn}",
        f"Status:    {status}",
        *_optional("Cause", execution.get("PipelineExecutionDescription")),
        *_optional("Reason", execution.get("FailureReason")),
    ]
    for step in steps:
        lines += ["", f"Step:      {step['StepName']}", f"Reason:    {_reason(step)}"]
        lines += _step_links(step)
    lines += ["", *_whereabouts(arn, pipeline, region), *_remedy(arn, steps)]
    return Message(f"{pipeline}: execution {status.lower()}{at}", "\n".join(lines))


def _whereabouts(execution_arn: str, pipeline: str, region: str) -> list[str]:
    execution_id = execution_arn.rpartition("/")[2]
    return [
        f"Studio:    {_studio(region)}",
        f"           (Pipelines, {pipeline}, {execution_id})",
        "All steps:",
        f"  aws sagemaker list-pipeline-execution-steps --region {region} \\",
        f"      --pipeline-execution-arn {execution_arn}",
    ]


def _remedy(execution_arn: str, failed_steps: Sequence[Mapping[str, Any]]) -> list[str]:
    """Say how to go on; an execution that a Fail step has ended cannot be retried.

    Source: Amazon SageMaker Developer Guide, "Fail step".
    """
    region, pipeline = _region(execution_arn), execution_arn.split("/")[1]
    if any("Fail" in step.get("Metadata", {}) for step in failed_steps):
        return [
            "The pipeline itself refused it: AWS tries no such execution again. Start a new one,",
            "once the cause is gone, for example with another model (not given if it is trained):",
            f"  aws sagemaker start-pipeline-execution --region {region} \\",
            f"      --pipeline-name {pipeline} \\",
            "      --pipeline-parameters Name=ModelS3Uri,Value=S3_URI",
        ]
    return [
        "Try the failed steps again, once the cause is gone:",
        f"  aws sagemaker retry-pipeline-execution --region {region} \\",
        f"      --pipeline-execution-arn {execution_arn}",
    ]


def _failed_steps(sagemaker: Any, execution_arn: str) -> Iterator[Mapping[str, Any]]:
    pages = sagemaker.get_paginator("list_pipeline_execution_steps").paginate(
        PipelineExecutionArn=execution_arn, SortOrder="Ascending"
    )
    for page in pages:
        yield from (
            step for step in page["PipelineExecutionSteps"] if step["StepStatus"] == "Failed"
        )


def _reason(step: Mapping[str, Any]) -> str:
    metadata = step.get("Metadata", {})
    return str(
        metadata.get("Fail", {}).get("ErrorMessage") or step.get("FailureReason", "not told")
    )


def _step_links(step: Mapping[str, Any]) -> list[str]:
    """Link to what ran the step: a job with its log, or a function with its log."""
    arns = [made["Arn"] for made in step.get("Metadata", {}).values() if "Arn" in made]
    return [line for arn in arns for line in _links(arn)]


def _links(arn: str) -> list[str]:
    region, resource = _region(arn), arn.split(":", 5)[5]
    console = _console(region)
    if resource.startswith("function:"):
        page = f"{console}/lambda/home?region={region}#/functions/{resource.split(':')[1]}"
        return [
            f"Function:  {page}",
            f"Logs:      {page}?tab=monitoring (View CloudWatch logs)",
        ]
    kind, _, name = resource.partition("/")
    if kind not in _LOG_GROUPS:
        return []
    # The console's own escaping: "%" of a quoted name becomes "$25".
    group = quote(quote(_LOG_GROUPS[kind], safe=""), safe="").replace("%", "$")
    stream = quote(quote(f"{name}/", safe=""), safe="").replace("%", "$")
    return [
        f"Job:       {console}/sagemaker/home?region={region}#/{_CONSOLE_PAGES[kind]}/{name}",
        f"Logs:      {console}/cloudwatch/home?region={region}#logsV2:log-groups/log-group/{group}"
        f"$3FlogStreamNameFilter$3D{stream}",
    ]


def _about_package(detail: Mapping[str, Any]) -> Message:
    arn, status = detail["ModelPackageArn"], detail["ModelApprovalStatus"]
    group, version = detail["ModelPackageGroupName"], detail["ModelPackageVersion"]
    region = _region(arn)
    lines = [
        f"Model package: {group} version {version} ({region})",
        f"ARN:           {arn}",
        f"Approval:      {status}",
        *_optional("Remark", detail.get("ApprovalDescription"), width=15),
        *_optional(
            "Released by", detail.get("MetadataProperties", {}).get("GeneratedBy"), width=15
        ),
        *_evaluation(detail, region),
    ]
    lines += ["", f"Studio:        {_studio(region)}", f"               (Models, {group})"]
    if status == "PendingManualApproval":
        lines += ["Look at it, then decide:", *_decision(arn, region)]
    what = {"PendingManualApproval": "waits for approval"}.get(status, status.lower())
    return Message(f"{group}: version {version} {what} in {region}", "\n".join(lines))


def _decision(arn: str, region: str) -> list[str]:
    command = f"aws sagemaker {{}}-model-package --region {region} --model-package-"
    return [
        f"  {command.format('describe')}name {arn}",
        f"  {command.format('update')}arn {arn} \\",
        "      --model-approval-status Approved   # or Rejected",
    ]


def _evaluation(detail: Mapping[str, Any], region: str) -> list[str]:
    """Name the file with what verification has measured, and its page in the console."""
    quality = detail.get("ModelMetrics", {}).get("ModelQuality", {}).get("Statistics", {})
    if not (uri := quality.get("S3Uri")):
        return []
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    page = f"{_console(region)}/s3/object/{bucket}?region={region}&prefix={quote(key)}"
    return [*_optional("Measured", uri, width=15), f"{'':15}{page}"]


def _about_alarm(detail: Mapping[str, Any], region: str) -> Message:
    configuration, state, name = detail["configuration"], detail["state"], detail["alarmName"]
    metric = configuration["metrics"][0]["metricStat"]["metric"]
    judged, endpoint = _JUDGED[metric["name"]], metric["dimensions"]["EndpointName"]
    served = _SERVED.search(configuration.get("description") or "")
    pipeline, version = served.groups() if served else ("", "")
    page = f"{_console(region)}/cloudwatch/home?region={region}"
    has_tripped = state["value"] == "ALARM"
    lines = [
        *_optional("Pipeline", pipeline),
        f"Endpoint:  {endpoint} ({region})",
        *_optional("Version", version and f"{version}, by the last deployment that was recorded"),
        f"Alarm:     {name}",
        f"Measured:  {_judgement(state, judged, has_tripped=has_tripped)}",
        f"Since:     {state['timestamp']}",
        f"Graph:     {page}#alarmsV2:alarm/{quote(name)}",
        "",
        "What serves where:",
        f"  release endpoints {pipeline}".rstrip(),
    ]
    if has_tripped and pipeline:
        lines += [
            "This alarm changes nothing by itself. To return to the version before:",
            f"  release rollback {pipeline}",
        ]
    is_now = "is above" if has_tripped else "is no longer above"
    return Message(f"{endpoint}: {judged.kind} {is_now} the limit in {region}", "\n".join(lines))


def _judgement(state: Mapping[str, Any], judged: JudgedMetric, *, has_tripped: bool) -> str:
    """Tell the number that an alarm was judged by, and its limit.

    Where it has none, as after SetAlarmState, CloudWatch's own words.
    """
    data = _json_object(state.get("reasonData"))
    limit: Any = data.get("threshold")
    numbers = data.get("recentDatapoints") or []
    if not _is_number(limit) or not isinstance(numbers, list):
        return str(state["reason"])
    # The minutes that have tripped it, or ended it: one without requests has no number.
    found = [each for each in numbers if _is_number(each) and (each > limit) == has_tripped]
    told = f"the limit is {judged.told(limit)}"
    if not found:
        return f"no requests in the last minutes; {told}"
    return f"{judged.what}: {judged.told(max(found))}; {told}"


def _json_object(text: object) -> dict[str, Any]:
    """Return the members of what may be any JSON, or none: who calls SetAlarmState writes it."""
    try:
        # As floats: what is larger than any of them is infinite then, and told as none.
        found = json.loads(text, parse_int=float) if isinstance(text, str) else None
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _is_number(value: object) -> bool:
    return isinstance(value, float) and math.isfinite(value)


def _optional(label: str, value: str | None, *, width: int = 11) -> list[str]:
    return [f"{label + ':':<{width}}{value}"] if value else []


def _region(arn: str) -> str:
    return arn.split(":")[3]


def _console(region: str) -> str:
    return f"https://{region}.console.aws.amazon.com"


def _studio(region: str) -> str:
    """Link to where one opens SageMaker Studio.

    Pipelines and model packages have pages in Studio only, whose addresses hold the domain.
    """
    return f"{_console(region)}/sagemaker/home?region={region}#/studio-landing"


def _subject(text: str) -> str:
    """Cut the subject to what every e-mail shows: printable ASCII characters."""
    printable = "".join(character if " " <= character <= "~" else "?" for character in text)
    return printable[:_SUBJECT_CHARACTERS]


def _cut(text: str) -> str:
    return text.encode()[:_MESSAGE_BYTES].decode(errors="ignore")
