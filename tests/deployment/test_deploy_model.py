"""What the function behind a deployment's workflow does, in three emulated regions."""

from __future__ import annotations

import json
from typing import Any, Final

import boto3
import pytest

from benchmarks.faults.serving.clock import ago
from benchmarks.faults.serving.endpoints import UNHEALTHY, FakeEndpoint, in_region, unreachable
from benchmarks.faults.serving.workflow import DeploymentRun, StateFailedError, request
from benchmarks.faults.serving.world import HOME, REGIONS, ServingWorld
from constructs_lib.jobs.deploy_model import DeploymentError, handler
from tests.deployment.conftest import Deploy

EVERYWHERE = tuple(REGIONS)


def _serves(number: int | None) -> dict[str, int | None]:
    return dict.fromkeys(EVERYWHERE, number)


def _operations(world: ServingWorld) -> set[str]:
    return {each.operation for each in world.services.calls}


CHANGES = {
    *("CreateEndpoint", "UpdateEndpoint", "DeleteEndpoint", "CreateModel", "CreateEndpointConfig"),
    *("UpdateModelPackage", "DeleteModel", "DeleteEndpointConfig"),
}


def test_the_newest_approved_version_serves_in_every_region(
    world: ServingWorld, deploy: Deploy
) -> None:
    world.register()
    number = world.register()
    world.register(approved=False)

    ended = deploy()

    assert ended.status == "SUCCEEDED"
    assert world.serving() == _serves(number)
    assert ended.output["status"] == "deployed"
    assert ended.output["version"]["number"] == number
    assert [each["region_code"] for each in ended.output["regions"]] == list(EVERYWHERE)
    (message,) = world.services.messages
    assert message["Subject"] == "returns-risk: now serves version 2"
    assert "release rollback returns-risk" in message["Message"]


def test_models_and_configurations_say_what_is_in_them(world: ServingWorld, deploy: Deploy) -> None:
    number = world.register()
    deploy()
    endpoint = world.services.endpoint("eu-west-1")
    assert endpoint is not None
    sagemaker = world.sagemaker("EU")
    configuration = sagemaker.describe_endpoint_config(EndpointConfigName=endpoint.configuration)
    (variant,) = configuration["ProductionVariants"]
    model = sagemaker.describe_model(ModelName=variant["ModelName"])

    assert model["PrimaryContainer"] == {"ModelPackageName": world.arn(number, "EU")}
    assert model["ExecutionRoleArn"].endswith("role/serving-EU")
    assert variant["InstanceType"] == "ml.m5.large"
    assert variant["ContainerStartupHealthCheckTimeoutInSeconds"] == 300
    assert configuration["KmsKeyId"].startswith("arn:aws:kms:eu-west-1:")
    (created,) = (
        each.arguments
        for each in world.services.calls
        if each.operation == "CreateModel" and each.region == "eu-west-1"
    )
    assert created["EnableNetworkIsolation"] is True
    assert {each["Key"] for each in created["Tags"]} == {
        "release:pipeline",
        "release:content",
        "release:version",
    }


def test_a_second_execution_of_the_same_changes_nothing(
    world: ServingWorld, deploy: Deploy
) -> None:
    world.register()
    deploy()
    world.services.calls.clear()
    world.services.messages.clear()

    ended = deploy()

    assert ended.output["status"] == "unchanged"
    assert len(ended.output["regions"]) == 3
    assert not _operations(world) & CHANGES
    assert world.services.messages == []


def test_other_settings_make_another_configuration_of_the_same_version(
    world: ServingWorld, deploy: Deploy
) -> None:
    number = world.register()
    deploy()
    before = world.configurations("EU")

    ended = deploy(settings=world.settings(instance_type="ml.c5.xlarge"))

    assert ended.output["status"] == "deployed"
    assert len(world.configurations("EU") - before) == 1
    assert "served_until" not in world.metadata(number, "EU")


