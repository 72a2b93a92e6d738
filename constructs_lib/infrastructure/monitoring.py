"""A dashboard and alarms for one pipeline, and the alarm of a dead-letter queue."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from aws_cdk import Duration, Names
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_cloudwatch_actions as actions
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from constructs_lib.infrastructure.serving.widgets import WatchedEndpoint, endpoint_widgets

_NAMESPACE: Final = "AWS/Sagemaker/ModelBuildingPipeline"
"""Amazon SageMaker Developer Guide, "SageMaker pipelines metrics"."""
_PERIOD: Final = Duration.minutes(5)


class PipelineMonitoring(Construct):
    """Shows what a pipeline does, and raises an alarm when something needs a person."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        pipeline_name: str,
        functions: Sequence[lambda_.Function],
        dead_letters: Sequence[sqs.Queue],
        topic: sns.ITopic | None,
        endpoint: WatchedEndpoint | None,
    ) -> None:
        """Create the dashboard and the alarms.

        Args:
            scope: Parent construct.
            construct_id: Name below the parent.
            pipeline_name: The pipeline.
            functions: The functions that work for it.
            dead_letters: Its dead-letter queues.
            topic: Who is told of alarms; None: they are seen on the dashboard only.
            endpoint: The endpoints of its versions, which deployments make alarms for; or None.
        """
        super().__init__(scope, construct_id)
        self._topic = topic
        self._pipeline_name = pipeline_name
        alarms = self._alarms(functions, dead_letters)
        dashboard = cloudwatch.Dashboard(
            self, "Dashboard", default_interval=Duration.days(14), dashboard_name=self._name()
        )
        dashboard.add_widgets(cloudwatch.AlarmStatusWidget(alarms=alarms, width=24, height=3))
        dashboard.add_widgets(*self._execution_widgets())
        dashboard.add_widgets(*_function_widgets(functions), *_queue_widgets(dead_letters))
        for row in endpoint_widgets(endpoint) if endpoint else ():
            dashboard.add_widgets(*row)

    def _alarms(
        self, functions: Sequence[lambda_.Function], dead_letters: Sequence[sqs.Queue]
    ) -> list[cloudwatch.AlarmBase]:
        about = f"Pipeline {self._pipeline_name}"
        return [
            self._alarm(
                "Failures", self._metric("ExecutionFailed", "Sum"), "An execution has failed"
            ),
            self._duration_alarm(),
            *self._function_alarms(functions),
            *(
                dead_letter_alarm(
                    self, f"DeadLetters{number}", queue, about=about, topic=self._topic
                )
                for number, queue in enumerate(dead_letters, start=1)
            ),
        ]

    def _name(self) -> str:
        return Names.unique_resource_name(self, max_length=200, separator="-")

    def _metric(self, name: str, statistic: str, **options: Any) -> cloudwatch.Metric:
        return cloudwatch.Metric(
            namespace=_NAMESPACE,
            metric_name=name,
            dimensions_map={"PipelineName": self._pipeline_name},
            statistic=statistic,
            period=options.pop("period", _PERIOD),
            **options,
        )

    def _alarm(
        self, construct_id: str, metric: cloudwatch.IMetric, what: str
    ) -> cloudwatch.AlarmBase:
        description = f"Pipeline {self._pipeline_name}: {what}"
        return _alarm_at_one(self, construct_id, metric, description, self._topic)

    def _duration_alarm(self) -> cloudwatch.AlarmBase:
        """Compare an execution's duration with what CloudWatch learned from those before it."""
        return _tell(
            cloudwatch.AnomalyDetectionAlarm(
                self,
                "Duration",
                alarm_description=(
                    f"Pipeline {self._pipeline_name}: an execution took longer than its history"
                    " lets expect"
                ),
                metric=self._metric("ExecutionDuration", "Maximum", period=Duration.hours(1)),
                std_devs=3,
                evaluation_periods=1,
                comparison_operator=cloudwatch.ComparisonOperator.GREATER_THAN_UPPER_THRESHOLD,
                treat_missing_data=cloudwatch.TreatMissingData.NOT_BREACHING,
            ),
            self._topic,
        )

    def _function_alarms(self, functions: Sequence[lambda_.Function]) -> list[cloudwatch.AlarmBase]:
        alarms = []
        for number, function in enumerate(functions, start=1):
            for kind, metric in (
                ("Errors", function.metric_errors(period=_PERIOD)),
                ("Throttles", function.metric_throttles(period=_PERIOD)),
            ):
                what = f"{kind} of the function {function.node.path}"
                alarms.append(self._alarm(f"Function{number}{kind}", metric, what))
        return alarms

    def _execution_widgets(self) -> list[cloudwatch.IWidget]:
        kinds = ("Started", "Succeeded", "Failed", "Stopped")
        counts = [self._metric(f"Execution{kind}", "Sum", label=kind) for kind in kinds]
        duration = self._metric("ExecutionDuration", "Average", period=Duration.hours(1))
        return [
            cloudwatch.GraphWidget(title="Executions", left=counts, width=12),
            cloudwatch.GraphWidget(title="Duration (ms)", left=[duration], width=12),
        ]


def dead_letter_alarm(
    scope: Construct, construct_id: str, queue: sqs.Queue, *, about: str, topic: sns.ITopic | None
) -> cloudwatch.AlarmBase:
    """Raise an alarm while anything waits in a dead-letter queue.

    Args:
        scope: Parent construct.
        construct_id: Name below the parent.
        queue: The queue.
        about: What its description begins with.
        topic: Who is told of the alarm.
    """
    metric = queue.metric_approximate_number_of_messages_visible(
        period=_PERIOD, statistic="Maximum"
    )
    what = f"{about}: Events wait in the dead-letter queue {queue.node.path}"
    return _alarm_at_one(scope, construct_id, metric, what, topic)


def _alarm_at_one(
    scope: Construct,
    construct_id: str,
    metric: cloudwatch.IMetric,
    description: str,
    topic: sns.ITopic | None,
) -> cloudwatch.AlarmBase:
    alarm = cloudwatch.Alarm(
        scope,
        construct_id,
        alarm_description=description,
        metric=metric,
        threshold=1,
        evaluation_periods=1,
        comparison_operator=cloudwatch.ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
        treat_missing_data=cloudwatch.TreatMissingData.NOT_BREACHING,
    )
    return _tell(alarm, topic)


def _tell(alarm: cloudwatch.AlarmBase, topic: sns.ITopic | None) -> cloudwatch.AlarmBase:
    if topic is not None:
        alarm.add_alarm_action(actions.SnsAction(topic))
    return alarm


def _function_widgets(functions: Sequence[lambda_.Function]) -> list[cloudwatch.IWidget]:
    if not functions:
        return []
    metrics = [
        metric
        for function in functions
        for metric in (function.metric_errors(), function.metric_throttles())
    ]
    return [cloudwatch.GraphWidget(title="Functions: errors, throttles", left=metrics, width=12)]


def _queue_widgets(queues: Sequence[sqs.Queue]) -> list[cloudwatch.IWidget]:
    if not queues:
        return []
    metrics = [queue.metric_approximate_number_of_messages_visible() for queue in queues]
    return [cloudwatch.GraphWidget(title="Dead letters", left=metrics, width=12)]
