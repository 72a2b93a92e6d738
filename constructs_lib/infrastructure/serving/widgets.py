"""What a dashboard shows of a pipeline's endpoints: each region's requests, latency and errors."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from aws_cdk import Duration
from aws_cdk import aws_cloudwatch as cloudwatch

from constructs_lib.jobs.deploy_model.guardrails.alarms import NAMESPACE

_PERIOD: Final = Duration.minutes(1)
_LIMIT: Final = "limit of the alarm"


@dataclass(frozen=True, kw_only=True)
class WatchedEndpoint:
    """The endpoints of a pipeline, one in each region."""

    name: str
    variant_name: str
    aws_regions: Sequence[str]
    latency_milliseconds: int | None
    """Above it alarms trip; None: there are none."""
    error_rate: float | None
    """The same, of the share of failed requests."""


def endpoint_widgets(endpoint: WatchedEndpoint) -> Iterator[list[cloudwatch.IWidget]]:
    """Yield a row for each region; a dashboard shows metrics of all of them."""
    latency = endpoint.latency_milliseconds
    for region in endpoint.aws_regions:
        yield [
            _graph(f"{region}: requests a minute", [_metric(endpoint, region, "Invocations")]),
            _graph(
                f"{region}: latency, p99 (μs)",
                [_metric(endpoint, region, "ModelLatency", statistic="p99")],
                None if latency is None else 1000 * latency,
            ),
            _graph(
                f"{region}: share of failed requests (5XX)",
                [_metric(endpoint, region, "Invocation5XXErrors", statistic="Average")],
                endpoint.error_rate,
            ),
        ]


def _graph(
    title: str, metrics: Sequence[cloudwatch.IMetric], limit: float | None = None
) -> cloudwatch.GraphWidget:
    annotations = (
        [] if limit is None else [cloudwatch.HorizontalAnnotation(value=limit, label=_LIMIT)]
    )
    return cloudwatch.GraphWidget(
        title=title, left=list(metrics), left_annotations=annotations, width=8
    )


def _metric(
    endpoint: WatchedEndpoint, region: str, name: str, statistic: str = "Sum"
) -> cloudwatch.Metric:
    return cloudwatch.Metric(
        namespace=NAMESPACE,
        metric_name=name,
        dimensions_map={"EndpointName": endpoint.name, "VariantName": endpoint.variant_name},
        statistic=statistic,
        period=_PERIOD,
        region=region,
    )