def test_waves_come_one_after_the_other(world: ServingWorld, deploy: Deploy) -> None:
    world.register()
    deploy()
    world.register()
    world.services.calls.clear()

    deploy()

    updates = [each.region for each in world.services.calls if each.operation == "UpdateEndpoint"]
    # The regions of a wave change side by side.
    assert (updates[0], sorted(updates[1:])) == ("us-east-1", ["eu-west-1", "us-west-2"])


CANARY: Final = {"type": "CANARY", "percentage": 10, "wait_seconds": 300}


def _updates(world: ServingWorld, region: str = HOME) -> list[Any]:
    calls = world.services.calls
    return [
        each.arguments
        for each in calls
        if each.operation == "UpdateEndpoint" and each.region == region
    ]


def test_an_update_is_shifted_and_watched_by_the_new_configuration_s_alarms(
    world: ServingWorld, deploy: Deploy
) -> None:
    settings = world.settings(shift=CANARY)
    world.register()
    deploy(settings=settings)
    world.register()
    deploy(settings=settings)

    (update,) = _updates(world)
    name = update["EndpointConfigName"]

    assert update["RetainAllVariantProperties"] is False
    assert update["DeploymentConfig"] == {
        "BlueGreenUpdatePolicy": {
            "TrafficRoutingConfiguration": {
                "Type": "CANARY",
                "WaitIntervalInSeconds": 300,
                "CanarySize": {"Type": "CAPACITY_PERCENT", "Value": 10},
            },
            "TerminationWaitInSeconds": 120,
            "MaximumExecutionTimeoutInSeconds": 3120,
        },
        "AutoRollbackConfiguration": {
            "Alarms": [{"AlarmName": f"{name}-latency"}, {"AlarmName": f"{name}-errors"}]
        },
    }
    alarms = boto3.client("cloudwatch", HOME).describe_alarms(AlarmNamePrefix=name)["MetricAlarms"]
    assert {each["AlarmName"] for each in alarms} == {f"{name}-latency", f"{name}-errors"}


def test_a_person_s_rollback_is_at_once_and_watched(world: ServingWorld, deploy: Deploy) -> None:
    settings = world.settings(shift=CANARY)
    for _ in range(2):
        world.register()
        deploy(settings=settings)

    deploy("rollback", settings=settings)

    _, update = _updates(world)
    routing = update["DeploymentConfig"]["BlueGreenUpdatePolicy"]["TrafficRoutingConfiguration"]
    name = update["EndpointConfigName"]
    assert routing == {"Type": "ALL_AT_ONCE", "WaitIntervalInSeconds": 300}
    assert update["DeploymentConfig"]["AutoRollbackConfiguration"]["Alarms"][0] == {
        "AlarmName": f"{name}-latency"
    }


@pytest.mark.parametrize(
    ("shift", "policy"),
    [
        (
            CANARY,
            {
                "BlueGreenUpdatePolicy": {
                    "TrafficRoutingConfiguration": {
                        "Type": "ALL_AT_ONCE",
                        "WaitIntervalInSeconds": 0,
                    },
                    "TerminationWaitInSeconds": 0,
                    "MaximumExecutionTimeoutInSeconds": 3120,
                }
            },
        ),
        (
            {"type": "ROLLING", "percentage": 10, "wait_seconds": 300},
            {
                "RollingUpdatePolicy": {
                    "MaximumBatchSize": {"Type": "CAPACITY_PERCENT", "Value": 50},
                    "WaitIntervalInSeconds": 0,
                    "MaximumExecutionTimeoutInSeconds": 3120,
                    "RollbackMaximumBatchSize": {"Type": "CAPACITY_PERCENT", "Value": 50},
                }
            },
        ),
    ],
)
def test_taking_back_waits_for_nothing(
    world: ServingWorld, deploy: Deploy, shift: dict[str, Any], policy: dict[str, Any]
) -> None:
    settings = world.settings(shift=shift)
    world.register()
    deploy(settings=settings)
    world.register()
    world.services.outcomes["us-west-2"] = ["no_capacity"]

    ended = deploy(settings=settings)

    _, back = _updates(world)
    assert ended.status == "taken_back"
    assert back["DeploymentConfig"] == policy


