"""What the doctor says of an account: the real one's answers are stubbed."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from botocore.stub import Stubber

from commands.health.account import AppNeeds, account_checks
from commands.health.checks import Check
from commands.health.quotas import InstanceNeed, needs_of
from commands.terminal.aws import Aws
from constructs_lib.compiled_pipeline import CompiledPipeline
from constructs_lib.regions import RegionCode
from constructs_lib.registration.request import RegistrationRequest

ACCOUNT = "123456789012"
PROCESSING = InstanceNeed("processing job", "ml.m5.xlarge", 1)
VPC_QUOTAS = {"VPCs per Region": 5.0, "Gateway VPC endpoints per Region": 20.0}


def _needs(**changes: Any) -> AppNeeds:
    defaults: dict[str, Any] = {
        "account": None,
        "regions": ("us-east-1",),
        "instances": (),
        "creates_vpc": False,
        "network_stack": "model-release-network",
    }
    return AppNeeds(**{**defaults, **changes})


@pytest.fixture
def diagnose(stubs: dict[str, Stubber]) -> Callable[..., dict[str, Check]]:
    """Check the account; returns each check by its name."""

    def run(**needs: Any) -> dict[str, Check]:
        return {
            each.name: each
            for each in account_checks(Aws("us-east-1", endpoint_url=None), _needs(**needs))
        }

    return run


@pytest.fixture
def account(stubs: dict[str, Stubber]) -> dict[str, Stubber]:
    """An account that is bootstrapped."""
    stubs["sts"].add_response("get_caller_identity", {"Account": ACCOUNT})
    stubs["ssm"].add_response("get_parameter", {"Parameter": {"Value": "21"}})
    return stubs


def _expect_quotas(stub: Stubber, service: str, applied: dict[str, float], **defaults: Any) -> None:
    def quotas(values: dict[str, float]) -> dict[str, Any]:
        return {
            "Quotas": [
                {"ServiceCode": service, "QuotaCode": "L-1", "QuotaName": name, "Value": value}
                for name, value in values.items()
            ]
        }

    stub.add_response("list_service_quotas", quotas(applied), {"ServiceCode": service})
    if "others" in defaults:
        stub.add_response(
            "list_aws_default_service_quotas", quotas(defaults["others"]), {"ServiceCode": service}
        )


def _expect_network(stub: Stubber, vpcs: list[str | None], endpoints: int) -> None:
    """Answer with VPCs by the stacks that made them."""
    described = [
        {"Tags": [{"Key": "aws:cloudformation:stack-name", "Value": stack}] if stack else []}
        for stack in vpcs
    ]
    stub.add_response("describe_vpcs", {"Vpcs": described})
    filters = [{"Name": "vpc-endpoint-type", "Values": ["Gateway"]}]
    stub.add_response(
        "describe_vpc_endpoints", {"VpcEndpoints": [{}] * endpoints}, {"Filters": filters}
    )


def test_a_region_that_is_not_bootstrapped_is_told_with_the_command(
    stubs: dict[str, Stubber], diagnose: Callable[..., dict[str, Check]]
) -> None:
    stubs["sts"].add_response("get_caller_identity", {"Account": ACCOUNT})
    stubs["ssm"].add_client_error("get_parameter", "ParameterNotFound")

    check = diagnose()["bootstrap of us-east-1"]

    assert (check.state, check.fix) == ("problem", f"cdk bootstrap aws://{ACCOUNT}/us-east-1")


def test_an_old_bootstrap_is_a_problem(
    stubs: dict[str, Stubber], diagnose: Callable[..., dict[str, Check]]
) -> None:
    stubs["sts"].add_response("get_caller_identity", {"Account": ACCOUNT})
    stubs["ssm"].add_response("get_parameter", {"Parameter": {"Value": "5"}})

    assert diagnose()["bootstrap of us-east-1"].detail == "version 5, needs 6"


def test_credentials_of_another_account_are_a_problem(
    account: dict[str, Stubber], diagnose: Callable[..., dict[str, Check]]
) -> None:
    check = diagnose(account="999999999999")["credentials"]

    assert check.state == "problem"
    assert "the app is for 999999999999" in check.detail


def test_each_instance_type_needs_its_quota(
    account: dict[str, Stubber], diagnose: Callable[..., dict[str, Check]]
) -> None:
    endpoint = InstanceNeed("endpoint", "ml.m5.large", 1)
    _expect_quotas(
        account["service-quotas"],
        "sagemaker",
        {PROCESSING.quota_name: 0},
        others={PROCESSING.quota_name: 8, endpoint.quota_name: 4},
    )

    checks = diagnose(instances=(PROCESSING, PROCESSING, endpoint))

    refused = checks["quota: ml.m5.xlarge for processing job usage"]
    assert (refused.state, refused.detail) == ("problem", "0 allowed, 1 needed")
    assert "/servicequotas/home/services/sagemaker/quotas/L-1" in (refused.fix or "")
    assert checks["quota: ml.m5.large for endpoint usage"].detail == "4 allowed, 1 needed"


def test_a_quota_that_may_not_be_read_is_not_checked(
    account: dict[str, Stubber], diagnose: Callable[..., dict[str, Check]]
) -> None:
    account["service-quotas"].add_client_error("list_service_quotas", "AccessDeniedException")

    check = diagnose(instances=(PROCESSING,))["quotas of instances"]

    assert check.state == "unknown"
    assert "another --profile" in check.detail


@pytest.mark.parametrize(
    ("stacks", "state"),
    [
        ([None] * 5, "problem"),
        ([None] * 4, "ok"),
        ([*[None] * 4, "model-release-network"], "ok"),
    ],
    ids=["all taken", "one left", "its own is there"],
)
def test_the_vpc_needs_room(
    account: dict[str, Stubber],
    diagnose: Callable[..., dict[str, Check]],
    stacks: list[str | None],
    state: str,
) -> None:
    _expect_network(account["ec2"], stacks, endpoints=2)
    _expect_quotas(account["service-quotas"], "vpc", VPC_QUOTAS)

    checks = diagnose(creates_vpc=True, instances=())

    assert checks["quota: VPCs per Region"].state == state
    assert checks["quota: Gateway VPC endpoints per Region"].detail == (
        "20 allowed, 2 used by others, 1 more needed"
    )


def test_what_a_pipeline_runs_on_is_read_from_what_it_compiles_to() -> None:
    cluster = {"InstanceType": "ml.m5.xlarge", "InstanceCount": 1}
    steps = [
        {"Name": "Train", "Type": "Training", "Arguments": {"ResourceConfig": cluster}},
        {
            "Name": "Package",
            "Type": "Processing",
            "Arguments": {"ProcessingResources": {"ClusterConfig": cluster}},
        },
        {"Name": "LoadTest", "Type": "Lambda", "Arguments": {}},
    ]
    partial: Any = RegistrationRequest.model_construct  # the other members play no part
    request = partial(inference_instance_types=("ml.m5.large",))
    pipeline = CompiledPipeline(
        name="returns-risk",
        body=json.dumps({"Steps": steps}),
        registration_requests={RegionCode.NA: request},
        registration_file="{}",
    )

    assert [need.quota_name for need in needs_of(pipeline, RegionCode.NA)] == [
        "ml.m5.xlarge for training job usage",
        "ml.m5.xlarge for processing job usage",
        "ml.m5.large for endpoint usage",
    ]
