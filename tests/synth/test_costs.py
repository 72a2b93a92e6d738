"""The tables of costs: current, and about what the app really creates and runs."""

from __future__ import annotations

import json
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from aws_cdk.assertions import Template

from constructs_lib.endpoints.costs import EndpointCost
from docs.costs import DOCUMENT, OPTIONS, Line, document, idle, release, served, tables
from docs.used_regions import EXAMPLE
from tests.synth.conftest import Synthesize
from tests.synth.example_copies import named_copy


@pytest.fixture(scope="module")
def steps(templates: Mapping[str, Template]) -> list[dict[str, Any]]:
    """The steps of the example's definition, with those inside of conditions."""
    stack = templates["pipeline-returns-risk"]
    (pipeline,) = stack.find_resources("AWS::SageMaker::Pipeline").values()
    body = pipeline["Properties"]["PipelineDefinition"]["PipelineDefinitionBody"]["Fn::Sub"][0]
    return list(_flat(json.loads(body)["Steps"]))


def _flat(steps: list[dict[str, Any]]) -> list[dict[str, Any]]:
    found = []
    for step in steps:
        arguments = step.get("Arguments") or {}
        found += [step, *_flat([*arguments.get("IfSteps", ()), *arguments.get("ElseSteps", ())])]
    return found


def _line(lines: tuple[Line, ...], start: str) -> Line:
    (line,) = [each for each in lines if each.what.startswith(start)]
    return line


def _first(line: Line) -> Decimal:
    return line.quantities[0].number


def _count(templates: Mapping[str, Template], kind: str) -> int:
    return sum(len(template.find_resources(kind)) for template in templates.values())


def _alarm_metrics(template: Template) -> int:
    """Count as AWS does: an alarm on an anomaly has the metric and the two limits of its band."""
    alarms = template.find_resources("AWS::CloudWatch::Alarm").values()
    return sum(3 if "ThresholdMetricId" in each["Properties"] else 1 for each in alarms)


def test_the_document_is_current() -> None:
    text = DOCUMENT.read_text()

    assert document(text) == text, "run: make docs"
    assert all(table in text for table in tables().values())


def test_a_line_is_the_product_of_its_quantities_and_its_price() -> None:
    line = _line(release(EXAMPLE), "copies")

    assert (
        line.arithmetic == "2 regions \N{MULTIPLICATION SIGN} 0.5 GB \N{MULTIPLICATION SIGN} 0.02"
    )
    assert line.usd == Decimal("0.020")


def test_diff_and_the_document_calculate_with_one_price() -> None:
    (line,) = served(EXAMPLE)

    settings = {"waves": [["r"] * len(EXAMPLE.registered)], "instance_count": 1}
    cost = EndpointCost.of({**settings, "instance_type": line.price})
    assert cost.monthly.startswith(f"{line.usd:,.2f} USD")


def test_an_idle_deployment_has_the_keys_that_are_counted(
    templates: Mapping[str, Template],
) -> None:
    assert _count(templates, "AWS::KMS::Key") == _first(_line(idle(EXAMPLE), "KMS keys"))
    for kind in ("AWS::EC2::NatGateway", "AWS::CloudWatch::Alarm", "AWS::CloudWatch::Dashboard"):
        assert _count(templates, kind) == 0
    for endpoint in templates["network"].find_resources("AWS::EC2::VPCEndpoint").values():
        assert endpoint["Properties"].get("VpcEndpointType", "Gateway") == "Gateway"


def test_options_have_the_dashboards_and_alarms_that_are_counted(
    synthesize: Synthesize, tmp_path: Path
) -> None:
    schedule = {"expression": "rate(7 days)", "parameters": {"ModelS3Uri": "s3://b/model.tar.gz"}}
    options: dict[str, dict[str, Any]] = {
        "alone": {},
        "upload": {"start_on_upload": True},
        "timed": {"schedule": schedule},
    }
    for name in options:
        named_copy(tmp_path / name)
    templates = synthesize(
        pipelines_dir=str(tmp_path),
        pipelines={name: {"monitoring": True, **option} for name, option in options.items()},
        notifications={"emails": []},
    )
    counted = {name: _alarm_metrics(templates[f"pipeline-{name}"]) for name in options}

    templates["pipeline-alone"].resource_count_is("AWS::CloudWatch::Dashboard", 1)
    assert _first(_line(OPTIONS, "`monitoring`, per pipeline: dashboard")) == 1
    alarms = _first(_line(OPTIONS, "`monitoring`, per pipeline: three alarms"))
    assert counted["alone"] == alarms
    assert counted["upload"] - alarms == _first(_line(OPTIONS, "`monitoring`, per trigger"))
    assert counted["timed"] - alarms == _first(_line(OPTIONS, "`monitoring`, per schedule"))
    assert _alarm_metrics(templates["notifications"]) == _first(_line(OPTIONS, "`notifications`"))


def test_a_release_runs_the_jobs_and_functions_that_are_counted(
    steps: list[dict[str, Any]], templates: Mapping[str, Template]
) -> None:
    clusters = {
        step["Name"]: step["Arguments"]["ProcessingResources"]["ClusterConfig"]
        for step in steps
        if step["Type"] == "Processing"
    }
    jobs, gigabytes, _ = _line(release(EXAMPLE), "volumes").quantities

    assert {name: cluster["InstanceType"] for name, cluster in clusters.items()} == {
        name: _line(release(EXAMPLE), name).price for name in ("Package", "Verify")
    }
    assert len(clusters) == jobs.number
    assert {cluster["VolumeSizeInGB"] for cluster in clusters.values()} == {gigabytes.number}
    calls, _, memory = _line(release(EXAMPLE), "functions").quantities
    assert len([step for step in steps if step["Type"] == "Lambda"]) == calls.number
    (function,) = (
        templates["pipeline-returns-risk"].find_resources("AWS::Lambda::Function").values()
    )
    assert function["Properties"]["MemorySize"] == memory.number * 1024