def test_autoscaled_counts_stay_and_the_endpoint_is_registered(
    world: ServingWorld, deploy: Deploy
) -> None:
    scaled = world.settings(
        autoscaling={"min_capacity": 1, "max_capacity": 4, "invocations_per_instance": 600}
    )
    world.register()
    deploy(settings=scaled)
    world.register()
    world.services.calls.clear()

    deploy(settings={**scaled, "instance_type": "ml.c5.xlarge"})

    update = next(each for each in world.services.calls if each.operation == "UpdateEndpoint")
    assert update.arguments["RetainAllVariantProperties"] is True
    assert {"VariantPropertyType": "DataCaptureConfig"} in update.arguments[
        "ExcludeRetainedVariantProperties"
    ]
    in_home = [each.operation for each in world.services.calls if each.region == HOME]
    # SageMaker changes the type of no registered variant.
    assert in_home.index("DeregisterScalableTarget") < in_home.index("UpdateEndpoint")
    assert in_home.index("RegisterScalableTarget") > in_home.index("UpdateEndpoint")


def test_kept_are_what_serves_the_one_before_and_those_that_served_last(
    world: ServingWorld, deploy: Deploy
) -> None:
    for _ in range(5):
        world.register()
        deploy()

    for code in EVERYWHERE:
        kept = {world.version_with(name, code) for name in world.configurations(code)}
        models = world.sagemaker(code).list_models()["Models"]
        assert (kept, len(models)) == ({3, 4, 5}, 3)


def test_the_configuration_before_is_kept_even_where_few_are(
    world: ServingWorld, deploy: Deploy
) -> None:
    few = world.settings(kept_versions=2)
    for _ in range(3):
        world.register()
        deploy(settings=few)

    ended = deploy("rollback", settings=few)

    assert (ended.output["status"], world.serving()) == ("rolled_back", _serves(2))
    assert {world.version_with(name, "EU") for name in world.configurations("EU")} == {2, 3}


def test_a_rollback_returns_to_the_version_before_with_its_own_configuration(
    world: ServingWorld, deploy: Deploy
) -> None:
    world.register()
    deploy()
    first = world.services.endpoint("eu-west-1")
    assert first is not None
    configuration = first.configuration
    world.register()
    deploy()
    world.services.calls.clear()

    ended = deploy("rollback", settings=world.settings(instance_type="ml.c5.xlarge"))

    assert (ended.output["status"], world.serving()) == ("rolled_back", _serves(1))
    assert first.configuration == configuration
    assert not _operations(world) & {"CreateModel", "CreateEndpointConfig"}
    assert "served_until" in world.metadata(2, "EU")
    assert "served_until" not in world.metadata(1, "EU")


def test_of_a_content_that_is_registered_twice_every_region_serves_the_same_version(
    world: ServingWorld, deploy: Deploy
) -> None:
    first = world.register()
    second = world.register(again=first)
    deploy(version=first)
    before = world.serving()

    deploy(version=second)
    after = world.serving()
    deploy("rollback")

    assert (before, after, world.serving()) == (_serves(first), _serves(second), _serves(first))


def test_a_rollback_of_a_rollback_goes_to_what_served_last(
    world: ServingWorld, deploy: Deploy
) -> None:
    for _ in range(2):
        world.register()
        deploy()
    deploy("rollback")

    deploy("rollback")

    assert world.serving() == _serves(2)


def test_a_rollback_makes_anew_what_somebody_has_deleted(
    world: ServingWorld, deploy: Deploy
) -> None:
    for _ in range(2):
        world.register()
        deploy()
    name = world.metadata(1, "EU")["served_with"]
    world.sagemaker("EU").delete_endpoint_config(EndpointConfigName=name)

    ended = deploy("rollback")

    assert (ended.output["status"], world.serving()) == ("rolled_back", _serves(1))


