"""Checks of service quotas: how many instances, VPCs and endpoints an account may have."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from commands.health.checks import Check
from commands.terminal.aws import Aws, AwsCallError, calls
from constructs_lib.language.steps import steps_of

if TYPE_CHECKING:
    from constructs_lib.compiled_pipeline import CompiledPipeline
    from constructs_lib.regions import RegionCode

_LOAD_TEST: Final = "LoadTest"
_VPCS: Final = "VPCs per Region"
_GATEWAY_ENDPOINTS: Final = "Gateway VPC endpoints per Region"
_STACK_TAG: Final = "aws:cloudformation:stack-name"


@dataclass(frozen=True, order=True)
class InstanceNeed:
    """Instances that run at the same time."""

    usage: str
    """As quotas name it: ``processing job``, ``training job`` or ``endpoint``."""
    instance_type: str
    count: int

    @property
    def quota_name(self) -> str:
        """The quota's name in Service Quotas."""
        return f"{self.instance_type} for {self.usage} usage"


def needs_of(pipeline: CompiledPipeline, home_code: RegionCode) -> Iterator[InstanceNeed]:
    """Yield what a pipeline's jobs run on, one after the other, and its load test, all at once."""
    for step in steps_of(pipeline.definition):
        arguments = step.get("Arguments") or {}
        if step["Type"] == "Processing":
            cluster = arguments["ProcessingResources"]["ClusterConfig"]
            yield InstanceNeed("processing job", cluster["InstanceType"], cluster["InstanceCount"])
        elif step["Type"] == "Training":
            cluster = arguments["ResourceConfig"]
            yield InstanceNeed("training job", cluster["InstanceType"], cluster["InstanceCount"])
        elif step["Name"] == _LOAD_TEST:
            for name in pipeline.registration_requests[home_code].inference_instance_types:
                yield InstanceNeed("endpoint", name, 1)


def instance_checks(aws: Aws, needs: Iterable[InstanceNeed]) -> Iterator[Check]:
    """Check the quota of each instance type and usage in the home region."""
    most: dict[str, int] = {}
    for need in sorted(needs):
        most[need.quota_name] = max(need.count, most.get(need.quota_name, 0))
    try:
        quotas = _quotas(aws, "sagemaker", most)
    except AwsCallError as error:
        yield Check("quotas of instances", "unknown", str(error))
        return
    for name, count in most.items():
        yield _enough(aws, f"quota: {name}", quotas.get(name), count, f"{count} needed")


def network_checks(aws: Aws, stack: str) -> Iterator[Check]:
    """Check that there is room for the app's VPC and its gateway endpoint.

    Args:
        aws: The account.
        stack: The stack that creates them; its own count as room.
    """
    ec2 = aws.client("ec2")
    try:
        with calls("Cannot count the VPCs"):
            used = {
                _VPCS: _by_others(ec2.get_paginator("describe_vpcs"), "Vpcs", stack),
                _GATEWAY_ENDPOINTS: _by_others(
                    ec2.get_paginator("describe_vpc_endpoints"),
                    "VpcEndpoints",
                    stack,
                    Filters=[{"Name": "vpc-endpoint-type", "Values": ["Gateway"]}],
                ),
            }
        quotas = _quotas(aws, "vpc", used)
    except AwsCallError as error:
        yield Check("quotas of the network", "unknown", str(error))
        return
    for name, count in used.items():
        detail = f"{count} used by others, 1 more needed"
        yield _enough(aws, f"quota: {name}", quotas.get(name), count + 1, detail)


def _by_others(paginator: Any, member: str, stack: str, **request: Any) -> int:
    found = [each for page in paginator.paginate(**request) for each in page[member]]
    own = {"Key": _STACK_TAG, "Value": stack}
    return sum(own not in each.get("Tags", ()) for each in found)


def _quotas(aws: Aws, service: str, names: Iterable[str]) -> dict[str, Mapping[str, Any]]:
    """Return the quotas of these names: the applied one, or else AWS's default."""
    client = aws.client("service-quotas")
    wanted = set(names)
    found: dict[str, Mapping[str, Any]] = {}
    for operation in ("list_service_quotas", "list_aws_default_service_quotas"):
        if wanted <= found.keys():
            break
        with calls(f"Cannot read the quotas of {service}"):
            for page in client.get_paginator(operation).paginate(ServiceCode=service):
                for quota in page["Quotas"]:
                    if quota["QuotaName"] in wanted:
                        found.setdefault(quota["QuotaName"], quota)
    return found


def _enough(
    aws: Aws, name: str, quota: Mapping[str, Any] | None, needed: int, detail: str
) -> Check:
    if quota is None:
        return Check(name, "unknown", f"{detail}; Service Quotas does not list it")
    allowed = f"{quota['Value']:.0f} allowed, {detail}"
    if quota["Value"] >= needed:
        return Check(name, "ok", allowed)
    link = (
        f"https://{aws.home_region}.console.aws.amazon.com/servicequotas/home/services/"
        f"{quota['ServiceCode']}/quotas/{quota['QuotaCode']}"
    )
    return Check(name, "problem", allowed, f"Ask for {needed}: {link}")
