"""Endpoints come into service, answer, are updated, go back, and are gone."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from local.emulator import EmbeddedAws
from tests.local.emulator.endpoints.conftest import MODEL, SAGEMAKER, Served, permissions
from tests.local.emulator.policies import allow
from tests.waiting import wait_until

RESIZING_SECONDS = 120
"""What new instances take here."""
ALL_AT_ONCE = {"TrafficRoutingConfiguration": {"Type": "ALL_AT_ONCE", "WaitIntervalInSeconds": 0}}


def blue_green(termination_wait: int, **more: Any) -> dict[str, Any]:
    policy = {**ALL_AT_ONCE, "TerminationWaitInSeconds": termination_wait}
    return {"BlueGreenUpdatePolicy": policy, **more}


def test_an_endpoint_answers_with_its_model(served: Served) -> None:
    configuration = served.version("one")
    described = served.create(configuration)

    answer = served.invoke({"x": 21})

    assert described["EndpointStatus"] == "InService"
    assert described["EndpointConfigName"] == configuration
    [variant] = described["ProductionVariants"]
    counts = ("CurrentInstanceCount", "DesiredInstanceCount", "CurrentWeight", "DesiredWeight")
    assert [variant[name] for name in counts] == [1, 1, 1.0, 1.0]
    assert json.loads(answer["Body"].read()) == {"model": "one", "doubled": 42}
    assert answer["ContentType"] == "application/json"
    assert answer["InvokedProductionVariant"] == "AllTraffic"


def test_an_update_moves_all_traffic_and_keeps_the_old_fleet_for_its_time(served: Served) -> None:
    served.create(served.version("one"))
    second = served.version("two")
    # an hour of the service: 12 seconds
    served.begin_update(second, DeploymentConfig=blue_green(3600))
    wait_until(lambda: served.answer() == "two")

    described = served.describe()

    assert described["EndpointStatus"] == "Updating"
    assert described["EndpointConfigName"] != second
    pending = described["PendingDeploymentSummary"]
    assert pending["EndpointConfigName"] == second
    [variant] = pending["ProductionVariants"]
    assert variant["CurrentWeight"] == 1.0
    assert variant["VariantStatus"][0]["Status"] == "Baking"
    served.aws.house.advance_clock(3600)
    ended = served.settled()
    assert ended["EndpointStatus"] == "InService"
    assert ended["EndpointConfigName"] == second
    assert ended["LastDeploymentConfig"] == blue_green(3600)
    assert "PendingDeploymentSummary" not in ended
    assert served.answer() == "two"


def test_an_update_whose_model_does_not_start_goes_back_without_a_word(served: Served) -> None:
    first = served.version("one")
    served.create(first)

    ended = served.update(served.configuration("raise ValueError('not here')"))

    assert ended["EndpointStatus"] == "InService"
    assert ended["EndpointConfigName"] == first
    assert "FailureReason" not in ended
    assert "PendingDeploymentSummary" not in ended
    assert served.answer() == "one"


def test_an_endpoint_whose_model_does_not_start_has_failed(served: Served) -> None:
    described = served.create(served.configuration("raise ValueError('not here')"))

    assert described["EndpointStatus"] == "Failed"
    reason = described["FailureReason"]
    assert "AllTraffic did not pass the ping health check" in reason
    assert "ValueError: not here (inference.py line 1)" in reason
    with pytest.raises(ClientError, match=f"Endpoint {served.name} of account .* not found"):
        served.invoke({"x": 1})
    with pytest.raises(ClientError, match="DeleteEndpoint is the only operation"):
        served.begin_update(served.version("two"))
    served.delete()


def test_what_a_failing_model_prints_is_in_the_log_of_its_endpoint(served: Served) -> None:
    served.create(served.configuration("print('seen before the end')\nraise ValueError('end')"))

    logs = served.aws.client("logs")
    group = f"/aws/sagemaker/Endpoints/{served.name}"
    events = logs.filter_log_events(logGroupName=group)["events"]

    assert "seen before the end" in [event["message"] for event in events]


def test_a_container_with_a_server_of_its_own_is_not_served(served: Served) -> None:
    model = served.model("", Environment={"SAGEMAKER_PROGRAM": "serve.py"})

    described = served.create(served.configuration("", ModelName=model))

    assert described["EndpointStatus"] == "Failed"
    assert "has no code/serve.py" in described["FailureReason"]
    assert "in its image only" in described["FailureReason"]


def test_a_model_that_its_role_may_not_read_is_not_served(
    served: Served, create_role: Callable[..., str]
) -> None:
    statements = permissions(served.bucket)[1:]
    role = create_role(*statements, trusts=SAGEMAKER)
    model = served.model(MODEL.format(answer="one"), role=role)

    described = served.create(served.configuration("", ModelName=model))

    assert described["EndpointStatus"] == "Failed"
    assert described["FailureReason"].startswith("Failed to download model data for container")
    assert "AccessDenied" in described["FailureReason"]


def test_a_model_whose_key_its_role_may_not_use_is_not_served(
    served: Served, aws: EmbeddedAws
) -> None:
    key = aws.client("kms").create_key()["KeyMetadata"]["Arn"]
    model = served.model(MODEL.format(answer="one"))
    s3 = aws.client("s3")
    s3.copy_object(
        Bucket=served.bucket,
        Key=model,
        CopySource=f"{served.bucket}/{model}",
        ServerSideEncryption="aws:kms",
        SSEKMSKeyId=key,
    )

    described = served.create(served.configuration("", ModelName=model))

    assert described["EndpointStatus"] == "Failed"
    assert "kms:Decrypt" in described["FailureReason"]


def test_a_model_whose_role_may_not_pull_its_image_is_not_served(
    served: Served, create_role: Callable[..., str]
) -> None:
    role = create_role(permissions(served.bucket)[0], trusts=SAGEMAKER)
    model = served.model(MODEL.format(answer="one"), role=role)

    described = served.create(served.configuration("", ModelName=model))

    assert described["EndpointStatus"] == "Failed"
    assert "ecr:GetAuthorizationToken" in described["FailureReason"]


def test_a_role_that_sagemaker_may_not_assume_is_told(
    served: Served, create_role: Callable[..., str]
) -> None:
    role = create_role(*permissions(served.bucket), trusts={"Service": "lambda.amazonaws.com"})
    model = served.model(MODEL.format(answer="one"), role=role)

    described = served.create(served.configuration("", ModelName=model))

    assert described["EndpointStatus"] == "Failed"
    assert "cannot be assumed by Amazon SageMaker" in described["FailureReason"]


def test_a_model_that_raises_is_an_error_of_the_model(unchanged: Served) -> None:
    with pytest.raises(ClientError) as raised:
        unchanged.invoke({"y": 1})

    response = raised.value.response
    assert response["ResponseMetadata"]["HTTPStatusCode"] == 424
    assert response["Error"]["Code"] == "ModelError"
    assert response["OriginalStatusCode"] == 500
    assert response["OriginalMessage"].startswith("KeyError: 'x' (inference.py line")
    assert unchanged.answer() == "one"


def test_a_worker_that_ends_is_replaced(served: Served) -> None:
    code = """
        import os

        def model_fn(model_dir):
            return None

        def transform_fn(model, data, content_type, accept):
            if "end" in data:
                os._exit(3)
            return "still here"
    """
    served.create(served.configuration(code))

    with pytest.raises(ClientError, match="ended with exit code 3"):
        served.invoke("end")

    assert served.invoke("go on")["Body"].read() == b"still here"


def test_a_request_above_the_limit_is_refused(unchanged: Served) -> None:
    with pytest.raises(ClientError) as raised:
        unchanged.invoke("x" * 6 * 1024 * 1024)

    assert raised.value.response["ResponseMetadata"]["HTTPStatusCode"] == 413


def test_only_who_may_invokes(
    unchanged: Served, create_role: Callable[..., str], client_as: Callable[..., Any]
) -> None:
    other = f"arn:aws:sagemaker:us-east-1:{unchanged.aws.account_id}:endpoint/another"
    allowed, denied = (
        create_role(allow("sagemaker:InvokeEndpoint", arn)) for arn in (unchanged.arn, other)
    )
    request = {
        "EndpointName": unchanged.name,
        "Body": b'{"x": 1}',
        "ContentType": "application/json",
    }

    client_as(allowed, "sagemaker-runtime").invoke_endpoint(**request)

    with pytest.raises(ClientError, match="not authorized to perform: sagemaker:InvokeEndpoint"):
        client_as(denied, "sagemaker-runtime").invoke_endpoint(**request)


def test_isolated_containers_have_no_keys_and_others_those_of_their_role(served: Served) -> None:
    code = """
        import json, os

        def model_fn(model_dir):
            return sorted(name for name in os.environ if name.startswith("AWS_"))

        def transform_fn(model, data, content_type, accept):
            return json.dumps(model)
    """
    served.create(served.configuration(code))
    isolated = json.loads(served.invoke({})["Body"].read())
    served.update(served.configuration("", ModelName=served.model(code, is_isolated=False)))
    others = json.loads(served.invoke({})["Body"].read())

    assert isolated == ["AWS_REGION"]
    assert {"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"} <= set(others)


def test_an_endpoint_that_is_changing_is_not_changed(served: Served) -> None:
    served.create(served.version("one"))
    second = served.version("two")
    served.begin_update(second, DeploymentConfig=blue_green(3600))

    with pytest.raises(ClientError, match="Cannot update in-progress endpoint"):
        served.begin_update(second)
    with pytest.raises(ClientError, match="Cannot update in-progress endpoint"):
        served.client.delete_endpoint(EndpointName=served.name)
    wait_until(lambda: served.answer() == "two")
    served.aws.house.advance_clock(3600)
    served.settled()


def test_weights_and_counts_are_changed(served: Served) -> None:
    served.create(served.version("one"))

    wanted = {"VariantName": "AllTraffic", "DesiredInstanceCount": 3, "DesiredWeight": 2.0}
    served.client.update_endpoint_weights_and_capacities(
        EndpointName=served.name, DesiredWeightsAndCapacities=[wanted]
    )

    assert served.describe()["EndpointStatus"] == "Updating"
    served.aws.house.advance_clock(RESIZING_SECONDS)
    [variant] = served.settled()["ProductionVariants"]
    assert (variant["CurrentInstanceCount"], variant["DesiredWeight"]) == (3, 2.0)


def test_counts_are_retained_where_that_is_asked(served: Served) -> None:
    served.create(served.version("one"))
    wanted = {"VariantName": "AllTraffic", "DesiredInstanceCount": 3}
    served.client.update_endpoint_weights_and_capacities(
        EndpointName=served.name, DesiredWeightsAndCapacities=[wanted]
    )
    served.aws.house.advance_clock(RESIZING_SECONDS)
    served.settled()

    retained = served.update(served.version("two"), RetainAllVariantProperties=True)
    reset = served.update(served.version("three"))

    counts = [each["ProductionVariants"][0]["CurrentInstanceCount"] for each in (retained, reset)]
    assert counts == [3, 1]


def test_no_capacity_fails_the_first_time_and_goes_back_after(served: Served) -> None:
    first = served.version("one")
    served.aws.house.ask_for_fault(served.arn, "no-capacity")
    failed = served.create(first)
    served.delete()
    served.create(first)
    served.aws.house.ask_for_fault(served.arn, "no-capacity")

    ended = served.update(served.version("two"))

    assert "InsufficientInstanceCapacity" in failed["FailureReason"]
    assert (ended["EndpointStatus"], ended["EndpointConfigName"]) == ("InService", first)


def test_a_rollback_that_fails_leaves_both_and_can_be_updated(served: Served) -> None:
    served.create(served.version("one"))
    served.aws.house.ask_for_fault(served.arn, "no-capacity")
    served.aws.house.ask_for_fault(served.arn, "rollback-fails")
    second = served.version("two")

    mixed = served.update(second)
    answers = served.answer()
    ended = served.update(second)

    assert mixed["EndpointStatus"] == "UpdateRollbackFailed"
    assert answers == "one"
    assert (ended["EndpointStatus"], ended["EndpointConfigName"]) == ("InService", second)
    assert served.answer() == "two"


def test_an_unknown_fault_is_refused(served: Served) -> None:
    with pytest.raises(ValueError, match="there are no-capacity, rollback-fails"):
        served.aws.house.ask_for_fault(served.arn, "fire")


def test_each_state_is_told(served: Served) -> None:
    told = served.events("SageMaker Endpoint State Change")

    served.create(served.version("one"))
    served.update(served.configuration("raise ValueError"))
    served.delete()

    found = [each["EndpointStatus"] for each in told()]
    assert sorted(found) == sorted(
        ["CREATING", "IN_SERVICE", "UPDATING", "ROLLING_BACK", "IN_SERVICE", "DELETING"]
    )