def test_there_may_be_nothing_to_return_to(world: ServingWorld, deploy: Deploy) -> None:
    world.register()
    deploy()

    ended = deploy("rollback")

    assert "no version that served before and was good. Nothing was changed." in ended.cause
    assert world.serving() == _serves(1)


@pytest.mark.parametrize("action", ["deploy", "rollback"])
def test_a_rejected_version_serves_no_more(
    world: ServingWorld, deploy: Deploy, action: str
) -> None:
    for _ in range(2):
        world.register()
        deploy()
    world.decide(1, "Rejected", "EU")

    ended = deploy(action, version=1)

    assert ended.status == "unchanged"
    assert "in EU (eu-west-1) version 1 is rejected" in ended.cause
    assert "release approve returns-risk" in ended.cause
    assert world.serving() == _serves(2)


def test_a_rollback_passes_over_what_was_taken_back_or_rejected(
    world: ServingWorld, deploy: Deploy
) -> None:
    for _ in range(4):
        world.register()
        deploy()
    world.decide(3, "Rejected")
    for code in EVERYWHERE:
        world.sagemaker(code).update_model_package(
            ModelPackageArn=world.arn(2, code),
            CustomerMetadataProperties={**world.metadata(2, code), "taken_back": "2026-03-14"},
        )

    deploy("rollback")

    assert world.serving() == _serves(1)


def _waiting(world: ServingWorld, **members: Any) -> DeploymentRun:
    sha256 = world.metadata(1, "NA")["artifact_sha256"]
    asked = request(content=sha256, wait_for_approval=True, requested_by="approval")
    return DeploymentRun(world, asked, **members)


def test_a_deployment_waits_until_all_regions_have_approved(world: ServingWorld) -> None:
    world.register(approved=False)
    world.decide(1, "Approved", "NA", "EU")
    execution = _waiting(world)

    plan = execution.call("resolve")

    assert plan["status"] == "wait"
    assert "in FE (us-west-2) version 1 waits for approval" in plan["reason"]
    world.decide(1, "Approved", "FE")
    assert execution.call("resolve")["status"] == "ready"


@pytest.mark.parametrize("why", ["late", "rejected"])
def test_it_waits_a_quarter_of_an_hour_and_for_no_rejected_one(
    world: ServingWorld, why: str
) -> None:
    world.register(approved=False)
    if why == "rejected":
        world.decide(1, "Rejected", "FE")
    started = ago(minutes=16 if why == "late" else 1)

    with pytest.raises(StateFailedError, match=r"may not serve: .*FE \(us-west-2\)"):
        _waiting(world, started=started).call("resolve")


def test_of_two_approved_within_a_minute_the_newer_wins(world: ServingWorld) -> None:
    for _ in range(2):
        world.register(approved=False)
    world.decide(1, "Approved", "NA")
    older = _waiting(world, started=ago(seconds=50))
    newer = DeploymentRun(
        world,
        request(content=world.metadata(2, "NA")["artifact_sha256"], wait_for_approval=True),
        started=ago(seconds=20),
    )
    world.decide(1, "Approved")
    world.decide(2, "Approved")

    assert older.run().output["status"] == "superseded"
    assert newer.run().output["status"] == "deployed"
    assert world.serving() == _serves(2)


def test_an_older_one_that_is_approved_later_does_not_win(
    world: ServingWorld, deploy: Deploy
) -> None:
    for _ in range(2):
        world.register(approved=False)
    world.decide(2, "Approved")
    deploy()
    world.decide(1, "Approved")

    ended = _waiting(world).run()

    assert ended.output["status"] == "superseded"
    assert world.serving() == _serves(2)


def test_the_same_approval_twice_deploys_once(world: ServingWorld) -> None:
    world.register()
    first, second = _waiting(world, started=ago(seconds=50)), _waiting(world)

    assert [first.run().output["status"], second.run().output["status"]] == [
        "superseded",
        "deployed",
    ]
    assert _waiting(world).run().output["status"] == "unchanged"


