"""The CDK's own stack, as it is in a region."""

from __future__ import annotations

import json
import re
from typing import Any

import yaml  # type: ignore[import-untyped]

from local.emulator import EmbeddedAws

OF_A_MOMENT = {"CreationTime", "LastUpdatedTime", "LastUpdatedTimestamp", "StackId", "Timestamp"}


def toolkit_stack(aws: EmbeddedAws, region: str) -> dict[str, Any]:
    """Return all that there is to know of the stack, with one name for the region."""
    cloudformation = aws.client("cloudformation", region)
    name = {"StackName": "CDKToolkit"}
    stacks = cloudformation.describe_stacks(**name)["Stacks"]
    resources = cloudformation.describe_stack_resources(**name)["StackResources"]
    template = cloudformation.get_template(**name)["TemplateBody"]
    known: dict[str, Any] = {
        "stacks": stacks,
        "resources": sorted(resources, key=lambda each: str(each["LogicalResourceId"])),
        "template": yaml.safe_load(template) if isinstance(template, str) else template,
        "version": aws.client("ssm", region).get_parameter(Name="/cdk-bootstrap/hnb659fds/version")[
            "Parameter"
        ]["Value"],
    }
    text = json.dumps(_lasting(known), default=str).replace(region, "REGION")
    kept: dict[str, Any] = json.loads(re.sub('-[A-Z0-9]{12}(?=")', "-RANDOM", text))
    return kept


def _lasting(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _lasting(each) for key, each in value.items() if key not in OF_A_MOMENT}
    if isinstance(value, list):
        given = [_lasting(each) for each in value]
        is_parameters = bool(given) and all("ParameterKey" in str(each) for each in given)
        return sorted(given, key=str) if is_parameters else given
    return value
