"""What the doctor says of an account: the real one's answers are stubbed."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from botocore.stub import Stubber

from commands.health.account import AppNeeds, account_checks
from commands.health.bootstrap import BootstrapNeeds
from commands.health.checks import Check
from commands.health.quotas import InstanceNeed, needs_of
from commands.terminal import places
from commands.terminal.aws import Aws
from constructs_lib.compiled_pipeline import CompiledPipeline
from constructs_lib.regions import NA
from constructs_lib.registration.request import RegistrationRequest

ACCOUNT = "123456789012"
PROCESSING = InstanceNeed("processing job", "ml.m5.xlarge", 1)
VPC_QUOTAS = {"VPCs per Region": 5.0, "Gateway VPC endpoints per Region": 20.0}


def _bootstrap(**changes: Any) -> BootstrapNeeds:
    defaults: dict[str, Any] = {"qualifier": "hnb659fds", "regions": ["us-east-1"], "key_arns": ()}
    return BootstrapNeeds(**{**defaults, **changes})


def _needs(**changes: Any) -> AppNeeds:
    defaults: dict[str, Any] = {
        "account": None,
        "bootstrap": _bootstrap(),
        "instances": (),
        "creates_vpc": False,
        "zones": ("us-east-1a", "us-east-1b"),
        "network_stack": "model-release-network",
    }
    return AppNeeds(**{**defaults, **changes})


@pytest.fixture
def diagnose(stubs: dict[str, Stubber]) -> Callable[..., dict[str, Check]]:
    """Check the account; returns each check by its name."""

    def run(*, home: str = "us-east-1", **needs: Any) -> dict[str, Check]:
        checks = account_checks(Aws(home, endpoint_url=None), _needs(**needs))
        return {each.name: each for each in checks}

    return run


@pytest.fixture
def account(stubs: dict[str, Stubber]) -> dict[str, Stubber]:
    """An account that is bootstrapped."""
    _expect_bootstrap(stubs)
    _expect_models(stubs["sagemaker"])
    return stubs


def _expect_bootstrap(
    stubs: dict[str, Stubber], key: str | None = None, qualifier: str = "hnb659fds"
) -> None:
    stubs["sts"].add_response("get_caller_identity", {"Account": ACCOUNT})
    stubs["ssm"].add_response(
        "get_parameter",
        {"Parameter": {"Value": "21"}},
        {"Name": f"/cdk-bootstrap/{qualifier}/version"},
    )
    encryption = {"SSEAlgorithm": "aws:kms", **({"KMSMasterKeyID": key} if key else {})}
    rule = {"ApplyServerSideEncryptionByDefault": encryption}
    stubs["s3"].add_response(
        "get_bucket_encryption",
        {"ServerSideEncryptionConfiguration": {"Rules": [rule]}},
        {"Bucket": f"cdk-{qualifier}-assets-{ACCOUNT}-us-east-1"},
    )


def _expect_models(stub: Stubber, *names: str) -> None:
    made = {"ModelArn": "arn:aws:sagemaker:us-east-1:123456789012:model/m", "CreationTime": 0}
    models = [{"ModelName": name, **made} for name in names]
    stub.add_response(
        "list_models", {"Models": models}, {"NameContains": "pipelines-", "MaxResults": 100}
    )


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


def _expect_zones(stub: Stubber) -> None:
    """Answer as an old account, in which the second zone is the one without jobs."""
    ids = {"us-east-1a": "use1-az1", "us-east-1b": "use1-az3", "us-east-1c": "use1-az4"}
    zones = [{"ZoneName": name, "ZoneId": id_} for name, id_ in ids.items()]
    stub.add_response("describe_availability_zones", {"AvailabilityZones": zones})


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

    _expect_models(stubs["sagemaker"])
    check = diagnose()["bootstrap of us-east-1"]

    assert (check.state, check.fix) == ("problem", f"cdk bootstrap aws://{ACCOUNT}/us-east-1")


def _region(name: str, status: str) -> dict[str, Any]:
    return {"RegionName": name, "OptInStatus": status}


def test_a_region_that_the_account_has_not_enabled_is_told_with_the_command(
    stubs: dict[str, Stubber], diagnose: Callable[..., dict[str, Check]]
) -> None:
    _expect_bootstrap(stubs)
    _expect_models(stubs["sagemaker"])
    stubs["ec2"].add_response(
        "describe_regions",
        {
            "Regions": [
                _region("ap-southeast-3", "not-opted-in"),
                _region("eu-central-1", "opt-in-not-required"),
            ]
        },
        {"RegionNames": ["ap-southeast-3", "eu-central-1"], "AllRegions": True},
    )
    stubs["ssm"].add_response("get_parameter", {"Parameter": {"Value": "21"}})

    regions = ["us-east-1", "ap-southeast-3", "eu-central-1"]
    checks = diagnose(bootstrap=_bootstrap(regions=regions))

    check = checks["region ap-southeast-3"]
    assert (check.state, check.detail) == (
        "problem",
        "not enabled in this account, which has to opt in to it",
    )
    assert "aws account enable-region --region-name ap-southeast-3" in (check.fix or "")
    assert "region eu-central-1" not in checks
    assert [name for name in checks if name.startswith("bootstrap")] == [
        "bootstrap of us-east-1",
        "bootstrap of eu-central-1",
    ]


def test_a_home_that_is_not_enabled_is_asked_nothing(
    stubs: dict[str, Stubber],
    diagnose: Callable[..., dict[str, Check]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked = list[tuple[str, str | None]]()
    client = Aws.client

    def noted(aws: Aws, service: str, region: str | None = None) -> Any:
        asked.append((service, region))
        return client(aws, service, region)

    monkeypatch.setattr(Aws, "client", noted)
    stubs["sts"].add_response("get_caller_identity", {"Account": ACCOUNT})
    found = {"Regions": [_region("ap-southeast-3", "not-opted-in")]}
    stubs["ec2"].add_response("describe_regions", found)

    checks = diagnose(home="ap-southeast-3", bootstrap=_bootstrap(regions=["ap-southeast-3"]))

    assert checks["region ap-southeast-3"].state == "problem"
    assert asked == [("sts", "us-east-1"), ("ec2", "us-east-1")]


def test_regions_that_may_not_be_asked_for_are_not_checked(
    account: dict[str, Stubber], diagnose: Callable[..., dict[str, Check]]
) -> None:
    account["ec2"].add_client_error("describe_regions", "UnauthorizedOperation")
    account["ssm"].add_response("get_parameter", {"Parameter": {"Value": "21"}})

    checks = diagnose(bootstrap=_bootstrap(regions=["us-east-1", "eu-central-1"]))

    assert checks["regions"].state == "unknown"
    assert checks["bootstrap of eu-central-1"].state == "ok"


@pytest.mark.parametrize(
    ("found", "state", "fix"),
    [
        (["pl-1"], "ok", None),
        (["pl-2"], "problem", "Set s3_prefix_list in cdk.json to pl-2."),
        ([], "problem", None),
    ],
)
def test_the_prefix_list_of_amazon_s3_is_compared_with_the_account(
    account: dict[str, Stubber],
    diagnose: Callable[..., dict[str, Check]],
    found: list[str],
    state: str,
    fix: str | None,
) -> None:
    _expect_zones(account["ec2"])
    account["ec2"].add_response(
        "describe_managed_prefix_lists",
        {"PrefixLists": [{"PrefixListId": each} for each in found]},
        {"Filters": [{"Name": "prefix-list-name", "Values": ["com.amazonaws.us-east-1.s3"]}]},
    )
    _expect_network(account["ec2"], [], endpoints=0)
    _expect_quotas(account["service-quotas"], "vpc", VPC_QUOTAS)

    check = diagnose(creates_vpc=True, s3_prefix_list="pl-1")["prefix list of Amazon S3"]

    assert (check.state, check.fix) == (state, fix)


def test_without_names_of_zones_the_first_two_of_the_account_are_checked(
    account: dict[str, Stubber], diagnose: Callable[..., dict[str, Check]]
) -> None:
    zones = [
        {"ZoneName": f"us-east-1{name}", "ZoneId": id_, "ZoneType": type_}
        for name, id_, type_ in (
            ("c", "use1-az6", "availability-zone"),
            ("b", "use1-az4", "availability-zone"),
            ("-bos-1a", "use1-bos1-az1", "local-zone"),
            ("a", "use1-az1", "availability-zone"),
        )
    ]
    account["ec2"].add_response("describe_availability_zones", {"AvailabilityZones": zones})
    _expect_network(account["ec2"], [], endpoints=0)
    _expect_quotas(account["service-quotas"], "vpc", VPC_QUOTAS)

    check = diagnose(creates_vpc=True, zones=())["zones"]

    assert (check.state, check.detail) == ("ok", "us-east-1a (use1-az1), us-east-1b (use1-az4)")
    assert (check.fix or "").startswith("Set availability_zones in cdk.json to us-east-1a, us-")


def test_an_old_bootstrap_is_a_problem(
    stubs: dict[str, Stubber], diagnose: Callable[..., dict[str, Check]]
) -> None:
    stubs["sts"].add_response("get_caller_identity", {"Account": ACCOUNT})
    stubs["ssm"].add_response("get_parameter", {"Parameter": {"Value": "5"}})

    _expect_models(stubs["sagemaker"])
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
    _expect_zones(account["ec2"])
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
        registration_requests={NA: request},
        registration_file="{}",
    )

    assert [need.quota_name for need in needs_of(pipeline, NA)] == [
        "ml.m5.xlarge for training job usage",
        "ml.m5.xlarge for processing job usage",
        "ml.m5.large for endpoint usage",
    ]


OWN_KEY = f"arn:aws:kms:us-east-1:{ACCOUNT}:key/0123abcd"


@pytest.mark.parametrize("named", [OWN_KEY, "0123abcd"])
@pytest.mark.parametrize(("key_arns", "state"), [((), "problem"), ((OWN_KEY,), "ok")])
def test_a_key_of_the_bootstrap_has_to_be_one_that_the_pipelines_may_use(
    stubs: dict[str, Stubber],
    diagnose: Callable[..., dict[str, Check]],
    named: str,
    key_arns: tuple[str, ...],
    state: str,
) -> None:
    _expect_bootstrap(stubs, named)
    _expect_models(stubs["sagemaker"])

    check = diagnose(bootstrap=_bootstrap(key_arns=key_arns))["key of the bootstrap"]

    assert check.state == state
    assert named in check.detail
    assert ("additional_key_arns" in (check.fix or "")) == (state == "problem")


@pytest.mark.parametrize("key", [None, f"arn:aws:kms:us-east-1:{ACCOUNT}:alias/aws/s3"])
def test_a_bootstrap_without_a_key_of_its_own_needs_none(
    stubs: dict[str, Stubber], diagnose: Callable[..., dict[str, Check]], key: str | None
) -> None:
    _expect_bootstrap(stubs, key)
    _expect_models(stubs["sagemaker"])

    assert "key of the bootstrap" not in diagnose()


def test_a_bootstrap_is_found_by_its_qualifier(
    stubs: dict[str, Stubber], diagnose: Callable[..., dict[str, Check]]
) -> None:
    _expect_bootstrap(stubs, qualifier="team42")
    _expect_models(stubs["sagemaker"])

    checks = diagnose(bootstrap=_bootstrap(qualifier="team42"))

    assert checks["bootstrap of us-east-1"].detail == "version 21"


def test_the_qualifier_is_that_of_the_context(
    own_app: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert places.bootstrap_qualifier() == "hnb659fds"
    document = json.loads((own_app / "cdk.json").read_text())
    document["context"]["@aws-cdk/core:bootstrapQualifier"] = "team42"
    (tmp_path / "cdk.json").write_text(json.dumps(document))
    monkeypatch.setattr(places, "ROOT", tmp_path)

    assert places.bootstrap_qualifier() == "team42"


def test_models_that_executions_left_behind_are_told(
    stubs: dict[str, Stubber], diagnose: Callable[..., dict[str, Check]]
) -> None:
    _expect_bootstrap(stubs)
    _expect_models(stubs["sagemaker"], "pipelines-1-CreateModel-a", "my-pipelines-model")

    check = diagnose()["models"]

    assert (check.state, check.detail[:16]) == ("ok", "1 of executions,")
    assert re.search("release clean-models PIPELINE.*--every-ended", check.fix or "")


def test_a_zone_without_jobs_is_told_with_the_setting(
    account: dict[str, Stubber], diagnose: Callable[..., dict[str, Check]]
) -> None:
    _expect_zones(account["ec2"])
    _expect_network(account["ec2"], [], endpoints=0)
    _expect_quotas(account["service-quotas"], "vpc", VPC_QUOTAS)

    check = diagnose(creates_vpc=True)["zones"]

    assert check.state == "problem"
    assert "us-east-1b (use1-az3)" in check.detail
    assert check.fix == ("Set availability_zones in cdk.json to two of us-east-1a, us-east-1c.")


def test_zones_with_jobs_are_fine(
    account: dict[str, Stubber], diagnose: Callable[..., dict[str, Check]]
) -> None:
    _expect_zones(account["ec2"])
    _expect_network(account["ec2"], [], endpoints=0)
    _expect_quotas(account["service-quotas"], "vpc", VPC_QUOTAS)

    check = diagnose(creates_vpc=True, zones=("us-east-1a", "us-east-1c"))["zones"]

    assert (check.state, check.detail) == ("ok", "us-east-1a (use1-az1), us-east-1c (use1-az4)")


@pytest.mark.parametrize("chosen_by", ["option", "variable"])
def test_a_profile_that_is_not_there_is_a_problem_with_those_there_are(
    chosen_by: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "config").write_text("[profile prod]\nregion = us-east-1\n")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    if chosen_by == "variable":
        monkeypatch.setenv("AWS_PROFILE", "prof")
    profile = "prof" if chosen_by == "option" else None

    checks = account_checks(Aws("us-east-1", endpoint_url=None, profile=profile), _needs())

    credentials = next(checks)
    assert (credentials.name, credentials.state) == ("credentials", "problem")
    assert "Did you mean 'prod'?" in credentials.detail


def test_without_a_profile_credentials_are_not_needed(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")

    assert next(account_checks(Aws("us-east-1", None), _needs())).state == "unknown"