def test_an_execution_waits_for_one_that_began_earlier(world: ServingWorld) -> None:
    world.register()
    earlier = DeploymentRun(world, request(), started=ago(minutes=5))
    later = DeploymentRun(world, request("rollback"))

    plan = later.call("resolve")

    assert plan["status"] == "wait"
    assert earlier.arn in plan["reason"]
    assert earlier.call("resolve")["status"] == "ready"


def test_a_rollback_does_not_wait_for_people_to_approve(world: ServingWorld) -> None:
    world.register(approved=False)
    waiting = _waiting(world, started=ago(minutes=2))
    DeploymentRun(world, request("rollback"))

    assert waiting.call("resolve")["status"] == "superseded"


def test_a_version_is_not_deployed_where_its_artifact_is_another(
    world: ServingWorld, deploy: Deploy
) -> None:
    number = world.register()
    package = world.sagemaker("EU").describe_model_package(ModelPackageName=world.arn(number, "EU"))
    uri = package["InferenceSpecification"]["Containers"][0]["ModelDataUrl"]
    bucket, _, key = uri.removeprefix("s3://").partition("/")

    s3 = boto3.client("s3", region_name="eu-west-1")
    s3.put_object(Bucket=bucket, Key=key, Body=b"other", ChecksumAlgorithm="SHA256")

    ended = deploy()

    assert "EU (eu-west-1): failed while proving version 1" in ended.cause
    assert world.serving() == _serves(None)


@pytest.mark.parametrize(
    ("verification", "status"), [("enforce", "unchanged"), ("warn", "SUCCEEDED")]
)
def test_what_failed_its_verification_does_not_serve_where_that_is_enforced(
    world: ServingWorld, deploy: Deploy, verification: str, status: str
) -> None:
    world.register(verdict="failed")

    ended = deploy(settings=world.settings(verification=verification))

    assert ended.status == status
    assert ("evaluation of version 1 says failed" in ended.cause) == (status == "unchanged")


@pytest.mark.parametrize(
    ("outcome", "reason"),
    [
        ("silent_rollback", "SageMaker has rolled the update back by itself"),
        ("no_capacity", "AWS has too few of these instances there now"),
        ("rollback_failed", f"serves a mix of both: {UNHEALTHY}"),
    ],
)
@pytest.mark.parametrize("code", ["NA", "FE"])
def test_a_failed_update_takes_every_region_back(
    world: ServingWorld, deploy: Deploy, outcome: str, reason: str, code: str
) -> None:
    world.register()
    deploy()
    world.register()
    world.services.outcomes[REGIONS[code]] = [outcome]

    ended = deploy()

    assert ended.status == "taken_back"
    assert reason in ended.cause
    assert code in ended.cause
    assert world.serving() == _serves(1)
    assert "taken_back" in world.metadata(2, code)
    assert "deploying_with" not in world.metadata(2, "NA")
    assert "served_until" not in world.metadata(1, "NA")
    assert world.services.messages[-1]["Subject"] == "returns-risk: version 2 was taken back"
    world.services.outcomes.clear()
    assert deploy().output["status"] == "deployed"
    assert world.serving() == _serves(2)
    assert "taken_back" not in world.metadata(2, code)


def test_a_first_deployment_that_fails_leaves_no_endpoint(
    world: ServingWorld, deploy: Deploy
) -> None:
    world.register()
    world.services.outcomes["us-west-2"] = ["no_capacity"]

    ended = deploy()

    assert ended.status == "taken_back"
    assert "FE (us-west-2) has no endpoint, as before" in ended.cause
    assert world.serving() == _serves(None)


