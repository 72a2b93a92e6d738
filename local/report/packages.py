"""The section about the model packages that the execution registered."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from local.report.formats import code_of, value_of
from local.report.html import Child, Html, element, join
from local.report.tables import named_values


def show_packages(packages: Mapping[str, Mapping[str, Any]]) -> Html:
    """Compose an article for each step that registered, from DescribeModelPackage responses."""
    if not packages:
        return element("p", "This execution registered no model package.")
    return join(_package(step, description) for step, description in packages.items())


def _package(step: str, description: Mapping[str, Any]) -> Html:
    arn = str(description.get("ModelPackageArn", ""))
    region = arn.split(":")[3] if arn.count(":") > 3 else "region unknown"
    return element(
        "article",
        element("h3", value_of(step), " ", element("span", region, class_="kind")),
        named_values(_facts(description)),
        class_="package",
    )


def _facts(description: Mapping[str, Any]) -> Iterator[tuple[str, Child]]:
    yield "Model package", code_of(description.get("ModelPackageArn", "not looked up"))
    yield "Version", value_of(description.get("ModelPackageVersion", "not looked up"))
    yield "Approval status", value_of(description.get("ModelApprovalStatus", "not looked up"))
    for container in description.get("InferenceSpecification", {}).get("Containers", ()):
        yield "Artifact", code_of(container.get("ModelDataUrl", "none"))
        yield "Image", code_of(container.get("Image", "none"))
    if "SamplePayloadUrl" in description:
        yield "Sample payload", code_of(description["SamplePayloadUrl"])
    for name, value in sorted(description.get("CustomerMetadataProperties", {}).items()):
        yield name, code_of(value)