def test_a_region_that_cannot_be_returned_needs_a_person(
    world: ServingWorld, deploy: Deploy
) -> None:
    world.register()
    deploy()
    world.register()
    world.services.outcomes = {
        "eu-west-1": ["works", *["silent_rollback"] * 3],
        "us-west-2": ["silent_rollback"],
    }

    ended = deploy()

    assert ended.status == "needs_person"
    assert "EU (eu-west-1) needs a person" in ended.cause
    assert "could not be returned to" in ended.cause
    assert "release endpoints returns-risk" in ended.cause
    assert world.serving() == {"NA": 1, "EU": 2, "FE": 1}
    assert "needs a person" in world.services.messages[-1]["Subject"]


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (b'{"legacy-score": "high"}', "which is no number"),
        (500, "is answered with status 500"),
    ],
)
def test_what_answers_otherwise_than_verified_is_taken_back(
    world: ServingWorld, deploy: Deploy, answer: bytes | int, said: str
) -> None:
    world.register()
    deploy()
    world.register()
    execution = DeploymentRun(world, request())
    plan = execution.call("resolve")
    name = execution.call("prepare", target=plan["waves"][1][0])["endpoint_config_name"]
    execution.entry["status"] = "ENDED"
    world.services.answers[name] = answer

    ended = deploy()

    assert "does not answer as it did when it was verified: payload_text_csv_0.csv" in ended.cause
    assert said in ended.cause
    assert world.serving() == _serves(1)


def test_answers_are_told_and_where_verification_only_warns_nothing_more(
    world: ServingWorld, deploy: Deploy
) -> None:
    world.register()
    warns = world.settings(verification="warn")
    execution = DeploymentRun(world, request(), settings=warns)
    target = execution.call("resolve")["waves"][0][0]
    prepared = execution.call("prepare", target=target)
    world.services.answers[prepared["endpoint_config_name"]] = b"nothing"
    execution.call("update", target=target, prepared=prepared)
    world.services.at_rest()

    (answer,) = execution.call("try", target=target, prepared=prepared)["answers"]

    assert answer["payload"].startswith("payload_text_csv_0.csv")
    assert (answer["status"], answer["excerpt"]) == (200, "nothing")
    assert "is answered with what is no JSON" in answer["problem"]


def test_approval_that_is_revoked_while_deploying_ends_in_taking_back(
    world: ServingWorld, deploy: Deploy, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.register()
    deploy()
    world.register()
    execution = DeploymentRun(world, request())
    pass_time = world.services.pass_time

    def revoke(region: str | None) -> None:
        world.decide(2, "Rejected", "EU")
        pass_time(region)

    monkeypatch.setattr(world.services, "pass_time", revoke)

    ended = execution.run()

    assert "version 2 is Rejected since its deployment began" in ended.cause
    assert world.serving() == _serves(1)


def test_an_endpoint_that_somebody_has_changed_is_told_and_left(
    world: ServingWorld, deploy: Deploy
) -> None:
    for _ in range(2):
        world.register()
        deploy()
    endpoint = world.services.endpoint("eu-west-1")
    assert endpoint is not None
    endpoint.configuration = world.metadata(1, "EU")["served_with"]
    world.services.calls.clear()
    world.register()

    ended = deploy()

    assert ended.status == "unchanged"
    assert "EU (eu-west-1) serves with" in ended.cause
    assert "release deploy returns-risk --overwrite" in ended.cause
    assert not _operations(world) & CHANGES - {"UpdateModelPackage"}
    assert deploy(overwrite=True).output["status"] == "deployed"
    assert world.serving() == _serves(3)


def test_nor_is_a_configuration_of_somebody_else_looked_at(
    world: ServingWorld, deploy: Deploy
) -> None:
    world.register()
    deploy()
    endpoint = world.services.endpoint("eu-west-1")
    assert endpoint is not None
    endpoint.configuration = "by-hand"

    ended = deploy("undeploy")

    assert "by-hand" in ended.cause
    described = [
        each.arguments["EndpointConfigName"]
        for each in world.services.calls
        if each.operation == "DescribeEndpointConfig"
    ]
    assert "by-hand" not in described
    assert deploy("undeploy", overwrite=True).output["status"] == "undeployed"


def test_an_endpoint_that_changes_after_resolve_is_left_as_it_is(world: ServingWorld) -> None:
    world.register()
    execution = DeploymentRun(world, request())
    target = execution.call("resolve")["waves"][0][0]
    prepared = execution.call("prepare", target=target)
    world.services.endpoints[HOME] = {
        "returns-risk": FakeEndpoint("returns-risk", "by-hand", status="InService")
    }

    with pytest.raises(StateFailedError, match="by-hand; this execution found none there"):
        execution.call("update", target=target, prepared=prepared)


def test_an_endpoint_that_failed_to_be_created_has_to_be_removed_first(
    world: ServingWorld, deploy: Deploy
) -> None:
    world.register()
    world.services.endpoints[HOME] = {
        "returns-risk": FakeEndpoint("returns-risk", "x", status="Failed", reason="No disk.")
    }

    ended = deploy()

    assert "is Failed: No disk. Nothing was changed" in ended.cause
    assert "release undeploy returns-risk" in ended.cause
    assert deploy("undeploy").output["status"] == "undeployed"
    assert deploy().output["status"] == "deployed"


def test_a_change_that_never_ends_is_given_up(world: ServingWorld) -> None:
    world.register()
    world.services.outcomes[HOME] = ["never_ends"]
    execution = DeploymentRun(world, request())
    target = execution.call("resolve")["waves"][0][0]
    prepared = execution.call("prepare", target=target)
    updated = execution.call("update", target=target, prepared=prepared)
    members = {"target": target, "prepared": prepared}

    assert execution.call("look", **members, updated=updated)["status"] == "in_progress"
    long_ago = {"started_at": (ago(seconds=3120 + 1801)).isoformat()}
    with pytest.raises(StateFailedError, match="is still Creating after 82 minutes"):
        execution.call("look", **members, updated=long_ago)


def test_nor_is_a_change_waited_for_without_end_while_taking_back(
    world: ServingWorld, deploy: Deploy
) -> None:
    world.register()
    deploy()
    world.register()
    world.services.outcomes[HOME] = ["never_ends"]
    # It has waited for its turn for a day, which says nothing of this.
    execution = DeploymentRun(world, request(), started=ago(days=1))
    target = execution.call("resolve")["waves"][0][0]
    execution.call("update", target=target, prepared=execution.call("prepare", target=target))

    assert execution.call("take_back", target=target)["status"] == "in_progress"
    assert execution.call("take_back", target=target)["status"] == "in_progress"
    world.sagemaker("NA").update_model_package(
        ModelPackageArn=world.arn(2, "NA"),
        ModelApprovalStatus="Approved",
        CustomerMetadataProperties={
            **world.metadata(2, "NA"),
            "taking_back_since": ago(seconds=3120 + 1801).isoformat(timespec="seconds"),
        },
    )
    ended = execution.call("take_back", target=target)

    assert ended["status"] == "needs_person"
    assert "does not come to rest: Updating with returns-risk-" in ended["reason"]


def test_an_endpoint_that_is_changing_is_waited_for(world: ServingWorld) -> None:
    world.register()
    endpoint = FakeEndpoint("returns-risk", "x", status="Updating", coming="y")
    world.services.endpoints[HOME] = {"returns-risk": endpoint}

    assert DeploymentRun(world, request()).call("resolve")["status"] == "wait"
    world.services.executions.clear()
    with pytest.raises(StateFailedError, match="does not come to rest"):
        DeploymentRun(world, request(), started=ago(seconds=3120 + 1801)).call("resolve")


@pytest.mark.parametrize("code", EVERYWHERE)
def test_a_region_that_is_down_before_its_wave_changes_nothing(
    world: ServingWorld, deploy: Deploy, code: str
) -> None:
    world.register()
    deploy()
    world.register()
    world.services.fault = in_region(REGIONS[code], unreachable)

    ended = deploy(settings=world.settings(topic_arn=None))

    world.services.fault = None
    assert ended.status == "unchanged"
    assert REGIONS[code] in ended.cause
    assert world.serving() == _serves(1)


def test_who_undeploys_has_no_endpoint_and_can_deploy_again(
    world: ServingWorld, deploy: Deploy
) -> None:
    world.register()
    deploy()

    ended = deploy("undeploy")

    assert ended.output == {"status": "undeployed", "version": None, "regions": []}
    assert world.serving() == _serves(None)
    assert "served_until" in world.metadata(1, "FE")
    assert deploy("undeploy").output["status"] == "unchanged"
    assert deploy().output["status"] == "deployed"
    assert world.serving() == _serves(1)


def test_an_execution_that_was_stopped_is_completed_by_the_next(
    world: ServingWorld, deploy: Deploy
) -> None:
    _deployed_in_one_region_only(world, deploy)

    ended = deploy()

    assert ended.output["status"] == "deployed"
    assert world.serving() == _serves(2)


def test_a_rollback_after_an_execution_that_was_stopped_returns_to_what_it_replaced(
    world: ServingWorld, deploy: Deploy
) -> None:
    _deployed_in_one_region_only(world, deploy)

    ended = deploy("rollback")

    assert (ended.output["status"], world.serving()) == ("rolled_back", _serves(1))


def test_what_a_failure_returns_to_is_what_served_before_the_one_that_was_stopped(
    world: ServingWorld, deploy: Deploy
) -> None:
    _deployed_in_one_region_only(world, deploy)
    world.services.outcomes["eu-west-1"] = ["silent_rollback"]

    assert deploy().status == "taken_back"
    assert world.serving() == _serves(1)


def _deployed_in_one_region_only(world: ServingWorld, deploy: Deploy) -> None:
    """Version 1 serves; an execution was stopped when the first wave had version 2."""
    world.register()
    deploy()
    world.register()
    execution = DeploymentRun(world, request())
    target = execution.call("resolve")["waves"][0][0]
    execution.call("update", target=target, prepared=execution.call("prepare", target=target))
    world.services.at_rest()
    execution.entry["status"] = "ABORTED"
    assert world.serving() == {"NA": 2, "EU": 1, "FE": 1}


def test_metadata_of_others_stays(world: ServingWorld, deploy: Deploy) -> None:
    world.register()
    world.sagemaker("EU").update_model_package(
        ModelPackageArn=world.arn(1, "EU"),
        CustomerMetadataProperties={**world.metadata(1, "EU"), "load_test_status": "COMPLETED"},
    )

    deploy()

    assert world.metadata(1, "EU")["load_test_status"] == "COMPLETED"
    assert world.metadata(1, "EU")["served_by"] == "returns-risk"


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"action": "dance"}, "The action is 'dance'; allowed are resolve"),
        ({"request": request("dance")}, "allowed are deploy, rollback, undeploy"),
        ({"settings": {"schema_version": 2}}, "Deploy the stack of the endpoints again"),
        ({"settings": {}}, "The workflow passes no 'schema_version'"),
    ],
)
def test_what_the_function_does_not_know_is_refused(changes: dict[str, Any], said: str) -> None:
    event = {
        "action": "resolve",
        "settings": ServingWorld().settings(),
        "request": request(),
        "execution": {"arn": "arn", "started_at": "2026-03-14T09:26:53Z"},
    }

    with pytest.raises(DeploymentError, match=said):
        handler({**event, **changes}, None)


def test_a_cause_is_told_in_the_function_s_words(world: ServingWorld) -> None:
    execution = DeploymentRun(world, request())
    cause = json.dumps({"errorType": "DeploymentError", "errorMessage": "EU: failed."})
    told = execution.call("record_failure", plan=None, results=[], error={"Cause": cause})

    assert told == {"status": "unchanged", "reason": "EU: failed."}
